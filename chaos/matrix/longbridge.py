"""LongBridge: the faults of its venue, over either of its libraries."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from longbridge_app.compose import account_of
from longbridge_app.worker import Worker
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.service import Account
from quant_platform_kit.services.run.execution import ExecutionTimes
from venue_sandbox.servers.launch import Server

from chaos.brokers.longbridge import credentials_at
from chaos.matrix.over_http import SERVER_ERRORS, order_rows
from chaos.matrix.stand import ACCOUNT, Row, fault, on_price_file, set_clock, together

__all__ = ["LONGBRIDGE_ROWS", "longbridge", "longport"]

TIMEOUT, SETTLE = 3.0, timedelta(seconds=0.6)


@dataclass(frozen=True)
class LongBridgeStand:
    """A LongBridge venue."""

    venue: Server
    library: str
    times: ExecutionTimes = field(default=ExecutionTimes(timedelta(seconds=1), timedelta(seconds=0.1)))
    lease: timedelta = timedelta(seconds=10)
    timeout: float = TIMEOUT

    def begin(self, session: date) -> None:
        """Set the venue's clock."""
        set_clock(self.venue, session)

    def account(self, store: VersionedStore) -> Account:
        """Return the account over two connections that were not made yet."""
        credentials = credentials_at(self.venue, self.library, ACCOUNT)
        trade, quote = Worker(credentials, self.timeout), Worker(credentials, self.timeout)
        return account_of(trade, quote, ACCOUNT, store, SETTLE)


@contextmanager
def _serve(library: str, folder: Path) -> Generator[LongBridgeStand]:
    with Server("venue_sandbox.venues.longbridge", *on_price_file(folder)) as venue:
        yield LongBridgeStand(venue, library)


longbridge, longport = partial(_serve, "longbridge"), partial(_serve, "longport")

RENEWED = (lambda stand: stand.venue.control("POST", "login", {}), "there is another token")
BACK = (lambda stand: stand.venue.clear(), "it answers again")
LONGBRIDGE_ROWS = (
    *order_rows(late=7),
    Row("401: the token has expired", fault("expire_token"), *RENEWED),
    Row("401 on an order: the token expires", fault("expire_token", operation="submit"), *RENEWED),
    Row("websocket sessions have expired", together(fault("expire_sessions"), fault("disconnect", operation="quotes"))),
    Row("429 on an order, with a body", fault("http_error", status=429)),
    Row("429 on an order, without", fault("http_error", status=429, body="")),
    Row("429 on a look-up, with a body", fault("http_error", operation="orders", status=429, times=2)),
    Row("429 on a look-up, without", fault("http_error", operation="account", status=429, body="", times=2)),
    Row("301606 on quotes: too many requests", fault("error", operation="quotes", code=301606, times=2)),
    *SERVER_ERRORS,
    Row("dead websocket of quotes", fault("dead_socket", socket="quote", operation="quotes")),
    Row("dead websocket of orders", fault("dead_socket", socket="trade", operation="quotes")),
    Row("dead websockets, when an order comes", fault("dead_socket", operation="submit")),
    Row("a question on a websocket is never answered", fault("silent_drop", operation="quotes")),
    Row("never answers history", fault("silent_drop", operation="candlesticks", times=None), *BACK),
    Row("never answers anything", fault("silent_drop", operation="*", times=None), *BACK),
    Row("never answers after an order", fault("silent_drop", operation="order", times=None), *BACK),
    Row("gzip frames", fault("gzip")),
    Row("half-open connections, when an order comes", fault("half_open", operation="submit")),
    Row("half-open connections, when quotes are asked for", fault("half_open", operation="quotes")),
    Row("connections reset", fault("disconnect", operation="quotes")),
)
