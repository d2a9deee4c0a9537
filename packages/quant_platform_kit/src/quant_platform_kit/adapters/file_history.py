"""A price source: the history of a price file beside the quotes of a broker."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path

from quant_platform_kit.adapters.price_files import EVIDENCE_COLUMNS, PRICE_FIELDS, LongPrices, price_table, read_prices
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
        What the closes have to carry; it chooses the column, see `LongPrices.carried`.
    """

    def __init__(self, path: Path, needed: Adjustment, calendar: ExchangeCalendar, quoted: MarketData) -> None:
        self._path, self._needed, self._calendar, self._quoted = path, needed, calendar, quoted
        if needed not in PRICE_FIELDS.values():
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
        try:
            prices = read_prices(self._path, ("close",), ("adj_close", *EVIDENCE_COLUMNS))
            table = price_table(prices, symbols, self._field(prices), self._calendar, unadjusted=True)
        except InvalidInput as error:
            raise BrokerError(f"PRICE_HISTORY_PATH: {error}") from error
        history = PriceHistory(table.select(symbols)).until(until)
        last = history.last_session
        if last is None or last < until:
            ends = f"ends on {last}" if last else "begins later"
            raise BrokerError(f"PRICE_HISTORY_PATH: {self._path} {ends}, and {until} is needed: pull it again")
        return history

    def _field(self, prices: LongPrices) -> str:
        """Return the column that carries what is needed."""
        needed, said = self._needed, {name: prices.carried(name) for name in PRICE_FIELDS if name in prices.columns}
        if fitting := [name for name, carried in said.items() if carried is needed]:
            return fitting[0]
        usual = next(name for name, carried in PRICE_FIELDS.items() if carried is needed)
        absent = "" if usual in said else f" has no column {usual}, and"
        has = " and ".join(f"{name} as {carried.value}" for name, carried in said.items())
        raise InvalidInput(f"{self._path}{absent} has {has}; {needed.value} prices are needed: pull it again")

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return the quotes of the other."""
        return self._quoted.quotes(symbols)
