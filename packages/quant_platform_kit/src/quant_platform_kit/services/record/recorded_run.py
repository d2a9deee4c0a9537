"""A planned run as it was recorded: its claim, its plan and where each of its orders stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import OrderRecord, RunClaim, RunPlan
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.ledger import RunLedger

__all__ = ["RecordedRun", "recorded_run"]


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A planned run as the ledger has it; buys have the quantities that its revision cut them to."""

    claim: RunClaim
    plan: RunPlan
    records: dict[str, OrderRecord]

    @property
    def unknown(self) -> tuple[OrderRecord, ...]:
        """The orders whose fate nobody knows."""
        return tuple(record for record in self.records.values() if record.state is OrderState.UNKNOWN)


def recorded_run(store: VersionedStore, account_id: str, run_id: str) -> RecordedRun | None:
    """Return a run with its orders, None unless it was planned."""
    ledger = RunLedger(store, account_id, run_id)
    claim, plan = ledger.known_claim(), ledger.plan()
    if claim is None or plan is None:
        return None
    revision = ledger.revision()
    cut: Mapping[str, Decimal] = revision.quantities if revision else {}
    orders = [replace(order, quantity=cut.get(order.client_order_id, order.quantity)) for order in plan.plan.orders]
    return RecordedRun(claim, plan, ledger.orders(orders))
