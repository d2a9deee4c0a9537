"""The driver: it opens auctions at a rate, seeded, and has takers publish for the answer that wins."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from random import Random
from typing import Annotated, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, model_validator

from venue_sandbox.venues.near.auctions import Answer, Auction
from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.nonces import Nonce
from venue_sandbox.venues.near.relay import Relay
from venue_sandbox.venues.near.requests import MAX_WAIT_MS, MIN_DEADLINE_MS, MIN_WAIT_MS, QuoteRequest
from venue_sandbox.venues.near.signatures import instant_text, public_key_of, read_signed, sign

__all__ = ["TAKER", "Driver", "Plan", "Taker"]

TAKER = "dusbx-taker.near"
TAKER_FUNDS = 10**30
TAKER_SECONDS = 60

Share = Annotated[float, Field(ge=0, le=1)]
Whole = Annotated[int, Field(ge=0)]
Token = Annotated[str, Field(min_length=1)]


class Plan(BaseModel):
    """What is driven.

    Attributes
    ----------
    rate
        Auctions a second.
    count
        How many; None until the driver is stopped.
    pairs
        Tokens in and out, of which each auction has one.
    least, most
        Bounds of the amount that is given, in the token's smallest unit.
    out_share
        Share of auctions that give the amount out.
    take_share
        Share of auctions with an answer for which the taker publishes.
    take_after
        Seconds from an auction's end until then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: Annotated[float, Field(gt=0, le=10_000)] = 10.0
    count: Annotated[int, Field(ge=1)] | None = None
    pairs: Annotated[tuple[tuple[Token, Token], ...], Field(min_length=1)] = (("nep141:a.near", "nep141:b.near"),)
    least: Annotated[int, Field(ge=1)] = 1_000
    most: Annotated[int, Field(ge=1)] = 10_000
    out_share: Share = 0.0
    take_share: Share = 1.0
    take_after: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    min_deadline_ms: Whole = MIN_DEADLINE_MS
    min_wait_ms: Whole = MIN_WAIT_MS
    max_wait_ms: Whole = MAX_WAIT_MS
    seed: int = 1

    @model_validator(mode="after")
    def _check(self) -> Plan:
        if self.least > self.most:
            raise ValueError(f"least {self.least} is over most {self.most}")
        if self.min_wait_ms > self.max_wait_ms:
            raise ValueError(f"min_wait_ms {self.min_wait_ms} is over max_wait_ms {self.max_wait_ms}")
        if any(one == other for one, other in self.pairs):
            raise ValueError("a pair is two tokens")
        return self

    def requests(self) -> Iterator[tuple[QuoteRequest, bool]]:
        """Yield what is asked for, and whether it will be taken: the same for the same plan."""
        for number in count() if self.count is None else range(self.count):
            chance = Random(f"{self.seed}/{number}")
            token_in, token_out = chance.choice(self.pairs)
            amount, is_out = chance.randint(self.least, self.most), chance.random() < self.out_share
            yield (
                QuoteRequest(
                    token_in,
                    token_out,
                    exact_amount_in=None if is_out else amount,
                    exact_amount_out=amount if is_out else None,
                    min_deadline_ms=self.min_deadline_ms,
                    min_wait_ms=self.min_wait_ms,
                    max_wait_ms=self.max_wait_ms,
                ),
                chance.random() < self.take_share,
            )


@dataclass(slots=True)
class Taker:
    """An account of the venue's own that takes answers; it has more than it can spend."""

    relay: Relay
    seed: int
    key: Ed25519PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        secret = hashlib.sha256(f"{self.seed}/{TAKER}".encode()).digest()
        self.key = Ed25519PrivateKey.from_private_bytes(secret)

    def fund(self, tokens: set[str]) -> None:
        """Register the account, and fill it up."""
        self.relay.contract.register(TAKER, [public_key_of(self.key)], dict.fromkeys(tokens, TAKER_FUNDS))

    def take(self, answer: Answer) -> None:
        """Publish the intent that takes an answer; `Rejected` where the relay refuses it."""
        deadline = self.relay.clock.now() + timedelta(seconds=TAKER_SECONDS)
        message = {
            "signer_id": TAKER,
            "deadline": instant_text(deadline),
            "intents": [{"intent": "token_diff", "diff": {token: str(-it) for token, it in answer.net.items() if it}}],
        }
        chance = hashlib.sha256(f"{self.seed}/{answer.signed.hash}".encode()).digest()[:15]
        nonce = Nonce.make(self.relay.contract.salts.current, deadline, chance).bytes
        self.relay.publish((answer.signed.hash,), read_signed(sign(self.key, message, nonce)))


@dataclass(slots=True)
class Driver:
    """Drives one plan at a time."""

    relay: Relay
    plan: Plan | None = None
    counts: Counter[str] = field(default_factory=Counter[str])
    reasons: Counter[str] = field(default_factory=Counter[str])
    _task: asyncio.Task[None] | None = None

    def start(self, plan: Plan) -> None:
        """Begin a plan; one that is running ends."""
        self.stop()
        self.plan, self.counts, self.reasons = plan, Counter(), Counter()
        taker = Taker(self.relay, plan.seed)
        taker.fund({token for pair in plan.pairs for token in pair})
        self._task = self.relay.start(self._drive(plan, taker))

    def stop(self) -> None:
        """Open no more auctions; those that are open go on."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def document(self) -> dict[str, Any]:
        """How far it is: ``running`` while auctions are opened or open."""
        opening = self._task is not None and not self._task.done()
        names = ("opened", "ended", "answered", "taken", "failed")
        running = opening or self.counts["opened"] > self.counts["ended"]
        counts = {name: self.counts[name] for name in names}
        return {"running": running, **counts, "reasons": dict(self.reasons)}

    async def _drive(self, plan: Plan, taker: Taker) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, (request, taken) in enumerate(plan.requests()):
            await asyncio.sleep(max(0.0, began + number / plan.rate - loop.time()))
            self.counts["opened"] += 1
            self.relay.start(self._hold(plan, taker, self.relay.open(request), taken))

    async def _hold(self, plan: Plan, taker: Taker, auction: Auction, taken: bool) -> None:
        try:
            await auction.run()
            self.counts["answered"] += bool(auction.answers)
            if auction.answers and taken:
                await asyncio.sleep(plan.take_after)
                self._take(taker, auction)
        finally:
            self.counts["ended"] += 1

    def _take(self, taker: Taker, auction: Auction) -> None:
        """Take the best answer, and whatever else its signer has answered."""
        best = auction.ranked()[0]
        for one in [best.signed.hash, *(it for it in auction.of(best.signed.signer_id) if it != best.signed.hash)]:
            try:
                taker.take(auction.answers[one])
                self.counts["taken"] += 1
            except Rejected as error:
                self.counts["failed"] += 1
                self.reasons[str(error)] += 1
