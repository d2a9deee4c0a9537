"""Interactive Brokers: the faults of the TWS venue."""

import threading
from datetime import timedelta

from quant_platform_kit.services.run.execution import ExecutionTimes
from venue_sandbox.stands.ibkr import IbkrStand
from venue_sandbox.stands.stand import Waits

from chaos.matrix.page import Page
from chaos.matrix.rows import ACCOUNT, Row, fault, together

__all__ = ["PAGE"]

WAITS = Waits(1.0, timedelta(seconds=0.4))
TIMES = ExecutionTimes(timedelta(seconds=0.4), timedelta(seconds=0.04))


def _occupied(stand: IbkrStand) -> None:
    """Hold the client id for a second, as a session that was not ended does."""
    other = stand.clients(Waits(2.0, WAITS.settle)).connection(ACCOUNT)
    other.connect()
    threading.Timer(1.0, other.close).start()


def _closed_for_a_while(stand: IbkrStand) -> None:
    """Close the market, and open it again after a second."""
    stand.server.fault("market", state="closed")
    threading.Timer(1.0, lambda: stand.server.fault("market", state="open")).start()


def _lost_connectivity(stand: IbkrStand) -> None:
    """Send 1100 when an order comes, and 1102 with the next one."""
    stand.server.fault("message", code=1100, operation="submit")
    stand.server.fault("message", code=1102, operation="submit", skip=1)


SUBMIT = {"operation": "submit"}
ROWS = (
    Row("lost acknowledgement, connection cut", fault("drop_after", **SUBMIT)),
    Row("lost acknowledgement, connection open", fault("silent", **SUBMIT)),
    Row("silent drop", fault("silent_drop", **SUBMIT)),
    Row("connection cut before the order", fault("drop_before", **SUBMIT)),
    Row("delayed accept, within the visibility window", fault("delayed_accept", seconds=0.2, **SUBMIT)),
    Row("delayed accept, after the visibility window", fault("delayed_accept", seconds=1.8, **SUBMIT)),
    Row("duplicate event", fault("duplicate_event")),
    Row("late fill", fault("late_fill", seconds=0.2)),
    Row("partial fill, then the connection is lost", fault("partial_fill", share="0.5", then="disconnect")),
    Row("partial fill, then cancelled", fault("partial_fill", share="0.5", then="cancel")),
    Row("unfilled at the deadline", fault("unfilled")),
    Row("a fill overtakes the cancel (10148)", together(fault("unfilled"), fault("fill_races_cancel"))),
    Row("201, status first", fault("reject", **SUBMIT)),
    Row("201, error first", fault("reject", error_first=True, **SUBMIT)),
    Row("399, market closed for a while", _closed_for_a_while),
    Row("10349 beside an order", fault("error", code=10349, **SUBMIT)),
    Row("10147, a cancel is not known", together(fault("unfilled"), fault("error", code=10147, operation="cancel"))),
    Row("103, duplicate order id", fault("error", code=103, **SUBMIT)),
    Row("ids are rolled back", fault("id_rollback")),
    Row("326, client id in use for a while", _occupied),
    Row("1100, 1102 connectivity", _lost_connectivity),
    Row("start-up requests stay silent", fault("silent_drop", operation="positions", times=2)),
    Row("Gateway restart", fault("restart", seconds=0.5)),
    Row("Gateway restart when an order comes", fault("restart", seconds=0.5, **SUBMIT)),
)
PAGE = Page(IbkrStand, ROWS, WAITS, TIMES, timedelta(seconds=3))
