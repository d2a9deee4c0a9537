"""`quant ledger`: a backup of everything that was recorded, back from one, and whether it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.adapters.compressed_lines import read_lines, write_lines
from quant_platform_kit.adapters.store_keys import is_key
from quant_platform_kit.cli.options import EmptyOption, JsonOption
from quant_platform_kit.cli.output import progress
from quant_platform_kit.cli.place import Place, PlaceOptions, ReasonOption, common_options, say
from quant_platform_kit.domain.errors import InProgress, InvalidInput, Refused
from quant_platform_kit.services.operate.backup import Area, BackupContent, Places, backup_lines, check_backup, restore
from quant_platform_kit.services.operate.restarting import acknowledge, restart
from quant_platform_kit.services.operate.verifying import verify

__all__ = ["app"]

PAUSE_SECONDS = 0.5
"""Between two looks at whether workers are done."""

app = typer.Typer(help="Back up, restore and verify what was recorded.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Back up, restore and verify what was recorded."""


@app.command("export")
@common_options("book", "store", "reports", "account")
def export_command(
    *,
    out: Annotated[Path, typer.Option(metavar="FILE.jsonl.gz", help="The backup; it must not exist yet.")],
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for workers that are on an account.")
    ] = 0.0,
    empty: EmptyOption = False,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Write every object of the store and of the reports to one file."""
    with at.open() as place:
        _export(out, lambda: backup_lines(_places(place), empty=empty), wait)
        content = check_backup(read_lines(out), is_key)
    if json:
        print_json(_document(out, content))
    else:
        say(f"{out} holds {_counted(content)}")
        say(f"  sha256 {content.sha256}")


@app.command("import")
@common_options("book", "store", "reports", "account", "who")
def import_command(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup of `quant ledger export`.")],
    halt_all: Annotated[
        bool, typer.Option("--halt-all", help="Halt `all` too: accounts that were opened after the backup.")
    ] = False,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Write a backup into an empty store and empty reports; every account in it is halted until `quant resume`."""
    content = _checked(file)
    with at.open(new=True) as place:
        if place.account and place.account not in content.accounts:
            raise Refused(f"{file} has no account {place.account}; {_accounts(content)}")
        restore(place.operator, _places(place), lambda: read_lines(file), content, halts_all=halt_all)
    if json:
        print_json(_document(file, content))
        return
    say(f"{file} is restored: {_counted(content)}")
    for restored in content.accounts:
        say(f"  account {restored} is halted: reconcile it, then `quant resume account {restored} --reason TEXT`")
    if halt_all:
        say("  all is halted: when every account is reconciled, `quant resume all --reason TEXT`")
    say(f"  it ends at {content.created_at:%Y-%m-%d %H:%M} UTC: what came later, new accounts too, is not in it")


@app.command("verify")
@common_options("book", "store", "reports", "account")
def verify_command(*, at: PlaceOptions, json: JsonOption = False) -> None:
    """Read every object and say what is missing or was changed; exit code 1 if anything is."""
    with at.open() as place, progress("objects") as bar:
        task = bar.add_task("", total=None)
        found = verify(*place.both, told=lambda done, of: bar.update(task, completed=done, total=of))
        if not found.objects:
            raise Refused("there is nothing in the store, nor in the reports; check their addresses")
        if place.account and place.account not in found.accounts:
            place.known(place.account)
    if json:
        print_json(found)
    else:
        for damage in found.damage:
            say(f"[red]{escape(damage.key)}[/red]: {escape(damage.text)}")
        accounts = ", ".join(found.accounts) or "none"
        say(f"{found.objects} objects read, {len(found.damage)} damaged; accounts: {accounts}")
        if found.given_up:
            say(f"  {len(found.given_up)} more are known and given up")
    if found.damage:
        raise typer.Exit(
            complain("restore what is damaged from a backup; without one see `restart` and `acknowledge`", 1)
        )


@app.command("restart")
@common_options("book", "store", "reports", "account", "who")
def restart_command(*, reason: ReasonOption, at: PlaceOptions, json: JsonOption = False) -> None:
    """Give up what is damaged of an account and has no backup; it is halted, and blocked until it is accepted."""
    with at.open() as place:
        account = place.account or place.one_account
        given_up = restart(place.operator, place.both[1], account, reason)
    if json:
        print_json(given_up)
        return
    for key, text in sorted(given_up.damage.items()):
        say(f"given up: {escape(key)}: {escape(text)}")
    say(f"account {account} is halted, and its next run asks whether the account is as it should be:")
    say("  settle its orders at the broker,")
    say(f"  then `quant resume account {account} --reason TEXT`, run, and `quant accept RUN --reason TEXT`")


@app.command("acknowledge")
@common_options("book", "store", "reports", "account", "who")
def acknowledge_command(
    *,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="As `quant ledger verify` names it.")],
    reason: ReasonOption,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Take note of damage that belongs to no account and has no backup, such as inputs of a run or audit entries."""
    with at.open() as place:
        noted = acknowledge(place.operator, place.both[1], keys, reason)
    if json:
        print_json(noted)
        return
    for key in noted.damage:
        say(f"acknowledged: {escape(key)}")


def _export(out: Path, lines: Callable[[], Iterable[bytes]], wait: float) -> None:
    """Write a backup, begun anew while a worker is on an account; raises `InProgress` once the wait is over."""
    clock = SystemClock()
    until = clock.monotonic() + wait
    while True:
        try:
            write_lines(out, lines())
        except InProgress:
            if clock.monotonic() + PAUSE_SECONDS > until:
                raise
            clock.sleep(PAUSE_SECONDS)
        else:
            return


def _places(place: Place) -> Places:
    store, reports = place.both
    return {Area.STORE: store, Area.REPORTS: reports}


def _document(file: Path, content: BackupContent) -> dict[str, object]:
    return {
        "file": str(file),
        "created_at": content.created_at,
        "objects": content.objects,
        "accounts": content.accounts,
        "sha256": content.sha256,
    }


def _counted(content: BackupContent) -> str:
    store, reports = content.objects[Area.STORE], content.objects[Area.REPORTS]
    return f"{store + reports} objects, {store} of the store and {reports} of the reports; {_accounts(content)}"


def _accounts(content: BackupContent) -> str:
    return f"accounts: {', '.join(content.accounts) or 'none'}"


def _checked(file: Path) -> BackupContent:
    try:
        return check_backup(read_lines(file), is_key)
    except InvalidInput as error:
        raise InvalidInput(f"{file} is no backup, or damaged: {error}") from None
