"""Run reports, out of what a run found, planned and did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from quant_platform_kit.domain.orders import OrderState, Side
from quant_platform_kit.domain.reconciliation import Discrepancy, expected_account, odd_prices, reconcile
from quant_platform_kit.domain.runs import (
    OrderOutcome,
    OrderRecord,
    Outcome,
    RunClaim,
    RunPlan,
    RunReport,
    undecided_key,
)
from quant_platform_kit.domain.settlement import unsettled_after
from quant_platform_kit.domain.strategy import Action
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.services.run.deciding import Situation
from quant_platform_kit.services.run.plan_making import Inputs, reasoning
from quant_platform_kit.services.run.request import RunRequest

__all__ = ["decided_report", "executed_report", "undecided_report", "undecided_since", "unplaced_report"]


def undecided_report(
    claim: RunClaim,
    outcome: Outcome,
    reasons: Sequence[str],
    broker: Broker | None,
    clock: Clock,
    last: RunReport | None,
) -> RunReport:
    """Return the report of a run that ended before it decided.

    Parameters
    ----------
    broker
        Asked for the account; None leaves it out.
    last
        The account's last report: what it has noted is handed on, so that what happened since is still found by the
        next run that decides.
    """
    return RunReport(
        run_id=claim.key.run_id,
        key=claim.key,
        profile=claim.profile,
        display_name=claim.display_name,
        input_mode=claim.input_mode,
        outcome=outcome,
        reasons=tuple(reasons),
        as_of=claim.as_of,
        action=None,
        decision_digest=None,
        plan=None,
        base=None,
        orders=(),
        account=broker.account() if broker else None,
        finished_at=clock.now(),
        bought_by=last.bought_by if last else {},
        noted=last.noted if last else None,
        service=claim.service,
        started_at=claim.claimed_at,
        known=last is not None and last.known,
        unsettled=last.unsettled if last else None,
        undecided=still_undecided(claim, last, is_decided=outcome not in (Outcome.BLOCKED, Outcome.FAILED)),
        contacted=last.contacted if last else None,
    )


def still_undecided(claim: RunClaim, last: RunReport | None, *, is_decided: bool) -> Mapping[str, date]:
    """Return what `RunReport.undecided` is after a run: what it was, and its own session if that was not decided."""
    known: Mapping[str, date] = last.undecided if last else {}
    return known if is_decided else {undecided_key(claim.profile, claim.key.mode): claim.as_of, **known}


def undecided_since(claim: RunClaim, last: RunReport | None) -> date | None:
    """Return the first session that the profile was asked for on the account and could not decide; None without one."""
    return last.undecided.get(undecided_key(claim.profile, claim.key.mode)) if last else None


def unplaced_report(request: RunRequest, clock: Clock, why: str, *todo: str) -> RunReport:
    """Return the report of a run that is blocked before it could be claimed; it is kept nowhere."""
    claim = request.claim(request.key.session, clock.now())
    report = undecided_report(claim, Outcome.BLOCKED, [why], None, clock, None)
    return replace(report, started_at=None, todo=todo or (why,))


def decided_report(
    base: RunReport, situation: Situation, plan: RunPlan | None, refused: Sequence[str], inputs: Inputs
) -> RunReport:
    """Return the report of a run that decided and sends nothing.

    Parameters
    ----------
    base
        An undecided report to complete.
    plan
        What would be sent, in a mode that sends nothing.
    refused
        Why nothing may be sent; empty when nothing has to be.
    """
    today = situation.today
    takes_note = base.key.mode.submits and not refused
    blocked = today.decision.action is Action.BLOCKED or bool(refused)
    unknown = any(finding.kind is Discrepancy.UNKNOWN_ACCOUNT for finding in base.findings)
    outcome = Outcome.BLOCKED if blocked else Outcome.NO_ACTION
    reasons = [*today.decision.reasons, *refused]
    if plan is not None and not blocked:
        outcome = Outcome.COMPLETED
        reasons.append(f"mode {base.key.mode.value}: nothing was sent")
    return replace(
        base,
        outcome=outcome,
        reasons=tuple(reasons),
        action=today.decision.action,
        decision_digest=situation.digest or today.digest,
        plan=plan.plan if plan else None,
        base=today.portfolio.base if today.portfolio else None,
        account=inputs.account,
        executes=situation.due.as_of,
        behind=situation.due.behind,
        bought_by=inputs.bought_by if takes_note and today.portfolio is not None else base.bought_by,
        noted=inputs.account if takes_note or base.noted is None else base.noted,
        reasoning=reasoning(situation, inputs),
        todo=(*refused, *base.todo) or (today.decision.reasons if blocked else ()),
        known=base.known or (today.portfolio is not None and (takes_note or not unknown)),
        undecided=inputs.undecided_after(today.decision.action),
    )


def executed_report(base: RunReport, plan: RunPlan, done: Sequence[OrderRecord], currency: str) -> RunReport:
    """Return the report of a run whose plan was executed as far as it goes."""
    fills = [fill for record in done if record.execution for fill in record.execution.fills]
    account = base.account
    findings = (*plan.findings, *odd_prices(fills))
    if account is not None:
        findings = (*findings, *reconcile(expected_account(plan.account, fills, currency), account))
    held = {symbol for symbol, quantity in account.quantities.items() if quantity} if account else set[str]()
    bought = {r.order.symbol: base.profile for r in done if r.order.side is Side.BUY and (r.filled or r.uncertain)}
    held |= bought.keys()
    return replace(
        base,
        outcome=_outcome(done),
        reasons=(*plan.reasons, *_unfilled(done)),
        as_of=plan.as_of,
        action=plan.action,
        decision_digest=plan.digest,
        plan=plan.plan,
        base=plan.base,
        orders=tuple(_priced(record, plan.prices.get(record.order.symbol)) for record in done),
        executes=plan.executes,
        behind=plan.behind,
        findings=findings,
        bought_by={symbol: p for symbol, p in {**plan.bought_by, **bought}.items() if symbol in held},
        noted=account,
        planned_at=plan.committed_at,
        reasoning=plan.reasoning,
        known=True,
        undecided=plan.undecided,
        contacted=plan.contacted,
        unsettled=unsettled_after(base.key.session, plan.unsettled, plan.account, fills, currency),
    )


def _priced(record: OrderRecord, price: Decimal | None) -> OrderOutcome:
    """Return an order's outcome with what its fills cost more than at the price it was planned at."""
    outcome = record.outcome
    if price is None or outcome.average_price is None:
        return replace(outcome, decision_price=price)
    more = outcome.filled * (outcome.average_price - price)
    return replace(outcome, decision_price=price, slippage=more if outcome.side is Side.BUY else -more)


def _outcome(done: Sequence[OrderRecord]) -> Outcome:
    if any(record.state is OrderState.UNKNOWN for record in done):
        return Outcome.BLOCKED
    return Outcome.COMPLETED if all(record.executed for record in done) else Outcome.INCOMPLETE


def _unfilled(done: Sequence[OrderRecord]) -> list[str]:
    left = (record.outcome for record in done if not record.executed)
    return [
        f"{o.side.value} {o.symbol}: {o.filled} of {o.quantity} filled, {o.state.value} {o.text}".strip() for o in left
    ]
