"""Prices at Schwab: daily candles, adjusted for splits only, and quotes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from quant_platform_kit.adapters.daily_closes import closes_history
from quant_platform_kit.adapters.documents import mapping
from quant_platform_kit.domain.errors import BrokerError, InvalidInput
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment

from schwab_app.beliefs import QUOTE
from schwab_app.connection import Connection, document_of, good
from schwab_app.history import daily_candles
from schwab_app.mapping import quote

__all__ = ["SchwabMarket"]


class SchwabMarket:
    """`MarketData` over a login; `InvalidInput` for any adjustment but that for splits."""

    def __init__(self, connection: Connection, adjustment: Adjustment, calendar: ExchangeCalendar) -> None:
        if adjustment is not Adjustment.SPLIT:
            raise InvalidInput(
                f"Schwab's history is adjusted for splits, the strategy needs {adjustment.value} prices; configure a "
                "price source"
            )
        self._connection, self._calendar = connection, calendar

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return daily closes; a symbol without any is a column of NaN.

        Raises
        ------
        BrokerError
            Schwab does not answer, or has no candles at all.
        """
        rows = self._calendar.between(self._calendar.table.first, until)[-sessions:]
        first = (rows or (until,))[0]
        closes = {symbol: self._closes(symbol, first, until) for symbol in symbols}
        if not any(closes.values()):
            raise BrokerError(f"Schwab has no daily candles of {', '.join(symbols)}")
        return closes_history("Schwab", closes, symbols, until, sessions, self._calendar)

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return present quotes; a symbol that is unknown, or whose quote is delayed, is absent."""
        wanted = sorted(symbols)
        if not wanted:
            return {}
        self._connection.prices.take()
        with self._connection.turn("quotes") as deadline:
            response = self._connection.look(lambda client: client.get_quotes(wanted), "quotes", deadline)
        documents = mapping(document_of(good(response, "quotes")), "Schwab's quotes")
        told = {symbol: documents[symbol] for symbol in wanted if symbol in documents}
        found = (quote(symbol, self._connection.seen.take(QUOTE.subject, each)) for symbol, each in told.items())
        return {one.symbol: one for one in found if one is not None}

    def _closes(self, symbol: str, first: date, last: date) -> list[tuple[date, float]]:
        candles = daily_candles(self._connection, symbol, first, last, self._calendar)
        return [(each.day, each.close) for each in candles]
