"""`snapshots diff`: what changed from one snapshot to another."""

from __future__ import annotations

from typing import Annotated

import typer
from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, table
from quant_platform_kit.domain.errors import InvalidInput
from rich.console import Console
from rich.markup import escape

from snapshot_pipelines.cli.meaning import (
    AboutOption,
    EndpointOption,
    OneProfileOption,
    StrategyFileOption,
    read_snapshot,
)
from snapshot_pipelines.publish.comparing import Comparison, RankMove, compare, comparison_document, moves_between
from snapshot_pipelines.publish.snapshots import Snapshot, ranking_of

__all__ = ["diff_command"]

SHOWN = 20
META = "ROOT[@DAY]|MANIFEST"


def diff_command(
    before: Annotated[str, typer.Argument(metavar="OLD", help=f"The older one, {META}.")],
    after: Annotated[str, typer.Argument(metavar="NEW", help=f"The newer one, {META}.")],
    profile: OneProfileOption = None,
    strategy: StrategyFileOption = None,
    config: AboutOption = None,
    endpoint: EndpointOption = None,
    json: options.JsonOption = False,
) -> None:
    """Show what changed: symbols, members, features, ranking, and what they were built from."""
    old, old_terms = read_snapshot(before, endpoint, profile, strategy, config)
    new, new_terms = read_snapshot(after, endpoint, profile, strategy, config)
    _refuse_two_profiles(old, new)
    found = compare(old, new)
    moves = moves_between(ranking_of(old, old_terms.strategy), ranking_of(new, new_terms.strategy), SHOWN)
    if json:
        print_json(comparison_document(old, new, found, moves))
        return
    out = console()
    out.print(f"[bold]{old.manifest.strategy_profile}[/bold]: {_named(old)} to {_named(new)}")
    _show_symbols(out, found)
    _show_columns(out, found)
    _show_moves(out, moves)


def _refuse_two_profiles(old: Snapshot, new: Snapshot) -> None:
    profiles = old.manifest.strategy_profile, new.manifest.strategy_profile
    if profiles[0] != profiles[1]:
        raise InvalidInput(f"OLD is of {profiles[0]}, NEW of {profiles[1]}; name two snapshots of one profile")


def _named(snapshot: Snapshot) -> str:
    return f"{snapshot.manifest.snapshot_as_of} ({snapshot.digest[:12]})"


def _show_symbols(out: Console, found: Comparison) -> None:
    for name, (old, new) in found.fields.items():
        out.print(f"{escape(name)}: {escape(old[:24])} before, {escape(new[:24])} now", soft_wrap=True)
    for what, symbols in (
        ("new rows", found.added),
        ("rows gone", found.removed),
        ("became members", found.joined),
        ("no members any more", found.left),
        ("new columns", found.new_columns),
        ("columns gone", found.lost_columns),
    ):
        if symbols:
            out.print(f"{what} ({len(symbols)}): {escape(', '.join(symbols))}", soft_wrap=True)


def _show_columns(out: Console, found: Comparison) -> None:
    numbers = ("changed", "median change", "largest", "known")
    shown = table("Columns, in the rows of both", "column", *numbers, "of", right=numbers)
    for column in found.columns:
        if column.changed:
            known = f"{column.known_before} > {column.known_after}"
            largest = (f"{column.median:.4g}", f"{column.largest:.4g}") if column.symbol else ("-", "-")
            shown.add_row(column.name, str(column.changed), *largest, known, escape(column.symbol))
    if shown.row_count:
        out.print(shown)
    else:
        out.print("every column is the same in the rows of both")


def _show_moves(out: Console, moves: list[RankMove]) -> None:
    if not moves:
        return
    shown = table(f"Ranking, the first {SHOWN} of either", "symbol", "before", "now", right=("before", "now"))
    for move in moves:
        shown.add_row(escape(move.symbol), str(move.before or "-"), str(move.after or "-"))
    out.print(shown)
