"""What must hold before a workload is rolled."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quant_release.rolling.workloads import RollerError
from quant_release.run.guards.built import unfit_image
from quant_release.run.journal import ImageRecord
from quant_release.run.workload_state import WorkloadState
from quant_release.steps.table import Guard

__all__ = ["WorkloadGuards"]


class WorkloadGuards:
    """Says what is missing for a guard to hold of a workload; ``pins`` are those of the bundle."""

    def __init__(self, state: WorkloadState, built: ImageRecord | None, pins: tuple[str, ...]) -> None:
        self._state, self._built, self._pins = state, built, pins

    def missing(self, guard: Guard) -> str | None:
        """Return what is missing, None if the guard holds."""
        answers: Mapping[Guard, Callable[[], str | None]] = {
            Guard.IMAGE: self._image,
            Guard.RUNS: self._runs,
            Guard.UNMOVED: self._unmoved,
        }
        try:
            return answers[guard]()
        except RollerError as error:
            return str(error)

    def _image(self) -> str | None:
        if self._state.predecessor is None:
            return unfit_image(self._built, self._pins)
        return None if self._state.goal else "nothing was noted of it: there is nothing to go back to"

    def _runs(self) -> str | None:
        running, before = self._state.running, self._state.predecessor
        if before is not None:
            if running.told in before.images:
                return None
            return f"it was given {running.told}, which is not of the run that is rolled back: look first"
        if running.image is None:
            return (
                f"it runs {running.text}: only what is one image by digest can be gone back to; "
                "let its rollout end, or give it an image by digest"
            )
        return None

    def _unmoved(self) -> str | None:
        told = self._state.running.told
        if told in self._state.own_images or told == self._state.goal:
            return None
        return (
            f"somebody gave it {told} since this release noted it: talk to whoever did; release abandon, "
            "and apply again, if it is right"
        )
