"""`quant halt` and `quant resume`: no order is sent between the two."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape

from quant_platform_kit.adapters.command_line import complain, notice, print_json
from quant_platform_kit.cli.broker import PlatformOption, PortOption, reach_of
from quant_platform_kit.cli.cancel import cancel_all, show_cancelled
from quant_platform_kit.cli.options import EmptyOption, JsonOption
from quant_platform_kit.cli.output import order_text
from quant_platform_kit.cli.place import Place, PlaceOptions, ReasonOption, common_options, is_name, say
from quant_platform_kit.domain.errors import QuantError, Refused, StoreError
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import InFlight, Switched, halt_new, in_flight, services_of, set_halt
from quant_platform_kit.services.operate.switches import halt_words, halts

__all__ = ["halt_command", "resume_command"]


WAIT_SECONDS = 0.5
"""Between two tries to write a halt."""


class ScopeKind(StrEnum):
    """What is halted."""

    ALL = "all"
    SERVICE = "service"
    ACCOUNT = "account"
    PLAYBOOK = "playbook"


KindArgument = Annotated[
    ScopeKind, typer.Argument(help="What: everything, one service, one account, its live sessions with one symbol.")
]
NameArgument = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="Of the service or the account; ID.SYMBOL of live sessions.")
]


@common_options("book", "store", "reports", "account", "who")
def halt_command(
    *,
    reason: ReasonOption,
    kind: KindArgument = ScopeKind.ALL,
    name: NameArgument = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Keep trying while the store takes no writes; Ctrl-C gives up.")
    ] = False,
    if_new: Annotated[
        bool,
        typer.Option("--if-new", help="Halt a store in which nothing was recorded yet; leave any other as it is."),
    ] = False,
    cancel_working: Annotated[
        bool, typer.Option("--cancel-open", help="Cancel the working orders too; needs a broker.")
    ] = False,
    platform: PlatformOption = None,
    paper_port: PortOption = None,
    empty: EmptyOption = False,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Stop sending orders, at once and until `quant resume`; look-ups and cancels go on."""
    reach = reach_of(platform, paper_port)
    if if_new:
        _halt_new(kind, name, reason, at, alone=not (wait or cancel_working), as_json=json)
        return
    with at.open() as place:
        scope, accounts = _scope(place, kind, name, empty=empty)
        switched = _halt(place.operator, scope, reason, wait=wait)
        flights = _flights(place, accounts)
        cancelled, failed = cancel_all(place.store, accounts, reach) if cancel_working else ({}, [])
    if json:
        listed = [_flight_document(flight) for flight in flights]
        print_json({**_switch_document(switched), "in_flight": listed, "cancelled": cancelled, "failed": failed})
    else:
        _show_switch(switched, "halted", "was halted already")
        _show_others(place, "also", "release-")
        _show_flights(flights)
        show_cancelled(cancelled)
    if failed:
        raise typer.Exit(complain(f"the halt is set, but open orders were not cancelled: {'; '.join(failed)}", 1))


@common_options("book", "store", "reports", "account", "who")
def resume_command(
    *,
    reason: ReasonOption,
    kind: KindArgument = ScopeKind.ALL,
    name: NameArgument = None,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Lift a halt; other halts that are set stay, and so does what a release holds."""
    with at.open() as place:
        scope, _ = _scope(place, kind, name, empty=False)
        switched = set_halt(place.operator, scope, reason, on=False)
    if json:
        print_json({**_switch_document(switched), "still_halted": sorted(halts(place.store).on())})
        return
    _show_switch(switched, "resumed", "was not halted")
    _show_others(place, "still")


def _halt_new(kind: ScopeKind, name: str | None, reason: str, at: PlaceOptions, *, alone: bool, as_json: bool) -> None:
    if kind is not ScopeKind.ALL or name or at.account or not alone:
        raise typer.BadParameter("--if-new halts all of a store: leave out the rest, --wait and --cancel-open")
    with at.open() as place:
        switched = halt_new(place.operator, reason)
        stands = "all" in halts(place.store).on()
    if as_json:
        print_json({**_switch_document(switched), "halted": stands})
    elif switched.changed:
        _show_switch(switched, "halted", "")
    else:
        say(f"the store is not new and was left as it is: all is {'' if stands else 'not '}halted")


def _halt(operator: Operator, scope: str, reason: str, *, wait: bool) -> Switched:
    """Set a halt; while the store takes no writes, say what that means, and try again if that was asked for."""
    told = False
    while True:
        try:
            return set_halt(operator, scope, reason, on=True)
        except StoreError as error:
            means = (
                f"the halt is NOT written: {error}. While the store takes no writes nothing can be sent either, "
                "as no order can be recorded; what was sent before is not cancelled by that"
            )
            if not wait:
                raise StoreError(f"{means}. Free the store and halt again, or add --wait") from error
            if not told:
                notice(f"{means}. Trying again until it is written; Ctrl-C gives up")
                told = True
            time.sleep(WAIT_SECONDS)


def _scope(place: Place, kind: ScopeKind, name: str | None, *, empty: bool) -> tuple[str, tuple[str, ...]]:
    """Return a switch's name and the accounts that it concerns, as far as the store knows any."""
    if kind is ScopeKind.ACCOUNT:
        name = name or place.account
        if name is None:
            raise typer.BadParameter("name the account: account ID")
        if _accounts(place, empty=empty):
            place.known(name)
        return f"account-{name}", (name,)
    if kind is ScopeKind.PLAYBOOK:
        account, _, symbol = (name or "").rpartition(".")
        if not account or not symbol:
            raise typer.BadParameter(f"playbook {name or ''!r}: name account and symbol, such as ID.QQQ")
        place.known(account)
        return f"playbook-{name}", (account,)
    if kind is ScopeKind.ALL:
        if name or (place.account and not place.is_book):
            one = name or place.account
            raise typer.BadParameter(f"'all' means every account; for one, write: account {one}")
        return "all", _accounts(place, empty=empty)
    if name is None or not is_name(name):
        raise typer.BadParameter(f"service {name or ''!r}: name one, with letters, digits and ._-")
    served = {account: services_of(place.store, account) for account in _accounts(place, empty=empty)}
    if not any(name in services for services in served.values()):
        known = ", ".join(sorted(frozenset[str]().union(*served.values()))) or "none"
        notice(f"no account was run by service {name} last; those that were: {known}")
    return f"service-{name}", tuple(account for account, services in served.items() if name in services)


def _accounts(place: Place, *, empty: bool) -> tuple[str, ...]:
    """Return the accounts in the store; one that has lost them can be halted, an empty one may be a wrong address."""
    if not (here := place.accounts):
        if not place.store.keys(""):
            if empty:
                return ()
            raise Refused("the store has no account; check its address: a new one is halted with --empty")
        notice(
            "the store does not tell its accounts any more: its list of owners is gone; the switch is set all the same"
        )
    return here


def _flights(place: Place, accounts: Sequence[str]) -> list[InFlight]:
    """Return what a halt may come too late for, as far as it can be read: the halt is set already."""
    found: list[InFlight] = []
    for account in accounts:
        try:
            flight = in_flight(place.store, account)
        except (QuantError, ValidationError) as error:
            notice(f"account {account}: what is in flight cannot be read: {' '.join(str(error).split())}")
            continue
        found += [flight] if flight else []
    return found


def _switch_document(switched: Switched) -> dict[str, object]:
    return {"scope": switched.scope, "changed": switched.changed, "entry": switched.entry}


def _flight_document(flight: InFlight) -> dict[str, object]:
    order = flight.order.outcome if flight.order else None
    return {"account_id": flight.account_id, "run_id": flight.run_id, "service": flight.service, "order": order}


def _show_switch(switched: Switched, done: str, before: str) -> None:
    entry = switched.entry
    by = f" by {escape(entry.who)}, {entry.at:%Y-%m-%d %H:%M:%S} UTC: {escape(entry.why)}" if entry else ""
    say(f"{switched.scope} {done if switched.changed else before}{by}")


def _show_others(place: Place, before: str, beginning: str = "") -> None:
    """Say which halts are on, of those whose scope begins so."""
    for scope in sorted(halts(place.store).on()):
        if scope.startswith(beginning):
            say(f"  {before} {halt_words(scope)}")


def _show_flights(flights: Sequence[InFlight]) -> None:
    for flight in flights:
        if flight.order is None:
            say(f"  run {flight.run_id} is open; one order may have passed the switch at this moment")
        else:
            at = flight.order.transitions[-1].at
            order = f"{flight.order.order.client_order_id} ({order_text(flight.order.order)})"
            say(f"  in flight: order {order} of run {flight.run_id}, sent {at:%H:%M:%S} UTC, has no answer yet")
