"""Messages about the connection itself: 71 start, 8 ids, 17 accounts, 49 time, and some that need no answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from venue_sandbox.exchange.faults import RequestFacts
from venue_sandbox.venues.tws.codec import Fields
from venue_sandbox.venues.tws.fault_injection import NO_REQUEST, START, Request
from venue_sandbox.venues.tws.session import Read, Session

__all__ = ["REQUESTS"]

ID_IN_USE = (326, "Unable to connect as the client id is already in use. Retry with a unique client id.")
NOT_MASTER = (327, "Only API connections with clientId set to 0 can set the auto bind TWS orders property.")
FARMS = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefnj"),
)


def _start(session: Session, fields: Fields) -> Request:
    fields.skip()
    client = fields.integer()

    def run(_: object) -> None:
        if client in session.venue.sessions:
            session.error(NO_REQUEST, *ID_IN_USE)
            session.close()
            return
        session.client = client
        session.venue.sessions[client] = session
        _tell_accounts(session)
        _tell_next_id(session)
        for code, text in FARMS:
            session.error(NO_REQUEST, code, text)

    return Request(RequestFacts(START), run)


def _tell_accounts(session: Session) -> None:
    session.send(15, 1, "".join(f"{account}," for account in session.exchange.book.accounts))


def _tell_next_id(session: Session) -> None:
    session.send(9, 1, session.venue.ids.next_id(session.client or 0))


def _tell_time(session: Session) -> None:
    session.send(49, 1, int(session.exchange.now().timestamp()))


def _bind_orders(session: Session, fields: Fields) -> Request:
    def run(_: object) -> None:
        if session.client != 0:
            session.error(NO_REQUEST, *NOT_MASTER)

    return Request(RequestFacts("bind_orders"), run)


def _tell_nothing(session: Session) -> None:
    """Leave the request without an answer, as it has none."""


def _asking(operation: str, answer: Callable[[Session], None]) -> Read:
    """Return the reader of a request whose fields do not matter."""

    def read(session: Session, fields: Fields) -> Request:
        return Request(RequestFacts(operation), lambda _: answer(session))

    return read


REQUESTS: Mapping[int, Read] = {
    71: _start,
    8: _asking("ids", _tell_next_id),
    17: _asking("managed_accounts", _tell_accounts),
    49: _asking("time", _tell_time),
    14: _asking("log_level", _tell_nothing),
    12: _asking("news_bulletins", _tell_nothing),
    13: _asking("news_bulletins_end", _tell_nothing),
    15: _bind_orders,
}
