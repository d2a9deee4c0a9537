"""Prices at Alpaca: daily closes of all exchanges, and quotes of the feed that is paid for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from quant_platform_kit.adapters.blocking_client import Deadline
from quant_platform_kit.adapters.daily_closes import closes_history
from quant_platform_kit.adapters.documents import mapping, mappings
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.clock import Clock
from trading_playbook.daily.due import SETTLED
from trading_playbook.sources.installed import Feed

from alpaca_app.api import ADJUSTMENTS, PAGE
from alpaca_app.beliefs import BAR, QUOTE
from alpaca_app.connection import Connection
from alpaca_app.mapping import bar, quote

__all__ = ["AlpacaMarket"]


class AlpacaMarket:
    """`MarketData` over a key.

    Closes are those of all exchanges (SIP) whatever the feed of quotes: the free plan has them of finished sessions,
    and a decision must not depend on the plan.
    """

    def __init__(
        self, connection: Connection, adjustment: Adjustment, feed: Feed, calendar: ExchangeCalendar, clock: Clock
    ) -> None:
        self._connection, self._adjustment, self._feed = connection, adjustment, feed
        self._calendar, self._clock = calendar, clock

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return daily closes; a symbol without any is a column of NaN.

        Raises
        ------
        BrokerError
            Alpaca does not answer, or has no bars at all.
        """
        rows = self._calendar.between(self._calendar.table.first, until)[-sessions:]
        closes = self._closes(symbols, (rows or (until,))[0], until)
        if not any(closes.values()):
            raise BrokerError(f"Alpaca has no daily bars of {', '.join(symbols)}")
        return closes_history("Alpaca", closes, symbols, until, sessions, self._calendar)

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return the newest prices of the feed; a symbol that is unknown, or has none, is absent."""
        wanted = sorted(symbols)
        if not wanted:
            return {}
        fields = {"symbols": ",".join(wanted), "feed": self._feed.value}
        with self._connection.turn("quotes") as deadline:
            told = self._connection.look(lambda client: client.get("/stocks/snapshots", fields), "quotes", deadline)
        documents = mapping(told, "Alpaca's snapshots")
        present = {symbol: documents[symbol] for symbol in wanted if documents.get(symbol)}
        taken = {symbol: self._connection.seen.take(QUOTE.subject, each) for symbol, each in present.items()}
        found = (quote(symbol, mapping(each, "a snapshot"), self._calendar) for symbol, each in taken.items())
        return {one.symbol: one for one in found if one is not None}

    def _closes(self, symbols: Sequence[str], first: date, last: date) -> Mapping[str, list[tuple[date, float]]]:
        finished = self._calendar.last_closed(self._clock.now() - SETTLED)
        if first > (last := min(last, finished)):
            return {}
        fields = {
            "symbols": ",".join(symbols),
            "timeframe": "1Day",
            "start": self._midnight(first).isoformat(),
            "end": self._midnight(last).isoformat(),
            "limit": PAGE,
            "adjustment": ADJUSTMENTS[self._adjustment],
            "feed": Feed.SIP.value,
        }
        with self._connection.turn("daily bars") as deadline:
            return self._pages(fields, deadline)

    def _pages(self, fields: Mapping[str, Any], deadline: Deadline) -> Mapping[str, list[tuple[date, float]]]:
        """Return closes by symbol, page by page; a page that comes again would go on for ever."""
        found: dict[str, list[tuple[date, float]]] = {}
        tokens, asked = set[str](), fields
        while True:
            told = self._connection.look(
                lambda client, asked=asked: client.get("/stocks/bars", asked), "daily bars", deadline
            )
            page = mapping(told, "Alpaca's bars")
            for symbol, bars in mapping(page.get("bars"), "bars").items():
                rows = self._connection.seen.take_all(BAR.subject, mappings(bars, "bars"))
                found.setdefault(symbol, []).extend(bar(each, self._calendar) for each in rows)
            token = page.get("next_page_token")
            if token is None:
                return found
            if token in tokens:
                raise BrokerError("Alpaca's pages of daily bars repeat; try again later")
            tokens.add(str(token))
            asked = {**fields, "page_token": str(token)}

    def _midnight(self, day: date) -> datetime:
        """Return the start of a daily bar."""
        return datetime.combine(day, time(), self._calendar.timezone)
