"""Auctions: who was told of a quote, and what was answered to it before it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from venue_sandbox.venues.near.documents import document_of
from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.requests import QuoteRequest, amount
from venue_sandbox.venues.near.signatures import Signed, instant_text

__all__ = ["Answer", "Auction"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A solver's answer, as it can be settled.

    Attributes
    ----------
    others
        Hashes of the answers that are settled with it: ``other_quote_hashes``.
    net
        By token what a solver's side gets, those answers counted in.
    """

    quote_id: str
    signed: Signed
    others: tuple[str, ...]
    net: Mapping[str, int]

    def check(self, request: QuoteRequest, output: object) -> None:
        """Raise `Rejected` unless the answer is one to a request, and its output says what is signed."""
        amount_in, amount_out = self.net.get(request.token_in, 0), -self.net.get(request.token_out, 0)
        if {token for token, change in self.net.items() if change} != {request.token_in, request.token_out}:
            raise Rejected(f"diff does not match the request: it changes {sorted(self.net)}")
        if amount_in <= 0 or amount_out <= 0:
            raise Rejected("diff does not match the request: it gives what it should take")
        for exact, given in ((request.exact_amount_in, amount_in), (request.exact_amount_out, amount_out)):
            if exact not in (None, given):
                raise Rejected(f"diff does not match the request: {given}, not {exact}")
        name = "amount_out" if request.exact_amount_out is None else "amount_in"
        told = document_of(output)
        signed = amount_out if name == "amount_out" else amount_in
        if amount(told.get(name), f"quote_output.{name}") != signed:
            raise Rejected(f"quote_output.{name} {told[name]} is not what is signed: {signed}")

    def shown(self, request: QuoteRequest) -> dict[str, Any]:
        """Return what a taker is told."""
        return {
            "quote_hash": self.signed.hash,
            "defuse_asset_identifier_in": request.token_in,
            "defuse_asset_identifier_out": request.token_out,
            "amount_in": str(self.net[request.token_in]),
            "amount_out": str(-self.net[request.token_out]),
            "expiration_time": instant_text(self.signed.deadline),
        }


@dataclass(slots=True)
class Auction:
    """One auction.

    Attributes
    ----------
    told
        Numbers and accounts of the sockets on which the quote was told.
    answers
        By hash, in the order in which they came.
    """

    quote_id: str
    request: QuoteRequest
    opened: datetime
    told: set[tuple[int, str]] = field(default_factory=set[tuple[int, str]])
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    closed: bool = False
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def document(self) -> dict[str, Any]:
        """What solvers are told."""
        return {"quote_id": self.quote_id, **self.request.document, "protocol_fee_included": False}

    async def run(self) -> None:
        """Wait for answers as long as the request says, then take no more."""
        shortest, longest = self.request.min_wait_ms / 1000, self.request.max_wait_ms / 1000
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout_at(began + longest):
                await asyncio.sleep(shortest)
                await self._answered.wait()
        except TimeoutError:
            pass
        finally:
            self.closed = True

    def take(self, answer: Answer) -> None:
        """Take an answer."""
        self.answers[answer.signed.hash] = answer
        self._answered.set()

    def drop(self, hashes: Iterable[str]) -> None:
        """Take answers back."""
        for one in hashes:
            self.answers.pop(one, None)

    def of(self, signer: str) -> list[str]:
        """Return the hashes of a signer's answers."""
        return [one for one, answer in self.answers.items() if answer.signed.signer_id == signer]

    def ranked(self) -> list[Answer]:
        """Return the answers, the one that is best for the taker first, the earlier one of equals."""
        request = self.request
        if request.exact_amount_out is None:
            return sorted(self.answers.values(), key=lambda it: it.net[request.token_out])
        return sorted(self.answers.values(), key=lambda it: it.net[request.token_in])
