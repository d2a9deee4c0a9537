"""`snapshots pull`: a published snapshot into a folder."""

from __future__ import annotations

from typing import Annotated

import typer
from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console
from rich.markup import escape

from snapshot_pipelines.cli.meaning import (
    EndpointOption,
    OneProfileOption,
    SnapshotArgument,
    StrategyFileOption,
    read_snapshot,
)
from snapshot_pipelines.publish.keeping import keep
from snapshot_pipelines.publish.roots import Root, version_key

__all__ = ["pull_command"]


def pull_command(
    snapshot: SnapshotArgument,
    out: Annotated[str, typer.Option("--out", metavar="ROOT", help="Folder to put it in, as a build would have.")],
    profile: OneProfileOption = None,
    strategy: StrategyFileOption = None,
    endpoint: EndpointOption = None,
    json: options.JsonOption = False,
) -> None:
    """Copy a snapshot with its manifest into a folder; it is verified first, and written as it is."""
    found, _ = read_snapshot(snapshot, endpoint, profile, strategy)
    root = Root(out, endpoint)
    keep(root.store, found)
    manifest = found.manifest
    paths = {
        "manifest": f"{root.address}/{version_key(manifest, found.digest)}",
        "rows": f"{root.address}/{manifest.snapshot_path}",
    }
    if json:
        about = {"profile": manifest.strategy_profile, "as_of": manifest.snapshot_as_of}
        print_json({**about, "manifest_sha256": found.digest, **paths})
        return
    console().print(f"[green]verified[/green] {manifest.strategy_profile} {manifest.snapshot_as_of}, now there:")
    for path in paths.values():
        console().print(escape(path), soft_wrap=True)
