"""What a snapshot is held to: the contract of its profile, and what else is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.strategies import bind, find_strategy, read_config, strategy_of
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.snapshot_checks import Asked, Moment
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest
from quant_platform_kit.domain.strategy import BoundStrategy, Strategy

from snapshot_pipelines.publish.snapshots import Terms

__all__ = ["Held", "held"]


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
    found = strategy_of(strategy) if strategy else _installed(profile or manifest.strategy_profile)
    declared, calendar = found.manifest, load_calendar("XNYS")
    if declared.features is None:
        raise InvalidInput(f"profile {declared.profile} reads no feature snapshot; `quant profiles` shows which do")
    bound = bind(found, read_config(config)) if config else _default(found, manifest)
    digest = bound.config_digest if bound and config else None
    moment = Moment.of(session, declared.cadence, calendar) if session else None
    return Held(Terms(Asked(declared.profile, declared.features, digest), calendar, moment), bound)


def _installed(profile: str) -> Strategy:
    try:
        return find_strategy(profile)
    except InvalidInput as error:
        raise InvalidInput(f"{error}; if it is your own, add --strategy FILE.py:CLASS") from None


def _default(strategy: Strategy, manifest: SnapshotManifest) -> BoundStrategy | None:
    """Return a strategy with its default configuration, if a snapshot was built with that."""
    try:
        bound = bind(strategy)
    except InvalidInput:  # some have no default
        return None
    return bound if bound.config_digest == manifest.config_sha256 else None
