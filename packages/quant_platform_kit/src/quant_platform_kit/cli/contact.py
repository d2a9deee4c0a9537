"""`quant contact`: what stands between an account and its first order, read and never sent."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from quant_platform_kit.adapters.captures import Manifest, check_folder
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.cli import captures
from quant_platform_kit.cli.brief import look_before_a_run
from quant_platform_kit.cli.broker import Visits, visits_of
from quant_platform_kit.cli.contact_table import show_contact
from quant_platform_kit.cli.options import JsonOption, symbol
from quant_platform_kit.cli.order_test import make_order_test
from quant_platform_kit.cli.output import progress, some
from quant_platform_kit.cli.place import say
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.contact.checklist import contact_of
from quant_platform_kit.services.operate.contact.reading import STEPS, Asked, Met, read
from quant_platform_kit.services.operate.contact.result import Contact, Line, State, keep_contact
from quant_platform_kit.services.record.leases import read_lease

__all__ = ["app", "contact_command"]

app = typer.Typer(help="Look at the accounts of a service before their first order, and send nothing.")
app.command("replay")(captures.replay_command)


_ONLY_WITH = {"account": "order_test", "schedule": "brief", "scale": "record", "yes": "record"}
_ALONE = ("order_test", "brief")
"""Each is another thing to do than to look at everything."""
_OF_A_LOOK = {*_ALONE, "page", "no_store", "record"}


@app.callback(invoke_without_command=True)
def contact_command(
    context: typer.Context,
    platform: Annotated[
        str | None,
        typer.Option("--platform", metavar="NAME", help="Whose service; its settings are read from the environment."),
    ] = None,
    page: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the checklist as one HTML page too.")] = None,
    no_store: Annotated[bool, typer.Option("--no-store", help="Keep nothing in the service's store.")] = False,
    record: captures.RecordOption = None,
    scale: captures.ScaleOption = 1,
    yes: captures.YesOption = False,
    order_test: Annotated[
        str | None,
        typer.Option(
            "--order-test",
            parser=symbol,
            metavar="SYMBOL",
            help="Send orders of one unit that cannot fill instead, and cancel them.",
        ),
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="ID", help="With --order-test: for live trading it has to be typed.")
    ] = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="Look at login, clock and one quote only, before a run is due.")
    ] = False,
    schedule: Annotated[
        str | None,
        typer.Option(metavar="CRON", help="With --brief: when runs are due, in the exchange's time: five fields."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Look at every account of a service as it would, and send nothing; exit 1 if anything blocks."""
    if context.invoked_subcommand is not None:
        return
    if platform is None:
        raise typer.BadParameter("name whose service: add --platform NAME")
    _check_together(context)
    if order_test is not None:
        raise typer.Exit(make_order_test(platform, order_test, account, json=json))
    if brief:
        raise typer.Exit(look_before_a_run(platform, schedule, json=json))
    if page is not None:
        _check_page(page)
    if record is not None:
        if json:
            raise typer.BadParameter("--record shows what it writes: leave --json out")
        check_folder(record)
    contacts, kept, visits = _look(platform, keep=not no_store, record=record is not None)
    if record is not None:
        _record(record, visits, contacts[0], scale, yes=yes)
    if page is not None:
        from quant_platform_kit.report.contact_page import write_contact

        write_contact(page, [contact.document() for contact in contacts])
    _tell(contacts, kept, page, as_json=json)


def _look(platform: str, *, keep: bool, record: bool) -> tuple[list[Contact], list[str], Visits]:
    """Look at every account; return what was found, under which keys it is kept, and what was visited."""
    with visits_of(platform) as visits:
        refuse_open_runs(visits.store, visits.accounts)
        for seen in visits.seen:
            seen.keeps = record
        contacts = [_made(met, visits.asked) for met in visits.accounts]
        return contacts, [keep_contact(visits.store, contact) for contact in contacts] if keep else [], visits


def _tell(contacts: Sequence[Contact], kept: Sequence[str], page: Path | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"contacts": [contact.document() for contact in contacts], "kept": kept})
    else:
        for contact in contacts:
            show_contact(contact)
            say(f"{contact.calls} calls were made of the broker, the login apart; nothing was sent")
        for line in (*(f"kept  {key}" for key in kept), *([f"page  {page}"] if page else [])):
            say(escape(line))
    if blocked := [f"{each.account} {line.subject}" for each in contacts for line in each.lines if _blocks(line)]:
        raise typer.Exit(complain(f"{some(blocked)} block", 1))


def _record(folder: Path, visits: Visits, contact: Contact, scale: int, *, yes: bool) -> None:
    """Offer what the first login told as a capture."""
    if not visits.seen:
        raise InvalidInput(f"{contact.platform} holds its documents against nothing yet: there is nothing to record")
    symbols = visits.asked.manifest.symbols
    listed = {*symbols, *(f"{symbol}.US" for symbol in symbols)}
    about = Manifest(contact.platform, contact.library, contact.version, contact.made.date(), scale)
    captures.record(folder, about, visits.seen[0], listed, yes=yes)


def _check_together(context: typer.Context) -> None:
    """Refuse options that would be passed over."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    for name, needed in _ONLY_WITH.items():
        if name in given and needed not in given:
            raise typer.BadParameter(f"{_option(name)} goes with {_option(needed)} only: add that, or leave it out")
    for name in _ALONE:
        if name in given and (others := sorted(given & _OF_A_LOOK - {name})):
            raise typer.BadParameter(f"{_option(name)} goes without {_option(others[0])}: leave one of the two out")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _check_page(page: Path) -> None:
    """Refuse a page that could not be written in the end."""
    if page.is_dir():
        raise typer.BadParameter(f"--page {page} is a folder; name a file in it")
    if not page.absolute().parent.is_dir():
        raise typer.BadParameter(f"--page {page}: there is no folder {page.absolute().parent}; make it first")


def refuse_open_runs(store: VersionedStore, accounts: Sequence[Met]) -> None:
    """Refuse to log in while a run is open on an account: the login would cut the run's connection."""
    for met in accounts:
        lease = read_lease(store, met.broker.account_id)
        if lease and lease.open_run:
            raise Refused(f"run {lease.open_run} is open, held by {lease.holder}: try again when it has ended")


def _made(met: Met, asked: Asked) -> Contact:
    """Look at one account, with a bar."""
    with progress(f"contact {met.broker.account_id}") as bar:
        task = bar.add_task("steps", total=STEPS)
        reading = read(met, asked, SystemClock().now(), lambda: bar.advance(task))
    library = met.source.library if met.source else ""
    return contact_of(reading, library, version(library) if library else "")


def _blocks(line: Line) -> bool:
    return line.state is State.BLOCKS
