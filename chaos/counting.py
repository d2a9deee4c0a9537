"""What a campaign did to one account, counted from the venue's book, the ledger and the reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.orders import Order, OrderState
from quant_platform_kit.domain.runs import OrderOutcome, Outcome, RunReport
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.ledger import DecisionLedger, RunLedger
from quant_platform_kit.services.record.report_store import ReportStore

__all__ = ["Count", "intended", "judge"]

PROFILE = "shuffle"


@dataclass(frozen=True)
class Count:
    """Sums over accounts; see `judge` for what each means."""

    runs: int = 0
    orders: int = 0
    duplicates: int = 0
    lost: int = 0
    blocked: int = 0
    unresolved: int = 0
    executed: int = 0

    def __add__(self, other: "Count") -> "Count":
        names = self.__dataclass_fields__
        return Count(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def line(self, *, crashes: int, boundaries: dict[str, int]) -> dict[str, object]:
        """Return the campaign's line."""
        return {
            "runs": self.runs,
            "orders": self.orders,
            "crashes": crashes,
            "duplicates": self.duplicates,
            "lost": self.lost,
            "blocked": self.blocked,
            "unresolved": self.unresolved,
            "reached_target": round(self.executed / self.runs, 4) if self.runs else 0.0,
            "boundaries": boundaries,
        }


def intended(keys: Sequence[RunKey], store: VersionedStore) -> Sequence[Order]:
    """Return the orders that runs meant to have filled, in their sequence."""
    return [order for key in keys for order in _orders(key, store)]


def judge(keys: Sequence[RunKey], filled: Mapping[str, Decimal], store: VersionedStore, reports: ReportStore) -> Count:
    """Count one account; ``filled`` is what its broker filled by client order id.

    duplicates: orders filled beyond their intent, or fills that no ledger intended; lost: intents neither at the
    broker nor terminal and reported; blocked: runs reported so; unresolved: runs without a report, orders that
    nobody has settled, and runs left open; executed: runs whose decision the ledger marks as executed.
    """
    count = Count(runs=len(keys))
    executed = _executed(keys, store)
    for key in keys:
        count += _judge_run(key, filled, store, reports)
        count += Count(executed=key.session in executed)
    meant = {order.client_order_id for order in intended(keys, store)}
    count += Count(duplicates=sum(1 for identity in filled if identity not in meant))
    lease = read_lease(store, keys[0].account_id)
    left_open = lease is not None and lease.open_run is not None and reports.find(lease.open_run) is None
    return count + Count(unresolved=left_open)


def _orders(key: RunKey, store: VersionedStore) -> Sequence[Order]:
    """Return what a run meant to have filled: its plan, cut by its revision."""
    ledger = RunLedger(store, key.account_id, key.run_id)
    if (plan := ledger.plan()) is None:
        return ()
    revision = ledger.revision()
    quantities = revision.quantities if revision else {}
    return [
        replace(order, quantity=quantities.get(order.client_order_id, order.quantity)) for order in plan.plan.orders
    ]


def _judge_run(key: RunKey, filled: Mapping[str, Decimal], store: VersionedStore, reports: ReportStore) -> Count:
    report = reports.find(key.run_id)
    orders = _orders(key, store)
    reported = _settled(key, store, report) if report else {}
    count = Count(orders=len(orders), blocked=report is not None and report.outcome is Outcome.BLOCKED)
    for order in orders:
        identity = order.client_order_id
        outcome = reported.get(identity)
        terminal = outcome is not None and outcome.state.terminal
        count += Count(
            duplicates=filled.get(identity, Decimal(0)) > order.quantity,
            lost=(not terminal and not _unknown(outcome) and identity not in filled)
            or (outcome is not None and outcome.filled != filled.get(identity, Decimal(0))),
            unresolved=outcome is not None and outcome.state is OrderState.UNKNOWN,
        )
    return count + Count(unresolved=report is None)


def _settled(key: RunKey, store: VersionedStore, report: RunReport) -> Mapping[str, OrderOutcome]:
    """Return what a report tells of its orders; of those it does not know, what an operator has settled since."""
    reported = {order.client_order_id: order for order in report.orders}
    plan, ledger = _orders(key, store), RunLedger(store, key.account_id, key.run_id)
    later = {identity: record.outcome for identity, record in ledger.orders(plan).items()}
    return {name: later[name] if order.state is OrderState.UNKNOWN else order for name, order in reported.items()}


def _unknown(outcome: OrderOutcome | None) -> bool:
    """Whether a report says that nobody knows: that counts as blocked and unresolved, and as nothing else."""
    return outcome is not None and outcome.state is OrderState.UNKNOWN


def _executed(keys: Sequence[RunKey], store: VersionedStore) -> set[object]:
    """Return the sessions whose run executed the decision of the session before."""
    history = DecisionLedger(store, keys[0].account_id, PROFILE, keys[0].mode).history()
    done = {decision.as_of for decision in history if decision.executed}
    plans = {key.session: RunLedger(store, key.account_id, key.run_id).plan() for key in keys}
    return {session for session, plan in plans.items() if plan and plan.executes in done}
