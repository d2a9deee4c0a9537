"""Which prices a back-test doubts: those that a run of the same session would, found without judging every session."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping
from datetime import date
from math import inf

import numpy as np

from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.plausibility import Doubt, doubts, suspects
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.price_jumps import last_closes, quote_doubts
from quant_platform_kit.domain.prices import FloatArray, PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import Session

__all__ = ["Doubting"]

NEARLY = 0.999
"""Moves of floats that come so close to a limit are judged exactly."""


class Doubting:
    """The doubts about quotes and history, session by session.

    Parameters
    ----------
    prices
        Of every symbol quoted.
    history
        Of the symbols decided on.
    field
        The field that quotes are.
    window
        Newest sessions of the history that a run looks at.
    limits
        None where nothing is to be doubted.
    believed
        Symbols and days (exchange-local) whose prices are right.
    """

    def __init__(
        self,
        prices: PriceTable,
        history: PriceHistory,
        field: str,
        window: int,
        limits: RiskLimits | None,
        believed: Collection[tuple[str, date]],
    ) -> None:
        self._prices, self._history, self._window = prices, history, window
        self._limits, self._believed = limits, frozenset(believed)
        self._odd: dict[int, list[str]] = {}
        self._suspects: list[int] = []
        if limits is not None:
            limit = NEARLY * float(limits.price_jump_alone or inf)
            jumps = _moves(prices.fields[field][1:], _last_known(prices.fields["close"])[:-1]) > limit
            for row, column in np.argwhere(jumps).tolist():
                self._odd.setdefault(row + 1, []).append(prices.symbols[column])
            self._suspects = suspects(history)

    def about(self, session: Session, row: int, quotes: Mapping[str, Quote]) -> tuple[str, ...]:
        """Return what is doubted when ``session`` is decided on and traded at ``quotes``, those of ``row``."""
        if self._limits is None:
            return ()
        found = [*self._quoted(session, row, quotes, self._limits), *self._past(session)]
        believed = self._believed
        return tuple(d.text for d in found if not {(d.symbol, d.day), (d.symbol, session.next)} & believed)

    def is_quiet(self, row: int) -> bool:
        """Whether there is nothing to look at when a session is traded at the prices of ``row``: nearly always."""
        return row not in self._odd and not self._suspects

    def may_doubt(self, row: int) -> list[str]:
        """Return the symbols whose price of ``row`` may be doubted."""
        return self._odd.get(row, [])

    def _quoted(self, session: Session, row: int, quotes: Mapping[str, Quote], limits: RiskLimits) -> list[Doubt]:
        odd = {symbol: quotes[symbol] for symbol in self.may_doubt(row) if symbol in quotes}
        if not odd:
            return []
        closes = last_closes(PriceHistory(self._prices.select(sorted(odd))).until(session.date))
        return quote_doubts(odd, closes, session.date, session.next, limits)

    def _past(self, session: Session) -> list[Doubt]:
        if not self._suspects:
            return []
        history = self._history.until(session.date)
        oldest = max(0, history.stop - self._window)
        inside = bisect_left(self._suspects, oldest) < bisect_left(self._suspects, history.stop)
        return doubts(history.newest(self._window)) if inside else []


def _moves(later: FloatArray, earlier: FloatArray) -> FloatArray:
    """Return moves as shares; NaN, which is beyond no limit, where a price is missing."""
    return np.abs(later / earlier - 1)


def _last_known(close: FloatArray) -> FloatArray:
    """Return the newest close of every session and symbol, NaN before the first."""
    rows = np.where(np.isnan(close), 0, np.arange(len(close))[:, None])
    return np.take_along_axis(close, np.maximum.accumulate(rows, axis=0), axis=0)
