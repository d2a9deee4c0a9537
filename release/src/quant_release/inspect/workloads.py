"""What workloads run now: each is asked in a thread of its own, and no answer waits for another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quant_platform_kit.domain.errors import QuantError

from quant_release.bundle import Bundle, Roll
from quant_release.cloud.world import Terms
from quant_release.inspect.asking import soon, tried
from quant_release.inspect.journal import Known, image_mismatches
from quant_release.inspect.status import Mismatch, mismatch
from quant_release.rolling.workloads import Running
from quant_release.run.scopes.workloads import roller_of

__all__ = ["WorkloadReading", "WorkloadStatus", "ask_workloads"]


@dataclass(frozen=True, slots=True)
class WorkloadStatus:
    """A workload as it is shown.

    Attributes
    ----------
    image
        That all of it runs, by digest; None where there are several, none, or one without a digest.
    told
        The image that it was given, as it is written there.
    commit
        That the image was built from, None where the journal does not know it.
    unready
        Why not all of it is ready, None if it is.
    error
        Why nothing of it is known, None if it is.
    """

    name: str
    image: str | None
    told: str | None
    commit: str | None
    unready: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class WorkloadReading:
    """What was said of a workload, or why nothing was."""

    name: str
    platform: str
    running: Running | QuantError

    def status(self, known: Known) -> WorkloadStatus:
        """Return what is shown."""
        running = self.running
        if isinstance(running, QuantError):
            return WorkloadStatus(self.name, None, None, None, None, str(running))
        built = known.images.get(running.image or "")
        commit = built.commit if built else None
        return WorkloadStatus(self.name, running.image, running.told, commit, running.unready, None)

    def mismatches(self, known: Known, pins: Mapping[str, Mapping[str, str] | None]) -> Iterator[Mismatch]:
        """Yield what does not fit; ``pins`` are those that each app has."""
        running = self.running
        if isinstance(running, QuantError):
            yield mismatch("error", self.name, f"{self.name} cannot be read: {running}")
            return
        if running.image is None:
            yield mismatch("running", self.name, f"{self.name} runs {running.text}, which is not one image by digest")
        elif known.is_there:
            yield from image_mismatches(self.name, running.image, known, pins.get(self.platform))
        if running.unready:
            yield mismatch("ready", self.name, f"{self.name} is not ready: {running.unready}")


def ask_workloads(bundle: Bundle, root: Path, terms: Terms) -> Callable[[], list[WorkloadReading]]:
    """Begin to ask for the workloads that a bundle rolls; call what is returned for the answers."""

    def asked(name: str, roll: Roll) -> Callable[[], Running | QuantError]:
        return soon(partial(tried, partial(roller_of(roll, root, terms).running, name.partition("/")[2])))

    begun = [(name, roll.platform, asked(name, roll)) for name, roll in bundle.workloads.items()]
    return lambda: [WorkloadReading(name, platform, said()) for name, platform, said in begun]
