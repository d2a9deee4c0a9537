"""Charles Schwab, which knows no client order id: an order whose send was hit may be left to an operator."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from quant_platform_kit.domain.orders import Order
from quant_platform_kit.ports.versioned_store import VersionedStore
from schwab_app.intents import Intent, Intents
from venue_sandbox.stands.schwab import SchwabClients, SchwabStand
from venue_sandbox.stands.stand import Stand, Waits

from chaos.brokers.plan import Faults, Plan

__all__ = ["PLAN"]

SKEW = timedelta(seconds=1)
RECOVERABLE: Faults = (
    (0.10, {"kind": "drop_after", "operation": "submit"}),
    (0.08, {"kind": "missing_location", "operation": "submit"}),
    (0.08, {"kind": "wrong_location", "operation": "submit"}),
    (0.08, {"kind": "delayed_accept", "operation": "submit", "seconds": 0.15}),
    (0.06, {"kind": "http_error", "operation": "submit", "status": 502, "applied": True}),
    (0.03, {"kind": "silent", "operation": "submit"}),
    (0.08, {"kind": "late_fill", "seconds": 0.15}),
    (0.08, {"kind": "http_error", "operation": "orders", "status": 503}),
    (0.05, {"kind": "http_error", "operation": "account", "status": 429, "retry_after": 0}),
    (0.05, {"kind": "drop_before", "operation": "order"}),
    (0.02, {"kind": "partial_fill", "share": "0.5", "then": "cancel"}),
    (0.01, {"kind": "reject", "operation": "submit"}),
)
"""A send that one of these hits leaves an order that can be found, or none."""
BLOCKING: Faults = (
    (0.010, {"kind": "drop_before", "operation": "submit"}),
    (0.005, {"kind": "silent_drop", "operation": "submit"}),
    (0.005, {"kind": "delayed_accept", "operation": "submit", "seconds": 2.5}),
    (0.005, {"kind": "http_error", "operation": "submit", "status": 504}),
    (0.005, {"kind": "phantom_order", "operation": "submit"}),
)
"""A send that one of these hits leaves an order that is not to be found."""
EARLY, LATE = timedelta(seconds=-2), timedelta(seconds=5)
"""How long after it was sent an order may be entered, by clocks that differ by up to two seconds."""


class SchwabPlan(Plan):
    """Orders are told apart by how they look and when they came."""

    def clients(self, stand: Stand, number: int) -> SchwabClients:
        """Return what makes clients, whose clocks are at most a second off."""
        assert isinstance(stand, SchwabStand)
        return replace(stand.clients(self.waits or stand.waits), skew=SKEW)

    def filled(
        self, stand: Stand, account: str, intended: Sequence[Order], store: VersionedStore
    ) -> Mapping[str, Decimal]:
        """Return units filled; an order there is the first one that looks like it and was sent shortly before."""
        assert isinstance(stand, SchwabStand)
        intents, filled = Intents(store, account), dict[str, Decimal]()
        sent = [intent for order in intended if (intent := intents.known(order.client_order_id)) is not None]
        for order in sorted(stand.book()["orders"], key=lambda order: order["number"]):
            ticket = order["ticket"]
            if ticket["account"] != account:
                continue
            looks = (ticket["symbol"], ticket["side"], Decimal(ticket["quantity"]))
            entered = datetime.fromisoformat(order["entered_at"])
            fitting = (
                intent for intent in sent if _looks(intent) == looks and EARLY <= entered - intent.sent_at <= LATE
            )
            own = next(fitting, None)
            if own is not None:
                sent.remove(own)
            name = own.order.client_order_id if own else f"schwab-{order['number']}"
            filled[name] = Decimal(order["filled"])
        return {name: units for name, units in filled.items() if units or name.startswith("schwab-")}


def _looks(intent: Intent) -> tuple[str, str, Decimal]:
    return intent.order.symbol, intent.order.side.value, intent.order.quantity


PLAN = SchwabPlan(
    SchwabStand,
    faults=RECOVERABLE,
    changes=((0.03, {"kind": "expire_access"}), (0.02, {"kind": "disconnect"}), (0.01, {"kind": "half_open"})),
    blocking=BLOCKING,
    waits=Waits(1.5, timedelta(seconds=0.4)),
    lease=timedelta(seconds=4),
    sends_once=True,
)
