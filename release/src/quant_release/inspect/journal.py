"""What the journal says to whoever looks at services: images that were built, and the releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from quant_platform_kit.services.record.leases import lease_at

from quant_release.inspect.status import Mismatch, mismatch, pin_text
from quant_release.repository.pins import read_pins
from quant_release.run.journal import ImageRecord, Journal
from quant_release.run.locks import LEASE

__all__ = ["Built", "Known", "image_mismatches", "read_known"]


@dataclass(frozen=True, slots=True)
class Built:
    """An image, and the version of every package that it was installed from."""

    app: str
    commit: str
    pins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What a journal knows.

    Attributes
    ----------
    is_there
        Whether there is a journal.
    images
        By reference.
    newest
        The last image of each app and repository.
    open_since
        When the release began that is open, aware UTC; of a rollback, when the one began that it takes back. None if
        none is open.
    """

    is_there: bool = False
    images: Mapping[str, Built] = field(default_factory=dict[str, Built])
    newest: tuple[ImageRecord, ...] = ()
    open_since: datetime | None = None


def read_known(journal: Journal) -> Known:
    """Read a journal."""
    images = journal.images()
    built = {one.reference: Built(one.app, one.commit, _pins(one)) for one in images}
    newest = {(one.app, one.repository): one for one in images}
    return Known(True, built, tuple(newest.values()), _open_since(journal))


def image_mismatches(subject: str, image: str, known: Known, pins: Mapping[str, str] | None) -> Iterator[Mismatch]:
    """Yield why an image that runs is not one of a release, or not of the pins that its app has."""
    built = known.images.get(image)
    if built is None:
        yield mismatch("image", subject, f"{subject} has image {image}, which no release has built")
    elif pins is not None and (differing := [name for name in pins if built.pins.get(name) != pins[name]]):
        listed = ", ".join(f"{name} {built.pins.get(name, 'none')} instead of {pins[name]}" for name in differing)
        yield mismatch("image", subject, f"{subject} has an image of other pins than {built.app}: {listed}")


def _pins(image: ImageRecord) -> Mapping[str, str]:
    found = read_pins("\n".join(image.pins).encode(), f"image {image.reference}")
    return {name: pin_text(pin) for name, pin in found.items()}


def _open_since(journal: Journal) -> datetime | None:
    lease = lease_at(journal.store, LEASE)
    if lease is None or lease.open_run is None:
        return None
    run = journal.run(lease.open_run)
    return run.at if run.back is None else journal.run(run.back).at
