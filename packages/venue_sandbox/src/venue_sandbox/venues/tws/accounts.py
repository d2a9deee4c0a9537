"""Messages about accounts: 6 and 76 updates, 62 summary, 61 and 74 positions, and the ends of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from venue_sandbox.exchange.accounts import Account
from venue_sandbox.exchange.faults import RequestFacts, SweptCash, VenueFault
from venue_sandbox.venues.tws.codec import Fields
from venue_sandbox.venues.tws.contracts import contract_values
from venue_sandbox.venues.tws.fault_injection import NO_REQUEST, Request
from venue_sandbox.venues.tws.layouts import MULTI_POSITION, PORTFOLIO, POSITION
from venue_sandbox.venues.tws.session import Read, Session, Summary
from venue_sandbox.venues.tws.subscriptions import ended, known_account
from venue_sandbox.venues.tws.valuation import NET_LIQUIDATION, account_values, amount, ledger_values

__all__ = ["REQUESTS", "push_account"]

EVERYTHING = "All"
LEDGER = "$LEDGER"
LEDGER_ALL = "$LEDGER:ALL"
BASE = "BASE"
CASH_BALANCE = "CashBalance"
"""Told too high by what is swept in, where deposits are swept; ``TotalCashBalance`` is not."""


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
            _tell_multi(session, request, account)
    for request, wanted in session.multi_positions.items():
        if symbol is not None and wanted in (None, account_id):
            _tell_multi_position(session, request, account, symbol)
    for request, summary in session.summaries.items():
        if summary.account in (None, account_id):
            _tell_summary(session, request, account, summary.tags)


def _account_updates(session: Session, fields: Fields) -> Request:
    fields.skip()
    subscribe, account_id = fields.flag(), fields.text() or next(iter(session.exchange.book.accounts))

    def run(_: object) -> None:
        account = known_account(session, NO_REQUEST, account_id)
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

    def run(fault: VenueFault | None) -> None:
        account = known_account(session, request, account_id)
        if account is None:
            return
        session.multi_updates[request] = account_id
        (session.ledger_only.add if ledger_only else session.ledger_only.discard)(request)
        _tell_multi(session, request, account, fault if isinstance(fault, SweptCash) else None)
        session.send(74, 1, request)

    return Request(RequestFacts("account_multi", account_id), run, request)


def _end_multi_updates(session: Session, fields: Fields) -> Request:
    fields.skip()
    request = fields.integer()

    def run(_: object) -> None:
        session.ledger_only.discard(request)
        ended(session, request, session.multi_updates)

    return Request(RequestFacts("account_multi_end"), run, request)


def _summary(session: Session, fields: Fields) -> Request:
    fields.skip()
    request, group, tags = fields.integer(), fields.text(), frozenset(fields.text().split(","))
    wanted = None if group == EVERYTHING else group

    def run(_: object) -> None:
        if wanted is not None and known_account(session, request, wanted) is None:
            return
        session.summaries[request] = Summary(wanted, tags)
        for account in session.exchange.book.accounts.values():
            if wanted in (None, account.id):
                _tell_summary(session, request, account, tags)
        session.send(64, 1, request)

    return Request(RequestFacts("account_summary"), run, request)


def _tell_summary(session: Session, request: int, account: Account, tags: frozenset[str]) -> None:
    for tag, value, currency in _summary_rows(session, account, tags):
        session.send(63, 1, request, account.id, tag, value, currency)


def _summary_rows(session: Session, account: Account, tags: frozenset[str]) -> Iterable[tuple[str, str, str]]:
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
    fields.skip()
    request = fields.integer()
    return Request(RequestFacts("account_summary_end"), lambda _: ended(session, request, session.summaries), request)


def _multi_positions(session: Session, fields: Fields) -> Request:
    fields.skip()
    request, account_id = fields.integer(), fields.text()
    wanted = account_id or None

    def run(_: object) -> None:
        if wanted is not None and known_account(session, request, wanted) is None:
            return
        session.multi_positions[request] = wanted
        for account in session.exchange.book.accounts.values():
            for symbol in account.held() if wanted in (None, account.id) else ():
                _tell_multi_position(session, request, account, symbol)
        session.send(72, 1, request)

    return Request(RequestFacts("positions_multi", account_id), run, request)


def _end_multi_positions(session: Session, fields: Fields) -> Request:
    fields.skip()
    request = fields.integer()
    facts = RequestFacts("positions_multi_end")
    return Request(facts, lambda _: ended(session, request, session.multi_positions), request)


def _tell_values(session: Session, account: Account) -> None:
    for tag, value, currency in (
        *account_values(session.exchange, account),
        *ledger_values(session.exchange, account),
    ):
        session.send(6, 2, tag, value, currency, account.id)


def _tell_multi(session: Session, request: int, account: Account, swept: SweptCash | None = None) -> None:
    rows = account_values(session.exchange, account)
    if request in session.ledger_only:
        rows = [row for row in rows if row[0] == NET_LIQUIDATION]
    for tag, value, currency in (*rows, *ledger_values(session.exchange, account)):
        if swept is not None and tag == CASH_BALANCE:
            value = amount(Decimal(value) + swept.loan)
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


def _tell_multi_position(session: Session, request: int, account: Account, symbol: str) -> None:
    holding, instrument = account.holding(symbol), session.exchange.listing.instruments[symbol]
    values = {
        **contract_values(instrument),
        "request": request,
        "account": account.id,
        "position": holding.quantity,
        "averageCost": holding.average_cost,
    }
    session.send(*MULTI_POSITION.fill(session.version, values))


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
    74: _multi_positions,
    75: _end_multi_positions,
    76: _multi_updates,
    77: _end_multi_updates,
}
