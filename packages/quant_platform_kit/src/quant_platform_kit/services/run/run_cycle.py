"""One run: recover, claim, gates, inputs, decide, commit the plan, execute, reconcile, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal

from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import Damaged, InProgress, InvalidInput, LeaseLost, StoreError
from quant_platform_kit.domain.gates import session_gate
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.domain.runs import Attempt, OrderRecord, Outcome, RunClaim, RunPlan, RunReport
from quant_platform_kit.services.operate.owners import require_ownership
from quant_platform_kit.services.operate.switches import halted, lost_switches
from quant_platform_kit.services.record.leases import AccountLease, LeaseTerms, read_lease
from quant_platform_kit.services.record.ledger import DecisionLedger, RunLedger, refuse_another
from quant_platform_kit.services.run.advice import accept_line
from quant_platform_kit.services.run.closing import close
from quant_platform_kit.services.run.contradictions import lost_of_decision
from quant_platform_kit.services.run.deciding import Deciding, Situation
from quant_platform_kit.services.run.execution import Execution
from quant_platform_kit.services.run.footing import footing_of
from quant_platform_kit.services.run.gateway import Gateway
from quant_platform_kit.services.run.misreading import otherwise, tell_once, to_tell
from quant_platform_kit.services.run.objections import blocking, objections
from quant_platform_kit.services.run.order_test_end import end_order_test
from quant_platform_kit.services.run.plan_making import doubted, make_plan, outside_changes, take_inputs
from quant_platform_kit.services.run.probe import probe
from quant_platform_kit.services.run.report_building import (
    decided_report,
    executed_report,
    undecided_report,
    undecided_since,
)
from quant_platform_kit.services.run.request import RunPorts, RunRequest, RunTerms

__all__ = ["run_cycle"]


def run_cycle(
    request: RunRequest, ports: RunPorts, policy: ExecutionPolicy, terms: RunTerms | None = None
) -> RunReport:
    """Run a strategy once for ``request.key``; the same key always leads to the same orders and the same report.

    Raises
    ------
    InvalidInput
        The account is another than the key's.
    Refused
        The account belongs to another service, or the key to a run of another profile, configuration or session.
    InProgress
        Another worker is on the account.
    Damaged
        What was recorded of the account is not whole: nothing is sent until a person saw to it.
    BrokerError, StoreError
        The broker or the store cannot answer: the run stays open, and the next one recovers it.
    LeaseLost
        Another worker took over: nothing more was sent.
    Interrupted
        From ``ports.reached`` or ``ports.clock``: the run stays open as after a crash, and the lease is given back.
    """
    terms = terms or RunTerms()
    if request.key.account_id != ports.broker.account_id:
        raise InvalidInput(f"the broker reports {ports.broker.account_id}; the run is for {request.key.account_id}")
    if request.key.mode is Mode.PROBE:
        return probe(request, _claim(request, ports), ports, policy)
    if report := _reported(request, ports):
        with suppress(InProgress, StoreError, LeaseLost):
            _let_go(request, ports, terms, report)
        return report
    require_ownership(ports.store, request.key.account_id, request.service)
    lease = _acquire(request, ports, terms, opening=request.key.run_id)
    run = _Run(request, ports, policy, terms, lease)
    try:
        run.connect()
        if (unfinished := run.left_open()) is not None:
            run.execute(unfinished)
        if report := run.known_report():
            return report
        decided = run.decide()
        return run.execute(decided) if isinstance(decided, _Committed) else decided
    except Exception as error:
        run.record_attempt(error)
        raise
    finally:
        with suppress(StoreError, LeaseLost):
            lease.release()


def _reported(request: RunRequest, ports: RunPorts) -> RunReport | None:
    """Return the report of a run that ended, if it ended for the same profile, configuration and session."""
    report = ports.reports.find(request.key.run_id)
    if report is not None:
        claim = RunLedger(ports.store, request.key.account_id, request.key.run_id).known_claim()
        if claim is not None:
            refuse_another(claim, _claim(request, ports))
    return report


def _acquire(request: RunRequest, ports: RunPorts, terms: RunTerms, opening: str | None = None) -> AccountLease:
    lease_terms = LeaseTerms(terms.lease, ports.broker.traits.visibility_window)
    account = request.key.account_id
    return AccountLease.acquire(ports.store, account, request.holder, lease_terms, ports.clock, opening=opening)


def _let_go(request: RunRequest, ports: RunPorts, terms: RunTerms, report: RunReport) -> None:
    """Close the run if its worker ended between its report and that: `quant resolve` asks for a closed run."""
    state = read_lease(ports.store, request.key.account_id)
    if state is None or state.open_run != report.run_id:
        return
    lease = _acquire(request, ports, terms)
    if lease.inherited == report.run_id:
        _close_reported(lease, ports, report, release=True)
    else:
        lease.release()


def _close_reported(lease: AccountLease, ports: RunPorts, report: RunReport, *, release: bool) -> None:
    """Close a run that was reported, and tell of it, which may not have been done."""
    ports.published(report)
    uncertain = any(order.state is OrderState.UNKNOWN for order in report.orders)
    lease.close_run(uncertain=uncertain, release=release)


def _claim(request: RunRequest, ports: RunPorts) -> RunClaim:
    return request.claim(ports.calendar.before(request.key.session), ports.clock.now())


@dataclass(frozen=True, slots=True)
class _Committed:
    """A run whose plan is recorded, and where each of its orders stands, by client order id."""

    claim: RunClaim
    plan: RunPlan
    records: dict[str, OrderRecord]
    resumed: bool = False


@dataclass(slots=True)
class _Run:
    """A run that holds the account's lease."""

    request: RunRequest
    ports: RunPorts
    policy: ExecutionPolicy
    terms: RunTerms
    lease: AccountLease

    def connect(self) -> None:
        """Log in, so that nothing sent over an older login can have an effect any more."""
        self.ports.reached(Boundary.LEASE_TAKEN)
        self.ports.broker.connect()
        self.ports.reached(Boundary.CONNECTED)

    def left_open(self) -> _Committed | None:
        """Return the run that a worker left open, if it had a plan: it is finished first. Without one it is closed."""
        ports, key, run_id = self.ports, self.request.key, self.lease.inherited
        if run_id is None:
            return None
        ledger = self._ledger(run_id)
        claim, plan = ledger.known_claim(), ledger.plan()
        ledger.require_whole(claim, plan)
        if run_id == key.run_id and claim is not None:
            refuse_another(claim, _claim(self.request, ports))
        if report := ports.reports.find(run_id):
            _close_reported(self.lease, ports, report, release=run_id == key.run_id)
        elif claim is not None and claim.key.is_order_test:
            self._end_test(claim, plan)
        elif plan is not None and claim is not None:
            records = ledger.orders(plan.plan.orders)
            if any(record.uncertain for record in records.values()):  # until the login just now its sender could send
                ports.clock.sleep(ports.broker.traits.visibility_window.total_seconds())
            return _Committed(claim, plan, records, resumed=True)
        elif run_id != key.run_id and claim is not None:
            reason = ["it stopped before it had planned, and sent nothing; its session is decided by a later run"]
            self._close(self._undecided(claim, Outcome.FAILED, reason, self._last_report()))
        return None

    def _end_test(self, claim: RunClaim, plan: RunPlan | None) -> None:
        """End an order test that was left open: it is looked up and cancelled, and nothing is sent."""
        base = self._undecided(claim, Outcome.NO_ACTION, [], self._last_report())
        prices: Mapping[str, Decimal] = plan.prices if plan else {}
        records = self._ledger(claim.key.run_id).orders(plan.plan.orders) if plan else {}
        report, is_uncertain = end_order_test(self._gateway(claim.key, prices), base, records)
        self._close(report, uncertain=is_uncertain)

    def known_report(self) -> RunReport | None:
        """Return the report of this run, if it was the one left open and has ended by now."""
        return self.ports.reports.find(self.request.key.run_id) if self.lease.inherited else None

    def decide(self) -> _Committed | RunReport:
        """Claim the run and decide; return the plan that was committed, or the report where nothing is to be sent."""
        ports, key = self.ports, self.request.key
        if self.lease.state.open_run != key.run_id:
            self.lease.open_run(key.run_id)
        ports.reached(Boundary.RUN_OPENED)
        claim = self._claimed()
        if isinstance(claim, RunReport):
            return claim
        ports.reached(Boundary.CLAIMED)
        last = self._last_report()
        if skipped := self._skipped():
            begun = self.lease.inherited == key.run_id
            return self._close(self._undecided(claim, Outcome.FAILED if begun else Outcome.SKIPPED, skipped, last))
        if blocked := [*self._lost(last), *self._halts(), *self._lost_halts()]:
            return self._close(self._undecided(claim, Outcome.BLOCKED, blocked, last))
        with ports.tracer.span("plan"):
            return self._plan(claim, last)

    def execute(self, run: _Committed) -> RunReport:
        """Carry a recorded plan out as far as it goes, and close its run."""
        done = self._execution(run).run()
        base = self._undecided(run.claim, Outcome.NO_ACTION, [], None)
        self._record_executed(run.claim, run.plan, done)
        report = executed_report(base, run.plan, done, self.policy.currency)
        return self._close(report, uncertain=any(record.uncertain for record in done))

    def record_attempt(self, error: Exception) -> None:
        """Record what stopped the run under way, maybe one that was left open, where the store still takes it."""
        ports, request = self.ports, self.request
        run_id = self.lease.state.open_run or request.key.run_id
        with suppress(StoreError, LeaseLost):
            attempt = Attempt(ports.store.now(), request.holder, redact(str(error)))
            self._ledger(run_id).record_attempt(attempt, self.lease.state.epoch)

    def _claimed(self) -> RunClaim | RunReport:
        """Claim the run, or return its report.

        One that was claimed, and is not the one that was left open, has ended; or a worker that was stopped until it
        had lost the account claimed it then, and could not plan it.
        """
        asked = _claim(self.request, self.ports)
        ledger = self._ledger(self.request.key.run_id)
        try:
            claim = ledger.claim(asked)
            if claim is asked or self.lease.inherited == self.request.key.run_id:
                return claim
            report = self.ports.reports.find(claim.key.run_id)
            if report is None and ledger.plan() is None:
                return claim
        except Damaged:
            self.lease.leave_run()  # it was not open: the next run is not to find it so
            raise
        self.lease.leave_run()
        if report is None:
            raise Damaged(f"run {claim.key.run_id} has ended and its report is missing")
        return report

    def _lost(self, last: RunReport | None) -> list[str]:
        run_id = self.lease.state.last_run
        if run_id is None or last is not None:
            return []
        return [f"the report of run {run_id}, the account's last, is missing; restore it from a backup"]

    def _halts(self) -> list[str]:
        return halted(self.ports.store, self.request.service, self.request.key.account_id)

    def _lost_halts(self) -> list[str]:
        key = self.request.key
        return lost_switches(self.ports.store, self.request.service, key.account_id, key.mode)

    def _skipped(self) -> list[str]:
        """Return why there is nothing to decide now: no session, closed, or a trigger that is too old."""
        calendar, key, now = self.ports.calendar, self.request.key, self.ports.clock.now()
        if not calendar.is_session(key.session):
            return [f"{key.session} is not a session of {calendar.name}; the next is {calendar.after(key.session)}"]
        due = self.request.scheduled_at
        if due is not None and now - due > self.terms.max_age:
            return [f"the trigger was due at {due:%Y-%m-%d %H:%M} UTC, more than {self.terms.max_age} ago"]
        return session_gate(calendar.name, calendar.hours(key.session), now)

    def _plan(self, claim: RunClaim, last: RunReport | None) -> _Committed | RunReport:
        request, ports = self.request, self.ports
        deciding = self._deciding(claim, last)
        inputs = take_inputs(request, deciding, claim.as_of, ports, last, self.policy)
        inputs = doubted(inputs, ports.store, self.policy.limits)
        digest = ports.reports.inputs.record(request.strategy, inputs.observation, self.policy)
        inputs = replace(inputs, digest=digest)
        ports.reached(Boundary.INPUTS_RECORDED)
        findings = outside_changes(inputs, ports, last)
        situation = deciding.situation(inputs.observation, enter_now=request.enter_now)
        ports.reached(Boundary.DECISION_RECORDED)
        plan, refused = make_plan(request.key, situation, inputs, ports, self.policy, findings)
        lost, footing = self._lost_of_decision(claim, situation), footing_of(request, ports, last)
        refused = [*objections(request, ports.store, self.lease.state, inputs, findings), *lost, *refused]
        refused += footing.refused
        if plan is None or refused or not plan.plan.orders or not request.key.mode.submits:
            base = undecided_report(claim, Outcome.NO_ACTION, [], None, ports.clock, last)
            todo = (accept_line(request.key),) if blocking(request, findings) else ()
            base = replace(base, findings=tuple(findings), todo=todo, contacted=footing.contacted)
            report = decided_report(base, situation, plan if plan and plan.plan.orders else None, refused, inputs)
            if plan is not None and not plan.plan.orders and not refused:
                self._record_executed(claim, plan, ())
            return self._close(footing.said(report))
        plan = self._ledger(request.key.run_id).commit_plan(replace(plan, contacted=footing.contacted))
        ports.reached(Boundary.PLAN_COMMITTED)
        return _Committed(claim, plan, {order.client_order_id: OrderRecord(order) for order in plan.plan.orders})

    def _lost_of_decision(self, claim: RunClaim, situation: Situation) -> list[str]:
        as_of, sessions = situation.due.as_of, self.ports.calendar.sessions
        if as_of is None or not situation.carried:
            return []
        since = sessions[sessions.index(as_of) + 1 : sessions.index(claim.key.session) + 1]
        return lost_of_decision(self._decisions(claim), self.ports.reports, claim, as_of, since)

    def _decisions(self, claim: RunClaim) -> DecisionLedger:
        key = claim.key
        return DecisionLedger(self.ports.store, key.account_id, claim.profile, key.mode, self.lease.chain)

    def _deciding(self, claim: RunClaim, last: RunReport | None) -> Deciding:
        ledger, run_id, since = self._decisions(claim), self.request.key.run_id, undecided_since(claim, last)
        return Deciding(self.request.strategy, self.policy, self.ports.calendar, ledger, run_id, since)

    def _undecided(
        self, claim: RunClaim, outcome: Outcome, reasons: Sequence[str], last: RunReport | None
    ) -> RunReport:
        return undecided_report(claim, outcome, reasons, self.ports.broker, self.ports.clock, last)

    def _execution(self, run: _Committed) -> Execution:
        ports, key = self.ports, run.claim.key
        gateway = self._gateway(key, run.plan.prices, self._lost_halts() if run.resumed else ())
        same_session = ports.calendar.local_date(ports.clock.now()) == key.session
        return Execution(
            gateway, ports.market, run.plan, self.terms.execution, run.records, same_session, resumed=run.resumed
        )

    def _gateway(self, key: RunKey, prices: Mapping[str, Decimal], lost: Sequence[str] = ()) -> Gateway:
        ports = self.ports
        return Gateway(
            ports.broker,
            ports.store,
            ports.clock,
            ports.calendar,
            self.lease,
            self._ledger(key.run_id),
            self.policy,
            self.request.service,
            key.mode if self.request.key.mode.submits else self.request.key.mode,
            key.session,
            prices,
            ports.reached,
            lost,
            ports.tracer,
        )

    def _record_executed(self, claim: RunClaim, plan: RunPlan, done: Sequence[OrderRecord]) -> None:
        """Record what the run bought for its decision, and whether that executed it."""
        ledger = self._decisions(claim)
        if plan.executes is None:
            return
        if all(record.executed for record in done):
            ledger.mark_executed(plan.executes, claim.key.run_id)
        else:
            spent = {record.order.symbol: record.bought for record in done if record.bought}
            if spent:
                ledger.record_spent(plan.executes, claim.key.run_id, spent)
        self.ports.reached(Boundary.EXECUTED_RECORDED)

    def _close(self, report: RunReport, *, uncertain: bool = False) -> RunReport:
        """Publish the report, then let go of the run."""
        told, is_own = to_tell(self.request, self.ports), report.run_id == self.request.key.run_id
        report = replace(report, findings=(*report.findings, *otherwise(told)))
        return close(
            report,
            self.ports,
            self.lease,
            uncertain=uncertain,
            release=is_own,
            on_publish=lambda: tell_once(self.request, self.ports, told),
        )

    def _last_report(self) -> RunReport | None:
        last = self.lease.state.last_run
        return self.ports.reports.find(last) if last else None

    def _ledger(self, run_id: str) -> RunLedger:
        return RunLedger(self.ports.store, self.request.key.account_id, run_id, self.lease.chain)
