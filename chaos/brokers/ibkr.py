"""Interactive Brokers: TWS venues, each with the few accounts of one login."""

from datetime import timedelta

from venue_sandbox.stands.ibkr import IbkrStand
from venue_sandbox.stands.stand import Waits

from chaos.brokers.plan import Plan

__all__ = ["PLAN"]

PLAN = Plan(
    IbkrStand,
    faults=(
        (0.10, {"kind": "drop_after", "operation": "submit"}),
        (0.10, {"kind": "drop_before", "operation": "submit"}),
        (0.08, {"kind": "delayed_accept", "operation": "submit", "seconds": 0.15}),
        (0.05, {"kind": "delayed_accept", "operation": "submit", "seconds": 1.6}),
        (0.08, {"kind": "silent_drop", "operation": "submit"}),
        (0.08, {"kind": "duplicate_event"}),
        (0.08, {"kind": "late_fill", "seconds": 0.15}),
        (0.02, {"kind": "partial_fill", "share": "0.5", "then": "cancel"}),
        (0.01, {"kind": "reject", "operation": "submit"}),
    ),
    changes=((0.01, {"kind": "restart", "seconds": 0.3}), (0.01, {"kind": "id_rollback"})),
    # A duplicate id.
    blocking=((0.02, {"kind": "error", "code": 103, "operation": "submit"}),),
    waits=Waits(1.0, timedelta(seconds=0.4)),
    lease=timedelta(seconds=3),
    accounts_of_a_venue=3,
)
