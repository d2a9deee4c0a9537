"""Daily prices to pull into a file, and for snapshots."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date, timedelta

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.price_source import DailyBar
from quant_platform_kit.runtime.settings import read_part

from alpaca_app.compose import alpaca_of, clock_of
from alpaca_app.daily import Daily
from alpaca_app.settings import AlpacaAccess

__all__ = ["AlpacaPrices", "open_prices"]


@contextmanager
def open_prices() -> Generator[AlpacaPrices]:
    """Open the source with the keys that the environment names."""
    access = read_part(AlpacaAccess)
    with closing(alpaca_of(access)) as alpaca:
        yield AlpacaPrices(Daily(alpaca, access.alpaca_feed, load_calendar("XNYS"), clock_of(alpaca)))


class AlpacaPrices:
    """Prices adjusted for splits, and closes adjusted for dividends too."""

    adjustment = Adjustment.SPLIT

    def __init__(self, daily: Daily) -> None:
        self._daily = daily

    def daily(self, symbols: Sequence[str], years: int, until: date) -> Mapping[str, Sequence[DailyBar]]:
        """Return daily bars; see `quant_platform_kit.ports.price_source.PriceSource`."""
        first = until - timedelta(days=round(365.25 * years)) + timedelta(days=1)
        return {symbol: self._bars(symbol, first, until) for symbol in symbols}

    def _bars(self, symbol: str, first: date, until: date) -> list[DailyBar]:
        split = self._daily.bars(symbol, first, until, Adjustment.SPLIT)
        total_return = self._daily.bars(symbol, first, until, Adjustment.TOTAL_RETURN)
        return [
            DailyBar(day, adj_close=total_return[day]["close"] if day in total_return else None, **bar)
            for day, bar in split.items()
        ]
