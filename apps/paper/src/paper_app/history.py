"""A price file that may be replaced while the service runs."""

from __future__ import annotations

import threading
from pathlib import Path

from quant_platform_kit.domain.errors import BrokerError, InvalidInput
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = ["PriceFile"]


class PriceFile:
    """The table of a price file, read again when the file has changed."""

    def __init__(self, path: Path, field: str, calendar: ExchangeCalendar) -> None:
        self._path, self._field, self._calendar = path, field, calendar
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], PriceTable] | None = None

    def table(self) -> PriceTable:
        """Return every symbol's prices.

        Raises
        ------
        BrokerError
            The file cannot be read now: the run is tried again later.
        """
        with self._lock:
            try:
                stat = self._path.stat()
                version = (stat.st_mtime_ns, stat.st_size)
                if self._read is None or self._read[0] != version:
                    self._read = (version, self._load())
            except (OSError, InvalidInput) as error:
                raise BrokerError(f"PAPER_PRICES {self._path}: {error}") from error
            return self._read[1]

    def _load(self) -> PriceTable:
        from quant_platform_kit.adapters.price_files import EVIDENCE_COLUMNS, price_table, read_prices

        prices = read_prices(self._path, sorted({"close", self._field}), EVIDENCE_COLUMNS)
        return price_table(prices, prices.symbols, self._field, self._calendar)
