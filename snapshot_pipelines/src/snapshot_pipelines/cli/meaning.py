"""Which snapshot a command is about, and what it is held to."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from snapshot_pipelines.publish.holding import Held, held
from snapshot_pipelines.publish.roots import Place, Root, read_reference
from snapshot_pipelines.publish.snapshots import Snapshot, verified

__all__ = [
    "AboutOption",
    "EndpointOption",
    "OneProfileOption",
    "SnapshotArgument",
    "StrategyFileOption",
    "read_snapshot",
]

SnapshotArgument = Annotated[
    str,
    typer.Argument(metavar="ROOT[@DAY]|MANIFEST", help="A root, one session of it, or a manifest; paths or gs://."),
]
OneProfileOption = Annotated[
    str | None, typer.Option("--profile", help="Whose snapshot, where a root has those of several.")
]
StrategyFileOption = Annotated[
    str | None, typer.Option("--strategy", metavar="FILE.py:CLASS", help="The profile's strategy, if it is your own.")
]
EndpointOption = Annotated[
    str | None,
    typer.Option("--endpoint", envvar="STORAGE_EMULATOR_HOST", metavar="URL", help="Server of gs://, not Google's."),
]
AboutOption = Annotated[
    list[str] | None,
    typer.Option("--config", metavar="FILE|KEY=VALUE", help="The configuration in force, to be the one built with."),
]


def read_snapshot(
    text: str,
    endpoint: str | None,
    profile: str | None = None,
    strategy: str | None = None,
    config: list[str] | None = None,
    session: date | None = None,
) -> tuple[Snapshot, Held]:
    """Find the snapshot that a text means and verify it; see `held`."""
    root, place = _find(text, endpoint, profile)
    terms = held(place.found.manifest, profile, strategy, config, session)
    return verified(root, place, terms.terms), terms


def _find(text: str, endpoint: str | None, profile: str | None) -> tuple[Root, Place]:
    reference = read_reference(text)
    root = Root(reference.root, endpoint)
    return root, root.meant(reference, profile)
