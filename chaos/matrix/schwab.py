"""Charles Schwab: the faults of its venue."""

from datetime import timedelta

from venue_sandbox.stands.schwab import SchwabStand
from venue_sandbox.stands.stand import Waits

from chaos.matrix.over_http import SERVER_ERRORS, order_rows
from chaos.matrix.page import Page
from chaos.matrix.rows import Row, fault, together

__all__ = ["PAGE"]


def _wrong_location(stand: SchwabStand) -> None:
    """Have the answer name the newest order of the day before."""
    newest = max(int(order["number"]) for order in stand.book()["orders"])
    stand.server.fault("wrong_location", order_id=newest)


LOGIN = (SchwabStand.log_in, "someone has logged in again")
BACK = (lambda stand: stand.server.clear(), "it answers again")
ALWAYS = {"operation": "*", "times": None}
ROWS = (
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
PAGE = Page(SchwabStand, ROWS, Waits(1.5, timedelta(seconds=0.6)), lease=timedelta(seconds=6))
