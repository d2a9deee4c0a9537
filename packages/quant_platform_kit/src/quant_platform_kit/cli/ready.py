"""`quant ready`: what stands between an account and live trading, and doing without it for one version."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.markup import escape

from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.adapters.installed import installed_client
from quant_platform_kit.adapters.platforms import platforms
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import console, table
from quant_platform_kit.cli.place import Place, PlaceOptions, common_options, say, words
from quant_platform_kit.domain.client import Client
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.services.operate.contact.result import Line, State
from quant_platform_kit.services.operate.going_live.standing import standing_of
from quant_platform_kit.services.operate.going_live.steps import NEVER_COMPARED, facts_of, steps
from quant_platform_kit.services.operate.going_live.waiving import waive
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.report_store import ReportStore

__all__ = ["ready_command"]


class _Compared(BaseModel):
    """What is read of a comparison."""

    account_id: str
    currency: str
    start: date
    end: date
    total: Decimal


COLOURS = {State.GOOD: "green", State.NOT_TOLD: "dim", State.CAUTION: "yellow", State.BLOCKS: "red"}


@common_options("store", "reports", "account", "who")
def ready_command(
    *,
    platform: Annotated[str, typer.Option(metavar="NAME", help="The platform whose service would trade.")],
    unready: Annotated[
        bool, typer.Option("--unready", help="Do without what blocks, for the installed client library.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option(parser=words, metavar="TEXT", help="Why, for the audit; required with --unready.")
    ] = None,
    page: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the same as a page to print.")] = None,
    shortfall: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `quant shortfall --out` wrote of a paper account.")
    ] = None,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Show what stands between an account and live trading; exit 1 if something blocks it."""
    client = _client(platform)
    if unready is not (reason is not None):
        raise typer.BadParameter("--unready and --reason TEXT go together: it is audited")
    compared = NEVER_COMPARED if shortfall is None else _compared(shortfall)
    with at.open() as place:
        account = place.account
        if account is None:
            raise typer.BadParameter("name the account: add --account ID")
        last = _last_report(place, account)
        standing = standing_of(place.store, account, client, last.contacted if last else None)
        if reason is not None:
            waive(place.operator, account, client, tuple(standing.refuted), reason)
            standing = standing_of(place.store, account, client, last.contacted if last else None)
        lines = steps(facts_of(place.store, standing), last, compared)
    blocking = [line.subject for line in lines if line.state is State.BLOCKS]
    title = f"Account {account} before live trading with {client.text}"
    if page is not None:
        _write_page(page, title, lines)
    if json:
        print_json({"ready": not blocking, "account": account, "client": client.text, "lines": plain(lines)})
    else:
        _show(console(), title, lines)
        if reason is not None:
            say(f"{account} goes without what is missing, with {client.text} only")
    if blocking:
        raise typer.Exit(complain(f"{account} is not ready for live trading: {', '.join(blocking)}", 1))


def _client(platform: str) -> Client:
    """Return the installed client library of a platform."""
    known = {each.name: each for each in platforms(Path())}
    if platform not in known:
        raise InvalidInput(f"--platform {platform!r} is not installed; installed: {', '.join(known) or 'none'}")
    if not known[platform].libraries:
        raise Refused(f"platform {platform} has no live trading: it needs no client library")
    client = installed_client(platform, known[platform].libraries)
    if client is None:
        names = " or ".join(known[platform].libraries)
        raise InvalidInput(f"no client library of {platform} is installed here: install {names}")
    return client


def _last_report(place: Place, account: str) -> RunReport | None:
    """Return the report that the account's next run would go by."""
    store, reports = place.both
    lease = read_lease(store, account)
    return ReportStore(reports).find(lease.last_run) if lease and lease.last_run else None


def _compared(path: Path) -> Line:
    """Return what a comparison of an account with its back-test came to."""
    try:
        found = _Compared.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"--shortfall {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        what = "`quant shortfall --out FOLDER` writes it as FOLDER/shortfall.json"
        raise InvalidInput(f"--shortfall {path} is no comparison with a back-test: {what}") from error
    said = f"{found.account_id} made {found.total} {found.currency} beside its back-test, {found.start} to {found.end}"
    return Line("shortfall", State.GOOD, said)


def _show(out: Console, title: str, lines: tuple[Line, ...]) -> None:
    drawn = table(title, "step", "state", "what", "to do")
    for line in lines:
        state = f"[{COLOURS[line.state]}]{line.state.value}[/]"
        drawn.add_row(line.subject, state, escape(line.said), escape(line.todo))
    out.print(drawn)


def _write_page(path: Path, title: str, lines: tuple[Line, ...]) -> None:
    """Write the lines as a page of HTML, wide enough that no line is broken twice."""
    drawn = Console(record=True, width=160, file=StringIO())
    _show(drawn, title, lines)
    try:
        drawn.save_html(str(path))
    except OSError as error:
        raise InvalidInput(f"--page {path} cannot be written: {error.strerror}; name another file") from error
