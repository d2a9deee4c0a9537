"""Where an account stands, out of what the store and the reports know; reading changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from quant_platform_kit.domain.carry import CARRY_SESSIONS, Due, Evaluated, due
from quant_platform_kit.domain.errors import UnknownSession
from quant_platform_kit.domain.identity import ORDER_TEST, Mode
from quant_platform_kit.domain.orders import OrderState, Side
from quant_platform_kit.domain.planning import PlanLine
from quant_platform_kit.domain.runs import OrderRecord, Outcome, RunClaim, RunPlan, RunReport
from quant_platform_kit.domain.sessions import Cadence, ExchangeCalendar
from quant_platform_kit.domain.strategy import StrategyManifest
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.assumptions import still_assumed, verdicts
from quant_platform_kit.services.operate.contact.result import last_contact
from quant_platform_kit.services.operate.owners import owner_of
from quant_platform_kit.services.operate.switches import halt_words, halts, scopes_of
from quant_platform_kit.services.record.leases import LeaseState, read_lease
from quant_platform_kit.services.record.ledger import DecisionLedger, RunLedger
from quant_platform_kit.services.record.recorded_run import recorded_run
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.record.restarts import given_up

__all__ = [
    "AccountStatus",
    "Halt",
    "LastRun",
    "NextDecision",
    "OpenRun",
    "StatusSources",
    "TargetLine",
    "UncertainOrder",
    "account_status",
    "open_run_of",
]

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class StatusSources:
    """What a status is drawn from.

    Attributes
    ----------
    manifests
        Of the installed profiles, by name.
    now
        The instant to judge the carry rule at, aware UTC; None for the instant of the account's last run, where time
        is that of a price file.
    """

    store: VersionedStore
    reports: ReportStore
    calendar: ExchangeCalendar
    manifests: Mapping[str, StrategyManifest]
    now: datetime | None


@dataclass(frozen=True, slots=True)
class Halt:
    """A halt that applies, by an operator or by a release: who set it, why, and since when (aware UTC)."""

    scope: str
    who: str
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run under way, or left by a worker that is gone.

    Attributes
    ----------
    since
        When it was claimed, None before that.
    holder, lease_expires_at
        Who has the account's lease, and until when by the store's clock; None once it was given back.
    worked_on
        Whether the lease still lasts.
    """

    run_id: str
    since: datetime | None
    holder: str
    lease_expires_at: datetime | None
    worked_on: bool


@dataclass(frozen=True, slots=True)
class UncertainOrder:
    """An order that was sent, and nobody knows what became of it."""

    run_id: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    sent_at: datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class LastRun:
    """How the last run of an account ended."""

    run_id: str
    session: date
    as_of: date
    outcome: Outcome
    reasons: tuple[str, ...]
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class TargetLine:
    """A symbol's target and what is held of it, in units.

    Attributes
    ----------
    target
        Of the last plan, not rounded; None for a holding that the plan does not name.
    """

    symbol: str
    target: Decimal | None
    held: Decimal

    @property
    def missing(self) -> Decimal | None:
        """Target less holding."""
        return None if self.target is None else self.target - self.held


@dataclass(frozen=True, slots=True)
class NextDecision:
    """When the profile decides next.

    Attributes
    ----------
    session, trades_on
        The session decided on and the one it trades in; None where the profile may decide on any.
    text
        The same for a person, or why it cannot be said.
    """

    session: date | None
    trades_on: date | None
    text: str


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """Where an account stands.

    Attributes
    ----------
    mode, profile, service
        Of the last run, None before the first.
    uncertain_runs
        Closed runs that the account waits for, with or without UNKNOWN orders left.
    due
        The session of the REBALANCE that the next run executes, None when nothing is due.
    behind
        Sessions of decisions that grew too old to be executed.
    targets_of
        The session of the decision that ``targets`` are of.
    needs
        What needs an operator, one line each; empty when all is well.
    assumed
        What of the broker is assumed and no test on this account has settled; None before the first contact with it.
    """

    account_id: str
    mode: Mode | None
    profile: str | None
    service: str | None
    halts: tuple[Halt, ...]
    open_run: OpenRun | None
    uncertain_runs: tuple[str, ...]
    uncertain: tuple[UncertainOrder, ...]
    last_run: LastRun | None
    due: date | None
    behind: tuple[date, ...]
    targets_of: date | None
    targets: tuple[TargetLine, ...]
    next_decision: NextDecision | None
    needs: tuple[str, ...]
    assumed: tuple[str, ...] | None = None


def account_status(sources: StatusSources, account_id: str) -> AccountStatus:
    """Return where an account stands; one that has never run is well, unless it is halted."""
    lease = read_lease(sources.store, account_id)
    report = sources.reports.find(lease.last_run) if lease and lease.last_run else None
    claim = _claim(sources.store, account_id, lease)
    owner = owner_of(sources.store, account_id)
    halted = _halts(sources.store, account_id, owner.service if owner else claim.service if claim else None)
    open_run = open_run_of(sources.store, account_id, lease)
    uncertain = _uncertain(sources.store, account_id, lease)
    evaluated = _evaluated(sources.store, report)
    present = _present(sources, evaluated, report)
    manifest = sources.manifests.get(report.profile) if report else None
    ruling = _ruling(sources.calendar, evaluated, present, manifest)
    if report is not None:  # a session that stayed BLOCKED until it was too old has no decision: its report names it
        ruling = replace(ruling, behind=tuple(sorted({*ruling.behind, *report.behind})))
    targets_of, lines = _targets(sources.store, report)
    return AccountStatus(
        account_id=account_id,
        mode=claim.key.mode if claim else None,
        profile=claim.profile if claim else None,
        service=claim.service if claim else None,
        halts=halted,
        open_run=open_run,
        uncertain_runs=lease.uncertain_runs if lease else (),
        uncertain=uncertain,
        last_run=_last_run(report),
        due=ruling.as_of,
        behind=ruling.behind,
        targets_of=targets_of,
        targets=_compared(lines, report),
        next_decision=_next_decision(sources.calendar, evaluated, present, manifest) if report else None,
        needs=_needs(lease, report, halted, open_run, uncertain, ruling),
        assumed=_assumed(sources.store, account_id),
    )


def _claim(store: VersionedStore, account_id: str, lease: LeaseState | None) -> RunClaim | None:
    """Return the claim of the last run, or of the first one while it is still open."""
    runs = (lease.last_run, lease.open_run) if lease else ()
    claims = (RunLedger(store, account_id, run).known_claim() for run in runs if run)
    return next((claim for claim in claims if claim), None)


def _halts(store: VersionedStore, account_id: str, service: str | None) -> tuple[Halt, ...]:
    switches = halts(store)
    on = switches.on()
    newest = {scope: switches.entries(scope)[-1] for scope in scopes_of(service, account_id) if scope in on}
    return tuple(Halt(scope, entry.who, entry.why, entry.at) for scope, entry in newest.items())


def open_run_of(store: VersionedStore, account_id: str, lease: LeaseState | None) -> OpenRun | None:
    """Return the run that an account's lease calls open, and whether somebody works on it."""
    if lease is None or lease.open_run is None:
        return None
    claim = RunLedger(store, account_id, lease.open_run).known_claim()
    worked_on = lease.expires_at is not None and store.now() < lease.expires_at
    since = claim.claimed_at if claim else None
    return OpenRun(lease.open_run, since, lease.holder, lease.expires_at, worked_on)


def _uncertain(store: VersionedStore, account_id: str, lease: LeaseState | None) -> tuple[UncertainOrder, ...]:
    """Return the UNKNOWN orders of closed runs, and those of one that is still open."""
    if lease is None:
        return ()
    names = (*lease.uncertain_runs, *([lease.open_run] if lease.open_run else []))
    runs = ((name, recorded_run(store, account_id, name)) for name in dict.fromkeys(names))
    return tuple(_uncertain_order(name, record) for name, run in runs if run for record in run.unknown)


def _uncertain_order(run_id: str, record: OrderRecord) -> UncertainOrder:
    order, note = record.order, record.outcome.text
    return UncertainOrder(
        run_id, order.client_order_id, order.symbol, order.side, order.quantity, record.first_sent, note
    )


def _last_run(report: RunReport | None) -> LastRun | None:
    if report is None:
        return None
    return LastRun(report.run_id, report.key.session, report.as_of, report.outcome, report.reasons, report.finished_at)


def _assumed(store: VersionedStore, account_id: str) -> tuple[str, ...] | None:
    contact = last_contact(store, account_id)
    return None if contact is None else still_assumed(contact.platform, verdicts(store, account_id))


# --- the carry rule, as the next run will apply it ----------------------------------------------------


def _evaluated(store: VersionedStore, report: RunReport | None) -> list[Evaluated]:
    """Return the decisions of the last run's profile; a mode that sends nothing leaves nothing due."""
    if report is None or not report.key.mode.submits:
        return []
    return DecisionLedger(store, report.key.account_id, report.profile, report.key.mode).history()


def _present(sources: StatusSources, evaluated: Sequence[Evaluated], report: RunReport | None) -> date | None:
    """Return the last completed session, None without a run or outside the calendar."""
    now = sources.now or (report.finished_at if report else None)
    if now is None:
        return None
    calendar = sources.calendar
    try:
        day = calendar.local_date(now)
        over = calendar.is_session(day) and now > calendar.hours(day).close
        completed = day if over else calendar.before(day)
    except UnknownSession:
        return None
    return max([completed, *(decision.as_of for decision in evaluated)])


def _ruling(
    calendar: ExchangeCalendar, evaluated: Sequence[Evaluated], present: date | None, manifest: StrategyManifest | None
) -> Due:
    if present is None or not evaluated:
        return Due(None, ())
    stop = calendar.sessions.index(present) + 1 if present in calendar.sessions else len(calendar.sessions)
    sessions = calendar.sessions[max(0, stop - CARRY_SESSIONS - 1) : stop]
    return due(evaluated, sessions, every_session=manifest.every_session if manifest else False)


def _next_decision(
    calendar: ExchangeCalendar, evaluated: Sequence[Evaluated], present: date | None, manifest: StrategyManifest | None
) -> NextDecision:
    if manifest is None:
        return NextDecision(None, None, "not known: the profile is not installed here")
    cadence = manifest.cadence
    if cadence is Cadence.UNSTATED:
        return NextDecision(None, None, "any session")
    if present is None:
        return NextDecision(None, None, f"{cadence.value}; the date is outside the {calendar.name} calendar")
    try:
        decided = any(decision.as_of == present for decision in evaluated)
        session = calendar.next_decision(present if decided else calendar.before(present), cadence)
        trades_on = calendar.after(session)
    except UnknownSession as error:
        return NextDecision(None, None, f"{cadence.value}; {error}")
    return NextDecision(session, trades_on, f"{session} ({cadence.value}), trades on {trades_on}")


# --- target against actual --------------------------------------------------------------------------


def _targets(store: VersionedStore, report: RunReport | None) -> tuple[date | None, tuple[PlanLine, ...]]:
    """Return the newest plan's lines: of the last run, or else the newest that was committed."""
    if report is None:
        return None, ()
    if report.plan is not None:
        return report.executes or report.as_of, report.plan.lines
    plan = _newest_plan(store, report.key.account_id)
    return (plan.executes or plan.as_of, plan.plan.lines) if plan else (None, ())


def _newest_plan(store: VersionedStore, account_id: str) -> RunPlan | None:
    root = f"accounts/{account_id}/runs/"
    planned = [key.split("/")[-2] for key in store.keys(root) if key.endswith("/plan") and f".{ORDER_TEST}-" not in key]
    if not planned:
        return None
    newest = max(run_id[:10] for run_id in planned)
    lost = given_up(store, account_id)
    there = [run_id for run_id in planned if run_id[:10] == newest and f"{root}{run_id}/plan" not in lost]
    plans = (RunLedger(store, account_id, run_id).plan() for run_id in there)
    return max((plan for plan in plans if plan), key=lambda plan: plan.committed_at, default=None)


def _compared(lines: Sequence[PlanLine], report: RunReport | None) -> tuple[TargetLine, ...]:
    held: Mapping[str, Decimal] = report.account.quantities if report and report.account else {}
    targets = {line.symbol: line.target for line in lines}
    symbols = sorted({*targets, *held})
    compared = (TargetLine(symbol, targets.get(symbol), held.get(symbol, ZERO)) for symbol in symbols)
    return tuple(line for line in compared if line.target or line.held)


# --- what needs an operator -------------------------------------------------------------------------


def _needs(
    lease: LeaseState | None,
    report: RunReport | None,
    halted: Sequence[Halt],
    open_run: OpenRun | None,
    uncertain: Sequence[UncertainOrder],
    ruling: Due,
) -> tuple[str, ...]:
    needs = [halt_words(halt.scope) for halt in halted]
    if open_run and not open_run.worked_on:
        needs.append(f"run {open_run.run_id} is open and nobody works on it: run it again to finish it")
    orders = [order.client_order_id for order in uncertain]
    if orders:
        needs.append(f"UNKNOWN orders: {', '.join(orders)}; settle them with `quant resolve`")
    settled = {*(lease.uncertain_runs if lease else ())} - {order.run_id for order in uncertain}
    needs += [f"run {run} is settled but not finished: repeat its last `quant resolve`" for run in sorted(settled)]
    needs += [f"behind target: the REBALANCE of {session} grew too old to be executed" for session in ruling.behind]
    if report and _stuck(report):
        needs.append(f"the last run {report.run_id} was {report.outcome.value}: {'; '.join(report.reasons)}")
    if lease and lease.last_run and report is None:
        needs.append(f"the last run {lease.last_run} has no report here: check the address of the reports")
    return tuple(needs)


def _stuck(report: RunReport) -> bool:
    """Whether a run ended badly for another reason than UNKNOWN orders of its own, which are named one by one."""
    unknown = any(order.state is OrderState.UNKNOWN for order in report.orders)
    return report.outcome in (Outcome.BLOCKED, Outcome.FAILED) and not unknown
