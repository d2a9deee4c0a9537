"""`snapshots list`: what is published or built below a root."""

from __future__ import annotations

from typing import Annotated

import typer
from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.adapters.snapshot_reading import latest_key
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, progress, table
from quant_platform_kit.domain.errors import InvalidInput
from rich.markup import escape

from snapshot_pipelines.cli.meaning import EndpointOption
from snapshot_pipelines.publish.roots import LATEST, Place, Root

__all__ = ["list_command"]


def list_command(
    root: Annotated[str, typer.Argument(metavar="ROOT", help="A folder or gs://bucket/prefix.")],
    profile: Annotated[str | None, typer.Option("--profile", help="Only the snapshots of one profile.")] = None,
    endpoint: EndpointOption = None,
    json: options.JsonOption = False,
) -> None:
    """List every version below a root, and which is the latest of each profile."""
    opened = Root(root, endpoint)
    with progress("list") as bar:
        found = [place for key in bar.track(opened.keys()) if (place := opened.at(key))]
    wanted = [place for place in found if profile in (None, place.found.manifest.strategy_profile)]
    places = sorted(wanted, key=lambda place: (place.found.manifest.strategy_profile, place.order))
    latest = _latest(opened, {place.found.manifest.strategy_profile for place in places})
    if json:
        print_json({"root": opened.address, "snapshots": [_document(place, latest) for place in places]})
        return
    if not places:
        raise InvalidInput(f"there is no version at {opened.address}; build or publish one, or correct the address")
    _show(opened, places, latest)


def _latest(root: Root, profiles: set[str]) -> set[str]:
    """Return the digests of what is latest."""
    known = [key for key in map(latest_key, profiles) if root.store.get(key)]
    return {place.found.digest for key in known if key.endswith(LATEST) and (place := root.at(key))}


def _document(place: Place, latest: set[str]) -> dict[str, object]:
    manifest = place.found.manifest
    return {
        "profile": manifest.strategy_profile,
        "as_of": manifest.snapshot_as_of,
        "manifest_sha256": place.found.digest,
        "manifest": place.key,
        "rows": manifest.row_count,
        "bytes": manifest.snapshot_bytes,
        "generated_at": manifest.generated_at,
        "code_version": manifest.code_version,
        "latest": place.found.digest in latest,
    }


def _show(root: Root, places: list[Place], latest: set[str]) -> None:
    out = console()
    for profile in dict.fromkeys(place.found.manifest.strategy_profile for place in places):
        shown = table(escape(f"{profile} at {root.address}"), "as_of", "manifest", "rows", "made", "", right=("rows",))
        for place in places:
            manifest, digest = place.found.manifest, place.found.digest
            if manifest.strategy_profile == profile:
                made, mark = f"{manifest.generated_at:%Y-%m-%d %H:%M}Z", "latest" if digest in latest else ""
                shown.add_row(str(manifest.snapshot_as_of), digest[:12], str(manifest.row_count), made, mark)
        out.print(shown)
