"""Charles Schwab: the faults of its venue."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.service import Account
from quant_platform_kit.services.run.execution import ExecutionTimes
from schwab_app.broker import Delays
from schwab_app.compose import account_of
from schwab_app.connection import Connection, Login
from schwab_app.tokens import TokenFile
from venue_sandbox.servers.launch import Server

from chaos.matrix.over_http import SERVER_ERRORS, order_rows
from chaos.matrix.stand import ACCOUNT, Row, fault, on_price_file, set_clock, together

__all__ = ["SCHWAB_ROWS", "schwab"]

TIMEOUT, SETTLE = 1.5, timedelta(seconds=0.6)


@dataclass(frozen=True)
class SchwabStand:
    """A Schwab venue, and the token file of a login."""

    venue: Server
    tokens: TokenFile
    times: ExecutionTimes = field(default=ExecutionTimes(timedelta(seconds=1), timedelta(seconds=0.1)))
    lease: timedelta = timedelta(seconds=6)
    timeout: float = TIMEOUT

    def log_in(self) -> None:
        """Log in, as someone does every week."""
        self.tokens.write(self.venue.control("POST", "login"))

    def begin(self, session: date) -> None:
        """Set the venue's clock."""
        set_clock(self.venue, session)

    def account(self, store: VersionedStore) -> Account:
        """Return the account in a session that has not begun."""
        login = Login("sandbox-key", "sandbox-secret", self.tokens, ("127.0.0.1", self.venue.port))
        return account_of(Connection(login, self.timeout), ACCOUNT, store, Delays(SETTLE))


@contextmanager
def schwab(folder: Path) -> Generator[SchwabStand]:
    """Run a Schwab venue, and log in at it."""
    with Server("venue_sandbox.venues.schwab", *on_price_file(folder)) as venue:
        stand = SchwabStand(venue, TokenFile(folder / "token.json"))
        stand.log_in()
        yield stand


def _wrong_location(stand: SchwabStand) -> None:
    """Have the answer name the newest order of the day before."""
    newest = max(int(order["number"]) for order in stand.venue.control("GET", "book")["orders"])
    stand.venue.fault("wrong_location", order_id=newest)


LOGIN = (SchwabStand.log_in, "someone has logged in again")
BACK = (lambda stand: stand.venue.clear(), "it answers again")
ALWAYS = {"operation": "*", "times": None}
SCHWAB_ROWS = (
    *order_rows(late=4),
    Row("no Location", fault("missing_location", times=4)),
    Row("Location names an order that nobody has", fault("wrong_location")),
    Row("Location names another order of ours", _wrong_location),
    Row("401 on a look-up: the access token ended", fault("expire_access")),
    Row("401 on an order: the access token ended", fault("expire_access", operation="submit")),
    Row("401, and the refresh fails once", together(fault("expire_access"), fault("refresh_failure"))),
    Row(
        "401, and every refresh fails",
        together(fault("expire_access"), fault("refresh_failure", times=None)),
        together(BACK[0], SchwabStand.log_in),
        "someone has logged in again",
    ),
    Row("the login is 7 days old", together(fault("expire_access"), fault("age_login")), *LOGIN),
    Row(
        "the login ends between two orders",
        together(fault("expire_access", operation="submit"), fault("age_login", operation="submit")),
        *LOGIN,
    ),
    Row("429 on an order, with a body", fault("http_error", status=429)),
    Row("429 on an order, without", fault("http_error", status=429, body="")),
    Row("429 on a look-up, with Retry-After", fault("http_error", operation="orders", status=429, retry_after=1)),
    Row("429 on a look-up, without a body", fault("http_error", operation="account", status=429, body="", times=2)),
    *SERVER_ERRORS,
    Row("never answers quotes", fault("silent_drop", operation="quotes", times=None), *BACK),
    Row("never answers anything", fault("silent_drop", **ALWAYS), *BACK),
    Row("orders are not shown before one is sent", fault("silent_drop", operation="orders", times=None, skip=1), *BACK),
    Row("orders are not shown after one was sent", fault("silent_drop", operation="orders", times=None, skip=2), *BACK),
    Row("half-open connections, when an order comes", fault("half_open", operation="submit")),
    Row("half-open connections, when its state is asked for", fault("half_open", operation="order")),
    Row("connections reset", fault("disconnect", operation="quotes")),
)
