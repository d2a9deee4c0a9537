"""A scheduler that gives nobody time: it fires every job of a rehearsal again and again, paused or not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from venue_sandbox.servers.launch import Server, Unhealthy

__all__ = ["Firing", "Triggers"]

_SLOT = timedelta(seconds=1)
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Firing:
    """A trigger that was delivered and answered.

    Attributes
    ----------
    slot
        Its schedule time, aware UTC.
    began, ended
        When it was delivered and answered, in seconds of a clock that only goes on.
    status
        Of the answer, None without one.
    outcome
        Of the run, or why there was none.
    """

    slot: datetime
    began: float
    ended: float
    status: int | None
    outcome: str


class Triggers:
    """Fires the jobs of services; leaving its context ends that, once the last answers are there.

    Parameters
    ----------
    scheduler
        The server that fires.
    jobs
        Full name of each service's job.
    first
        The first slot; each trigger of a service is for the slot a second after its last one.
    pace
        Seconds from one trigger of a service to the next, or until it is answered if that takes longer.
    """

    def __init__(self, scheduler: Server, jobs: Mapping[str, str], first: datetime, pace: float) -> None:
        self._scheduler, self._first, self._pace = scheduler, first, pace
        self._ending = threading.Event()
        self._firings: dict[str, list[Firing]] = {service: [] for service in jobs}
        self._errors: list[Exception] = []
        self._threads = [threading.Thread(target=self._fire, args=each, daemon=True) for each in jobs.items()]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def firings(self, service: str, since: float = 0.0) -> Sequence[Firing]:
        """Return the triggers of a service that were answered since an instant, in sequence."""
        return [one for one in self._firings[service] if one.ended >= since]

    def wait_for(
        self, service: str, is_enough: Callable[[Sequence[Firing]], bool], since: float, seconds: float
    ) -> None:
        """Wait until the triggers of a service that were answered since an instant are enough.

        Raises
        ------
        Unhealthy
            They are not in so many seconds, or the scheduler does not fire any more.
        """
        deadline = time.monotonic() + seconds
        while not is_enough(found := self.firings(service, since)):
            if self._errors:
                raise Unhealthy(f"the scheduler does not fire: {self._errors[0]}")
            if time.monotonic() > deadline:
                last = f"the last one: {found[-1].outcome}" if found else "none was answered"
                raise Unhealthy(f"{service} was triggered {len(found)} times in {seconds:g} s; {last}")
            time.sleep(_LOOK_SECONDS)

    def _fire(self, service: str, job: str) -> None:
        slot, due = self._first, time.monotonic()
        try:
            while not self._ending.wait(max(0.0, due - time.monotonic())):
                began = time.monotonic()
                asked = {"job": job, "schedule_time": f"{slot:%Y-%m-%dT%H:%M:%SZ}"}
                execution = self._scheduler.control("POST", "fire", asked)
                status, outcome = _said(execution["attempts"][-1])
                self._firings[service].append(Firing(slot, began, time.monotonic(), status, outcome))
                slot, due = slot + _SLOT, began + self._pace
        except (Unhealthy, OSError) as error:
            self._errors.append(error)


def _said(attempt: Mapping[str, Any]) -> tuple[int | None, str]:
    """Return the status of an answer, and what became of the trigger."""
    if attempt["status"] is None:
        return None, str(attempt["error"])
    try:
        document = json.loads(attempt["body"])
        answers = [document] if "error" in document else document["runs"]
        return attempt["status"], "; ".join(one["error"] or one["report"]["outcome"] for one in answers)
    except (ValueError, KeyError, TypeError):
        return attempt["status"], f"answered {attempt['status']}"
