"""What the tests of the catalog share: real prices where they are, invented ones, and a desk to decide at."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import LongPrices, price_table, read_prices
from quant_platform_kit.adapters.strategies import bind, catalog
from quant_platform_kit.domain.cycle import Decided, ExecutionPolicy, Observation, decide
from quant_platform_kit.domain.portfolio import AccountState, Quote, quote_price
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar

CHECKOUT = Path(__file__).resolve().parents[3]
DATA_DIR = Path(os.environ.get("TEST_DATA_DIR") or CHECKOUT.parent / "shared" / "data")

Closes = float | Sequence[float]


@dataclass(frozen=True)
class Desk:
    """A market and its calendar, where any profile decides as it does in a run."""

    table: PriceTable
    calendar: ExchangeCalendar

    def decide(
        self,
        profile: str,
        as_of: date,
        units: Mapping[str, float] | None = None,
        cash: float = 100_000,
        config: Mapping[str, object] | None = None,
    ) -> Decided:
        """Decide on ``as_of`` with holdings valued at the next session's closes, where the market has one."""
        strategy = bind(catalog()[profile], config)
        session = self.calendar.session(as_of)
        held = {symbol: Decimal(repr(quantity)) for symbol, quantity in (units or {}).items()}
        account = AccountState("TEST", {"USD": Decimal(repr(cash))}, held)
        at = self.calendar.hours(session.next).close
        day = session.next if session.next in self.table.sessions else as_of
        quotes = {symbol: Quote(symbol, quote_price(self.close(symbol, day)), at) for symbol in held}
        history = PriceHistory(self.table.select(strategy.manifest.history_symbols))
        return decide(strategy, Observation(session, history, account, quotes, at), ExecutionPolicy())

    def put(self, symbol: str, price: float, *days: date) -> Desk:
        """Return a desk whose market has this close of a symbol on these days; NaN takes the bar away."""
        closes = self.table.fields["close"].copy()
        closes[[self.table.sessions.index(day) for day in days], self.table.column[symbol]] = price
        return Desk(PriceTable(self.table.dates, self.table.symbols, {"close": closes}), self.calendar)

    def close(self, symbol: str, day: date) -> float:
        """Return one close; NaN where there is no bar."""
        return float(self.table.fields["close"][self.table.sessions.index(day), self.table.column[symbol]])


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Return the folder of the repository."""
    return CHECKOUT


@pytest.fixture(scope="session")
def calendar() -> ExchangeCalendar:
    """Return the calendar of the New York Stock Exchange."""
    return load_calendar("XNYS")


@pytest.fixture(scope="session")
def etf_prices() -> LongPrices:
    """Return the real ETF prices, or skip: they are not part of the repository."""
    file = DATA_DIR / "etf_daily.parquet"
    if not file.is_file():
        pytest.skip(f"real prices are not here: {file} does not exist; set TEST_DATA_DIR to the folder that holds it")
    return read_prices(file, ["close", "adj_close"])


@pytest.fixture(scope="session")
def real_table(etf_prices: LongPrices, calendar: ExchangeCalendar) -> Callable[[str], PriceTable]:
    """Return a function from a profile to the real total-return closes of its symbols."""
    return cache(lambda profile: price_table(etf_prices, catalog()[profile].manifest.symbols, "adj_close", calendar))


@pytest.fixture(scope="session")
def real_desk(real_table: Callable[[str], PriceTable], calendar: ExchangeCalendar) -> Callable[[str], Desk]:
    """Return a function from a profile to a desk on real prices."""
    return lambda profile: Desk(real_table(profile), calendar)


@pytest.fixture(scope="session")
def invented_desk(calendar: ExchangeCalendar) -> Callable[..., Desk]:
    """Return a function that invents a market for a profile.

    The market ends on ``last`` and is ``sessions`` long. A symbol named in ``closes`` has that price throughout, or
    those newest closes after a first one that reaches back to the beginning; every other symbol stands at 100.
    """

    def invent(profile: str, last: date, closes: Mapping[str, Closes] | None = None, sessions: int = 320) -> Desk:
        symbols = catalog()[profile].manifest.symbols
        days = [day for day in calendar.sessions if day <= last][-sessions:]
        grid = np.full((len(days), len(symbols)), 100.0)
        for symbol, given in (closes or {}).items():
            series = [given] if isinstance(given, int | float) else list(given)
            newest = series[-sessions:]
            grid[:, symbols.index(symbol)] = [series[0]] * (len(days) - len(newest)) + newest
        return Desk(PriceTable(np.array(days, dtype="datetime64[D]"), symbols, {"close": grid}), calendar)

    return invent
