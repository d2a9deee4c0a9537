"""What cash and holdings earn by a price file: the total return of one symbol, and its column ``dividend``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.adapters.price_files import LongPrices, price_table
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.income import Income
from quant_platform_kit.domain.performance import DAYS_PER_YEAR
from quant_platform_kit.domain.prices import SYMBOL
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment

__all__ = ["NO_INCOME", "AskedIncome", "Dividends"]

MOST = Decimal("0.25")
LATER = "dividends are cash on their ex-date: pay dates are not known, and accounts get them days or weeks later"
SEEN = 0.5
"""Closes that dividends are not taken out of fall behind adjusted ones by them: at least by this part of them."""


class Dividends(Enum):
    """What becomes of dividends."""

    PRICED = "priced"
    CASH = "cash"


@dataclass(frozen=True, slots=True)
class AskedIncome:
    """What an account is to earn without trading.

    Attributes
    ----------
    cash_yield
        A rate per year of 365.25 days, or the symbol whose total return cash has.
    dividends
        ``priced``: as the prices have them. ``cash``: booked on the ex-date, on closes adjusted for splits only.

    Raises
    ------
    InvalidInput
        ``cash_yield`` is neither a symbol nor a rate within its bounds.
    """

    cash_yield: str = "0"
    dividends: Dividends = Dividends.PRICED

    def __post_init__(self) -> None:
        """Refuse a rate outside its bounds, and what is no symbol."""
        rate = self.rate
        if rate is None and SYMBOL.fullmatch(self.cash_yield):
            return
        if rate is None or not 0 <= rate <= MOST:
            raise InvalidInput(
                f"--cash-yield is {self.cash_yield!r}; it is a rate between 0 and {MOST} a year, such as 0.02 for 2 %, "
                "or a symbol of the prices, such as BIL"
            )

    @property
    def rate(self) -> Decimal | None:
        """The rate; None where cash has the return of a symbol."""
        try:
            rate = Decimal(self.cash_yield)
        except InvalidOperation:
            return None
        return rate if rate.is_finite() else None

    @property
    def any(self) -> bool:
        """Whether there may be income."""
        return self.rate != 0 or self.dividends is Dividends.CASH

    @property
    def columns(self) -> Sequence[str]:
        """Columns of a price file that it is told by, where the file has them."""
        return ("adj_close", "dividend") if self.any else ()

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of the results has to know."""
        return (LATER,) if self.dividends is Dividends.CASH else ()

    def of(
        self,
        prices: LongPrices,
        price_field: str,
        held: Collection[str],
        sessions: Sequence[date],
        calendar: ExchangeCalendar,
    ) -> Income | None:
        """Return the income of the sessions of a back-test, None where nothing was asked for.

        Parameters
        ----------
        price_field
            What is traded at.
        held
            Symbols whose dividends have to be known.
        sessions
            Ascending; nothing is earned before the first one's close.

        Raises
        ------
        InvalidInput
            The file does not tell what was asked for: it lacks a column, a symbol or a day, or has dividends in its
            closes already.
        """
        if not self.any:
            return None
        interest = self._interest(prices, sessions, calendar)
        if self.dividends is not Dividends.CASH:
            return Income(interest)
        return Income(interest, _dividends(prices, price_field, held, sessions))

    def _interest(
        self, prices: LongPrices, sessions: Sequence[date], calendar: ExchangeCalendar
    ) -> Mapping[date, Decimal]:
        if self.rate is None:
            return _returns(prices, self.cash_yield, sessions, calendar)
        year, growth = DAYS_PER_YEAR, 1 + float(self.rate)
        return {day: Decimal(growth ** ((day - before).days / year) - 1) for before, day in pairwise(sessions)}


NO_INCOME = AskedIncome()
"""Nothing is earned beside what prices have."""


def _returns(
    prices: LongPrices, symbol: str, sessions: Sequence[date], calendar: ExchangeCalendar
) -> Mapping[date, Decimal]:
    """Return what a symbol made in each session; over one without a bar nothing, and all of it in the next."""
    asked = f"--cash-yield {symbol}"
    if symbol not in prices.symbols:
        raise InvalidInput(f"{asked}: {prices.path} has no prices of it; name a symbol it holds, or a rate as 0.02")
    if "adj_close" not in prices.columns or prices.carried("adj_close") is not Adjustment.TOTAL_RETURN:
        raise InvalidInput(f"{asked}: {prices.path} has no adj_close of total return; name a rate, such as 0.02")
    table = price_table(prices, [symbol], "adj_close", calendar)
    known = dict(zip(table.sessions, table.fields["close"][:, 0].tolist(), strict=True))
    known = {day: close for day, close in known.items() if close == close}
    first, last = min(known, default=None), max(known, default=None)
    if first is None or last is None or first > sessions[0] or last < sessions[-1]:
        raise InvalidInput(
            f"{asked}: its prices run from {first} to {last}, and the back-test from {sessions[0]} to {sessions[-1]}; "
            "choose another period, or name a rate, such as 0.02"
        )
    value, found = known[max(day for day in known if day <= sessions[0])], dict[date, Decimal]()
    for day in sessions[1:]:
        before, value = value, known.get(day, value)
        found[day] = Decimal(value / before - 1)
    return found


def _dividends(
    prices: LongPrices, price_field: str, held: Collection[str], sessions: Sequence[date]
) -> Mapping[date, Mapping[str, Decimal]]:
    """Return what is paid by unit, by ex-date and symbol."""
    if price_field != "close":
        raise InvalidInput(
            f"--dividends cash with --price-field {price_field}: these prices have dividends in them; use "
            "--price-field close"
        )
    if (carried := prices.carried("close")) is not Adjustment.SPLIT:
        raise InvalidInput(f"--dividends cash: closes of {prices.path} are {carried.value}; it needs those of split")
    if "dividend" not in prices.columns:
        raise InvalidInput(
            f"--dividends cash: {prices.path} has no column dividend; give a file that has one, cash per share on the "
            "ex-date and 0 on other days"
        )
    named = np.array([symbol in held for symbol in prices.symbols])
    after, until = np.datetime64(sessions[0]), np.datetime64(sessions[-1])
    rows = np.flatnonzero(named[prices.codes] & (prices.days > after) & (prices.days <= until))
    period = prices.taking(rows[np.argsort(prices.days[rows], kind="stable")])
    _refuse_unknown(period)
    _refuse_priced(period)
    found: dict[date, dict[str, Decimal]] = {}
    for row in np.flatnonzero(period.columns["dividend"]).tolist():
        amount = Decimal(repr(float(period.columns["dividend"][row])))
        found.setdefault(period.days[row].item(), {})[period.symbols[period.codes[row]]] = amount
    return found


def _refuse_unknown(period: LongPrices) -> None:
    """Refuse symbols of which a day does not say what was paid: an empty cell may be anything."""
    paid = period.columns["dividend"]
    unknown = np.isnan(paid) & ~np.isnan(period.columns["close"])
    if unknown.any():
        row = int(np.argmax(unknown))
        raise InvalidInput(
            f"--dividends cash: {period.path} does not supply the dividends of {_named(period, unknown)}: that of "
            f"{period.symbols[period.codes[row]]} on {period.days[row]} is empty; write 0 where none was paid, or do "
            "without these symbols"
        )
    bad = ~np.isnan(paid) & ~((paid >= 0) & np.isfinite(paid))
    if bad.any():
        row = int(np.argmax(bad))
        raise InvalidInput(
            f"{period.path}: dividend of {period.symbols[period.codes[row]]} on {period.days[row]} is {paid[row]:g}; "
            "it is not negative, and finite: correct the row"
        )


def _refuse_priced(period: LongPrices) -> None:
    """Refuse symbols whose closes have their dividends taken out: they would be counted twice."""
    if "adj_close" not in period.columns:
        return
    close, paid = period.columns["close"], period.columns["dividend"]
    ratio = np.log(period.columns["adj_close"] / close)
    twice = np.zeros(len(close), dtype=bool)
    for code in np.unique(period.codes).tolist():
        rows = np.flatnonzero((period.codes == code) & ~np.isnan(ratio))
        expected = float((paid[rows][1:] / close[rows][1:]).sum())
        twice[rows] = expected > 0 and ratio[rows][-1] - ratio[rows][0] < SEEN * expected
    if twice.any():
        raise InvalidInput(
            f"--dividends cash: closes of {_named(period, twice)} in {period.path} have dividends taken out already, "
            "as their adj_close does not differ by them; do without these symbols, or use --price-field adj_close"
        )


def _named(period: LongPrices, rows: NDArray[np.bool_]) -> str:
    codes: Iterable[int] = np.unique(period.codes[rows]).tolist()
    return ", ".join(period.symbols[code] for code in codes)
