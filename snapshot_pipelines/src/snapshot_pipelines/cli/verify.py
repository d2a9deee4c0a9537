"""`snapshots verify`: the checks a service makes, and the snapshot built again."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli import options
from quant_platform_kit.cli.output import console, progress
from quant_platform_kit.domain.errors import InvalidInput

from snapshot_pipelines.build.sources import Inputs
from snapshot_pipelines.cli.meaning import (
    AboutOption,
    EndpointOption,
    OneProfileOption,
    SnapshotArgument,
    StrategyFileOption,
)
from snapshot_pipelines.publish.holding import Held, held
from snapshot_pipelines.publish.rebuilding import Rebuilding
from snapshot_pipelines.publish.roots import Place, Root, read_reference
from snapshot_pipelines.publish.snapshots import Snapshot, verified

__all__ = ["verify_command"]


def verify_command(
    snapshot: SnapshotArgument,
    profile: OneProfileOption = None,
    strategy: StrategyFileOption = None,
    config: AboutOption = None,
    as_of: Annotated[
        date | None,
        typer.Option(parser=options.day, metavar="YYYY-MM-DD", help="The session decided on: is it fresh, and known?"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every version below the root.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build it again from its sources and compare.")] = False,
    prices: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="For --rebuild: the price files; repeatable.")
    ] = None,
    sectors: Annotated[Path | None, typer.Option(metavar="FILE", help="For --rebuild: the sectors.")] = None,
    membership: Annotated[Path | None, typer.Option(metavar="FILE", help="For --rebuild: the membership.")] = None,
    fundamentals: Annotated[Path | None, typer.Option(metavar="FILE", help="For --rebuild: the facts.")] = None,
    features: Annotated[Path | None, typer.Option(metavar="FILE.py", help="For --rebuild: your own features.")] = None,
    endpoint: EndpointOption = None,
    json: options.JsonOption = False,
) -> None:
    """Verify a snapshot as a service does, but for what it is not told; exit 1 with the first check that fails.

    Without --config no configuration is compared, without --as-of no session decided on.
    """
    rebuilding = _rebuilding(rebuild, prices, sectors, [membership, fundamentals, features])
    reference = read_reference(snapshot)
    root = Root(reference.root, endpoint)
    places = root.versions(root.profile(profile)) if every else [root.meant(reference, profile)]
    if not places:
        raise InvalidInput(f"there is no version at {root.address}; build one, or correct the address")
    found: list[tuple[Snapshot, Held]] = []
    with progress("verify") as bar:
        for place in bar.track(places):
            found.append(
                _verified(root, place, held(place.found.manifest, profile, strategy, config, as_of), rebuilding)
            )
    _tell(found, compared=config is not None, rebuilt=rebuild, as_json=json)


def _rebuilding(
    rebuild: bool, prices: list[Path] | None, sectors: Path | None, others: list[Path | None]
) -> Rebuilding | None:
    if not rebuild:
        if prices or sectors or any(others):
            raise typer.BadParameter("files are sources to build from again: add --rebuild, or leave them out")
        return None
    if not prices or sectors is None:
        raise typer.BadParameter("--rebuild needs the sources: --prices FILE --sectors FILE, and the others if any")
    return Rebuilding(Inputs(prices, sectors, *others), load_calendar("XNYS"))


def _verified(root: Root, place: Place, terms: Held, rebuilding: Rebuilding | None) -> tuple[Snapshot, Held]:
    snapshot = verified(root, place, terms.terms)
    if rebuilding is not None:
        rebuilding.check(snapshot)
    return snapshot, terms


def _tell(found: list[tuple[Snapshot, Held]], *, compared: bool, rebuilt: bool, as_json: bool) -> None:
    documents = [
        {
            "profile": snapshot.manifest.strategy_profile,
            "as_of": snapshot.manifest.snapshot_as_of,
            "manifest_sha256": snapshot.digest,
            "snapshot_sha256": snapshot.manifest.snapshot_sha256,
            "rows": snapshot.rows.row_count,
            "configuration_compared": compared,
            "decided_on": terms.terms.moment.session if terms.terms.moment else None,
            "rebuilt": rebuilt,
        }
        for snapshot, terms in found
    ]
    if as_json:
        print_json({"verified": documents})
        return
    out = console()
    for document in documents:
        what = f"{document['profile']} {document['as_of']} {str(document['manifest_sha256'])[:12]}"
        out.print(f"[green]verified[/green] {what}: {document['rows']} rows", soft_wrap=True)
    if rebuilt:
        out.print("built again from its sources: equal to 1e-9")
    if not compared:
        out.print("[dim]no configuration was compared; --config does[/dim]")
    if documents[0]["decided_on"] is None:
        out.print("[dim]no session decided on was given; --as-of does[/dim]")
