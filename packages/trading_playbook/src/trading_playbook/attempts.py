"""Attempts at a daily run: each is one object that is created once and never changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import uuid4

from quant_platform_kit.domain.errors import Damaged
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode, encode

from trading_playbook.sources.usage import Usage

__all__ = ["Attempt", "AttemptLog", "Ending", "slug"]


class Ending(StrEnum):
    """How an attempt ended."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    EARLY = "early"
    CONFLICT = "conflict"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at the row of a session.

    Attributes
    ----------
    session
        The New York date it was for.
    started
        Aware UTC.
    seconds
        How long it took.
    usage
        What it asked of the source.
    rows
        How many rows were written.
    reason
        What a person should know; empty where all went well.
    """

    symbol: str
    session: date
    started: datetime
    ending: Ending
    seconds: float
    usage: Usage
    rows: int = 0
    reason: str = ""
    feed: str = ""


class AttemptLog:
    """The attempts of one symbol in a store, below ``playbook/SYMBOL/attempts``."""

    def __init__(self, store: VersionedStore, symbol: str) -> None:
        self._store = store
        self.symbol = symbol
        self._root = f"playbook/{slug(symbol)}/attempts"

    def record(self, attempt: Attempt) -> None:
        """Keep an attempt; raises `StoreError` where the store does not take it."""
        key = f"{self._root}/{attempt.session}/{attempt.started:%Y%m%dT%H%M%S.%fZ}-{uuid4().hex[:8]}"
        self._store.create(key, encode(attempt, key))

    def between(self, first: date, last: date) -> list[Attempt]:
        """Return the attempts for sessions from one day to another, both included, as they were started."""
        found = (self._read(key) for key in self._keys() if first <= _session(key) <= last)
        return sorted(found, key=lambda attempt: attempt.started)

    def first_session(self) -> date | None:
        """Return the session of the earliest attempt; None without any."""
        return min((_session(key) for key in self._keys()), default=None)

    def trailing(self, last: date, span: timedelta) -> list[Attempt]:
        """Return the attempts of a number of calendar days up to and with the last one."""
        return self.between(last - span + timedelta(days=1), last)

    def _keys(self) -> Iterator[str]:
        return iter(self._store.keys(f"{self._root}/"))

    def _read(self, key: str) -> Attempt:
        stored = self._store.get(key)
        if stored is None:
            raise Damaged(f"object {key} is missing")
        return decode(Attempt, stored.data, key)


def slug(symbol: str) -> str:
    """Return a symbol as a segment of a key."""
    return symbol.replace(" ", "_")


def _session(key: str) -> date:
    return date.fromisoformat(key.split("/")[-2])
