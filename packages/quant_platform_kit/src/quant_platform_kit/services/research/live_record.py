"""What an account did, read back from its reports, recorded inputs and decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.orders import Fill
from quant_platform_kit.domain.planning import IDEAL, REALISTIC, ExecutionRules
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.reconciliation import expected_account
from quant_platform_kit.domain.runs import OrderOutcome, Outcome, RunReport
from quant_platform_kit.domain.shortfall import Execution
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.believing import believed
from quant_platform_kit.services.record.ledger import DecisionLedger, RunLedger
from quant_platform_kit.services.record.recorded_inputs import RecordedInputs
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.research.deviations import Deviations, OutsideChange

__all__ = ["LiveRecord", "live_record"]

ZERO, ONE = Decimal(0), Decimal(1)
_NO_CASH, _BUFFER_STEP = Decimal("0.000001"), Decimal("0.000001")
_RAN = frozenset({Outcome.COMPLETED, Outcome.INCOMPLETE, Outcome.NO_ACTION})
"""Outcomes of runs that executed what was due, as far as it went."""


@dataclass(frozen=True, slots=True)
class LiveRecord:
    """An account over a period.

    Attributes
    ----------
    config
        Of the strategy, as it was recorded.
    policy
        As far as a decision depends on it.
    believed
        Symbols and sessions whose prices an operator believes.
    start, end
        The session before the first run's, and the last run's (exchange-local dates).
    begin
        The account as the first run found it.
    states
        The account after the last run of each session that had one.
    executions
        Ascending by session.
    """

    account_id: str
    profile: str
    config: Mapping[str, object]
    policy: ExecutionPolicy
    start: date
    end: date
    begin: AccountState
    states: Mapping[date, AccountState]
    executions: tuple[Execution, ...]
    deviations: Deviations
    believed: frozenset[tuple[str, date]] = frozenset()


def live_record(
    reports: ReportStore,
    store: VersionedStore,
    account_id: str,
    own: ExecutionRules,
    period: tuple[date | None, date | None] = (None, None),
) -> LiveRecord:
    """Return what the newest profile of an account did, in the mode it ran in last.

    Parameters
    ----------
    own
        The back-test's: sizing that is the same differs in nothing.
    period
        Sessions traded in, first and last; None where it has no bound.

    Raises
    ------
    InvalidInput
        There is no run that decided, or another profile ran in the period.
    Damaged
        A recorded object is missing or was changed.
    """
    runs = _runs(reports, account_id, period)
    inputs = {run.run_id: _inputs(reports, run) for run in runs}
    first = next((run for run in runs if inputs[run.run_id]), None)
    if first is None or (seen := inputs[first.run_id]) is None:
        raise InvalidInput(f"account {account_id} has no run that decided in this period; check --account and --start")
    runs = runs[runs.index(first) :]
    sessions = _by_session(runs)
    decided = DecisionLedger(store, account_id, first.profile, first.key.mode)
    known = [each for each in decided.history() if first.as_of <= each.as_of < runs[-1].key.session]
    return LiveRecord(
        account_id=account_id,
        profile=first.profile,
        config=seen.config,
        policy=seen.policy,
        start=first.as_of,
        end=runs[-1].key.session,
        begin=seen.account,
        states={run.key.session: run.account for run in runs if run.account},
        executions=tuple(_executions(runs)),
        deviations=Deviations(
            decisions={each.as_of: decided.read(each.as_of, each.action) for each in known},
            quotes={day: _quotes(there, inputs) for day, there in sessions.items()},
            slippage={day: _slippage(there) for day, there in sessions.items()},
            commission={day: _commission(there) for day, there in sessions.items()},
            rules=_rules(runs, store, own),
            executed={day: _shares(there) for day, there in sessions.items() if any(r.outcome in _RAN for r in there)},
            changes=_changes(runs, inputs, seen.currency),
        ),
        believed=believed(store),
    )


def _runs(reports: ReportStore, account_id: str, period: tuple[date | None, date | None]) -> list[RunReport]:
    """Return the account's runs of a period that could trade, ascending; all of one profile and mode."""
    first, last = period[0] or date.min, period[1] or date.max
    ids = [run_id for run_id in reports.ids() if first <= date.fromisoformat(run_id[:10]) <= last]
    found = (reports.find(run_id) for run_id in ids)
    runs = [run for run in found if run and run.key.account_id == account_id and run.key.mode.submits]
    runs.sort(key=lambda run: (run.key.session, run.finished_at))
    if others := [run for run in runs if (run.profile, run.key.mode) != (runs[-1].profile, runs[-1].key.mode)]:
        other, newest = others[-1], runs[-1]
        raise InvalidInput(
            f"account {account_id} ran {other.profile} in mode {other.key.mode.value} until {other.key.session}, and "
            f"{newest.profile} in mode {newest.key.mode.value} since; compare one: choose --start or --end"
        )
    return runs


def _inputs(reports: ReportStore, run: RunReport) -> RecordedInputs | None:
    digest = run.reasoning.inputs.digest if run.reasoning else None
    return reports.inputs.document(digest) if digest else None


def _executions(runs: Iterable[RunReport]) -> Iterable[Execution]:
    found = {run.key.session: run for run in runs if run.executes and any(order.filled for order in run.orders)}
    return (Execution(run.executes or run.as_of, session) for session, run in sorted(found.items()))


# --- what differs, session by session -----------------------------------------------------------------


def _by_session(runs: Iterable[RunReport]) -> dict[date, list[RunReport]]:
    found: dict[date, list[RunReport]] = {}
    for run in runs:
        found.setdefault(run.key.session, []).append(run)
    return found


def _quotes(runs: Iterable[RunReport], inputs: Mapping[str, RecordedInputs | None]) -> dict[str, Decimal]:
    """Return what the last runs of a session decided and planned at."""
    quotes: dict[str, Decimal] = {}
    for run in runs:
        seen = inputs[run.run_id]
        quotes |= {symbol: quote.price for symbol, quote in seen.quotes.items()} if seen else {}
        quotes |= {line.symbol: line.price for line in run.plan.lines if line.price} if run.plan else {}
    return quotes


def _traded(runs: Iterable[RunReport]) -> dict[str, list[OrderOutcome]]:
    """Return the orders of a session by symbol that were filled at known prices."""
    found: dict[str, list[OrderOutcome]] = {}
    for order in (order for run in runs for order in run.orders):
        if order.filled and order.average_price and order.decision_price:
            found.setdefault(order.symbol, []).append(order)
    return found


def _paid(orders: Iterable[OrderOutcome]) -> Decimal:
    return sum((order.filled * (order.average_price or ZERO) for order in orders), ZERO)


def _slippage(runs: Iterable[RunReport]) -> dict[str, Decimal]:
    """Return what fills cost more than the quotes they were planned at, as a share of these, by symbol."""
    return {
        symbol: sum((order.slippage or ZERO for order in orders), ZERO)
        / sum((order.filled * (order.decision_price or ZERO) for order in orders), ZERO)
        for symbol, orders in _traded(runs).items()
    }


def _commission(runs: Iterable[RunReport]) -> dict[str, Decimal]:
    """Return commission / notional, by symbol."""
    return {
        symbol: sum((order.commission for order in orders), ZERO) / _paid(orders)
        for symbol, orders in _traded(runs).items()
    }


def _shares(runs: Iterable[RunReport]) -> dict[str, Decimal]:
    """Return which share of what was to be traded was filled, by symbol.

    A buy that was cut to the cash there was counts as what it was cut to.
    """
    wanted: dict[str, Decimal] = {}
    filled: dict[str, Decimal] = {}
    for order in (order for run in runs for order in run.orders):
        if order.quantity:
            wanted.setdefault(order.symbol, order.quantity)
            filled[order.symbol] = filled.get(order.symbol, ZERO) + order.filled
    return {symbol: min(ONE, filled[symbol] / quantity) for symbol, quantity in wanted.items()}


def _rules(runs: Sequence[RunReport], store: VersionedStore, own: ExecutionRules) -> ExecutionRules | None:
    """Return how the account's orders were sized, as its last plan tells; None where the back-test does the same."""
    planned = next((run for run in reversed(runs) if run.plan and run.plan.orders), None)
    plan = RunLedger(store, planned.key.account_id, planned.run_id).plan() if planned else None
    if plan is None or not plan.base:
        return None
    quantities = [order.quantity for run in runs for order in (run.plan.orders if run.plan else ())]
    steps = sorted({own.quantity_step, ONE}, reverse=True)
    step = next((step for step in steps if not any(units % step for units in quantities)), IDEAL.quantity_step)
    buffer = (plan.buffer / plan.base).quantize(_BUFFER_STEP)
    sizing = replace(REALISTIC if step >= ONE else IDEAL, quantity_step=step, cash_buffer=buffer)
    found = sizing.at_costs_of(own)
    return None if found == own else found


def _changes(
    runs: Iterable[RunReport], inputs: Mapping[str, RecordedInputs | None], currency: str
) -> dict[date, OutsideChange]:
    """Return what happened to the account between its runs, and during one beside its own orders."""
    found: dict[date, OutsideChange] = {}
    known: AccountState | None = None
    for run in runs:
        seen = inputs[run.run_id]
        before = seen.account if seen else run.account if not run.orders else None
        steps = [(known, before)]
        if before and run.account:
            steps.append((_after(before, run, currency), run.account))
        for one, other in steps:
            if one and other and (change := _apart(one, other, currency)):
                found[run.key.session] = _together(found.get(run.key.session), change)
        known = run.account or known
    return found


def _after(account: AccountState, run: RunReport, currency: str) -> AccountState:
    """Return an account after the orders of a run."""
    fills = (
        Fill(o.client_order_id, o.symbol, o.side, o.filled, o.average_price or ZERO, o.commission, run.finished_at)
        for o in run.orders
        if o.filled
    )
    return expected_account(account, fills, currency)


def _apart(one: AccountState, other: AccountState, currency: str) -> OutsideChange | None:
    cash = other.cash_by_currency.get(currency, ZERO) - one.cash_by_currency.get(currency, ZERO)
    symbols = sorted({*one.quantities, *other.quantities})
    units = {s: other.quantities.get(s, ZERO) - one.quantities.get(s, ZERO) for s in symbols}
    units = {symbol: change for symbol, change in units.items() if change}
    return OutsideChange(cash, units) if units or abs(cash) > _NO_CASH else None


def _together(one: OutsideChange | None, other: OutsideChange) -> OutsideChange:
    if one is None:
        return other
    units = {s: one.units.get(s, ZERO) + other.units.get(s, ZERO) for s in sorted({*one.units, *other.units})}
    return OutsideChange(one.cash + other.cash, units)
