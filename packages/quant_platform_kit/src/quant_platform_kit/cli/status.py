"""`quant status`: where an account stands, and what needs an operator."""

from __future__ import annotations

import typer
from rich.markup import escape

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import console, table, units
from quant_platform_kit.cli.place import Place, PlaceOptions, common_options, say
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.services.observe.status import (
    AccountStatus,
    OpenRun,
    StatusSources,
    UncertainOrder,
    account_status,
)
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.advice import resolve_line

__all__ = ["status_command", "status_sources"]


@common_options("book", "store", "reports", "account")
def status_command(
    *,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Show where one account stands, or every account in the store; exit 1 if something needs an operator."""
    with at.open() as place:
        sources = status_sources(place)
        found = [account_status(sources, one) for one in place.chosen]
    needs = [f"{status.account_id} {need}" for status in found for need in status.needs]
    if json:
        print_json({"well": not needs, "accounts": [_document(status, place) for status in found]})
    else:
        for status in found:
            _show(status, place)
    if needs:
        raise typer.Exit(complain(" | ".join(needs), 1))


def status_sources(place: Place) -> StatusSources:
    """Return what to read; a paper account's own time is that of its price file."""
    store, reports = place.both
    manifests = {profile: strategy.manifest for profile, strategy in catalog().items()}
    now = None if place.is_book else SystemClock().now()
    return StatusSources(store, ReportStore(reports), load_calendar("XNYS"), manifests, now)


def _document(status: AccountStatus, place: Place) -> dict[str, object]:
    document: dict[str, object] = plain(status)
    lines = [_resolve_line(order, status, place) for order in status.uncertain]
    return {**document, "resolve": lines}


def _resolve_line(order: UncertainOrder, status: AccountStatus, place: Place) -> str:
    """Return the command that settles an order."""
    where = place.options if place.is_book else f"{place.options} --account {status.account_id}"
    return resolve_line(order.run_id, order.client_order_id, where)


def _show(status: AccountStatus, place: Place) -> None:
    run = "no run yet"
    if status.mode:
        run = f"mode {status.mode.value}, {escape(status.profile or '')} by {escape(status.service or '')}"
    say(f"[bold]Account {status.account_id}[/bold]  {run}")
    for need in status.needs:
        _line("needs you", escape(need), "red")
    if not status.needs:
        _line("well", "nothing needs you", "green")
    for halt in status.halts:
        _line("halted", f"{halt.scope} by {escape(halt.who)} since {halt.since:%Y-%m-%d %H:%M} UTC: {escape(halt.why)}")
    if status.open_run:
        _line("open run", _open_run(status.open_run))
    _show_uncertain(status, place)
    if last := status.last_run:
        _line("last run", f"{last.run_id}: {last.outcome.value}, {last.finished_at:%Y-%m-%d %H:%M} UTC")
        for reason in last.reasons:
            _line("", escape(reason))
    _show_decisions(status)
    if status.assumed is not None:
        _line("assumed", f"{len(status.assumed)} claims about the broker that no test has settled: docs/assumptions.md")
    _show_targets(status)


def _show_decisions(status: AccountStatus) -> None:
    if status.due:
        _line("due", f"the REBALANCE of {status.due} is still to be executed")
    for session in status.behind:
        _line("behind", f"the REBALANCE of {session} grew too old to be executed")
    if status.next_decision:
        _line("decides next", status.next_decision.text)


def _line(name: str, text: str, style: str = "dim") -> None:
    say(f"  [{style}]{name:14}[/{style}]{text}")


def _open_run(run: OpenRun) -> str:
    since = f"since {run.since:%Y-%m-%d %H:%M:%S} UTC" if run.since else "not claimed yet"
    until = f"until {run.lease_expires_at:%H:%M:%S} UTC" if run.lease_expires_at else "given back"
    return f"{run.run_id} {since}; lease of {escape(run.holder)}, {until}"


def _show_uncertain(status: AccountStatus, place: Place) -> None:
    for order in status.uncertain:
        sent = f"{order.sent_at:%Y-%m-%d %H:%M:%S} UTC" if order.sent_at else "at an unknown time"
        what = f"{order.side.value} {units(order.quantity)} {escape(order.symbol)}"
        _line("uncertain", f"{what}, sent {sent}, run {order.run_id}, order {order.client_order_id}")
        if order.note:
            _line("", escape(order.note))
        _line("", escape(_resolve_line(order, status, place)))


def _show_targets(status: AccountStatus) -> None:
    if not status.targets:
        return
    title = f"Targets of {status.targets_of} in units" if status.targets_of else "Holdings in units"
    shown = table(title, "symbol", "target", "held", "missing", right=("target", "held", "missing"))
    for line in status.targets:
        target = "-" if line.target is None else f"{line.target:,.2f}"
        missing = "-" if line.missing is None else f"{line.missing:,.2f}"
        shown.add_row(line.symbol, target, units(line.held), missing)
    console().print(shown)
