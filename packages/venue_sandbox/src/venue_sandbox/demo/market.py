"""The prices of the demo, and the days on which they give it something to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import LongPrices, price_table, read_prices
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.testing.synthetic import LABEL, synthetic_prices

__all__ = ["Market", "choose_market", "due_on", "invented", "own_market", "write_prices"]

PROFILE = "dual_momentum"
FIRST, LAST = date(2012, 1, 3), date(2023, 12, 29)
WARM_UP_SESSIONS = 300
TURNS = 3
TRIGGER = time(15, 45, tzinfo=ZoneInfo("America/New_York"))


@dataclass(frozen=True, slots=True)
class Market:
    """Prices and the strategy that trades on them.

    Attributes
    ----------
    sessions
        Those in which every symbol of the strategy has prices.
    label
        What to say of invented prices; None for real ones.
    """

    prices: LongPrices
    strategy: BoundStrategy
    sessions: tuple[date, ...]
    label: str | None

    @property
    def profile(self) -> str:
        """The strategy's profile."""
        return self.strategy.manifest.profile

    @property
    def tested(self) -> tuple[date, ...]:
        """The sessions of the back-test, after those the strategy needs to look back on."""
        return self.sessions[WARM_UP_SESSIONS:]

    def turns(self, result: BacktestResult) -> Sequence[date]:
        """Return the last three decisions of a back-test that changed what is held (sessions decided on).

        Raises
        ------
        InvalidInput
            There are fewer.
        """
        sides: dict[date, set[str]] = {}
        for trade in result.trades:
            sides.setdefault(trade.as_of, set()).add(trade.fill.side.value)
        found = [as_of for as_of, both in sides.items() if len(both) > 1]
        if len(found) < TURNS:
            raise InvalidInput(
                f"on {self.prices.path} the strategy changes what it holds {len(found)} times; the demo needs {TURNS}"
            )
        return found[-TURNS:]

    def due(self, as_of: date) -> datetime:
        """Return when the session after ``as_of`` is triggered, aware UTC."""
        return due_on(load_calendar("XNYS").after(as_of))

    def next(self, session: date) -> date:
        """Return the session after one."""
        return load_calendar("XNYS").after(session)

    def between(self, first: date, last: date) -> tuple[date, ...]:
        """Return the sessions decided on strictly between two."""
        return load_calendar("XNYS").between(first, last)[1:-1]

    def file(self, path: Path) -> Path:
        """Return a price file: the one that was given, or the invented prices, written to ``path``."""
        return write_prices(self.prices, path) if self.label else self.prices.path


def due_on(session: date) -> datetime:
    """Return when a session is triggered, aware UTC."""
    return datetime.combine(session, TRIGGER).astimezone(UTC)


def invented(bound: BoundStrategy) -> LongPrices:
    """Return invented prices of all that a strategy looks at."""
    return synthetic_prices(bound.manifest.symbols, load_calendar("XNYS"), FIRST, LAST)


def write_prices(prices: LongPrices, path: Path) -> Path:
    """Write prices without dividends to a CSV file, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = zip(np.datetime_as_string(prices.days), prices.codes, prices.columns["close"], strict=True)
    lines = (f"{day},{prices.symbols[code]},{close:.4f},{close:.4f}\n" for day, code, close in rows)
    path.write_text("date,symbol,close,adj_close\n" + "".join(lines))
    return path


def choose_market() -> Market:
    """Return the invented market."""
    bound = bind(find_strategy(PROFILE))
    prices = invented(bound)
    return Market(prices, bound, _sessions(bound, prices), LABEL)


def own_market(path: Path) -> Market:
    """Return the market of a price file.

    Raises
    ------
    InvalidInput
        The file cannot be read, or its prices do not reach far enough.
    """
    bound = bind(find_strategy(PROFILE))
    prices = read_prices(path, ["close", "adj_close"])
    sessions = _sessions(bound, prices)
    price_table(prices, prices.symbols, "adj_close", load_calendar("XNYS"))
    return Market(prices, bound, sessions, None)


def _sessions(bound: BoundStrategy, prices: LongPrices) -> tuple[date, ...]:
    absent = [symbol for symbol in bound.manifest.symbols if symbol not in prices.symbols]
    if absent:
        raise InvalidInput(f"{prices.path} has no prices of {', '.join(absent)}; {PROFILE} needs them")
    days = [prices.days[prices.codes == prices.symbols.index(symbol)] for symbol in bound.manifest.symbols]
    first, last = max(day.min() for day in days).item(), min(day.max() for day in days).item()
    sessions = load_calendar("XNYS").between(first, last)
    if len(sessions) < 2 * WARM_UP_SESSIONS:
        raise InvalidInput(f"{prices.path} has {len(sessions)} common sessions; the demo needs {2 * WARM_UP_SESSIONS}")
    return sessions
