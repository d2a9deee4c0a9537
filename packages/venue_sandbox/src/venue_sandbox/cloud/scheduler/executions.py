"""What is known of a job besides its settings: its state, its executions and their attempts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from venue_sandbox.cloud.scheduler.fields import Document
from venue_sandbox.cloud.scheduler.jobs import Job
from venue_sandbox.cloud.values import time_text

__all__ = ["Attempt", "Entry", "Execution", "State"]

DEADLINE_EXCEEDED = 4
UNKNOWN = 2
UNAVAILABLE = 14
STATUS_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 10, 429: 8, 500: 13, 501: 12, 503: 14, 504: 4}


class State(StrEnum):
    """Whether a job runs when it is due."""

    ENABLED = "ENABLED"
    PAUSED = "PAUSED"


@dataclass(slots=True)
class Attempt:
    """One request to a target.

    Attributes
    ----------
    at
        When it began, by the scheduler's clock.
    delivery
        Which delivery it belongs to: 1, or 2 in a duplicate.
    seconds
        How long it took; None while it is under way.
    status
        The HTTP status of the answer; None without one.
    body
        How the answer's body begins.
    error
        Why it failed apart from its status.
    timed_out
        Whether there was no answer within the deadline.
    lost
        Whether the answer counts as one that never came.
    """

    at: datetime
    delivery: int
    seconds: float | None = None
    status: int | None = None
    body: str | None = None
    error: str | None = None
    timed_out: bool = False
    lost: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the target has answered with a 2xx."""
        return self.error is None and self.status is not None and 200 <= self.status <= 299

    def document(self) -> dict[str, Any]:
        """Return it as the control endpoint shows it."""
        return {
            "at": time_text(self.at),
            "delivery": self.delivery,
            "seconds": self.seconds,
            "status": self.status,
            "error": self.error,
            "body": self.body,
        }

    def outcome(self) -> dict[str, Any]:
        """Return it as the ``status`` of a job shows it; empty if it succeeded."""
        if self.succeeded:
            return {}
        if self.timed_out:
            return {"code": DEADLINE_EXCEEDED}
        if self.status is None or self.error is not None:
            return {"code": UNAVAILABLE}
        return {"code": STATUS_CODES.get(self.status, UNKNOWN)}


@dataclass(slots=True)
class Entry:
    """A job and how it stands.

    Attributes
    ----------
    changed
        When its owner last changed it.
    due
        When it is next due; None while it is paused.
    attempt
        The last attempt that began.
    current
        The last execution that was due.
    """

    job: Job
    changed: datetime
    due: datetime | None
    state: State = State.ENABLED
    attempt: Attempt | None = None
    current: Execution | None = None

    @property
    def busy(self) -> bool:
        """Whether an execution that was due has not ended."""
        return self.current is not None and not self.current.finished

    def document(self) -> Document:
        """Return the job's resource."""
        made = {**self.job.document(), "state": str(self.state), "userUpdateTime": time_text(self.changed)}
        if self.due is not None:
            made["scheduleTime"] = time_text(self.due)
        if self.attempt is not None:
            made["lastAttemptTime"] = time_text(self.attempt.at)
            if self.attempt.seconds is not None:
                made["status"] = self.attempt.outcome()
        return made


@dataclass(slots=True)
class Execution:
    """One run of a job, with all its attempts.

    Attributes
    ----------
    job
        The job as it was when it was due.
    schedule_time
        For when it was scheduled; what its attempts tell the target.
    due
        When it begins: at its schedule time, or later.
    """

    entry: Entry
    job: Job
    schedule_time: datetime
    due: datetime
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    finished: bool = False

    def document(self) -> dict[str, Any]:
        """Return it as the control endpoint shows it."""
        return {
            "job": self.job.name,
            "schedule_time": time_text(self.schedule_time),
            "finished": self.finished,
            "attempts": [attempt.document() for attempt in self.attempts],
        }
