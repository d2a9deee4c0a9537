"""Which snapshot a command is about, and what it is held to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

import typer
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.strategies import bind, find_strategy, load_strategy_file, read_config
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.snapshot_checks import Asked, Moment
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest
from quant_platform_kit.domain.strategy import BoundStrategy, Strategy

from snapshot_pipelines.publish.roots import Place, Root, read_reference
from snapshot_pipelines.publish.snapshots import Snapshot, Terms, verified

__all__ = [
    "AboutOption",
    "EndpointOption",
    "Held",
    "OneProfileOption",
    "SnapshotArgument",
    "StrategyFileOption",
    "held",
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


@dataclass(frozen=True, slots=True)
class Held:
    """What a snapshot is held to.

    Attributes
    ----------
    strategy
        With the configuration that the snapshot was built with; None where that was not given.
    """

    terms: Terms
    strategy: BoundStrategy | None


def held(
    manifest: SnapshotManifest,
    profile: str | None = None,
    strategy: str | None = None,
    config: list[str] | None = None,
    session: date | None = None,
) -> Held:
    """Return what a snapshot is held to: its profile's contract, and what else was given.

    Parameters
    ----------
    config
        Without it, the default configuration counts for the ranking if it is the one built with.
    session
        The session decided on; None for none.
    """
    found = load_strategy_file(strategy) if strategy else find_strategy(profile or manifest.strategy_profile)
    declared, calendar = found.manifest, load_calendar("XNYS")
    if declared.features is None:
        raise InvalidInput(f"profile {declared.profile} reads no feature snapshot; `quant profiles` shows which do")
    bound = bind(found, read_config(config)) if config else _default(found, manifest)
    digest = bound.config_digest if bound and config else None
    moment = Moment.of(session, declared.cadence, calendar) if session else None
    return Held(Terms(Asked(declared.profile, declared.features, digest), calendar, moment), bound)


def _default(strategy: Strategy, manifest: SnapshotManifest) -> BoundStrategy | None:
    """Return a strategy with its default configuration, if a snapshot was built with that."""
    try:
        bound = bind(strategy)
    except InvalidInput:  # some have no default
        return None
    return bound if bound.config_digest == manifest.config_sha256 else None


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
