"""Prices at LongBridge: daily candlesticks and quotes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from quant_platform_kit.adapters.daily_closes import closes_history
from quant_platform_kit.adapters.longbridge_inputs import closes, market_symbol, quote
from quant_platform_kit.domain.errors import BrokerError, InvalidInput
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.clock import Clock

from longbridge_app.beliefs import QUOTE
from longbridge_app.history import MOST, newest_bars
from longbridge_app.instruments import Instruments
from longbridge_app.rows import LastPrice
from longbridge_app.worker import Worker

__all__ = ["ADJUSTED", "LongBridgeMarket"]

ADJUSTED = {Adjustment.TOTAL_RETURN: True, Adjustment.RAW: False}
"""Whether candlesticks are asked for with forward adjustment; it counts as total return."""


class LongBridgeMarket:
    """`MarketData` over a connection of its own.

    Parameters
    ----------
    adjustment
        What the history is to carry; quotes are raw.
    instruments
        Told which symbols are quoted: they may be traded next.
    """

    def __init__(
        self,
        worker: Worker,
        adjustment: Adjustment,
        calendar: ExchangeCalendar,
        clock: Clock,
        instruments: Instruments,
    ) -> None:
        if adjustment not in ADJUSTED:
            raise InvalidInput(f"LongBridge's history is total_return or raw, the strategy needs {adjustment.value}")
        self._worker, self._calendar, self._clock = worker, calendar, clock
        self._instruments = instruments
        self._adjusted = ADJUSTED[adjustment]

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return daily closes; a symbol without any is a column of NaN.

        Raises
        ------
        InvalidInput
            It would reach back further than LongBridge tells at once.
        BrokerError
            LongBridge does not answer, or has no candlesticks at all.
        """
        back = len(self._calendar.between(until, self._calendar.local_date(self._clock.now())))
        count = sessions + back
        if count > MOST:
            raise InvalidInput(
                f"{sessions} sessions up to {until} are {count} candlesticks; LongBridge has {MOST} at most"
            )
        bars = newest_bars(self._worker, symbols, count, self._adjusted)
        if not any(bars.values()):
            raise BrokerError(f"LongBridge has no daily candlesticks of {', '.join(symbols)}")
        found = closes(bars, self._calendar)
        return closes_history("LongBridge", found, symbols, until, sessions, self._calendar)

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return present quotes; a symbol that is not known is absent."""
        wanted = [market_symbol(symbol) for symbol in sorted(symbols)]
        if not wanted:
            return {}
        with self._worker.turn("quotes") as deadline:
            rows: Sequence[LastPrice] = self._worker.rows(QUOTE, "quotes", wanted, what="quotes", deadline=deadline)
        found = (quote(row) for row in rows)
        quoted = {one.symbol: one for one in found if one is not None}
        self._instruments.expect(quoted)
        return quoted
