"""Messages about profit: 92 of an account, 94 of a position, and the ends of these."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import RequestFacts
from venue_sandbox.exchange.instruments import Instrument
from venue_sandbox.exchange.orders import Execution, Side
from venue_sandbox.venues.tws.codec import Fields
from venue_sandbox.venues.tws.contracts import UNKNOWN_CONTRACT
from venue_sandbox.venues.tws.fault_injection import Request
from venue_sandbox.venues.tws.session import Read, Session
from venue_sandbox.venues.tws.subscriptions import ended, known_account

__all__ = ["REQUESTS", "day_gain", "push_profits"]

ZERO = Decimal(0)


def push_profits(session: Session, account: str | None = None, symbol: str | None = None) -> None:
    """Tell a session of the profits that it has subscribed to and that an account or a price has changed."""
    for request, (subscribed, instrument) in session.profits.items():
        is_meant = account in (None, subscribed) and symbol in (None, instrument.symbol if instrument else symbol)
        if is_meant:
            _tell(session, request, subscribed, instrument)


def day_gain(exchange: Exchange, account: str, symbol: str) -> Decimal:
    """Return what a symbol has brought an account today, commissions deducted, in the symbol's currency."""
    quote = exchange.quote(symbol)
    if quote is None:
        return ZERO
    fills = [fill for fill in exchange.book.executions if _is_of_today(exchange, fill, account, symbol)]
    held = exchange.book.accounts[account].holding(symbol).quantity
    traded = sum((_signed(fill) * (quote.previous_close - fill.price) for fill in fills), ZERO)
    return held * (quote.last - quote.previous_close) + traded - sum((fill.commission for fill in fills), ZERO)


def _is_of_today(exchange: Exchange, fill: Execution, account: str, symbol: str) -> bool:
    at = exchange.hours.calendar.local_date(fill.at)
    return (fill.account, fill.symbol, at) == (account, symbol, exchange.today())


def _signed(fill: Execution) -> Decimal:
    return fill.quantity if fill.side is Side.BUY else -fill.quantity


def _account_profit(session: Session, fields: Fields) -> Request:
    request, account = fields.integer(), fields.text()

    def run(_: object) -> None:
        if known_account(session, request, account) is not None:
            session.profits[request] = (account, None)
            _tell(session, request, account, None)

    return Request(RequestFacts("profit", account), run, request)


def _position_profit(session: Session, fields: Fields) -> Request:
    request, account = fields.integer(), fields.text()
    fields.skip()  # model code
    instrument = session.exchange.listing.find_id(fields.integer())

    def run(_: object) -> None:
        if instrument is None:
            session.error(request, *UNKNOWN_CONTRACT)
        elif known_account(session, request, account) is not None:
            session.profits[request] = (account, instrument)
            _tell(session, request, account, instrument)

    return Request(RequestFacts("profit", account), run, request)


def _end(session: Session, fields: Fields) -> Request:
    request = fields.integer()
    return Request(RequestFacts("profit_end"), lambda _: ended(session, request, session.profits), request)


def _tell(session: Session, request: int, account_id: str, instrument: Instrument | None) -> None:
    exchange, account = session.exchange, session.exchange.book.accounts[account_id]
    if instrument is not None:
        holding = account.holding(instrument.symbol)
        last = exchange.market.last(instrument, exchange.now())
        gains = (day_gain(exchange, account_id, instrument.symbol), holding.gain(holding.quantity, last, ZERO))
        session.send(95, request, holding.quantity, *gains, holding.realized, holding.quantity * last)
        return
    today = open_gain = realized = ZERO
    for symbol, holding in account.holdings.items():
        share = exchange.listing.instruments[symbol]
        last = exchange.market.last(share, exchange.now())
        gains = (day_gain(exchange, account_id, symbol), holding.gain(holding.quantity, last, ZERO), holding.realized)
        one = [account.in_base(gain, share.currency) for gain in gains]
        today, open_gain, realized = today + one[0], open_gain + one[1], realized + one[2]
    session.send(94, request, today, open_gain, realized)


REQUESTS: Mapping[int, Read] = {92: _account_profit, 93: _end, 94: _position_profit, 95: _end}
