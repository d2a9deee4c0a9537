"""LongBridge: every worker's connections are processes of their own, as in the app."""

from datetime import timedelta

from venue_sandbox.stands.longbridge import LongBridgeStand
from venue_sandbox.stands.stand import Waits

from chaos.brokers.plan import Plan

__all__ = ["PLAN"]

LATE = 5.0
"""Later than the timeout, a login and the visibility window: the order is sent again before it is accepted."""

PLAN = Plan(
    LongBridgeStand,
    faults=(
        (0.10, {"kind": "drop_after", "operation": "submit"}),
        (0.10, {"kind": "drop_before", "operation": "submit"}),
        (0.08, {"kind": "delayed_accept", "operation": "submit", "seconds": 0.15}),
        (0.05, {"kind": "delayed_accept", "operation": "submit", "seconds": 1.6}),
        (0.08, {"kind": "delayed_accept", "operation": "submit", "seconds": LATE}),
        (0.04, {"kind": "silent", "operation": "submit"}),
        (0.04, {"kind": "silent_drop", "operation": "submit"}),
        (0.05, {"kind": "http_error", "operation": "submit", "status": 502}),
        (0.05, {"kind": "http_error", "operation": "submit", "status": 504, "applied": True}),
        (0.05, {"kind": "http_error", "operation": "orders", "status": 500}),
        (0.08, {"kind": "duplicate_event"}),
        (0.08, {"kind": "late_fill", "seconds": 0.15}),
        (0.02, {"kind": "partial_fill", "share": "0.5", "then": "cancel"}),
        (0.01, {"kind": "reject", "operation": "submit"}),
    ),
    changes=(
        (0.03, {"kind": "disconnect"}),
        (0.02, {"kind": "dead_socket"}),
        (0.02, {"kind": "half_open"}),
        (0.02, {"kind": "expire_sessions"}),
    ),
    waits=Waits(2.5, timedelta(seconds=0.4)),
    lease=timedelta(seconds=6),
)
