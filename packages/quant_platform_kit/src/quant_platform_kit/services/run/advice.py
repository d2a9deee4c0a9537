"""What an operator has to do about a run, each a sentence or a command to type."""

from __future__ import annotations

from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import Outcome, RunReport

__all__ = ["PLACE", "accept_line", "resolve_line", "what_to_do"]

PLACE = '--store "$STORE_URL" --reports "$REPORT_STORE_URL"'
"""Names the stores by the service's own settings: their addresses may hold passwords."""


def what_to_do(report: RunReport) -> tuple[str, ...]:
    """Return what is left to a person; empty when all is well or the platform goes on by itself.

    Parameters
    ----------
    report
        Its own ``todo``, if it has one, says why a run was blocked.
    """
    account = f"--account {report.key.account_id} {PLACE}"
    unknown = [order.client_order_id for order in report.orders if order.state is OrderState.UNKNOWN]
    todo = [resolve_line(report.run_id, order, account) for order in unknown] or list(report.todo)
    if report.outcome in (Outcome.BLOCKED, Outcome.FAILED) and not todo:
        todo += report.reasons
    todo += [
        f"the REBALANCE of {session} grew too old to be executed: decide whether to trade it by hand, or wait for the "
        "next decision"
        for session in report.behind
    ]
    return tuple(todo)


def accept_line(key: RunKey) -> str:
    """Return the command that accepts what a run found and was blocked by."""
    return f"quant accept {key.run_id} --reason TEXT --account {key.account_id} {PLACE}"


def resolve_line(run_id: str, client_order_id: str, where: str) -> str:
    """Return the command that settles an order nobody knows the fate of; the choice and the text are to be filled in.

    Parameters
    ----------
    where
        The options that name account and stores.
    """
    return f'quant resolve {run_id} {client_order_id} --as "filled|not-sent|cancelled" --evidence TEXT {where}'
