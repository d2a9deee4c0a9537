"""Who was in the universe, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
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


class Membership:
    """The stays of all symbols that were ever members.

    Parameters
    ----------
    stays
        symbol -> its stays, ascending.
    """

    def __init__(self, stays: Mapping[str, Sequence[Stay]]) -> None:
        self.stays = stays
        every = [(symbol, stay) for symbol, of_symbol in stays.items() for stay in of_symbol]
        self.symbols = np.array([symbol for symbol, _ in every], dtype=np.str_)
        """Of each stay."""
        self._starts = np.array([stay.start for _, stay in every], dtype="datetime64[D]")
        self._ends = np.array([stay.end or date.max for _, stay in every], dtype="datetime64[D]")

    def members(self, day: date) -> frozenset[str]:
        """Return the members on ``day`` (exchange-local date)."""
        return frozenset(self.symbols[self.covering(day)].tolist())

    def covering(self, day: date) -> NDArray[np.bool_]:
        """Return which stays cover ``day``, shape (n_stays,)."""
        return self._until(day, day)

    def recent(self, day: date) -> NDArray[np.bool_]:
        """Return which stays cover ``day`` or ended less than `KEPT` before, shape (n_stays,)."""
        return self._until(day, day - KEPT)

    def _until(self, day: date, end: date) -> NDArray[np.bool_]:
        return (self._starts <= np.datetime64(day)) & (self._ends > np.datetime64(end))


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
