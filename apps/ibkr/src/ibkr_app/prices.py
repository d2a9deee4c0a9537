"""Daily prices to pull into a file."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.price_source import DailyBar
from quant_platform_kit.runtime.settings import read_part

from ibkr_app.connection import Address, Connection
from ibkr_app.contracts import Contracts
from ibkr_app.history import SYMBOLS_AT_ONCE, daily_bars
from ibkr_app.settings import GatewaySettings

__all__ = ["GatewayPrices", "open_prices"]


@contextmanager
def open_prices() -> Generator[GatewayPrices]:
    """Log in, under the client id after the service's, so that the two do not shut each other out."""
    settings = read_part(GatewaySettings)
    address = Address(
        settings.ibkr_gateway_host,
        settings.ibkr_gateway_port,
        settings.ibkr_client_id + 1,
        settings.ibkr_timeout_seconds,
    )
    connection = Connection(address)
    try:
        connection.connect()
        yield GatewayPrices(connection)
    finally:
        connection.close()


class GatewayPrices:
    """Closes and opens adjusted for splits, and closes adjusted for dividends too."""

    adjustment = Adjustment.SPLIT

    def __init__(self, connection: Connection) -> None:
        self._connection, self._contracts = connection, Contracts(connection)

    def daily(self, symbols: Sequence[str], years: int, until: date) -> Mapping[str, Sequence[DailyBar]]:
        """Return daily bars; see `quant_platform_kit.ports.price_source.PriceSource`."""
        found: dict[str, Sequence[DailyBar]] = {}
        for start in range(0, len(symbols), SYMBOLS_AT_ONCE):
            contracts = self._contracts.all(symbols[start : start + SYMBOLS_AT_ONCE])
            trades = daily_bars(self._connection, contracts, f"{years} Y", Adjustment.SPLIT)
            adjusted = daily_bars(self._connection, contracts, f"{years} Y", Adjustment.TOTAL_RETURN)
            first = until - timedelta(days=round(365.25 * years))
            found |= {symbol: _bars(trades[symbol], adjusted[symbol], first, until) for symbol in contracts}
        return found


def _bars(trades: Sequence[Any], adjusted: Sequence[Any], first: date, until: date) -> list[DailyBar]:
    total_return = {bar.date: bar.close for bar in adjusted}
    inside = (bar for bar in trades if first < bar.date <= until)
    return [DailyBar(bar.date, bar.close, total_return.get(bar.date), bar.open) for bar in inside]
