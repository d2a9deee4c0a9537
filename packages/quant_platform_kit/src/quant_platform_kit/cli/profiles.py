"""`quant profiles`: which profile may run on which platform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.adapters.platforms import platforms
from quant_platform_kit.adapters.strategies import catalog, strategy_of
from quant_platform_kit.cli.options import JsonOption, StrategyOption
from quant_platform_kit.cli.output import console, table
from quant_platform_kit.domain.matrix import MatrixRow, matrix

__all__ = ["profiles"]

NEEDS_SOURCE = "* with a price source: set PRICE_HISTORY_PATH to a file of `quant prices pull`"
RootOption = Annotated[
    Path | None, typer.Option("--root", help="Checkout whose apps/*/platform.toml are read; found from here if absent.")
]


def profiles(strategy: StrategyOption = None, json: JsonOption = False, root: RootOption = None) -> None:
    """Show every profile, or one strategy, on every platform: eligible, enabled, and why not."""
    known = platforms(root or _checkout(Path.cwd()))
    named = strategy_of(strategy) if strategy else None
    strategies = {named.manifest.profile: named} if named else catalog()
    rows = matrix([strategy.manifest for strategy in strategies.values()], known)
    if json:
        print_json(rows)
        return
    shown = table("Profiles", "profile", *(platform.name for platform in known))
    shown.box, shown.padding = SIMPLE_HEAD, (0, 0)  # a column of every platform fits 80 characters
    by_profile: dict[str, list[MatrixRow]] = {}
    for row in rows:
        by_profile.setdefault(row.profile, []).append(row)
    for profile, cells in by_profile.items():
        shown.add_row(profile, *(_cell(cell) for cell in cells))
    console().print(shown)
    remarks: dict[str, list[str]] = {}
    for row in rows:
        notes = (NEEDS_SOURCE,) if row.needs_source else ()
        for reason in (*row.reasons, *notes):
            remarks.setdefault(f"{row.platform}: {reason}", []).append(row.profile)
    for remark, concerned in remarks.items():
        who = "every profile" if len(concerned) == len(by_profile) else ", ".join(concerned)
        console().print(f"{remark} ({who})", soft_wrap=True)
    for profile, cells in by_profile.items():
        needs_file = any(field.is_required() for field in strategies[profile].Config.model_fields.values())
        needed = "; needs a configuration file" if needs_file else ""
        console().print(f"{_in_words(profile, cells[0])}{needed}", soft_wrap=True)


def _in_words(profile: str, row: MatrixRow) -> str:
    """Return how a profile states its targets and what it decides on."""
    reads, contract = row.reads, row.reads.features
    if contract is None:
        what = f"{reads.sessions} sessions of {', '.join(reads.symbols)}"
    else:
        known = f"{', '.join(contract.benchmark_reads)} of {', '.join(contract.benchmarks)}" * bool(contract.benchmarks)
        what = f"a feature snapshot: {'; '.join(filter(None, [', '.join(contract.reads), known]))}"
    return f"{profile} ({row.target_mode}s, {row.input_mode}) reads {what}"


def _cell(row: MatrixRow) -> str:
    mark = "*" if row.needs_source else ""
    if row.enabled:
        return f"{mark}[green]enabled[/green]"
    return f"{mark}eligible" if row.eligible else "no"


def _checkout(here: Path) -> Path:
    """Return the nearest folder above that has apps with a description, or here."""
    return next((folder for folder in (here, *here.parents) if any(folder.glob("apps/*/platform.toml"))), here)
