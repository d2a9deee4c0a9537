"""The relay: it tells quotes, holds auctions, takes answers, and brings what is published to the contract."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Literal, cast
from uuid import UUID

from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.venues.near.arrivals import Arrival, Arrivals, Outcome
from venue_sandbox.venues.near.auctions import Answer, Auction
from venue_sandbox.venues.near.contract import Contract
from venue_sandbox.venues.near.documents import document_of
from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.requests import QuoteRequest
from venue_sandbox.venues.near.settings import Settings
from venue_sandbox.venues.near.signatures import Signed, read_signed

__all__ = ["Publication", "Relay"]

FINISHED = "quote not found or already finished"
UNKNOWN_STATUS = "NOT_FOUND_OR_NOT_VALID"

Status = Literal["PENDING", "TX_BROADCASTED", "SETTLED", "NOT_FOUND_OR_NOT_VALID"]


@dataclass(slots=True)
class Publication:
    """A taker's intent and the answers it is to be settled with.

    Attributes
    ----------
    reason
        Why it was not executed.
    """

    intent_hash: str
    quote_hashes: tuple[str, ...]
    status: Status = "PENDING"
    tx_hash: str = ""
    reason: str = ""


def _nobody(*_: Any) -> None:
    """Hear nothing."""


@dataclass(slots=True)
class Relay:
    """Everything but connections.

    Attributes
    ----------
    answers
        By hash, those of all auctions: a taker may publish until their deadline.
    told
        Hears of an auction that opens.
    settled
        Hears of an intent that was executed.
    opening, decided
        Hear, for what is kept over a restart, of an auction that opens, and of an intent that was executed or not.
    """

    contract: Contract = field(default_factory=Contract)
    settings: Settings = field(default_factory=Settings)
    clock: VenueClock = field(default_factory=VenueClock)
    arrivals: Arrivals = field(default_factory=Arrivals)
    auctions: dict[str, Auction] = field(default_factory=dict[str, Auction])
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    publications: dict[str, Publication] = field(default_factory=dict[str, Publication])
    told: Callable[[Auction], None] = _nobody
    settled: Callable[[Publication], None] = _nobody
    opening: Callable[[Auction], None] = _nobody
    decided: Callable[[Publication], None] = _nobody
    opened: int = 0
    _taken: dict[str, str] = field(default_factory=dict[str, str])
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside; it is ended with the venue."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def stop(self) -> None:
        """End what runs beside."""
        for task in set(self._tasks):
            task.cancel()

    # --- auctions --------------------------------------------------------------------------------

    def open(self, request: QuoteRequest) -> Auction:
        """Open an auction and tell of it."""
        self.opened += 1
        chance = Random(f"{self.settings.seed}/quote/{self.opened}")
        quote_id = str(UUID(int=chance.getrandbits(128), version=4))
        auction = self.auctions[quote_id] = Auction(quote_id, request, self.clock.now())
        self.opening(auction)
        self.told(auction)
        return auction

    def received(self, arrival: Arrival, params: object) -> None:
        """Decide about an answer that has arrived.

        Raises
        ------
        Rejected
            It is not taken.
        """
        try:
            outcome = self._answer(arrival, params)
        except Rejected as error:
            late = str(error) == FINISHED and arrival.quote_id in self.auctions
            self.arrivals.decided(arrival, "late" if late else "refused", str(error))
            raise
        self.arrivals.decided(arrival, outcome)

    def _answer(self, arrival: Arrival, params: object) -> Outcome:
        given = document_of(params)
        auction = self.auctions.get(str(given.get("quote_id")))
        if auction is None:
            raise Rejected(FINISHED)
        known = self._taken.get(arrival.digest) == auction.quote_id
        if auction.closed and not (known and self.settings.late_duplicate == "acknowledge"):
            raise Rejected(FINISHED)
        signed = read_signed(given.get("signed_data"))
        arrival.signer_id, arrival.quote_hash, arrival.nonce = signed.signer_id, signed.hash, signed.nonce.hex()
        if known or signed.hash in auction.answers:
            return "duplicate"
        self._check_socket(auction, arrival)
        answer = self._read(auction, signed, given)
        return self._take(auction, answer, arrival)

    def _check_socket(self, auction: Auction, arrival: Arrival) -> None:
        rule = self.settings.answers_from
        told_here = (arrival.socket, arrival.account) in auction.told
        told_account = any(account == arrival.account for _, account in auction.told)
        if (rule == "socket" and not told_here) or (rule == "account" and not told_account):
            raise Rejected(f"the quote was not told to this {rule}")

    def _read(self, auction: Auction, signed: Signed, given: Mapping[str, Any]) -> Answer:
        now = self.clock.now()
        self.contract.check(signed, now)
        least = timedelta(milliseconds=auction.request.min_deadline_ms)
        if signed.deadline < now + least:
            raise Rejected(f"deadline is too short: {signed.deadline.isoformat()} is not {least} away")
        answer = self._answer_of(auction.quote_id, signed, given)
        answer.check(auction.request, given.get("quote_output"))
        return answer

    def _answer_of(self, quote_id: str, signed: Signed, given: Mapping[str, Any]) -> Answer:
        others, net = self._others(given.get("other_quote_hashes")), signed.diff
        for one in self.together(others):
            for token, change in one.diff.items():
                net[token] = net.get(token, 0) + change
        return Answer(quote_id, signed, others, net)

    def remember(self, arrival: Arrival) -> None:
        """Know an answer again that was taken before a restart: takers may publish for it until its deadline."""
        given: Mapping[str, Any] = json.loads(arrival.bytes)
        signed = read_signed(given["signed_data"])
        self.answers[signed.hash] = self._answer_of(arrival.quote_id, signed, given)

    def _take(self, auction: Auction, answer: Answer, arrival: Arrival) -> Outcome:
        earlier = auction.of(answer.signed.signer_id)
        if earlier and self.settings.second_answer == "refuse":
            raise Rejected(f"{answer.signed.signer_id} has answered already")
        if earlier and self.settings.second_answer == "replace":
            auction.drop(earlier)
        auction.take(answer)
        self.answers[answer.signed.hash] = answer
        self._taken[arrival.digest] = auction.quote_id
        return "second" if earlier else "taken"

    def _others(self, hashes: object) -> tuple[str, ...]:
        if hashes is None:
            return ()
        if not isinstance(hashes, list):
            raise Rejected("other_quote_hashes is a list")
        named = tuple(str(one) for one in cast(list[object], hashes))
        unknown = [one for one in named if one not in self.answers]
        if unknown:
            raise Rejected(f"other_quote_hashes: {unknown[0]} is not known")
        return named

    def together(self, hashes: tuple[str, ...]) -> Iterator[Signed]:
        """Yield the signed intents of answers and of those that are settled with them, each once."""
        waiting, seen = list(hashes), set[str]()
        while waiting:
            one = waiting.pop(0)
            if one not in seen:
                seen.add(one)
                yield self.answers[one].signed
                waiting += self.answers[one].others

    # --- settlement ------------------------------------------------------------------------------

    def publish(self, quote_hashes: tuple[str, ...], signed: Signed) -> Publication:
        """Take a taker's intent, which is executed at once or after the delay.

        Raises
        ------
        Rejected
            It could not be executed as things stand.
        """
        unknown = [one for one in quote_hashes if one not in self.answers]
        if not quote_hashes or unknown:
            raise Rejected(f"quote_hashes: {unknown[0]} is not known" if unknown else "quote_hashes is empty")
        now = self.clock.now()
        self.contract.check(signed, now)
        for answer in self.together(quote_hashes):
            try:
                self.contract.check(answer, now)
            except Rejected as error:
                raise Rejected(f"quote {error}") from None
        publication = self.publications[signed.hash] = Publication(signed.hash, quote_hashes)
        if self.settings.settle_delay > 0:
            self.start(self._settle_later(publication, signed))
        else:
            self._settle(publication, signed)
            if publication.status == UNKNOWN_STATUS:
                raise Rejected(publication.reason)
        return publication

    def status(self, intent_hash: str) -> dict[str, Any]:
        """Return how an intent stands."""
        publication = self.publications.get(intent_hash)
        if publication is None:
            return {"intent_hash": intent_hash, "status": UNKNOWN_STATUS}
        data = {"data": {"hash": publication.tx_hash}} if publication.tx_hash else {}
        return {"intent_hash": intent_hash, "status": publication.status, **data}

    async def _settle_later(self, publication: Publication, signed: Signed) -> None:
        half = self.settings.settle_delay / 2
        await asyncio.sleep(half)
        publication.status = "TX_BROADCASTED"
        await asyncio.sleep(half)
        self._settle(publication, signed)

    def _settle(self, publication: Publication, signed: Signed) -> None:
        intents = [signed, *self.together(publication.quote_hashes)]
        try:
            self.contract.execute(intents, self.clock.now())
        except Rejected as error:
            publication.status, publication.reason = UNKNOWN_STATUS, str(error)
            self.decided(publication)
            return
        publication.status, publication.tx_hash = "SETTLED", f"tx{publication.intent_hash[:40]}"
        self.decided(publication)
        self.settled(publication)
