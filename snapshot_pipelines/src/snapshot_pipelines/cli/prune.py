"""`snapshots prune`: versions that nobody needs any more."""

from __future__ import annotations

from typing import Annotated

import typer
from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console
from rich.markup import escape

from snapshot_pipelines.cli.meaning import EndpointOption, OneProfileOption
from snapshot_pipelines.publish.pruning import FEWEST_KEPT, YOUNG, prune
from snapshot_pipelines.publish.roots import Place, Root

__all__ = ["prune_command"]


def prune_command(
    root: Annotated[
        str, typer.Argument(metavar="ROOT", help="Where it was published: a folder or gs://bucket/prefix.")
    ],
    profile: OneProfileOption = None,
    keep: Annotated[
        int, typer.Option(min=FEWEST_KEPT, metavar="N", help="Sessions to keep, the newest of all and up to latest.")
    ] = 12,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    endpoint: EndpointOption = None,
    json: options.JsonOption = False,
) -> None:
    """Remove old versions, never what the latest manifest names nor what was made in the last seven days.

    Who reads one of them meanwhile reads the latest instead.
    """
    opened = Root(root, endpoint)
    name = opened.profile(profile)
    done = prune(opened, name, keep, dry_run=dry_run)
    if json:
        removed = [_document(place) for place in done.removed]
        print_json({"profile": name, "dry_run": dry_run, "removed": removed, "kept": len(done.kept)})
        return
    out, verb = console(), "would be removed" if dry_run else "removed"
    for place in done.removed:
        out.print(f"{verb}: {place.found.manifest.snapshot_as_of} {place.found.digest[:12]}")
    out.print(
        f"{len(done.removed)} of {name} {verb} at {escape(opened.address)}, {len(done.kept)} kept: the newest {keep} "
        f"sessions, the latest, and what was made in the last {YOUNG.days} days",
        soft_wrap=True,
    )


def _document(place: Place) -> dict[str, object]:
    return {"as_of": place.found.manifest.snapshot_as_of, "manifest_sha256": place.found.digest}
