"""What the tests of the catalog share: real prices where they are, invented ones, and a desk to decide at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import LongPrices, price_table, read_prices
from quant_platform_kit.adapters.strategies import bind, catalog
from quant_platform_kit.domain.cycle import Decided, ExecutionPolicy, Observation, decide
from quant_platform_kit.domain.features import FeatureReading, FeatureSnapshot
from quant_platform_kit.domain.portfolio import AccountState, Quote, quote_price
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import TargetMode

CHECKOUT = Path(__file__).resolve().parents[3]
DATA_DIR = Path(os.environ.get("TEST_DATA_DIR") or CHECKOUT.parent / "shared" / "data")

MONTH_END = date(2018, 11, 30)
SECTORS = (10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60)
FEATURES = {
    "mom_6_1": (0.05, 0.2),
    "mom_12_1": (0.1, 0.3),
    "sma20_gap": (0.0, 0.05),
    "sma200_gap": (0.03, 0.08),
    "high_63_gap": (-0.12, 0.06),
}
"""Column -> mean and deviation of invented values."""

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


@dataclass(frozen=True)
class FeatureDesk:
    """A snapshot, where any profile decides as it does in a run."""

    rows: Mapping[str, Mapping[str, float]]
    calendar: ExchangeCalendar
    of: date = MONTH_END

    def snapshot(self, as_of: date) -> FeatureSnapshot:
        """Return the snapshot as a run of a session is given it."""
        ends = [day for day in self.calendar.between(self.of - timedelta(70), as_of) if self.ends_month(day)]
        age = len(self.calendar.between(self.of, as_of)) - 1 if self.of <= as_of else 0
        return FeatureSnapshot(self.of, "d" * 64, self.rows, ends[-1], age)

    def ends_month(self, day: date) -> bool:
        """Whether a session is the last of its month."""
        return self.calendar.session(day).ends_month

    def decide(
        self,
        profile: str,
        as_of: date | None = None,
        held: Iterable[str] = (),
        config: Mapping[str, object] | None = None,
    ) -> Decided:
        """Decide on a session, that of the snapshot if none is said, holding a unit of each of some stocks."""
        strategy, session = bind(catalog()[profile], config), self.calendar.session(as_of or self.of)
        at = self.calendar.hours(session.next).close
        units = dict.fromkeys(held, Decimal(1))
        quotes = {symbol: Quote(symbol, Decimal(100), at) for symbol in units}
        history = PriceHistory(PriceTable(np.array([], dtype="datetime64[D]"), (), {"close": np.empty((0, 0))}))
        reading = FeatureReading(session.date, self.snapshot(session.date))
        seen = Observation(
            session,
            history,
            AccountState("TEST", {"USD": Decimal(100_000)}, units),
            quotes,
            at,
            features=(reading,),
            owned=frozenset(units),
        )
        return decide(strategy, seen, ExecutionPolicy(TargetMode.WEIGHT))

    def ranking(self, profile: str, config: Mapping[str, object] | None = None) -> list[str]:
        """Return the symbols of a profile's ranking, the best first."""
        strategy = bind(catalog()[profile], config)
        return [row.symbol for row in strategy.strategy.ranking(self.snapshot(self.of), strategy.config)]

    def put(self, symbol: str, **values: float) -> FeatureDesk:
        """Return a desk whose snapshot has these values in the row of a symbol."""
        return replace(self, rows={**self.rows, symbol: {**self.rows[symbol], **values}})

    def put_all(self, **values: float) -> FeatureDesk:
        """Return a desk whose snapshot has these values in every row."""
        return replace(self, rows={symbol: {**row, **values} for symbol, row in self.rows.items()})

    def without(self, symbol: str) -> FeatureDesk:
        """Return a desk whose snapshot has no row of a symbol."""
        return replace(self, rows={name: row for name, row in self.rows.items() if name != symbol})


@pytest.fixture(scope="session")
def invented_features(calendar: ExchangeCalendar) -> Callable[..., FeatureDesk]:
    """Return a function that invents the snapshot of some stocks, A000 on, their sectors in turn."""

    def invent(seed: int = 5, stocks: int = 120, sectors: Sequence[int] = SECTORS) -> FeatureDesk:
        rng = np.random.default_rng(seed)
        rows: dict[str, dict[str, float]] = {}
        for number, symbol in enumerate([*(f"A{n:03}" for n in range(stocks)), "QQQ", "SPY"]):
            stock = symbol not in ("QQQ", "SPY")
            drawn = {name: float(rng.normal(*spread)) for name, spread in FEATURES.items()}
            volatility = {name: float(rng.uniform(0.1, 0.6)) for name in ("vol_63", "vol_126")}
            rows[symbol] = {
                **{"is_stock": float(stock), "member": 1.0, "primary": 1.0, "history": 900.0},
                "sector_code": float(sectors[number % len(sectors)]) if stock else 0.0,
                **{
                    "adv20_usd": 1e9,
                    "dvol63_usd": float(rng.uniform(1e8, 1e10)),
                    "beta_252": float(rng.normal(1, 0.3)),
                },
                **drawn,
                **volatility,
            }
            rows[symbol]["sma200_gap"] = drawn["sma200_gap"] if stock else 0.02
        return FeatureDesk(rows, calendar)

    return invent


@pytest.fixture(scope="session")
def needed() -> Mapping[str, Mapping[str, object]]:
    """Return what a profile has to be told before it decides, by profile: one has a file, the others need nothing."""
    file = {
        "profile": "tech_communication_pullback_enhancement",
        "benchmark": "QQQ",
        "sectors": ["Information Technology", "Communication Services"],
        "holdings": 8,
        "keep_rank": 12,
        "max_per_sector": 5,
        "name_cap": 0.10,
        "sector_cap": 0.50,
        "pullback_depth": 0.08,
        "pullback_limit": 0.25,
        "exposure_on": 0.8,
        "exposure_soft": 0.6,
        "exposure_hard": 0.0,
        "breadth_soft": 0.55,
        "breadth_hard": 0.35,
        "min_adv20_usd": 50_000_000,
    }
    return {profile: file if profile == file["profile"] else {} for profile in catalog()}


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
