"""Removing versions that nobody needs any more, without harm to anyone who reads meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from quant_platform_kit.domain.errors import InvalidInput

from snapshot_pipelines.publish.roots import Place, Root, summary_key, withdrawn_key

__all__ = ["FEWEST_KEPT", "YOUNG", "Pruned", "prune"]

YOUNG = timedelta(days=7)
"""A reader may hold a manifest that was made so lately."""
FEWEST_KEPT = 2
"""The session before `latest` is decided on the version before it."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, and what stays.

    Attributes
    ----------
    removed, kept
        Versions by their manifests.
    files
        Keys of the files that went with them.
    """

    removed: tuple[Place, ...]
    kept: tuple[Place, ...]
    files: tuple[str, ...]


def prune(root: Root, profile: str, keep: int, *, dry_run: bool = False) -> Pruned:
    """Remove the versions of a profile except what `latest` names, the last sessions, and what was made lately.

    A manifest goes before its file, and a file only when no manifest names it any more: whoever finds a manifest can
    read it, or reads what is newer. The time is the store's.

    Parameters
    ----------
    keep
        How many of the newest sessions are kept, of all and of those up to `latest`.

    Raises
    ------
    InvalidInput
        Nothing is published there, or a manifest below the root cannot be read: nothing was removed.
    """
    latest = root.latest(profile)
    if latest is None:
        raise InvalidInput(f"there is no latest snapshot of {profile} at {root.address}; nothing was removed")
    everything = root.versions(None)
    own = [place for place in everything if place.found.manifest.strategy_profile == profile]
    kept = _kept(own, latest, keep, root)
    doomed = [place for place in own if place.key not in kept]
    stay = tuple(place for place in own if place.key in kept)
    if dry_run:
        return Pruned(tuple(doomed), stay, ())
    removed = [place for place in doomed if _remove(root, profile, place)]
    return Pruned(tuple(removed), stay, tuple(_sweep(root, profile, removed)))


def _kept(own: list[Place], latest: Place, keep: int, root: Root) -> frozenset[str]:
    days = sorted({place.found.manifest.snapshot_as_of for place in own}, reverse=True)
    wanted = {*days[:keep], *[day for day in days if day <= latest.found.manifest.snapshot_as_of][:keep]}
    young = root.store.now() - YOUNG
    return frozenset(
        place.key
        for place in own
        if place.found.manifest.snapshot_as_of in wanted
        or place.found.digest == latest.found.digest
        or place.found.manifest.generated_at > young
    )


def _remove(root: Root, profile: str, place: Place) -> bool:
    """Remove a manifest unless it was made latest meanwhile."""
    latest = root.latest(profile)
    if latest is None or latest.found.digest == place.found.digest:
        return False
    root.store.delete(place.key)
    root.store.delete(summary_key(place.found.manifest, place.found.digest))
    root.store.delete(withdrawn_key(place.found.manifest, place.found.digest))
    return True


def _sweep(root: Root, profile: str, removed: list[Place]) -> list[str]:
    """Remove the files of removed manifests that no other one names."""
    named = {place.found.manifest.snapshot_path for place in root.versions(None)} if removed else set[str]()
    gone: list[str] = []
    for path in sorted({place.found.manifest.snapshot_path for place in removed} - named):
        latest = root.latest(profile)
        if latest is not None and latest.found.manifest.snapshot_path != path:
            root.store.delete(path)
            gone.append(path)
    return gone
