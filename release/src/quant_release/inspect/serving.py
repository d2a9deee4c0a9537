"""What serves of a service that a release holds, for whoever is about to open it."""

from __future__ import annotations

from dataclasses import dataclass

from quant_platform_kit.domain.errors import Refused

from quant_release.cloud.addresses import Said
from quant_release.cloud.templates import image_of
from quant_release.run.opening import Options, Release, read_release
from quant_release.run.service_views import traffic_text
from quant_release.steps.machine import Subject
from quant_release.steps.table import Scope

__all__ = ["Serving", "serving"]


@dataclass(frozen=True, slots=True)
class Serving:
    """What serves.

    Attributes
    ----------
    image
        Of the revision that has all the traffic.
    said
        What the main address says of itself, or why it says nothing.
    hold
        Who holds the service, and since when.
    """

    service: str
    traffic: str
    image: str
    said: str
    hold: str
    paused: bool


def serving(options: Options, name: str, service: str) -> Serving:
    """Return what serves of a service that the open release of a bundle moves.

    Raises
    ------
    InvalidInput
        The bundle moves no such service.
    Refused
        No release of it is open, or the one that is leaves the service alone.
    """
    release = read_release(options, name)
    subject = _subject(release, service)
    state = release.executor.services.state(subject)
    held = state.ledger.hold()
    return Serving(
        service,
        traffic_text(state.deployed),
        image_of(state.serving_revision),
        _text(state.said) if isinstance(state.said, Said) else str(state.said),
        "not held" if held is None else f"held by {held.who} since {held.at:%Y-%m-%d %H:%M:%S} UTC",
        state.job.paused,
    )


def _subject(release: Release, service: str) -> Subject:
    bundle, subject = release.bundle, Subject(Scope.SERVICE, service)
    bundle.require_moved("--service", [service])
    if release.run is None or release.run.digest != bundle.digest:
        raise Refused(f"nothing is held: no release of bundle {bundle.name} is open")
    if subject not in release.subjects:
        raise Refused(f"{service} is not held: run {release.run.run} moves {', '.join(release.run.services)} alone")
    return subject


def _text(said: Said) -> str:
    return f"revision {said.revision}, commit {said.commit}, profile {said.profile} ({said.display_name})"
