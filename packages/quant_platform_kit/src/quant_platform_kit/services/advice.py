"""What an operator has to do about a run, each a sentence or a command to type."""

from __future__ import annotations

from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import OrderOutcome, Outcome, RunReport

__all__ = ["PLACE", "what_to_do"]

PLACE = '--store "$STORE_URL" --reports "$REPORT_STORE_URL"'
"""Names the stores by the service's own settings: their addresses may hold passwords."""


def what_to_do(report: RunReport) -> tuple[str, ...]:
    """Return what is left to a person; empty when all is well or the platform goes on by itself."""
    todo = [resolve_line(report, order) for order in report.orders if order.state is OrderState.UNKNOWN]
    if report.outcome in (Outcome.BLOCKED, Outcome.FAILED) and not todo:
        todo += report.reasons
    todo += [
        f"the REBALANCE of {session} grew too old to be executed: decide whether to trade it by hand, or wait for the "
        "next decision"
        for session in report.behind
    ]
    return tuple(todo)


def resolve_line(report: RunReport, order: OrderOutcome) -> str:
    """Return the command that settles an order nobody knows the fate of."""
    settled = "--as filled|not-sent|cancelled --evidence TEXT"
    return f"quant resolve {report.run_id} {order.client_order_id} {settled} --account {report.key.account_id} {PLACE}"
