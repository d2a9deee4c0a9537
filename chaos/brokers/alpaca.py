"""Alpaca, which takes a client order id once: whatever becomes of a send, the same id may be sent again."""

from datetime import timedelta

from venue_sandbox.stands.alpaca import AlpacaStand
from venue_sandbox.stands.stand import Waits

from chaos.brokers.plan import Plan

__all__ = ["PLAN"]

LATE = 4.0
"""Later than the timeout, a login and the visibility window: the order is sent again before it is accepted."""

PLAN = Plan(
    AlpacaStand,
    faults=(
        (0.10, {"kind": "drop_after", "operation": "submit"}),
        (0.10, {"kind": "drop_before", "operation": "submit"}),
        (0.08, {"kind": "delayed_accept", "operation": "submit", "seconds": 0.15}),
        (0.08, {"kind": "delayed_accept", "operation": "submit", "seconds": LATE}),
        (0.04, {"kind": "silent", "operation": "submit"}),
        (0.04, {"kind": "silent_drop", "operation": "submit"}),
        (0.05, {"kind": "http_error", "operation": "submit", "status": 429}),
        (0.05, {"kind": "http_error", "operation": "submit", "status": 504}),
        (0.08, {"kind": "http_error", "operation": "submit", "status": 504, "applied": True}),
        (0.05, {"kind": "duplicate_order", "operation": "submit"}),
        (0.05, {"kind": "http_error", "operation": "orders", "status": 503}),
        (0.05, {"kind": "http_error", "operation": "fills", "status": 429}),
        (0.05, {"kind": "duplicate_event"}),
        (0.08, {"kind": "late_fill", "seconds": 0.15}),
        (0.02, {"kind": "partial_fill", "share": "0.5", "then": "cancel"}),
        (0.01, {"kind": "reject", "operation": "submit"}),
    ),
    changes=((0.03, {"kind": "disconnect"}), (0.01, {"kind": "half_open"})),
    blocking=((0.005, {"kind": "phantom_order", "operation": "submit"}),),
    waits=Waits(1.5, timedelta(seconds=0.4)),
    lease=timedelta(seconds=4),
)
