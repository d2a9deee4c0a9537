"""Invented prices: a level per session, and moves within it that are the same for everybody."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.testing.simulation.strategy import SYMBOLS

if TYPE_CHECKING:
    from quant_platform_kit.testing.simulation.scenario import Scenario

__all__ = ["Prices"]

MINUTE = 60_000_000
LONGEST = 0.06, 0.0008
"""How far prices move within a session at most, as a share: where the broker refuses what cannot be paid, and where it
lends, so that the buffer has to do."""
_FIRST = (40.0, 75.0, 110.0, 20.0)


class Prices:
    """Prices of every symbol.

    Parameters
    ----------
    sessions
        The calendar's, ascending, some before the first day of the scenario.
    """

    def __init__(self, scenario: Scenario, sessions: tuple[date, ...]) -> None:
        random = Random(f"{scenario.seed}/prices")
        self._seed = scenario.seed
        self.sessions = sessions
        self.most = LONGEST[scenario.lends]
        self.levels = {
            symbol: [round(first * (1 + 0.03 * (2 * random.random() - 1)), 2) for _ in sessions]
            for symbol, first in zip(SYMBOLS, _FIRST, strict=True)
        }
        self._moved: dict[str, float] = dict.fromkeys(SYMBOLS, 0.0)
        self._split: dict[str, int] = {}
        self._histories: dict[tuple[int, str, int], PriceHistory] = {}

    def price(self, symbol: str, day: int, now: int) -> Decimal:
        """Return what a symbol trades at in a session, by its number, at an instant (microseconds)."""
        wave = crc32(f"{self._seed}{symbol}{now // MINUTE}".encode()) / 2**31 - 1
        moved = max(-0.8, min(0.8, self._moved[symbol]))
        split = 0.5 if symbol in self._split and day >= self._split[symbol] else 1.0
        return Decimal(f"{self.levels[symbol][day - 1] * split * (1 + self.most * (0.2 * wave + moved)):.2f}")

    def move(self, amount: float, number: int) -> None:
        """Let one symbol's price move within the session."""
        self._moved[SYMBOLS[number % len(SYMBOLS)]] = 2 * amount - 1

    def new_day(self) -> None:
        """Begin a session where the last one's level says."""
        self._moved = dict.fromkeys(SYMBOLS, 0.0)

    def split(self, symbol: str, day: int) -> None:
        """Split a symbol 2:1 before a session; its history is adjusted a session later."""
        self._split[symbol] = day

    def history(self, day: int, missing: str) -> PriceHistory:
        """Return the closes of all sessions before one, by its number; the newest bar of a symbol may be missing."""
        key = (day, missing, len(self._split))
        if key not in self._histories:
            rows = np.array([self._row(session, day) for session in range(day)])
            if missing:
                rows[-1, SYMBOLS.index(missing)] = np.nan
            dates = np.array(self.sessions[:day], dtype="datetime64[D]")
            self._histories[key] = PriceHistory(PriceTable(dates, SYMBOLS, {"close": rows}))
        return self._histories[key]

    def _row(self, session: int, day: int) -> list[float]:
        """Return the closes of a session as they stand in a history that a later session sees."""
        return [
            level[session]
            * (0.5 if symbol in self._split and (session >= self._split[symbol] or day > self._split[symbol]) else 1.0)
            for symbol, level in self.levels.items()
        ]
