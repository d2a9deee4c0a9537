"""`quant playbook shortfall` and `quant playbook replay`: what live sessions did, against the model and once more."""

from __future__ import annotations

from typing import Annotated

import typer
from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import console, table
from quant_platform_kit.cli.place import say
from quant_platform_kit.domain.errors import Refused
from rich.markup import escape

from trading_playbook.cli import options
from trading_playbook.compose import store_of
from trading_playbook.live.record import recorded_sessions
from trading_playbook.live.replay import replay_session
from trading_playbook.live.shortfall import Shortfall, shortfalls
from trading_playbook.writers.places import writers_of

__all__ = ["replay_command", "shortfall_command"]

AccountOption = Annotated[str, typer.Option("--account", metavar="ID", help="The account of the sessions.")]
SymbolOption = Annotated[
    str | None, typer.Option(parser=options.symbol, metavar="QQQ", help="One symbol; PLAYBOOK_SYMBOL if absent.")
]
CloudOption = Annotated[bool, typer.Option("--cloud", help="Journal and store are those of GCS_BUCKET.")]


def shortfall_command(
    account: AccountOption,
    symbol: SymbolOption = None,
    journal: Annotated[
        str | None, typer.Option("--journal", metavar="PLACE", help="The journal; the settings' own if absent.")
    ] = None,
    cloud: CloudOption = False,
    json: JsonOption = False,
) -> None:
    """Hold live sessions against the journal, in R, and name those that late bars made decide otherwise."""
    config = options.configured(cloud=cloud)
    store, name = store_of(config), symbol or config.playbook_symbol
    found = shortfalls(store, account, name, writers_of(config, journal)[0].read())
    if not found:
        raise Refused(f"account {account} has no live session of {name} in this store; check account and address")
    if json:
        print_json({"account": account, "symbol": name, "sessions": found, "total": _total(found)})
        return
    shown = table("Live sessions", "session", "model", "live", "missing", "note", right=("model", "live", "missing"))
    for one in found:
        shown.add_row(str(one.session), _r(one.model), _r(one.live), _r(one.missing), escape(one.note))
    console().print(shown)
    for one in found:
        if one.decided_otherwise:
            late = f" (bars that came late: {', '.join(map(str, one.late))})" if one.late else ""
            say(f"  {one.session} decided otherwise: {escape(one.decided_otherwise)}{late}")
    say(f"{_r(_total(found))} R less than the model in the sessions that both traded")


def replay_command(
    account: AccountOption,
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Run ids; all if none.")] = None,
    cloud: CloudOption = False,
    json: JsonOption = False,
) -> None:
    """Decide live sessions again from their recorded bars alone; exit 1 unless every decision is the same."""
    store = store_of(options.configured(cloud=cloud))
    names = runs or recorded_sessions(store, account)
    if not names:
        raise Refused(f"account {account} has no live session in this store; check account and address")
    faults = {name: replay_session(store, account, name) for name in names}
    if json:
        print_json({"account": account, "sessions": [{"run": name, "faults": faults[name]} for name in names]})
    else:
        for name in names:
            say(f"{name}: {escape('; '.join(faults[name])) if faults[name] else 'decides the same'}")
    if bad := [name for name in names if faults[name]]:
        raise typer.Exit(complain(f"{len(bad)} of {len(names)} sessions decide otherwise, {bad[0]} first", 1))


def _total(found: list[Shortfall]) -> float:
    return sum(one.missing for one in found if one.missing is not None)


def _r(value: object) -> str:
    return "-" if value is None else f"{value:.3f}"
