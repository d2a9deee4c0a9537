"""Daily prices to pull into a file."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.price_source import DailyBar
from quant_platform_kit.runtime.settings import read_part

from schwab_app.connection import Connection, Login
from schwab_app.history import daily_candles
from schwab_app.redirect import sandbox_of
from schwab_app.settings import SchwabAccess
from schwab_app.tokens import tokens_of

__all__ = ["SchwabPrices", "open_prices"]


@contextmanager
def open_prices() -> Generator[SchwabPrices]:
    """Begin a session with the login that the environment names; a token that it refreshes is written back."""
    access = read_part(SchwabAccess)
    key, secret = access.schwab_app_key.get_secret_value(), access.schwab_app_secret.get_secret_value()
    login = Login(key, secret, tokens_of(access), sandbox_of(access.schwab_api_url))
    connection = Connection(login, access.schwab_timeout_seconds)
    try:
        connection.connect()
        yield SchwabPrices(connection)
    finally:
        connection.close()


class SchwabPrices:
    """Closes and opens adjusted for splits; Schwab has none that are adjusted for dividends."""

    adjustment = Adjustment.SPLIT

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._calendar = load_calendar("XNYS")

    def daily(self, symbols: Sequence[str], years: int, until: date) -> Mapping[str, Sequence[DailyBar]]:
        """Return daily bars; see `quant_platform_kit.ports.price_source.PriceSource`."""
        first = until - timedelta(days=round(365.25 * years))
        return {symbol: self._bars(symbol, first, until) for symbol in symbols}

    def _bars(self, symbol: str, first: date, until: date) -> list[DailyBar]:
        candles = daily_candles(self._connection, symbol, first, until, self._calendar)
        return [DailyBar(each.day, each.close, open=each.open) for each in candles if first < each.day <= until]
