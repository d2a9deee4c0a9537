"""The journal of answers: every ``quote_response`` that reached the venue, and what became of it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from venue_sandbox.venues.near.documents import document_of

__all__ = ["Arrival", "Arrivals", "Outcome"]

Outcome = Literal["", "taken", "second", "duplicate", "late", "refused", "lost"]


@dataclass(slots=True, kw_only=True)
class Arrival:
    """One answer on its way.

    Attributes
    ----------
    monotonic_ns
        When, by the machine's own clock.
    at
        When, by the venue's clock, in ISO form.
    socket, account
        On which connection, and whose token opened it.
    digest
        SHA-256 of the answer's bytes: `bytes`, without the frame, whose id may differ when it is sent again.
    frame_digest
        SHA-256 of the whole message.
    outcome
        ``taken``; ``second`` where the signer had answered the auction and this counts too; ``duplicate`` for the bytes
        of one that was taken; ``late``, ``refused``, ``lost``; empty while it is under way.
    acknowledged
        Whether its sender was told ``OK``.
    """

    sequence: int
    monotonic_ns: int
    at: str
    socket: int
    account: str
    quote_id: str
    bytes: str
    digest: str
    frame_digest: str
    signer_id: str = ""
    nonce: str = ""
    quote_hash: str = ""
    outcome: Outcome = ""
    reason: str = ""
    acknowledged: bool = False


def _nobody(_: Arrival) -> None:
    """Hear nothing."""


@dataclass(slots=True)
class Arrivals:
    """All answers, in the order in which they came; ``noted`` hears of each, and again when it is decided."""

    all: list[Arrival] = field(default_factory=list[Arrival])
    noted: Callable[[Arrival], None] = _nobody

    def came(self, frame: str, params: object, at: str, socket: int, account: str) -> Arrival:
        """Take note of an answer."""
        text = answer_bytes(frame, params)
        arrival = Arrival(
            sequence=len(self.all) + 1,
            monotonic_ns=time.monotonic_ns(),
            at=at,
            socket=socket,
            account=account,
            quote_id=str(document_of(params).get("quote_id", "")),
            bytes=text,
            digest=_digest(text),
            frame_digest=_digest(frame),
        )
        self.all.append(arrival)
        self.noted(arrival)
        return arrival

    def decided(self, arrival: Arrival, outcome: Outcome, reason: str = "") -> None:
        """Take note of what has become of an answer."""
        arrival.outcome, arrival.reason = outcome, reason
        self.noted(arrival)

    def acknowledged(self, arrival: Arrival) -> None:
        """Take note that its sender was told ``OK``."""
        arrival.acknowledged = True
        self.noted(arrival)

    def put(self, arrival: Arrival) -> None:
        """Take an arrival that was noted before, or its newest state."""
        if arrival.sequence > len(self.all):
            self.all.append(arrival)
        else:
            self.all[arrival.sequence - 1] = arrival

    def taken(self) -> dict[str, Arrival]:
        """Return by digest the arrivals that were taken, where bytes came twice the first."""
        found: dict[str, Arrival] = {}
        for arrival in self.all:
            if arrival.outcome in ("taken", "second"):
                found.setdefault(arrival.digest, arrival)
        return found

    def of(self, account: str | None) -> list[Arrival]:
        """Return the arrivals on connections of an account or of all."""
        return [arrival for arrival in self.all if account in (None, arrival.account)]


def answer_bytes(frame: str, params: object) -> str:
    """Return the answer within a message, character for character; its canonical form where the list is unusual."""
    canonical = json.dumps(params, sort_keys=True, separators=(",", ":"))
    begin = frame.find("{", frame.find('"params"'))
    try:
        value, end = json.JSONDecoder().raw_decode(frame, begin)
    except ValueError:
        return canonical
    return frame[begin:end] if value == params else canonical


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
