"""`quant cancel`, and how `quant halt` cancels: at the broker, which the command has to reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, TypeVar

import typer

from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import complain, order_text, print_json, units
from quant_platform_kit.cli.place import (
    AccountOption,
    BookOption,
    ReasonOption,
    ReportsOption,
    StoreOption,
    WhoOption,
    open_place,
    operator,
    say,
)
from quant_platform_kit.domain.errors import QuantError, Refused
from quant_platform_kit.domain.orders import ExecutionReport
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.services.cancelling import cancel_open, cancel_order
from quant_platform_kit.testing.paper_client import PaperClient

__all__ = ["Cancelled", "PortOption", "cancel_all", "cancel_command", "show_cancelled"]

PAPER_TRAITS = BrokerTraits(settle_window=timedelta(seconds=2), timeout=timedelta(seconds=5))
NO_BROKER = "cancelling needs the broker; add --paper-port PORT, or cancel at the broker"

Cancelled = dict[str, list[ExecutionReport]]
"""By account, where each order stands that was working there."""

_T = TypeVar("_T")

PortOption = Annotated[
    int | None, typer.Option("--paper-port", min=1, max=65535, help="Port of a running paper venue, to reach a broker.")
]


def cancel_command(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="Client order id.")],
    reason: ReasonOption,
    paper_port: PortOption = None,
    book: BookOption = None,
    store: StoreOption = None,
    reports: ReportsOption = None,
    account: AccountOption = None,
    who: WhoOption = None,
    json: JsonOption = False,
) -> None:
    """Cancel one working order at the broker; the run that sent it, or its recovery, records the answer."""
    with open_place(book, store, reports, account) as place:
        named, by = place.one_account, operator(place, who)
        if paper_port is None:
            raise Refused(NO_BROKER)
        report = _at_venue(paper_port, named, lambda broker: cancel_order(by, broker, order, reason))
    if json:
        print_json(report)
    else:
        _show_report(report)
    if not report.state.terminal:
        raise typer.Exit(complain(f"order {order} is still {report.state.value}", 1))


def cancel_all(accounts: Sequence[str], port: int | None) -> tuple[Cancelled, list[str]]:
    """Cancel what works on each account; return that, and what could not be cancelled and why."""
    if port is None:
        return {}, [NO_BROKER]
    cancelled: Cancelled = {}
    failed: list[str] = []
    for account in accounts:
        try:
            cancelled[account] = _at_venue(port, account, cancel_open)
        except QuantError as error:
            failed.append(f"{account}: {error}")
        working = [report for report in cancelled.get(account, []) if not report.state.terminal]
        failed += [f"{account}: {r.order.client_order_id} is still {r.state.value}" for r in working]
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


def _at_venue(port: int, account: str, use: Callable[[PaperClient], _T]) -> _T:
    client = PaperClient(port, account, PAPER_TRAITS)
    try:
        return use(client)
    finally:
        client.close()
