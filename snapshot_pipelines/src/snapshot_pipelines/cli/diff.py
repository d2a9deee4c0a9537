"""`snapshots diff`: what changed from one snapshot to another."""

from __future__ import annotations

from typing import Annotated

import typer
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, print_json, table
from quant_platform_kit.domain.features import RankedRow
from rich.console import Console
from rich.markup import escape

from snapshot_pipelines.cli.meaning import (
    AboutOption,
    EndpointOption,
    OneProfileOption,
    StrategyFileOption,
    read_snapshot,
)
from snapshot_pipelines.publish.comparing import Comparison, RankMove, compare, rank_moves
from snapshot_pipelines.publish.snapshots import Snapshot, ranking_of

__all__ = ["diff_command"]

SHOWN = 20
META = "ROOT[@DAY]|MANIFEST"


def diff_command(
    before: Annotated[str, typer.Argument(metavar=META, help="The older one.")],
    after: Annotated[str, typer.Argument(metavar=META, help="The newer one.")],
    profile: OneProfileOption = None,
    strategy: StrategyFileOption = None,
    config: AboutOption = None,
    endpoint: EndpointOption = None,
    json: options.JsonOption = False,
) -> None:
    """Show what changed: symbols, members, features, ranking, and what they were built from."""
    old, old_terms = read_snapshot(before, endpoint, profile, strategy, config)
    new, new_terms = read_snapshot(after, endpoint, profile, strategy, config)
    found = compare(old, new)
    moves = _moves(ranking_of(old, old_terms.strategy), ranking_of(new, new_terms.strategy))
    if json:
        print_json(_document(old, new, found, moves))
        return
    out = console()
    out.print(f"[bold]{old.manifest.strategy_profile}[/bold]: {_named(old)} to {_named(new)}")
    _show_symbols(out, found)
    _show_columns(out, found)
    _show_moves(out, moves)


def _moves(old: list[RankedRow] | None, new: list[RankedRow] | None) -> list[RankMove]:
    return rank_moves(old, new, SHOWN) if old is not None and new is not None else []


def _named(snapshot: Snapshot) -> str:
    return f"{snapshot.manifest.snapshot_as_of} ({snapshot.digest[:12]})"


def _document(old: Snapshot, new: Snapshot, found: Comparison, moves: list[RankMove]) -> dict[str, object]:
    columns = [
        {
            "name": column.name,
            "changed": column.changed,
            "median": None if column.symbol == "" else column.median,
            "largest": None if column.symbol == "" else column.largest,
            "symbol": column.symbol or None,
            "known": [column.known_before, column.known_after],
        }
        for column in found.columns
    ]
    return {
        "profile": new.manifest.strategy_profile,
        "before": {"as_of": old.manifest.snapshot_as_of, "manifest_sha256": old.digest},
        "after": {"as_of": new.manifest.snapshot_as_of, "manifest_sha256": new.digest},
        "fields": found.fields,
        "symbols": {"added": found.added, "removed": found.removed, "joined": found.joined, "left": found.left},
        "columns": columns,
        "new_columns": found.new_columns,
        "lost_columns": found.lost_columns,
        "ranking": moves,
    }


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
