"""Messages about accounts: 6 updates, 62 summary, 76 updates of several, 61 positions, and the ends of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from venue_sandbox.exchange.accounts import Account
from venue_sandbox.exchange.faults import RequestFacts
from venue_sandbox.venues.tws.codec import Fields
from venue_sandbox.venues.tws.contracts import contract_values
from venue_sandbox.venues.tws.fault_injection import NO_REQUEST, Request
from venue_sandbox.venues.tws.layouts import PORTFOLIO, POSITION
from venue_sandbox.venues.tws.session import Read, Session
from venue_sandbox.venues.tws.valuation import NET_LIQUIDATION, account_values, amount, ledger_values

__all__ = ["REQUESTS", "push_account"]

EVERYTHING = "All"
LEDGER = "$LEDGER"
LEDGER_ALL = "$LEDGER:ALL"
BASE = "BASE"
INVALID_ACCOUNT = "Error validating request.-'bN' : cause - Invalid account code '{}'"


def push_account(session: Session, account_id: str, symbol: str | None) -> None:
    """Tell a session what it has subscribed to of an account: its values, and the position of a symbol."""
    account = session.exchange.book.accounts[account_id]
    if symbol is not None and session.positions:
        _tell_position(session, account, symbol)
    if session.account_updates == account_id:
        _tell_values(session, account)
        if symbol is not None:
            _tell_portfolio(session, account, symbol)
        _tell_time(session)
    for request, subscribed in session.multi_updates.items():
        if subscribed == account_id:
            _tell_multi(session, request, account, ledger_only=False)


def _account_updates(session: Session, fields: Fields) -> Request:
    fields.skip()
    subscribe, account_id = fields.flag(), fields.text() or next(iter(session.exchange.book.accounts))

    def run(_: object) -> None:
        account = _known(session, NO_REQUEST, account_id)
        if account is None:
            return
        session.account_updates = account_id if subscribe else None
        if subscribe:
            _tell_values(session, account)
            for symbol in account.held():
                _tell_portfolio(session, account, symbol)
            _tell_time(session)
            session.send(54, 1, account_id)

    return Request(RequestFacts("account", account_id), run)


def _multi_updates(session: Session, fields: Fields) -> Request:
    fields.skip()
    request, account_id = fields.integer(), fields.text()
    fields.skip()
    ledger_only = fields.flag()

    def run(_: object) -> None:
        account = _known(session, request, account_id)
        if account is None:
            return
        session.multi_updates[request] = account_id
        _tell_multi(session, request, account, ledger_only=ledger_only)
        session.send(74, 1, request)

    return Request(RequestFacts("account_multi", account_id), run, request)


def _end_multi_updates(session: Session, fields: Fields) -> Request:
    fields.skip()
    request = fields.integer()

    def run(_: object) -> None:
        session.multi_updates.pop(request, None)

    return Request(RequestFacts("account_multi_end"), run, request)


def _summary(session: Session, fields: Fields) -> Request:
    fields.skip()
    request, group, tags = fields.integer(), fields.text(), set(fields.text().split(","))

    def run(_: object) -> None:
        accounts = session.exchange.book.accounts
        if group != EVERYTHING and _known(session, request, group) is None:
            return
        for account in accounts.values() if group == EVERYTHING else (accounts[group],):
            for tag, value, currency in _summary_rows(session, account, tags):
                session.send(63, 1, request, account.id, tag, value, currency)
        session.send(64, 1, request)

    return Request(RequestFacts("account_summary"), run, request)


def _summary_rows(session: Session, account: Account, tags: set[str]) -> Iterable[tuple[str, str, str]]:
    yield from (row for row in account_values(session.exchange, account) if row[0] in tags)
    wanted = {tag.partition(":")[2] for tag in tags if tag.startswith(f"{LEDGER}:")}
    if LEDGER in tags:
        wanted.add(BASE)
    rows = ledger_values(session.exchange, account)
    yield from (row for row in rows if LEDGER_ALL in tags or row[2] in wanted)


def _positions(session: Session, fields: Fields) -> Request:
    def run(_: object) -> None:
        session.positions = True
        for account in session.exchange.book.accounts.values():
            for symbol in account.held():
                _tell_position(session, account, symbol)
        session.send(62, 1)

    return Request(RequestFacts("positions"), run)


def _end_positions(session: Session, fields: Fields) -> Request:
    def run(_: object) -> None:
        session.positions = False

    return Request(RequestFacts("positions_end"), run)


def _end_summary(session: Session, fields: Fields) -> Request:
    return Request(RequestFacts("account_summary_end"), lambda _: None)


def _known(session: Session, request: int, account_id: str) -> Account | None:
    account = session.exchange.book.accounts.get(account_id)
    if account is None:
        session.error(request, 321, INVALID_ACCOUNT.format(account_id))
    return account


def _tell_values(session: Session, account: Account) -> None:
    for tag, value, currency in (
        *account_values(session.exchange, account),
        *ledger_values(session.exchange, account),
    ):
        session.send(6, 2, tag, value, currency, account.id)


def _tell_multi(session: Session, request: int, account: Account, *, ledger_only: bool) -> None:
    rows = account_values(session.exchange, account)
    if ledger_only:
        rows = [row for row in rows if row[0] == NET_LIQUIDATION]
    for tag, value, currency in (*rows, *ledger_values(session.exchange, account)):
        session.send(73, 1, request, account.id, "", tag, value, currency)


def _tell_time(session: Session) -> None:
    session.send(8, 1, f"{session.exchange.now().astimezone(session.venue.zone):%H:%M}")


def _tell_position(session: Session, account: Account, symbol: str) -> None:
    holding, instrument = account.holding(symbol), session.exchange.listing.instruments[symbol]
    values = {
        **contract_values(instrument),
        "account": account.id,
        "position": holding.quantity,
        "averageCost": holding.average_cost,
    }
    session.send(*POSITION.fill(session.version, values))


def _tell_portfolio(session: Session, account: Account, symbol: str) -> None:
    holding, instrument = account.holding(symbol), session.exchange.listing.instruments[symbol]
    price = session.exchange.market.last(instrument, session.exchange.now())
    values = {
        **contract_values(instrument),
        "account": account.id,
        "position": holding.quantity,
        "marketPrice": price,
        "marketValue": amount(holding.quantity * price),
        "averageCost": holding.average_cost,
        "unrealizedPnl": amount(holding.gain(holding.quantity, price, Decimal(0))),
        "realizedPnl": amount(holding.realized),
    }
    session.send(*PORTFOLIO.fill(session.version, values))


REQUESTS: Mapping[int, Read] = {
    6: _account_updates,
    61: _positions,
    62: _summary,
    63: _end_summary,
    64: _end_positions,
    76: _multi_updates,
    77: _end_multi_updates,
}
