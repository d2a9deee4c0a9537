"""Who was in the universe, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from quant_platform_kit.domain.errors import InvalidInput

from snapshot_pipelines.build.text_table import TextTable

__all__ = ["COLUMNS", "KEPT", "Membership", "Stay", "read_membership"]

COLUMNS = ("ticker", "start_date", "end_date")
KEPT = timedelta(days=366)
"""How long a former member keeps its row, so that a holding of it is sold."""


class Stay(NamedTuple):
    """One time as a member: from ``start`` on, no more at ``end``; None is open."""

    start: date
    end: date | None

    def covers(self, day: date) -> bool:
        """Whether the symbol was a member on ``day`` (exchange-local date)."""
        return self.start <= day and (self.end is None or day < self.end)

    def recent(self, day: date) -> bool:
        """Whether it was one on ``day`` or ended less than `KEPT` before."""
        return self.start <= day and (self.end is None or self.end > day - KEPT)


class Membership:
    """The stays of each symbol, ascending."""

    def __init__(self, stays: Mapping[str, tuple[Stay, ...]]) -> None:
        self.stays = stays

    def members(self, day: date) -> list[str]:
        """Return the members on ``day`` (exchange-local date), ascending."""
        return [symbol for symbol in self.stays if self.is_member(symbol, day)]

    def is_member(self, symbol: str, day: date) -> bool:
        """Whether a symbol was a member on ``day``."""
        return any(stay.covers(day) for stay in self.stays.get(symbol, ()))

    def has_row(self, symbol: str, day: date) -> bool:
        """Whether a symbol was a member on ``day`` or not long before."""
        return any(stay.recent(day) for stay in self.stays.get(symbol, ()))


def read_membership(table: TextTable) -> Membership:
    """Return who was a member when.

    Raises
    ------
    InvalidInput
        A stay without a start, that ends before it starts or when it starts, or that overlaps another of its symbol.
    """
    stays: dict[str, list[Stay]] = {}
    for line in table:
        start, end = line.day("start_date"), line.day("end_date")
        if start is None:
            raise InvalidInput(f"{line.place} has no start_date; write the first day as a member, as 2018-11-30")
        if end is not None and end <= start:
            raise InvalidInput(f"{line.place}: end_date {end} is not after start_date {start}; correct one of them")
        stays.setdefault(line.symbol("ticker"), []).append(Stay(start, end))
    for symbol, found in stays.items():
        found.sort(key=lambda stay: stay.start)
        for earlier, later in pairwise(found):
            if earlier.end is None or earlier.end > later.start:
                raise InvalidInput(
                    f"{table.path}: {symbol} is a member from {earlier.start} to {earlier.end or 'now'} and again from "
                    f"{later.start}; stays of one symbol do not overlap: correct one of them"
                )
    return Membership({symbol: tuple(stays[symbol]) for symbol in sorted(stays)})
