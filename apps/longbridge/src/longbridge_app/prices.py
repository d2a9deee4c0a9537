"""Daily prices to pull into a file."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.longbridge_inputs import instant
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.price_source import DailyBar
from quant_platform_kit.runtime.settings import read_part

from longbridge_app.credentials import credentials_of, is_sandbox
from longbridge_app.history import bars_between
from longbridge_app.rows import DayBar
from longbridge_app.settings import LongBridgeAccess
from longbridge_app.worker import Worker

__all__ = ["LongBridgePrices", "open_prices"]


@contextmanager
def open_prices() -> Generator[LongBridgePrices]:
    """Open a connection of quotes with the keys that the environment names."""
    access = read_part(LongBridgeAccess)
    is_sandbox(access)
    worker = Worker(credentials_of(access, GoogleSecrets()), access.longbridge_timeout_seconds)
    try:
        yield LongBridgePrices(worker)
    finally:
        worker.kill()


class LongBridgePrices:
    """Closes and opens as they were traded, and closes adjusted forward, which count as total return."""

    adjustment = Adjustment.RAW

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._calendar = load_calendar("XNYS")

    def daily(self, symbols: Sequence[str], years: int, until: date) -> Mapping[str, Sequence[DailyBar]]:
        """Return daily bars; see `quant_platform_kit.ports.price_source.PriceSource`."""
        first = until - timedelta(days=round(365.25 * years)) + timedelta(days=1)
        return {symbol: self._bars(symbol, first, until) for symbol in symbols}

    def _bars(self, symbol: str, first: date, until: date) -> list[DailyBar]:
        traded = bars_between(self._worker, symbol, first, until, False)
        adjusted = bars_between(self._worker, symbol, first, until, True)
        total_return = {self._day(bar): float(bar.close) for bar in adjusted}
        bars = ((self._day(bar), bar) for bar in traded)
        return [DailyBar(day, float(bar.close), total_return.get(day), float(bar.open)) for day, bar in bars]

    def _day(self, bar: DayBar) -> date:
        return self._calendar.local_date(instant(bar.timestamp))
