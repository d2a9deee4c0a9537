"""What the paper venue quotes out of a price file, and when it trades."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.price_files import FileMarketData, price_table, read_prices
from quant_platform_kit.domain.errors import UnknownSession

__all__ = ["Closes"]


class Closes:
    """The closes of a price file, by the XNYS session that an instant lies in."""

    def __init__(self, path: Path, field: str) -> None:
        prices = read_prices(path, sorted({"close", field}))
        self._calendar = load_calendar("XNYS")
        self._table = price_table(prices, prices.symbols, field, self._calendar)

    def at(self, instant: datetime, symbol: str) -> Decimal | None:
        """Return the close of the session at an instant, None without a bar."""
        market = FileMarketData(self._table, self._calendar, FrozenClock(instant))
        quote = market.quotes([symbol]).get(symbol)
        return quote.price if quote else None

    def is_open(self, instant: datetime) -> bool:
        """Whether the exchange trades at an instant; outside its calendar it does not."""
        with suppress(UnknownSession):
            return self._calendar.is_open(instant)
        return False
