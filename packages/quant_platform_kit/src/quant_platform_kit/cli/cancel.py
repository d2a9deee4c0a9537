"""`quant cancel`, and how `quant halt` cancels: at the broker, which the command has to reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.cli.broker import NO_BROKER, PlatformOption, PortOption, Reach, reach_of
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import order_text, units
from quant_platform_kit.cli.place import PlaceOptions, ReasonOption, common_options, say
from quant_platform_kit.domain.errors import QuantError, Refused
from quant_platform_kit.domain.orders import ExecutionReport
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.cancelling import cancel_open, cancel_order

__all__ = ["Cancelled", "cancel_all", "cancel_command", "show_cancelled"]

Cancelled = dict[str, list[ExecutionReport]]
"""By account, where each order stands that was working there."""


@common_options("book", "store", "reports", "account", "who")
def cancel_command(
    *,
    order: Annotated[str, typer.Argument(metavar="ORDER", help="Client order id.")],
    reason: ReasonOption,
    platform: PlatformOption = None,
    paper_port: PortOption = None,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Cancel one working order at the broker; the run that sent it, or its recovery, records the answer."""
    reach = reach_of(platform, paper_port)
    with at.open() as place:
        named, by = place.one_account, place.operator
        if reach is None:
            raise Refused(NO_BROKER)
        with reach(named) as broker:
            report = cancel_order(by, broker, order, reason)
    if json:
        print_json(report)
    else:
        _show_report(report)
    if not report.state.terminal:
        raise typer.Exit(complain(f"order {order} is still {report.state.value}", 1))


def cancel_all(store: VersionedStore, accounts: Sequence[str], reach: Reach | None) -> tuple[Cancelled, list[str]]:
    """Cancel what works on each account; return that, and what could not be cancelled and why."""
    if reach is None:
        return {}, [NO_BROKER]
    cancelled: Cancelled = {}
    failed: list[str] = []
    for account in accounts:
        try:
            with reach(account) as broker:
                cancelled[account], problems = cancel_open(store, broker)
        except QuantError as error:
            problems = [str(error)]
        working = [report for report in cancelled.get(account, []) if not report.state.terminal]
        problems += [f"{report.order.client_order_id} is still {report.state.value}" for report in working]
        failed += [f"{account}: {problem}" for problem in problems]
    return cancelled, failed


def show_cancelled(cancelled: Cancelled) -> None:
    """Print where each cancelled order stands, by account."""
    for account, found in cancelled.items():
        for report in found:
            _show_report(report)
        if not found:
            say(f"  account {account} has no working order")


def _show_report(report: ExecutionReport) -> None:
    filled = f"{units(report.filled_quantity)} of {units(report.order.quantity)} filled"
    say(f"  order {report.order.client_order_id} ({order_text(report.order)}) is {report.state.value}, {filled}")
