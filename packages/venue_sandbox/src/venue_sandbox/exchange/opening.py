"""Open a venue: out of its journal, or new."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar

from venue_sandbox.exchange.accounts import Funding
from venue_sandbox.exchange.book import Book
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.events import Founded
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.hours import MarketHours
from venue_sandbox.exchange.instruments import DEFAULT_SYMBOLS, Listing
from venue_sandbox.exchange.journal import Journal
from venue_sandbox.exchange.market import Market, Moment
from venue_sandbox.exchange.series import read_series, synthetic_series

__all__ = ["Plan", "open_exchange"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a venue is set up.

    Attributes
    ----------
    prices
        A price file; without one the market is invented.
    symbols
        What an invented market lists; a price file lists what it holds.
    clock
        Where the venue's clock begins; None for real time. A journal that set the clock goes before.
    seed
        Of a new venue; an old one keeps its own.
    lot
        Step of quantities where parts of a share are traded.
    """

    folder: Path
    fundings: tuple[Funding, ...]
    prices: Path | None = None
    symbols: Collection[str] = DEFAULT_SYMBOLS
    calendar: str = "XNYS"
    clock: datetime | None = None
    seed: int = 1
    spread_ticks: int = 1
    moment: Moment = "close"
    lot: Decimal | None = None


def open_exchange(plan: Plan, clock: VenueClock | None = None) -> Exchange:
    """Open the venue of a folder: everything it acknowledged before is there, working orders included."""
    calendar = load_calendar(plan.calendar)
    given = None if plan.prices is None else read_series(plan.prices)  # a file that cannot be read leaves no folder
    journal = Journal(plan.folder)
    founded = next((event for event in journal.past if isinstance(event, Founded)), Founded(plan.seed))
    series = synthetic_series(plan.symbols, calendar, founded.seed) if given is None else given
    listing = Listing(series, plan.lot)
    book = Book(listing)
    for event in journal.past:
        book.apply(event)
    market = Market(listing, series, MarketHours(calendar), book, plan.spread_ticks, plan.moment)
    exchange = Exchange(journal, book, market, clock or VenueClock())
    if book.seed is None:
        journal.append(founded)
        book.apply(founded)
    if book.clock_ahead is not None:
        exchange.clock.ahead = book.clock_ahead
    elif plan.clock is not None:
        exchange.set_clock(plan.clock)
    for funding in plan.fundings:
        exchange.open_account(funding)
    return exchange
