"""What the pages say of runs beyond their fields: whether all is well, in a word and a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import OrderState, Side
from quant_platform_kit.domain.planning import OrderPlan, PlanLine
from quant_platform_kit.domain.reconciliation import Discrepancy
from quant_platform_kit.domain.runs import OrderOutcome, Outcome, RunReport
from quant_platform_kit.domain.strategy import Action
from quant_platform_kit.services.observe.account import AccountView
from quant_platform_kit.services.observe.notifying import Delivery
from quant_platform_kit.web.reading import OpenRunSummary, RunSummary

__all__ = [
    "Level",
    "account_headline",
    "duration",
    "headline",
    "idle_lines",
    "order_words",
    "overview",
    "slippage_rate",
    "summary_level",
    "totals",
]

ZERO = Decimal(0)
NAMED = 4
"""Up to so many orders are named in a sentence; more are counted."""


class Level(StrEnum):
    """How much a person is needed."""

    GOOD = "good"
    LOOK = "look"
    ACT = "act"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Headline:
    """The first thing a page says."""

    level: Level
    title: str
    text: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a run traded and what that cost.

    Attributes
    ----------
    turnover
        Units filled x average price; ``of_base`` is its share of the base, None without one.
    slippage
        Sum of the orders' slippage, None when none is known; ``rate`` is its share of the same units at the decision
        price.
    """

    turnover: Decimal
    of_base: Decimal | None
    slippage: Decimal | None
    rate: Decimal | None
    commission: Decimal


# --- one run --------------------------------------------------------------------------------------


def headline(report: RunReport, told: Delivery | None) -> Headline:
    """Return whether all was well when a run ended."""
    text = _sentence(report)
    if report.todo or report.outcome in (Outcome.BLOCKED, Outcome.FAILED):
        behind = " The account is behind target." if report.behind else ""
        return Headline(Level.ACT, "Needs you", text + behind)
    if report.outcome is Outcome.INCOMPLETE:
        return Headline(Level.LOOK, "Not finished", text)
    quiet = report.outcome in (Outcome.NO_ACTION, Outcome.SKIPPED)
    why = "; ".join(report.reasons) if quiet else ""
    if any(finding.kind.outside for finding in report.findings):
        return Headline(Level.LOOK, "Worth a look", f"{text} The account changed outside the platform.", why)
    if any(finding.kind is Discrepancy.ODD_PRICE for finding in report.findings):
        return Headline(Level.LOOK, "Worth a look", f"{text} The price of a fill is not known.", why)
    if any(finding.kind is Discrepancy.MISREAD for finding in report.findings):
        return Headline(Level.LOOK, "Worth a look", f"{text} The broker said what is not known.", why)
    if told is not None and told.error:
        return Headline(Level.LOOK, "Worth a look", f"{text} The notification did not get out.", why)
    return Headline(Level.GOOD, "All is well", text, why)


def _sentence(report: RunReport) -> str:
    """Return what happened in a trader's words."""
    match report.outcome:
        case Outcome.COMPLETED if report.key.mode.submits:
            return f"Done: {_traded(report.orders)}."
        case Outcome.COMPLETED:
            planned = len(report.plan.orders) if report.plan else 0
            return f"Planned only: {_count(planned, 'order')}, none sent."
        case Outcome.INCOMPLETE:
            return _incomplete(report)
        case Outcome.NO_ACTION:
            why = "the strategy holds" if report.action is Action.HOLD else "no order is needed"
            return f"Nothing to trade: {why}."
        case Outcome.SKIPPED:
            return "Not due: nothing was decided and nothing was sent."
        case Outcome.FAILED:
            return "Missed: the run ended before it had a plan. Nothing was sent."
        case Outcome.BLOCKED:
            return _blocked(report)


def _traded(orders: Sequence[OrderOutcome]) -> str:
    done = [order for order in orders if order.filled]
    if len(done) > NAMED:
        sold = sum(order.side is Side.SELL for order in done)
        return f"{_count(sold, 'sale')} and {_count(len(done) - sold, 'purchase')}, all filled"
    words = {Side.BUY: "bought", Side.SELL: "sold"}
    return (
        ", ".join(f"{words[o.side]} {o.filled.normalize():,f} {o.symbol}" for o in done) or "nothing was left to trade"
    )


def _incomplete(report: RunReport) -> str:
    meant = [order for order in report.orders if order.quantity]
    filled = sum(order.state is OrderState.FILLED for order in meant)
    working = sum(not order.state.terminal for order in meant)
    text = f"Partly done: {filled} of {_count(len(meant), 'order')} filled."
    if working:
        text += f" {_count(working, 'order')} may still be working at the broker."
    return text + (" What is missing stays due: the next run goes on with it." if report.executes else "")


def _blocked(report: RunReport) -> str:
    uncertain = sum(order.state is OrderState.UNKNOWN for order in report.orders)
    if not uncertain:
        return "Blocked: nothing was sent."
    is_ = "was sent, and nobody knows what became of it" if uncertain == 1 else "were sent, and nobody knows their fate"
    return f"Blocked: {_count(uncertain, 'order')} {is_}. Nothing more is traded until you settle it."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def idle_lines(plan: OrderPlan) -> list[PlanLine]:
    """Return the lines of symbols that were neither held nor wanted."""
    return [line for line in plan.lines if not (line.current or line.target or line.order)]


# --- orders ---------------------------------------------------------------------------------------

_STATES = {
    OrderState.RECORDED: (Level.LOOK, "not sent"),
    OrderState.SENT: (Level.LOOK, "sent, no answer"),
    OrderState.ACKNOWLEDGED: (Level.LOOK, "working"),
    OrderState.PARTIALLY_FILLED: (Level.LOOK, "partly filled"),
    OrderState.FILLED: (Level.GOOD, "filled"),
    OrderState.CANCELLED: (Level.LOOK, "cancelled"),
    OrderState.REJECTED: (Level.LOOK, "rejected"),
    OrderState.EXPIRED: (Level.LOOK, "expired"),
    OrderState.UNKNOWN: (Level.ACT, "unknown"),
}


def order_words(order: OrderOutcome) -> tuple[Level, str]:
    """Return where an order stands: how bad, and in a word."""
    if not order.quantity:
        return Level.IDLE, "cut to nothing"
    return _STATES[order.state]


def duration(order: OrderOutcome) -> float | None:
    """Return the seconds from the first sending of an order to its last step, None if it was not sent."""
    if order.sent_at is None or order.ended_at is None:
        return None
    return (order.ended_at - order.sent_at).total_seconds()


def slippage_rate(order: OrderOutcome) -> Decimal | None:
    """Return the slippage as a share of what was filled at the decision price."""
    paid = order.filled * (order.decision_price or ZERO)
    return order.slippage / paid if order.slippage is not None and paid else None


def totals(report: RunReport) -> Totals:
    """Return what a run traded and what that cost."""
    turnover = sum((o.filled * o.average_price for o in report.orders if o.average_price is not None), ZERO)
    known = [order for order in report.orders if order.slippage is not None]
    slippage = sum((order.slippage or ZERO for order in known), ZERO) if known else None
    paid = sum((order.filled * (order.decision_price or ZERO) for order in known), ZERO)
    return Totals(
        turnover=turnover,
        of_base=turnover / report.base if report.base else None,
        slippage=slippage,
        rate=slippage / paid if slippage is not None and paid else None,
        commission=sum((order.commission for order in report.orders), ZERO),
    )


# --- many runs ------------------------------------------------------------------------------------


def summary_level(run: RunSummary) -> Level:
    """Return how much a person was needed when a run ended."""
    if run.todo or run.outcome in (Outcome.BLOCKED, Outcome.FAILED):
        return Level.ACT
    if run.outcome is Outcome.INCOMPLETE:
        return Level.LOOK
    return Level.GOOD if run.outcome is Outcome.COMPLETED else Level.IDLE


def overview(runs: Sequence[RunSummary], open_runs: Sequence[OpenRunSummary]) -> Headline:
    """Return whether all is well, by the last run of each account and what is open."""
    last = _last(runs)
    by_level = {level: [run for run in last if summary_level(run) is level] for level in Level}
    if need := by_level[Level.ACT]:
        names = ", ".join(dict.fromkeys(run.account_id for run in need))
        return Headline(Level.ACT, "Needs you", f"The last run did not end well on {names}.")
    if open_runs:
        return Headline(Level.LOOK, "Still open", f"{_count(len(open_runs), 'run')} began and did not end yet.")
    if left := by_level[Level.LOOK]:
        names = ", ".join(dict.fromkeys(run.account_id for run in left))
        return Headline(Level.LOOK, "Not finished", f"The last run left orders unfilled on {names}.")
    if not last:
        return Headline(Level.IDLE, "No runs yet", "No run has ended here. The next trigger makes one.")
    accounts = len({run.account_id for run in last})
    where = "the account" if accounts == 1 else f"each of {accounts} accounts"
    return Headline(Level.GOOD, "All is well", f"The last run of {where} left nothing to do.")


def _last(runs: Iterable[RunSummary]) -> list[RunSummary]:
    """Return the newest run of each account, and its newest that could trade: a rehearsal after it settles nothing."""
    found: dict[tuple[str, bool], RunSummary] = {}
    for run in runs:
        found.setdefault((run.account_id, False), run)
        if Mode(run.mode).submits:
            found.setdefault((run.account_id, True), run)
    return list({run.run_id: run for run in found.values()}.values())


# --- accounts -------------------------------------------------------------------------------------


def account_headline(views: Sequence[AccountView]) -> Headline:
    """Return whether the accounts need their owner."""
    needs = [need for view in views for need in view.status.needs]
    if needs:
        return Headline(Level.ACT, "Needs you", needs[0], "; ".join(needs[1:]))
    if due := [view.status.due for view in views if view.status.due]:
        return Headline(Level.LOOK, "Still to do", f"The REBALANCE of {due[0]} is still to be executed.")
    if not any(view.valuations for view in views):
        return Headline(Level.IDLE, "No runs yet", "No account of this service has run. The next trigger makes a run.")
    return Headline(Level.GOOD, "All is well", "Nothing is left to do.")
