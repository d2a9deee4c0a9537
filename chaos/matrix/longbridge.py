"""LongBridge: the faults of its venue, over either of its libraries."""

from venue_sandbox.stands.longbridge import LongBridgeStand

from chaos.matrix.over_http import SERVER_ERRORS, order_rows
from chaos.matrix.page import Page
from chaos.matrix.rows import Row, fault, together

__all__ = ["PAGE"]

RENEWED = (LongBridgeStand.renew_tokens, "there is another token")
BACK = (lambda stand: stand.server.clear(), "it answers again")
ROWS = (
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
PAGE = Page(LongBridgeStand, ROWS)
