"""`quant replay`: past decisions made again from what was recorded of them."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points, version
from typing import Annotated

import typer
from rich.markup import escape

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.adapters.strategies import ENTRY_POINTS, bind, catalog, strategy_of
from quant_platform_kit.cli.options import JsonOption, StrategyOption
from quant_platform_kit.cli.output import console, progress, table
from quant_platform_kit.cli.place import PlaceOptions, common_options, say
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.research.replay import Finder, Replay, ReplayVerdict, replay_run

__all__ = ["replay_command"]

_COLOURS = {ReplayVerdict.EQUAL: "green", ReplayVerdict.NOTHING: "dim"}


@common_options("book", "reports")
def replay_command(
    *,
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Run ids.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every run that has a report.")] = False,
    at: PlaceOptions,
    strategy: StrategyOption = None,
    calendar: Annotated[str, typer.Option(metavar="CODE", help="Exchange, for sessions made up for.")] = "XNYS",
    json: JsonOption = False,
) -> None:
    """Decide again from recorded inputs alone, without a network; exit 1 unless every decision is the same."""
    if bool(runs) == every:
        raise typer.BadParameter("name the runs, or give --all")
    sessions, find = load_calendar(calendar), _finder(strategy)
    if (at.book is None) == (at.reports is None):
        raise typer.BadParameter("give either --book FOLDER or --reports URL")
    # An address of reports is opened as the one store there is.
    with PlaceOptions(at.book, at.reports).open() as place:
        store = ReportStore(place.reports or place.store)
        ids = list(dict.fromkeys(runs)) if runs else store.ids()
        if not ids:
            raise Refused("there is no run report here; check the address")
        found: list[Replay] = []
        with progress("replay") as bar:
            for run_id in bar.track(ids):
                found.append(replay_run(run_id, store, find, sessions))
    if json:
        print_json(_document(found, strategy))
    else:
        _show(found, strategy)
    if bad := [f"{one.run_id} {one.verdict}: {one.why}" for one in found if not _good(one)]:
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise typer.Exit(complain(f"{bad[0]}{more}", 1))


def _finder(reference: str | None) -> Finder:
    """Return what finds a profile's strategy: the user's own if it is of that profile, else the installed one."""
    own = strategy_of(reference) if reference is not None else None

    def find(profile: str, config: Mapping[str, object]) -> BoundStrategy:
        if own is not None and own.manifest.profile == profile:
            return bind(own, config)
        if profile not in catalog():
            hint = f"{reference} is of profile {own.manifest.profile}" if own else "add --strategy FILE.py:CLASS"
            raise InvalidInput(f"profile {profile} is not installed; {hint}")
        return bind(catalog()[profile], config)

    return find


def _good(one: Replay) -> bool:
    return one.verdict in (ReplayVerdict.EQUAL, ReplayVerdict.NOTHING)


def _versions(strategy: str | None) -> dict[str, str]:
    """Return what decides now: a report does not say which versions decided then."""
    catalogs = {entry.dist.name for entry in entry_points(group=ENTRY_POINTS) if entry.dist}
    packages = {name: version(name) for name in ("quant-platform-kit", *sorted(catalogs), "numpy")}
    return {**packages, "Python": platform.python_version(), **({"strategy": strategy} if strategy else {})}


def _document(found: Sequence[Replay], strategy: str | None) -> dict[str, object]:
    counted = Counter(one.verdict for one in found)
    return {
        "equal": counted[ReplayVerdict.EQUAL],
        "replayed": len(found) - counted[ReplayVerdict.NOTHING],
        "runs": [plain(one) for one in found],
        "versions": _versions(strategy),
    }


def _show(found: Sequence[Replay], strategy: str | None) -> None:
    shown = table("Replay", "run", "profile", "as of", "decisions", "result", right=("decisions",))
    shown.columns[1].overflow = "fold"
    for one in found:
        colour = _COLOURS.get(one.verdict, "red")
        result = f"[{colour}]{one.verdict}[/{colour}]"
        as_of = str(one.as_of or "-")
        shown.add_row(one.run_id, escape(one.profile or "-"), as_of, str(len(one.decisions) or "-"), result)
    console().print(shown)
    for one in found:
        if one.why:
            say(f"  {one.run_id} {one.verdict}: {escape(one.why)}")
    if len(found) == 1:
        _show_decisions(found[0])
    decided_by = ", ".join(f"{name} {number}" for name, number in _versions(strategy).items())
    say(f"  decided again by {escape(decided_by)}")
    counted = Counter(one.verdict for one in found)
    say(
        f"{counted[ReplayVerdict.EQUAL]} of {len(found) - counted[ReplayVerdict.NOTHING]} replayed runs decide the same"
    )


def _show_decisions(one: Replay) -> None:
    """Print the digests of the newest decision, and of any that differ."""
    differing = [decision for decision in one.decisions[:-1] if not decision.equal]
    for decision in (*differing, *one.decisions[-1:]):
        say(f"  {decision.as_of}  recorded    {decision.recorded}")
        say(f"              re-decided  {decision.redecided}{'' if decision.equal else '  [red]differs[/red]'}")
