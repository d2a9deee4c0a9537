"""Quotes and daily bars at an instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from quant_platform_kit.domain.strategy import Adjustment

from venue_sandbox.exchange.book import Book
from venue_sandbox.exchange.hours import MarketHours
from venue_sandbox.exchange.instruments import Instrument, Listing
from venue_sandbox.exchange.series import Series

__all__ = ["VOLUME", "Bar", "Market", "Moment", "Quote"]

VOLUME = 1_000_000

Moment = Literal["open", "close"]
"""Which price of its session a market quotes while it trades: that of its open or of its close."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What an instrument trades at.

    Attributes
    ----------
    previous_close
        The close of the session before.
    as_of
        When the last price was made, aware UTC.
    """

    bid: Decimal
    ask: Decimal
    last: Decimal
    open: Decimal
    previous_close: Decimal
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Bar:
    """The prices of one session, six decimals; high and low are those of open and close."""

    session: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int = VOLUME


@dataclass(slots=True)
class Market:
    """The prices of a venue.

    The last price is that of the newest session that has opened: while it trades, the price of its ``moment``; later
    its close; and from when a price is set, that. It is the last bar's close too, so quotes and history agree.

    Attributes
    ----------
    spread_ticks
        How many ticks bid and ask lie off the last price.
    stale
        Seconds by which the prices of a symbol are older than they should be.
    """

    listing: Listing
    series: Mapping[str, Series]
    hours: MarketHours
    book: Book
    spread_ticks: int = 1
    moment: Moment = "close"
    stale: dict[str, float] = field(default_factory=dict[str, float])

    def quote(self, symbol: str, now: datetime) -> Quote | None:
        """Return the quote of an instrument; None where there is no price yet."""
        bars = self.bars(symbol, now, Adjustment.SPLIT, newest=2)
        if not bars:
            return None
        instrument = self.listing.instruments[symbol]
        last, spread = instrument.on_tick(bars[-1].close), instrument.tick * self.spread_ticks
        return Quote(
            bid=max(last - spread, instrument.tick),
            ask=last + spread,
            last=last,
            open=instrument.on_tick(bars[-1].open),
            previous_close=instrument.on_tick(bars[-2 if len(bars) > 1 else -1].close),
            as_of=self._as_of(symbol, bars[-1].session, now),
        )

    def last(self, instrument: Instrument, now: datetime) -> Decimal:
        """Return the last price of an instrument; zero where there is none yet."""
        quote = self.quote(instrument.symbol, now)
        return Decimal(0) if quote is None else quote.last

    def bars(self, symbol: str, now: datetime, adjustment: Adjustment, newest: int | None = None) -> list[Bar]:
        """Return daily bars up to now, ascending; the newest one is that of a session still open, if one is.

        Parameters
        ----------
        adjustment
            SPLIT divides every bar by the splits that have taken place since the prices began; TOTAL_RETURN adjusts
            for dividends too, and for none after now: the newest bar is as it was traded. A split that a price file
            has adjusted for already is none here.
        newest
            How many bars at most, counted from the end; None for all.
        """
        series = self.series[symbol]
        session = self.hours.priced_session(now)
        stop = series.row(session)
        if stop is None:
            return []
        first = 0 if newest is None else max(0, stop + 1 - newest)
        anchor = series.close[stop] / series.adjusted[stop] if adjustment is Adjustment.TOTAL_RETURN else None
        return [self._bar(symbol, row, now, anchor) for row in range(first, stop + 1)]

    def _bar(self, symbol: str, row: int, now: datetime, anchor: float | None) -> Bar:
        """Return a bar; with an anchor its total return, scaled by it."""
        series = self.series[symbol]
        session = series.sessions[row]
        ratio = float(self.book.split_ratio(symbol))
        scale = 1.0 if anchor is None else anchor * series.adjusted[row] / series.close[row]
        opens, close = _six(series.open[row] * scale / ratio), _six(series.close[row] * scale / ratio)
        if self.moment == "open" and now < self.hours.closing(session):
            close = opens
        close = self.book.set_prices.get((symbol, session), close)
        return Bar(session, opens, max(opens, close), min(opens, close), close)

    def _as_of(self, symbol: str, session: date, now: datetime) -> datetime:
        made = min(self.hours.priced_at(now), self.hours.closing(session))
        return made - timedelta(seconds=self.stale.get(symbol, 0.0))


def _six(price: float) -> Decimal:
    return Decimal(f"{price:.6f}")
