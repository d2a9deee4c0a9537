"""Alpaca: the faults of its venue."""

from datetime import timedelta

from venue_sandbox.stands.alpaca import AlpacaStand
from venue_sandbox.stands.stand import ACCOUNT, Waits

from chaos.matrix.over_http import SERVER_ERRORS, order_rows
from chaos.matrix.page import Page
from chaos.matrix.rows import Row, fault

__all__ = ["PAGE"]

BACK = (lambda stand: stand.server.clear(), "it answers again")
FREE = (fault("account_state", account=ACCOUNT), "its trading is allowed again")
BLOCKED = fault("account_state", account=ACCOUNT, trading_blocked=True)
ROWS = (
    *order_rows(late=4),
    Row("sent on twice: 422 client_order_id must be unique", fault("duplicate_order")),
    Row("sent on twice, and not answered", fault("duplicate_order", answered=False)),
    Row("429 on an order, with a body", fault("http_error", status=429)),
    Row("429 on an order, without", fault("http_error", status=429, body="")),
    Row("429 on an order, which is taken", fault("http_error", status=429, applied=True)),
    Row("429 on a look-up, with a body", fault("http_error", operation="orders", status=429, times=2)),
    Row("429 on fills", fault("http_error", operation="fills", status=429, times=2)),
    *SERVER_ERRORS,
    Row("422 on an order: any other", fault("http_error", status=422)),
    Row("403 on an order", fault("http_error", status=403)),
    Row("401 on an order: the keys were revoked", fault("http_error", status=401)),
    Row("never answers quotes", fault("silent_drop", operation="quotes", times=None), *BACK),
    Row("never answers anything", fault("silent_drop", operation="*", times=None), *BACK),
    Row("orders are not shown after one was sent", fault("silent_drop", operation="orders", times=None), *BACK),
    Row("fills are not shown", fault("silent_drop", operation="fills", times=None), *BACK),
    Row("the account's trading is blocked", BLOCKED, *FREE),
    Row("half-open connections, when an order comes", fault("half_open", operation="submit")),
    Row("half-open connections, when its state is asked for", fault("half_open", operation="orders")),
    Row("connections reset", fault("disconnect", operation="quotes")),
)
PAGE = Page(AlpacaStand, ROWS, Waits(1.5, timedelta(seconds=0.6)), lease=timedelta(seconds=6))
