"""How a service stops: nothing new begins, and a run under way ends at its next durable boundary, or while it waits."""

from __future__ import annotations

import threading
from datetime import datetime

from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import Interrupted
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.services.run.gateway import Reached

__all__ = ["StopSignal", "StoppableClock"]


class StopSignal:
    """Set once, when the process is told to stop."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Tell every run to stop at its next boundary."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether the process was told to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Wait; raise `Interrupted` when told to stop, at once if that happened already."""
        if self._event.wait(seconds):
            raise Interrupted("the service was told to stop; the next trigger goes on with the run")

    def watched(self, reached: Reached) -> Reached:
        """Return a callback for a run's boundaries that stops the run there; ``reached`` is told first."""

        def passed(boundary: Boundary) -> None:
            reached(boundary)
            if boundary not in _PASSED:
                self.wait(0)

        return passed


_PASSED = frozenset({Boundary.LEASE_TAKEN, Boundary.REPORT_PUBLISHED, Boundary.RUN_CLOSED})
"""At the first the lease would not be given back; at the others the run is over: letting it answer costs nothing."""


class StoppableClock:
    """A clock whose waits end with `Interrupted` when the process is told to stop."""

    def __init__(self, clock: Clock, stop: StopSignal) -> None:
        self._clock, self._stop = clock, stop

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return the clock's seconds."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, or raise `Interrupted`."""
        self._stop.wait(seconds)
