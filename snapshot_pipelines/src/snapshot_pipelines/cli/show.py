"""`snapshots show`: who leads, what is known, and one page about it."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from quant_platform_kit.adapters.command_line import notice, print_json
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, table
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.features import RankedRow
from quant_platform_kit.domain.sectors import SECTOR_NAMES
from rich.console import Console
from rich.markup import escape

from snapshot_pipelines.cli.meaning import (
    AboutOption,
    EndpointOption,
    OneProfileOption,
    SnapshotArgument,
    StrategyFileOption,
    read_snapshot,
)
from snapshot_pipelines.publish.holding import held
from snapshot_pipelines.publish.roots import Root, read_reference
from snapshot_pipelines.publish.snapshots import Snapshot, ranking_of, verified

__all__ = ["show_command"]

BAR = 24


def show_command(
    snapshot: SnapshotArgument,
    profile: OneProfileOption = None,
    strategy: StrategyFileOption = None,
    config: AboutOption = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="ROOT[@DAY]|MANIFEST", help="Compare with this one, not the one before."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How much of the ranking to show.")] = 20,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one page about it: spreads, ranking, changes, sectors.")
    ] = None,
    endpoint: EndpointOption = None,
    json: options.JsonOption = False,
) -> None:
    """Verify a snapshot and show its ranking, what is known of it, and, as a page, what changed."""
    found, terms = read_snapshot(snapshot, endpoint, profile, strategy, config)
    ranking = ranking_of(found, terms.strategy)
    if html is not None:
        from snapshot_pipelines.page.render import Shown, render_snapshot

        before = _before(found, snapshot, against, endpoint, strategy)
        earlier = Shown(before, ranking_of(before, terms.strategy)) if before else None
        _write(html, render_snapshot(Shown(found, ranking), earlier, terms.terms.asked.contract.reads))
    if json:
        print_json(_document(found, ranking, top, html))
        return
    _show(found, ranking, top)
    if html is not None:
        console().print(f"page: {escape(str(html))}", soft_wrap=True)


def _before(
    found: Snapshot, text: str, against: str | None, endpoint: str | None, strategy: str | None
) -> Snapshot | None:
    """Return the snapshot to compare with: the one named, else the newest of an earlier session below the root."""
    if against is not None:
        return read_snapshot(against, endpoint, found.manifest.strategy_profile, strategy)[0]
    root = Root(read_reference(text).root, endpoint)
    day = found.manifest.snapshot_as_of
    earlier = [
        place for place in root.versions(found.manifest.strategy_profile) if place.found.manifest.snapshot_as_of < day
    ]
    if not earlier:
        return None
    manifest = earlier[-1].found.manifest
    try:
        return verified(root, earlier[-1], held(manifest, None, strategy).terms)
    except InvalidInput as error:
        notice(f"nothing is compared: {error}")
        return None


def _write(path: Path, page: str) -> None:
    """Write a page whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".page-", dir=path.parent) as folder:
            made = Path(folder) / "page.html"
            made.write_text(page, "utf-8")
            os.replace(made, path)
    except OSError as error:
        raise InvalidInput(f"--html {path} cannot be written: {error.strerror}; choose another place") from error


def _document(snapshot: Snapshot, ranking: list[RankedRow] | None, top: int, html: Path | None) -> dict[str, object]:
    manifest = snapshot.manifest
    return {
        "profile": manifest.strategy_profile,
        "as_of": manifest.snapshot_as_of,
        "manifest_sha256": snapshot.digest,
        "rows": manifest.row_count,
        "members": int(snapshot.is_member.sum()),
        "known": snapshot.known,
        "ranking": None
        if ranking is None
        else [{"rank": row.rank, "symbol": row.symbol, "score": row.score} for row in ranking[:top]],
        "summary": snapshot.told,
        "html": str(html) if html else None,
    }


def _show(snapshot: Snapshot, ranking: list[RankedRow] | None, top: int) -> None:
    out, manifest = console(), snapshot.manifest
    made = f"made {manifest.generated_at:%Y-%m-%d %H:%M}Z by {manifest.code_version}"
    out.print(f"[bold]{manifest.strategy_profile}[/bold] as of {manifest.snapshot_as_of}, {manifest.row_count} rows")
    out.print(f"manifest {snapshot.digest[:12]}, {escape(made)}", style="dim", soft_wrap=True)
    _show_ranking(out, snapshot, ranking, top)
    shown = table("Known for members", "feature", "known", "", right=("known",))
    members = int(snapshot.is_member.sum())
    for name, known in snapshot.known.items():
        shown.add_row(escape(name), f"{known} of {members}", _bar(known / max(1, members)))
    out.print(shown)
    for sentence in snapshot.told.get("in_words", ()):
        out.print(f"- {escape(sentence)}")


def _show_ranking(out: Console, snapshot: Snapshot, ranking: list[RankedRow] | None, top: int) -> None:
    if ranking is None:
        out.print("no ranking: the profile has none, or --config does not give the configuration it was built with")
        return
    scores = [row.score for row in ranking] or [0.0]
    low, high = min(scores), max(scores)
    shown = table(f"Ranking, {min(top, len(ranking))} of {len(ranking)}", "#", "symbol", "sector", "score", "")
    for row in ranking[:top]:
        sector = SECTOR_NAMES[int(snapshot.table[row.symbol]["sector_code"])]
        share = (row.score - low) / (high - low) if high > low else 1.0
        shown.add_row(str(row.rank), escape(row.symbol), sector, f"{row.score:.3f}", _bar(share))
    out.print(shown)


def _bar(share: float) -> str:
    return "█" * round(BAR * share)
