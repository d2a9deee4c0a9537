"""A price source: the history of a price file beside the quotes of a broker."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path

from quant_platform_kit.adapters.price_files import PRICE_FIELDS, price_table, read_prices
from quant_platform_kit.domain.errors import BrokerError, InvalidInput
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.market_data import MarketData

__all__ = ["FileHistory"]


class FileHistory:
    """`MarketData` with the history of a file, which is read anew every time, and the quotes of another.

    Parameters
    ----------
    needed
        What the closes have to carry; it chooses the column, see `PRICE_FIELDS`.
    """

    def __init__(self, path: Path, needed: Adjustment, calendar: ExchangeCalendar, quoted: MarketData) -> None:
        self._path, self._calendar, self._quoted = path, calendar, quoted
        self._field = next((name for name, carried in PRICE_FIELDS.items() if carried is needed), None)
        if self._field is None:
            raise InvalidInput(
                f"PRICE_HISTORY_PATH is set, but no column of a price file carries {needed.value} prices"
            )

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return the file's closes up to and including ``until``.

        Raises
        ------
        BrokerError
            The file cannot be read, or ends before ``until``: a later try may find it written.
        """
        assert self._field is not None, "checked when it was made"
        try:
            prices = read_prices(self._path, list(dict.fromkeys(("close", self._field))))
            table = price_table(prices, symbols, self._field, self._calendar)
        except InvalidInput as error:
            raise BrokerError(f"PRICE_HISTORY_PATH: {error}") from error
        history = PriceHistory(table.select(symbols)).until(until)
        last = history.last_session
        if last is None or last < until:
            ends = f"ends on {last}" if last else "begins later"
            raise BrokerError(f"PRICE_HISTORY_PATH: {self._path} {ends}, and {until} is needed: pull it again")
        return history

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return the quotes of the other."""
        return self._quoted.quotes(symbols)
