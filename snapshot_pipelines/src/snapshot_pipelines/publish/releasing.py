"""From versions in roots to what services read: verified, published, with copies for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest

from snapshot_pipelines.publish.copies import copies_of
from snapshot_pipelines.publish.holding import Held
from snapshot_pipelines.publish.publishing import Copies, Given, Outcome, publish
from snapshot_pipelines.publish.roots import Place, Root, read_reference
from snapshot_pipelines.publish.snapshots import Snapshot, ranking_of, verified

__all__ = ["Released", "release", "versions_meant"]

Reached = Callable[[Place], None]


@dataclass(frozen=True, slots=True)
class Released:
    """What became of versions that were to be published.

    Attributes
    ----------
    ranked
        Whether their ranking is published too: the profile has one, and its configuration is known.
    """

    outcome: Outcome
    ranked: bool


def versions_meant(
    text: str, profile: str | None = None, as_of: date | None = None, endpoint: str | None = None
) -> list[tuple[Root, Place]]:
    """Return the versions that a text means: all below a root, or one; see `read_reference`."""
    reference = read_reference(text)
    root = Root(reference.root, endpoint)
    if reference.day is None and reference.key is None:
        return [(root, place) for place in root.versions(profile, as_of)]
    return [(root, root.meant(reference, profile))]


def release(
    found: Sequence[tuple[Root, Place]],
    target: Root,
    hold: Callable[[SnapshotManifest], Held],
    *,
    allow_older: bool = False,
    reached: Reached = lambda place: None,
) -> Released:
    """Verify versions of one profile and publish them; see `publish` for what is refused.

    Parameters
    ----------
    hold
        Returns what a version is held to.
    reached
        Told of each version before it is verified.

    Raises
    ------
    InvalidInput
        There is no version, they are of several profiles, or one does not pass its checks. Nothing was changed.
    """
    profiles = sorted({place.found.manifest.strategy_profile for _, place in found})
    if len(profiles) != 1:
        several = f"there are snapshots of {', '.join(profiles)}; choose one by --profile"
        raise InvalidInput(several if profiles else "there is no version to publish")
    ranked: list[bool] = []

    def given(root: Root, place: Place) -> Given:
        def read() -> Snapshot:
            reached(place)
            return verified(root, place, hold(place.found.manifest).terms)

        return Given(place, read)

    def copies(snapshot: Snapshot) -> Copies:
        ranking = ranking_of(snapshot, hold(snapshot.manifest).strategy)
        ranked.append(ranking is not None)
        return copies_of(snapshot, ranking)

    outcome = publish([given(*one) for one in found], target.store, copies, allow_older=allow_older)
    return Released(outcome, all(ranked))
