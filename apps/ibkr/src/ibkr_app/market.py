"""Prices at Interactive Brokers: daily bars and snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any

from quant_platform_kit.adapters.ibkr_inputs import duration, price_history, quote
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.clock import Clock

from ibkr_app.beliefs import TICKER
from ibkr_app.connection import Connection
from ibkr_app.contracts import Contracts
from ibkr_app.history import daily_bars

__all__ = ["IbkrMarket"]

DELAYED_IF_NOT_LIVE = 3
PAUSE_SECONDS = 0.005
MOST_LINES = 90
"""Subscriptions at a time: a login has a hundred, which it shares with other programs of its user."""
CLOSE_SECONDS = 0.25
"""How much longer a previous close is waited for, which comes beside the price; some symbols have none."""


class IbkrMarket:
    """`MarketData` over a login.

    Parameters
    ----------
    adjustment
        What the history is to carry; quotes are raw.
    """

    def __init__(
        self,
        connection: Connection,
        contracts: Contracts,
        adjustment: Adjustment,
        calendar: ExchangeCalendar,
        clock: Clock,
    ) -> None:
        self._connection, self._contracts, self._calendar, self._clock = connection, contracts, calendar, clock
        self._adjustment = adjustment

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return daily closes; a symbol without any is a column of NaN.

        Raises
        ------
        BrokerError
            The Gateway does not answer, or has no bars at all.
        """
        contracts = self._contracts.all(symbols)
        back = len(self._calendar.between(until, self._calendar.local_date(self._clock.now())))
        span = duration(sessions + back)
        bars = daily_bars(self._connection, contracts, span, self._adjustment)
        if not any(bars.values()):
            raise BrokerError(f"Interactive Brokers has no daily bars of {', '.join(symbols)}")
        return price_history(bars, symbols, until, sessions, self._calendar)

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return prices as they stand; one that does not come in time is absent.

        A symbol is subscribed to when it is first asked for, and read from then on without a further request: the
        Gateway takes fifty a second. Where there would be more subscriptions than it takes, the oldest end. Delayed
        prices are dated as such, and so too old to trade at.
        """
        contracts = self._contracts.all(sorted(symbols))
        names, found = list(contracts), dict[str, Quote]()
        for start in range(0, len(names), MOST_LINES):
            found |= self._quotes({name: contracts[name] for name in names[start : start + MOST_LINES]})
        return found

    def _quotes(self, contracts: Mapping[str, Any]) -> Mapping[str, Quote]:
        """Return prices of no more symbols than can be subscribed to at once."""
        new = {symbol: contract for symbol, contract in contracts.items() if symbol not in self._tickers()}
        too_many = max(0, len(self._tickers()) + len(new) - MOST_LINES)
        oldest = [symbol for symbol in self._tickers() if symbol not in contracts][:too_many]
        seconds = 0.8 * self._connection.address.timeout

        async def fetch(ib: Any) -> None:
            if new:
                ib.reqMarketDataType(DELAYED_IF_NOT_LIVE)
            for symbol in oldest:
                ib.cancelMktData(self._tickers().pop(symbol).contract)
            self._tickers().update({symbol: ib.reqMktData(contract) for symbol, contract in new.items()})
            await _wait(seconds, lambda: all(map(_complete, new)))
            await _wait(CLOSE_SECONDS, lambda: not any(map(_lacks_close, new)))

        async def _wait(longest: float, come: Callable[[], bool]) -> None:
            until = asyncio.get_running_loop().time() + longest
            while not come() and asyncio.get_running_loop().time() < until:
                await asyncio.sleep(PAUSE_SECONDS)

        def _lacks_close(symbol: str) -> bool:
            ticker = self._tickers()[symbol]
            return _complete(symbol) and ticker.close != ticker.close

        def _complete(symbol: str) -> bool:
            ticker = self._tickers()[symbol]
            return ticker.last == ticker.last and ticker.bid == ticker.bid and ticker.ask == ticker.ask

        self._connection.ask(fetch, "quotes")
        now = self._clock.now()
        seen = self._connection.seen
        found = (quote(seen.take(TICKER.subject, self._tickers()[symbol]), now) for symbol in contracts)
        return {one.symbol: one for one in found if one is not None}

    def _tickers(self) -> dict[str, Any]:
        """Return what this login has subscribed to."""
        return self._connection.tickers
