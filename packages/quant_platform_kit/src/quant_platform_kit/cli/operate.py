"""What an operator does by hand: `quant resolve`, `rerun`, `halt`, `resume`, `cancel`, `audit`; naming the place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, TypeVar

import typer
from rich.markup import escape

from quant_platform_kit.cli.options import JsonOption, day, number
from quant_platform_kit.cli.output import complain, console, notice, print_json, table, units
from quant_platform_kit.cli.place import (
    AccountOption,
    BookOption,
    Place,
    ReasonOption,
    ReportsOption,
    StoreOption,
    WhoOption,
    is_name,
    open_place,
    operator,
    readable,
    say,
    words,
)
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.errors import QuantError, Refused
from quant_platform_kit.domain.orders import ExecutionReport, Order
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.services.audit import audit_entries
from quant_platform_kit.services.cancelling import cancel_open, cancel_order
from quant_platform_kit.services.flags import halts
from quant_platform_kit.services.halting import InFlight, Switched, in_flight, services_of, set_halt
from quant_platform_kit.services.rerunning import rerun
from quant_platform_kit.services.resolving import Resolution, Resolved, Settlement, resolve
from quant_platform_kit.testing.paper_client import PaperClient

__all__ = [
    "audit_command",
    "cancel_command",
    "halt_command",
    "rerun_command",
    "resolve_command",
    "resume_command",
]

PAPER_TRAITS = BrokerTraits(settle_window=timedelta(seconds=2), timeout=timedelta(seconds=5))

_T = TypeVar("_T")


PortOption = Annotated[
    int | None, typer.Option("--paper-port", min=1, max=65535, help="Port of a running paper venue, to reach a broker.")
]


# --- quant resolve, quant rerun ---------------------------------------------------------------------


def resolve_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as `quant status` names it.")],
    order: Annotated[str, typer.Argument(metavar="ORDER", help="Client order id.")],
    settlement: Annotated[Settlement, typer.Option("--as", help="What became of the order.")],
    evidence: Annotated[str, typer.Option(parser=words, metavar="TEXT", help="Where you saw it.")],
    quantity: Annotated[
        Decimal | None, typer.Option(parser=number, metavar="UNITS", help="Filled units, if not all of them.")
    ] = None,
    price: Annotated[
        Decimal | None, typer.Option(parser=number, metavar="NUMBER", help="Per unit; required with --as filled.")
    ] = None,
    book: BookOption = None,
    store: StoreOption = None,
    reports: ReportsOption = None,
    account: AccountOption = None,
    who: WhoOption = None,
    json: JsonOption = False,
) -> None:
    """Settle an UNKNOWN order by what the broker's own records say; nothing is sent."""
    filled = settlement is Settlement.FILLED
    if filled and price is None:
        raise typer.BadParameter("--as filled needs --price: what one unit was traded at")
    if not filled and (quantity is not None or price is not None):
        raise typer.BadParameter(f"--as {settlement.value} has no --quantity and no --price")
    with readable():
        place = open_place(book, store, reports, account)
        asked = Resolution(run, order, settlement, evidence, quantity, price)
        done = resolve(operator(place, who), place.one_account, asked)
    if json:
        names = ("changed", "unknown_left", "executes", "executed")
        print_json({"run_id": run, "order": done.order.outcome, **{name: getattr(done, name) for name in names}})
    else:
        _show_resolved(run, done)


def _show_resolved(run: str, done: Resolved) -> None:
    outcome = done.order.outcome
    verb = "is now" if done.changed else "was already"
    say(f"order {outcome.client_order_id} ({_named(done.order.order)}) {verb} {outcome.state.value}")
    if outcome.filled:
        say(f"  {units(outcome.filled)} filled at {outcome.average_price}")
    for left in done.unknown_left:
        say(f"  still UNKNOWN in run {run}: {left}")
    if not done.unknown_left:
        say(f"  run {run} has no UNKNOWN order any more")
    if done.executes:
        state = "executed: it is never planned again" if done.executed else "not executed: the next run may carry it"
        say(f"  the REBALANCE of {done.executes} is {state}")


def _named(order: Order) -> str:
    return f"{order.side.value} {units(order.quantity)} {escape(order.symbol)}"


def rerun_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as `quant status` names it.")],
    reason: ReasonOption,
    book: BookOption = None,
    store: StoreOption = None,
    reports: ReportsOption = None,
    account: AccountOption = None,
    who: WhoOption = None,
    json: JsonOption = False,
) -> None:
    """Open one more attempt of a run under a slot of its own; nothing is run or sent here."""
    with readable():
        place = open_place(book, store, reports, account)
        attempt = rerun(operator(place, who), place.one_account, run, reason)
    if json:
        print_json({"run_id": run, "slot": attempt.key.slot, "attempt": attempt.key.run_id, "opened": attempt.opened})
        return
    opened = "opened" if attempt.opened else f"was opened by {escape(attempt.who)} and is not used yet"
    say(f"slot {escape(attempt.key.slot)} {opened}: ask for session {attempt.key.session} with it")
    say(f"  it will be run {attempt.key.run_id}; an executed decision is not planned again")


# --- quant halt, quant resume, quant cancel ---------------------------------------------------------


class ScopeKind(StrEnum):
    """What is halted."""

    ALL = "all"
    SERVICE = "service"
    ACCOUNT = "account"


KindArgument = Annotated[ScopeKind, typer.Argument(help="What: everything, one service, one account.")]
NameArgument = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of the service or the account.")]


def halt_command(
    reason: ReasonOption,
    kind: KindArgument = ScopeKind.ALL,
    name: NameArgument = None,
    cancel_working: Annotated[
        bool, typer.Option("--cancel-open", help="Cancel the working orders too; needs a broker.")
    ] = False,
    paper_port: PortOption = None,
    book: BookOption = None,
    store: StoreOption = None,
    reports: ReportsOption = None,
    account: AccountOption = None,
    who: WhoOption = None,
    json: JsonOption = False,
) -> None:
    """Stop sending orders, at once and until `quant resume`; look-ups and cancels go on."""
    with readable():
        place = open_place(book, store, reports, account)
        scope, accounts = _scope(place, kind, name)
        switched = set_halt(operator(place, who), scope, reason, on=True)
        flights = [flight for flight in (in_flight(place.store, one) for one in accounts) if flight]
    cancelled: dict[str, list[ExecutionReport]] = {}
    failed = _cancel_all(accounts, paper_port, cancelled) if cancel_working else []
    if json:
        listed = [_flight_document(flight) for flight in flights]
        print_json({**_switch_document(switched), "in_flight": listed, "cancelled": cancelled, "failed": failed})
    else:
        _show_switch(switched, "halted", "was halted already")
        _show_flights(flights)
        _show_cancelled(cancelled)
    if failed:
        raise typer.Exit(complain(f"the halt is set, but open orders were not cancelled: {'; '.join(failed)}", 1))


def resume_command(
    reason: ReasonOption,
    kind: KindArgument = ScopeKind.ALL,
    name: NameArgument = None,
    book: BookOption = None,
    store: StoreOption = None,
    reports: ReportsOption = None,
    account: AccountOption = None,
    who: WhoOption = None,
    json: JsonOption = False,
) -> None:
    """Lift a halt; other halts that are set stay."""
    with readable():
        place = open_place(book, store, reports, account)
        scope, _ = _scope(place, kind, name)
        switched = set_halt(operator(place, who), scope, reason, on=False)
        left = sorted(halts(place.store).on())
    if json:
        print_json({**_switch_document(switched), "still_halted": left})
        return
    _show_switch(switched, "resumed", "was not halted")
    for other in left:
        say(f"  still halted: {other}")


def _scope(place: Place, kind: ScopeKind, name: str | None) -> tuple[str, tuple[str, ...]]:
    """Return a switch's name and the accounts that it concerns; a place where nothing runs is refused."""
    if kind is ScopeKind.ACCOUNT:
        name = name or place.account
        if name is None:
            raise typer.BadParameter("name the account: account ID")
        return f"account-{place.known(name)}", (name,)
    if kind is ScopeKind.ALL:
        if name or (place.account and not place.is_book):
            one = name or place.account
            raise typer.BadParameter(f"'all' means every account; for one, write: account {one}")
        return "all", place.any_account
    if name is None or not is_name(name):
        raise typer.BadParameter(f"service {name or ''!r}: name one, with letters, digits and ._-")
    served = {account: services_of(place.store, account) for account in place.any_account}
    if not any(name in services for services in served.values()):
        known = ", ".join(sorted(frozenset[str]().union(*served.values()))) or "none"
        notice(f"no account was run by service {name} last; those that were: {known}")
    return f"service-{name}", tuple(account for account, services in served.items() if name in services)


def _cancel_all(accounts: Sequence[str], port: int | None, cancelled: dict[str, list[ExecutionReport]]) -> list[str]:
    """Cancel what works on each account into ``cancelled``; return what could not be cancelled, and why."""
    if port is None:
        return ["cancelling needs the broker; add --paper-port PORT, or cancel at the broker"]
    failed: list[str] = []
    for account in accounts:
        try:
            cancelled[account] = _at_venue(port, account, cancel_open)
        except QuantError as error:
            failed.append(f"{account}: {error}")
        working = [report for report in cancelled.get(account, []) if not report.state.terminal]
        failed += [f"{account}: {r.order.client_order_id} is still {r.state.value}" for r in working]
    return failed


def _at_venue(port: int, account: str, use: Callable[[PaperClient], _T]) -> _T:
    client = PaperClient(port, account, PAPER_TRAITS)
    try:
        return use(client)
    finally:
        client.close()


def _switch_document(switched: Switched) -> dict[str, object]:
    return {"scope": switched.scope, "changed": switched.changed, "entry": switched.entry}


def _flight_document(flight: InFlight) -> dict[str, object]:
    order = flight.order.outcome if flight.order else None
    return {"account_id": flight.account_id, "run_id": flight.run_id, "service": flight.service, "order": order}


def _show_switch(switched: Switched, done: str, before: str) -> None:
    entry = switched.entry
    by = f" by {escape(entry.who)}, {entry.at:%Y-%m-%d %H:%M:%S} UTC: {escape(entry.why)}" if entry else ""
    say(f"{switched.scope} {done if switched.changed else before}{by}")


def _show_flights(flights: Sequence[InFlight]) -> None:
    for flight in flights:
        if flight.order is None:
            say(f"  run {flight.run_id} is open; one order may have passed the switch at this moment")
        else:
            at = flight.order.transitions[-1].at
            order = f"{flight.order.order.client_order_id} ({_named(flight.order.order)})"
            say(f"  in flight: order {order} of run {flight.run_id}, sent {at:%H:%M:%S} UTC, has no answer yet")


def _show_cancelled(cancelled: dict[str, list[ExecutionReport]]) -> None:
    for account, found in cancelled.items():
        for report in found:
            _show_report(report)
        if not found:
            say(f"  account {account} has no working order")


def _show_report(report: ExecutionReport) -> None:
    filled = f"{units(report.filled_quantity)} of {units(report.order.quantity)} filled"
    say(f"  order {report.order.client_order_id} ({_named(report.order)}) is {report.state.value}, {filled}")


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
    with readable():
        place = open_place(book, store, reports, account)
        named, by = place.one_account, operator(place, who)
        if paper_port is None:
            raise Refused("cancelling needs the broker; add --paper-port PORT, or cancel at the broker")
        report = _at_venue(paper_port, named, lambda broker: cancel_order(by, broker, order, reason))
    if json:
        print_json(report)
    else:
        _show_report(report)
    if not report.state.terminal:
        raise typer.Exit(complain(f"order {order} is still {report.state.value}", 1))


# --- quant audit ------------------------------------------------------------------------------------


def audit_command(
    since: Annotated[
        date | None, typer.Option(parser=day, metavar="YYYY-MM-DD", help="From this UTC date on; all if absent.")
    ] = None,
    book: BookOption = None,
    store: StoreOption = None,
    reports: ReportsOption = None,
    account: AccountOption = None,
    json: JsonOption = False,
) -> None:
    """List who asked for what, when and why."""
    with readable():
        place = open_place(book, store, reports, account)
        entries = audit_entries(place.store, since)
        if not entries:
            _ = place.any_account
    if json:
        print_json(entries)
        return
    shown = table("Audit", "at (UTC)", "who", "command", "arguments", "why")
    for entry in entries:
        listed = " ".join(f"{name}={value}" for name, value in plain(entry.arguments).items())
        shown.add_row(
            f"{entry.at:%Y-%m-%d %H:%M:%S}", escape(entry.who), entry.command, escape(listed), escape(entry.why)
        )
    console().print(shown)
