"""Carry out what is changed behind the client's back."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from quant_platform_kit.domain.errors import QuantError

from venue_sandbox.exchange.accounts import AccountError
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import (
    Cash,
    Clock,
    DayRoll,
    MarketHoursSet,
    Position,
    PriceMove,
    Release,
    SplitSet,
    StaleQuotes,
    VenueFault,
)
from venue_sandbox.servers.faults import FaultError

__all__ = ["change"]

AFTER_OPEN = timedelta(minutes=1)
FORCED = {"open": True, "closed": False, "calendar": None}


def change(exchange: Exchange, fault: VenueFault) -> None:
    """Carry out a change.

    Raises
    ------
    FaultError
        It names an account or a symbol that is not there, or is none of the venue's changes.
    """
    symbol = fault.symbol if isinstance(fault, PriceMove | StaleQuotes | SplitSet | Position) else None
    if symbol is not None and exchange.listing.find(symbol) is None:
        raise FaultError(f"symbol {symbol!r} is not listed here")
    try:
        _change(exchange, fault)
    except (AccountError, QuantError) as error:
        raise FaultError(str(error)) from None


def _change(exchange: Exchange, fault: VenueFault) -> None:
    match fault:
        case Clock() | DayRoll() | MarketHoursSet():
            _change_time(exchange, fault)
        case PriceMove():
            exchange.set_price(fault.symbol, fault.price or _last(exchange, fault.symbol) * (fault.factor or 1))
        case StaleQuotes():
            exchange.market.stale[fault.symbol] = fault.seconds
        case SplitSet():
            exchange.announce_split(fault.symbol, fault.ratio, fault.session or exchange.today())
        case Cash() | Position():
            _change_account(exchange, fault)
        case Release():
            for order in exchange.book.live():
                if order.hold is not None and fault.order in (None, order.ticket.reference):
                    exchange.release(order.number)
        case _:
            raise FaultError(f"{type(fault).__name__} is no change of this venue")


def _change_time(exchange: Exchange, fault: Clock | DayRoll | MarketHoursSet) -> None:
    if isinstance(fault, MarketHoursSet):
        exchange.force_hours(FORCED[fault.state])
    elif isinstance(fault, Clock):
        exchange.set_clock(fault.instant or exchange.now() + timedelta(seconds=fault.forward))
    else:
        session = exchange.today()
        for _ in range(fault.sessions):
            session = exchange.hours.calendar.after(session)
        exchange.set_clock(exchange.hours.opening(session) + AFTER_OPEN)


def _change_account(exchange: Exchange, fault: Cash | Position) -> None:
    if isinstance(fault, Position):
        exchange.set_holding(fault.account, fault.symbol, fault.quantity)
        return
    if fault.account not in exchange.book.accounts:
        raise AccountError(f"account {fault.account!r} is not open")
    held = exchange.book.accounts[fault.account].cash.get(fault.currency, Decimal(0))
    exchange.set_cash(fault.account, fault.currency, held + fault.change if fault.amount is None else fault.amount)


def _last(exchange: Exchange, symbol: str) -> Decimal:
    return exchange.market.last(exchange.listing.instruments[symbol], exchange.now())
