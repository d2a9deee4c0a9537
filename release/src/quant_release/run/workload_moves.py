"""What is done with a workload: noted, given its image, and given the earlier one where it does not become ready."""

from __future__ import annotations

from collections.abc import Callable

from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.ports.clock import Clock

from quant_release.rolling.workloads import RollerError
from quant_release.run.workload_records import WorkloadRecords
from quant_release.run.workload_state import WorkloadState
from quant_release.steps.machine import StepFailed

__all__ = ["Rolling"]

_POLL = 1.0


class Rolling:
    """Moves one workload.

    Parameters
    ----------
    fresh
        Returns what is known of the workload now, asked anew.
    seconds
        How long it may take to become ready.
    """

    def __init__(self, fresh: Callable[[], WorkloadState], clock: Clock, seconds: float) -> None:
        self._fresh, self._clock, self._seconds = fresh, clock, seconds

    def note(self) -> None:
        """Record what it runs."""
        state = self._fresh()
        self._records(state).record_noted(state.running.image or state.running.told, state.running.told)

    def roll(self) -> None:
        """Give it the image that it is to run, unless it was given that, and wait until it is ready.

        Raises
        ------
        StepFailed
            It did not become ready. It was given the image that was noted again, but for a run that goes back.
        """
        state = self._fresh()
        goal, noted = state.goal, self._records(state).noted
        assert goal is not None  # the row is guarded
        assert noted is not None
        self._give(state, goal)
        problem = self._wait(state, goal)
        if problem is None:
            return
        failed = f"it did not become ready with {goal} within {self._seconds:g} s ({problem})"
        if state.course.back is not None or noted.image == goal:
            raise StepFailed(f"{failed}, which it keeps; {_rest(state)}")
        try:
            self._give(self._fresh(), noted.image)
            again = self._wait(state, noted.image)
        except RollerError as error:
            lost = f"{failed}, and could not be given {noted.image} again: {error}"
            raise StepFailed(f"{lost}; {_rest(state)}") from error
        then = "which is ready" if again is None else f"which is not ready either ({again})"
        raise StepFailed(f"{failed}; it was given {noted.image} again, {then}; {_rest(state)}")

    def unroll(self) -> bool:
        """Give it the image that was noted again, if this run gave it another one; return whether it did.

        Raises
        ------
        StepFailed
            It does not become ready with that.
        """
        state = self._fresh()
        records = self._records(state)
        noted, told = records.noted, state.running.told
        if noted is None or told == noted.image or told not in records.given:
            return False
        self._give(state, noted.image)
        if (problem := self._wait(state, noted.image)) is not None:
            raise StepFailed(f"{state.name} was given {noted.image} again, and is not ready: {problem}; {_rest(state)}")
        return True

    def _give(self, state: WorkloadState, image: str) -> None:
        if state.running.told == image:
            return
        self._records(state).record_giving(image)
        state.roller.give(state.workload, image)

    def _wait(self, state: WorkloadState, image: str) -> str | None:
        """Wait until all of it runs an image and is ready; return why that is not so after the time, None if it is."""
        deadline = self._clock.monotonic() + self._seconds
        while True:
            left = deadline - self._clock.monotonic()
            is_final = state.roller.wait(state.workload, image, max(0.0, left))
            running = state.roller.running(state.workload)
            if running.has(image):
                return None
            if is_final or self._clock.monotonic() >= deadline:
                return running.unready or f"it runs {running.text}, and was given {running.told}"
            self._clock.sleep(min(_POLL, self._seconds))

    @staticmethod
    def _records(state: WorkloadState) -> WorkloadRecords:
        if state.records is None:
            raise Refused("no run is open: nothing is rolled")
        return state.records


def _rest(state: WorkloadState) -> str:
    return f"the workloads after it were not touched; look: {state.roller.look(state.workload)}"
