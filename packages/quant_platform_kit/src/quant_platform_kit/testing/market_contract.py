"""What the quotes and the history beside a `Broker` owe: the part of the broker contract that sends no order.

Titles, numbers and fixtures are explained in `quant_platform_kit.testing.broker_contract`.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.gates import PRICE_BASIS, price_age_gate
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.testing.contract_case import case
from quant_platform_kit.testing.venue_control import VenueControl

__all__ = ["MOST_SLIPPAGE", "UNKNOWN_SYMBOL", "MarketCases"]

UNKNOWN_SYMBOL = "NOSUCHXX"
MOST_SLIPPAGE = Decimal("0.01")
CALENDAR = load_calendar("XNYS")
FRESH, STALE = timedelta(seconds=60), timedelta(minutes=15)
SESSIONS = 30


class MarketCases:
    """Quotes, daily history and its adjustment."""

    @case("B26", "quotes")
    def test_a_quote_is_fresh_and_near_the_price(
        self, market: MarketData, venue: VenueControl, symbol: str, price: Decimal
    ) -> None:
        """A quote has the symbol's price with 6 decimals and an instant in UTC not long ago."""
        quotes = market.quotes([symbol])
        assert list(quotes) == [symbol]
        quote = quotes[symbol]
        assert quote.symbol == symbol
        assert abs(quote.price / price - 1) <= MOST_SLIPPAGE
        assert quote.price == round(quote.price, 6)
        assert quote.as_of.utcoffset() == timedelta(0)
        assert price_age_gate([quote], venue.now(), FRESH) == []
        if quote.previous_close is not None:
            close = market.history([symbol], _completed(venue), 5).close[-1, 0]
            assert abs(float(quote.previous_close) / close - 1) <= float(PRICE_BASIS)

    @case("B27", "unknown symbol")
    def test_an_unknown_symbol_has_no_quote(self, market: MarketData, symbol: str) -> None:
        """An unknown symbol has no quote, and takes none from the others."""
        assert list(market.quotes([UNKNOWN_SYMBOL, symbol])) == [symbol]

    @case("B28", "stale quote")
    def test_a_stale_quote_shows_its_age(self, market: MarketData, venue: VenueControl, symbol: str) -> None:
        """A stale quote shows its age, so that no order is priced with it."""
        venue.stale(symbol, STALE)
        quotes = market.quotes([symbol])
        assert price_age_gate(quotes.values(), venue.now(), FRESH) != [] or not quotes

    @case("B29", "daily history")
    def test_every_session_is_a_row_of_the_history(self, market: MarketData, venue: VenueControl, symbol: str) -> None:
        """The history has a row for every session up to the one asked for, and a close in each."""
        history = market.history([symbol], _completed(venue), SESSIONS)
        assert history.symbols == (symbol,)
        assert len(history) >= SESSIONS
        days = tuple(history.dates.tolist())
        assert days == CALENDAR.between(days[0], _completed(venue))
        assert np.isfinite(history.close[-SESSIONS:]).all()

    @case("B30", "unfinished bar")
    def test_the_bar_of_the_session_under_way_is_dropped(
        self, market: MarketData, venue: VenueControl, symbol: str
    ) -> None:
        """The unfinished bar of the session under way is not in the history."""
        assert CALENDAR.is_open(venue.now())
        history = market.history([symbol], _completed(venue), 5)
        assert history.last_session == _completed(venue) < CALENDAR.local_date(venue.now())

    @case("B31", "daily history")
    def test_the_history_is_adjusted_as_declared(
        self, market: MarketData, venue: VenueControl, symbol: str, adjustment: Adjustment
    ) -> None:
        """Closes before a split are restated, unless the declared adjustment is raw."""
        before = market.history([symbol], _completed(venue), 5).close[-5:]
        venue.split(symbol, Decimal(2))
        after = market.history([symbol], _completed(venue), 5).close[-5:]
        factor = 1 if adjustment is Adjustment.RAW else 2
        np.testing.assert_allclose(after * factor, before, rtol=1e-3)


def _completed(venue: VenueControl) -> date:
    return CALENDAR.before(CALENDAR.local_date(venue.now()))
