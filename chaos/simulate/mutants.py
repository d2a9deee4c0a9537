"""Defects for the simulation: one campaign must catch each, or it proves nothing.

Those of the processes are here too, as far as they are not in an adapter. Defences that cover for each other are taken
away together: of a lease's check alone nobody sees that it is gone, as the connection is cut as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quant_platform_kit.domain import cycle
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.carry import Due
from quant_platform_kit.domain.errors import OrderRejected
from quant_platform_kit.domain.features import FeatureReading, FeatureSnapshot
from quant_platform_kit.domain.orders import ExecutionReport, OrderState
from quant_platform_kit.domain.runs import RecordedDecision
from quant_platform_kit.domain.strategy import Action
from quant_platform_kit.services.record import leases, ledger
from quant_platform_kit.services.run import deciding, execution, gateway, objections, run_cycle
from quant_platform_kit.testing import feature_shelf
from quant_platform_kit.testing.simulation import broker, venue

from chaos import mutants

__all__ = ["MUTANTS", "SETS"]


def halt_read_early() -> None:
    """Read the halts before the intent to send is recorded, not after."""

    def send(self: Any, record: Any) -> Any:
        self.lease.require(2 * self.broker.traits.timeout)
        if switched_off := self.switches():
            state = OrderState.CANCELLED if not record.transitions else OrderState.UNKNOWN
            return self.finish_as(record, state, "not sent: " + "; ".join(switched_off))
        record = self.ledger.record(record, self.step(OrderState.SENT))
        self.reached(Boundary.SENT_RECORDED)
        self.lease.require(self.broker.traits.timeout)
        try:
            answer = self.broker.submit(record.order)
        except OrderRejected as error:
            answer = ExecutionReport(record.order, OrderState.REJECTED, (), str(error))
        self.reached(Boundary.ORDER_SENT)
        return self.answer(record, answer)

    gateway.Gateway.send = send


def revision_not_recorded() -> None:
    """Cut the buys anew whenever a run is resumed, and write the cut down nowhere."""
    ledger.RunLedger.revision = lambda self: None
    ledger.RunLedger.commit_revision = lambda self, revision: revision


def carry_not_superseded() -> None:
    """Carry the oldest REBALANCE that was not executed, whatever was decided since."""

    def due(evaluated: Any, sessions: Any, *, every_session: bool, carry_sessions: int = 3) -> Due:
        young = sessions[-carry_sessions - 1 :]
        left = [d.as_of for d in evaluated if d.action is Action.REBALANCE and not d.executed and d.as_of in young]
        return Due(left[0] if left else None, ())

    setattr(deciding, "due", due)  # noqa: B010  a defect, on purpose


def window_skipped() -> None:
    """Look an order up at once, before it must have appeared, and send it again if it is not there."""

    def let_appear(self: Any) -> None:
        self.gateway.broker.connect()

    left_open = run_cycle._Run.left_open

    def left_open_at_once(self: Any) -> Any:
        self.lease.took_over = True
        return left_open(self)

    execution.Execution._let_appear = let_appear
    run_cycle._Run.left_open = left_open_at_once


def late_fill_dropped() -> None:
    """Take an order for cancelled as it last stood, whatever was filled until the cancel took effect."""

    def cancel(self: Any, identity: str) -> None:
        self._ask(lambda: self.gateway.broker.cancel(identity))
        self._keep(self.gateway.finish_as(self.records[identity], OrderState.CANCELLED, "cancelled"))

    execution.Execution._cancel = cancel


def decision_recorded_late() -> None:
    """Record decisions when their run has sent its orders, not before."""
    waiting: dict[int, dict[str, Callable[[], object]]] = {}
    known: dict[tuple[int, str], RecordedDecision] = {}
    record, read = ledger.DecisionLedger.record, ledger.DecisionLedger.read

    def record_late(self: Any, decision: Any) -> Any:
        key = self._key(decision.decision.as_of, decision.decision.action)
        if self._store.get(key) is None:
            waiting.setdefault(id(self._store), {})[key] = lambda: record(self, decision)
            known[id(self._store), key] = decision
        return decision

    def read_known(self: Any, as_of: Any, action: Any) -> Any:
        return known.get((id(self._store), self._key(as_of, action))) or read(self, as_of, action)

    def close(self: Any, report: Any, *, uncertain: bool = False) -> Any:
        for late in waiting.pop(id(self.ports.store), {}).values():
            late()
        return closes(self, report, uncertain=uncertain)

    closes = run_cycle._Run._close
    ledger.DecisionLedger.record = record_late
    ledger.DecisionLedger.read = read_known
    run_cycle._Run._close = close


def foreign_order_accepted() -> None:
    """Trade while an order works that is not the platform's, though nobody accepted that."""
    setattr(objections, "is_accepted", lambda store, run_id: True)  # noqa: B010  a defect, on purpose


def no_lease_check() -> None:
    """Ask neither the lease nor the connection, nor the clock of a call, whether an order may still be sent."""
    leases.Lease.require = lambda self, needed: None
    leases.Lease._hold = lambda self: None
    venue.Venue._is_cut = lambda self, connection: False
    broker.SimulatedBroker._require_time = lambda self, deadline: None


def no_look_up_on_resume() -> None:
    """Take an order without a step for one that was never sent, and do not ask the broker whether it knows it."""
    execution.Execution._known_after_all = lambda self, record: False


def new_request_id() -> None:
    """Send every order under another request id: a venue that recognises ids makes a second order of it."""
    venue.Venue._remembered = lambda self, sent: sent


def cash_not_asked() -> None:
    """Buy for what the plan hoped the sales would bring."""
    execution.Execution._revise = lambda self, buys: None


def no_wait_for_sells() -> None:
    """Buy before the sales have come to their end."""
    execution.Execution._wait = lambda self, identities, began: None
    execution.Execution._cancel = lambda self, identity: None


def uncertain_forgotten() -> None:
    """Plan on while an order of an earlier run is UNKNOWN."""
    closes = leases.Lease.close_run

    def close_run(self: Any, *, uncertain: bool = False, release: bool = False) -> None:
        closes(self, uncertain=False, release=release)

    leases.Lease.close_run = close_run


def features_of_another_session() -> None:
    """Decide a missed session on the snapshot of the present one."""
    own: Any = cycle.Observation.reading.fget
    present = property(lambda self: self.features[-1] if self.features else own(self))
    setattr(cycle.Observation, "reading", present)  # noqa: B010  a defect, on purpose


def missed_features_not_read() -> None:
    """Read the snapshot of the present session alone, so that a missed one has none."""
    deciding.Deciding.sessions = lambda self, as_of, *, enter_now: (as_of,)


def stale_features_taken() -> None:
    """Decide on the newest snapshot there is, however old."""

    def reading(self: Any, strategy: Any, session: Any) -> Any:
        as_of = max(day for day in self.snapshots if day <= session)
        return FeatureReading(session, FeatureSnapshot(as_of, "", self.snapshots[as_of]))

    feature_shelf.FeatureShelf._reading = reading


_OF_PROCESSES = ("send-before-record", "resend-unknown", "no-lease", "replan-on-resume")

MUTANTS: dict[str, Callable[[], None]] = {
    **{name: mutants.MUTANTS[name] for name in _OF_PROCESSES},
    "no-look-up-on-resume": no_look_up_on_resume,
    "new-request-id": new_request_id,
    "halt-read-early": halt_read_early,
    "revision-not-recorded": revision_not_recorded,
    "carry-not-superseded": carry_not_superseded,
    "window-skipped": window_skipped,
    "late-fill-dropped": late_fill_dropped,
    "decision-recorded-late": decision_recorded_late,
    "foreign-order-accepted": foreign_order_accepted,
    "no-lease-check": no_lease_check,
    "cash-not-asked": cash_not_asked,
    "no-wait-for-sells": no_wait_for_sells,
    "uncertain-forgotten": uncertain_forgotten,
    "features-of-another-session": features_of_another_session,
    "missed-features-not-read": missed_features_not_read,
    "stale-features-taken": stale_features_taken,
}
"""Every defect by its name."""

SETS = {"new-request-id": "longbridge", "uncertain-forgotten": "schwab"}
"""The trait set that a defect is looked for in, where that is not ``paper``."""
