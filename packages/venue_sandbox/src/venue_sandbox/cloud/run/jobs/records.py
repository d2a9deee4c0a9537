"""Jobs and their executions as the server remembers them, and as version 2 of the API shows them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from venue_sandbox.cloud.run.fields import Document
from venue_sandbox.cloud.run.records import NEVER, PENDING, READY, Condition, fresh_version
from venue_sandbox.cloud.values import time_text

__all__ = ["Execution", "Job"]

EXECUTION_TYPE = "type.googleapis.com/google.cloud.run.v2.Execution"
JOB_TYPE = "type.googleapis.com/google.cloud.run.v2.Job"


@dataclass(slots=True)
class Execution:
    """One run of a job.

    Attributes
    ----------
    name
        Its full name.
    template
        The task's template when it began.
    codes
        Exit statuses of its attempts; minus the signal that ended one.
    """

    name: str
    template: Document
    creator: str
    created: datetime
    condition: Condition = PENDING
    changed: datetime = NEVER
    codes: list[int] = field(default_factory=list[int])
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    version: str = field(default_factory=fresh_version)

    @property
    def id(self) -> str:
        """Its short name."""
        return self.name.rpartition("/")[2]

    @property
    def job(self) -> str:
        """The full name of its job."""
        return self.name.partition("/executions/")[0]

    @property
    def ended(self) -> bool:
        """Whether it has run to its end."""
        return self.condition.ready is not None

    def settle(self, condition: Condition, now: datetime) -> None:
        """Say how it ended."""
        self.condition, self.changed = condition, now

    def counts(self) -> dict[str, int]:
        """Return how many of its tasks stand how."""
        states = {None: "runningCount", True: "succeededCount", False: "failedCount"}
        retried = {"retriedCount": len(self.codes) - 1} if len(self.codes) > 1 else {}
        return {states[self.condition.ready]: 1, **retried}

    def typed(self) -> Document:
        """Return the resource as operations have it."""
        return {"@type": EXECUTION_TYPE, **self.document()}

    def document(self) -> Document:
        """Return the resource."""
        ended = {"completionTime": time_text(self.changed)} if self.ended else {}
        return {
            "name": self.name,
            "uid": self.uid,
            "creator": self.creator,
            "generation": "1",
            "createTime": time_text(self.created),
            "startTime": time_text(self.created),
            "updateTime": time_text(max(self.changed, self.created)),
            **ended,
            "launchStage": "GA",
            "job": self.job.rpartition("/")[2],
            "parallelism": 1,
            "taskCount": 1,
            "template": self.template,
            "reconciling": not self.ended,
            "conditions": [self.condition.document("Completed", max(self.changed, self.created))],
            "observedGeneration": "1",
            **self.counts(),
            "logUri": f"http://127.0.0.1/logs/{self.id}",
            "etag": f'"{self.version}"',
        }


@dataclass(slots=True)
class Job:
    """A job: what its owner wants, and its executions, the oldest first."""

    name: str
    spec: Document
    creator: str
    modifier: str
    created: datetime
    updated: datetime
    generation: int = 1
    executions: list[Execution] = field(default_factory=list[Execution])
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    version: str = field(default_factory=fresh_version)

    @property
    def id(self) -> str:
        """Its short name."""
        return self.name.rpartition("/")[2]

    @property
    def location(self) -> str:
        """Project and location."""
        return self.name.partition("/jobs/")[0]

    @property
    def project(self) -> str:
        """The project."""
        return self.name.split("/")[1]

    @property
    def task(self) -> Document:
        """The template of its task."""
        return self.spec["template"]["template"]

    def typed(self) -> Document:
        """Return the resource as operations have it."""
        return {"@type": JOB_TYPE, **self.document()}

    def document(self) -> Document:
        """Return the resource."""
        made: dict[str, Any] = {
            "name": self.name,
            "uid": self.uid,
            "generation": str(self.generation),
            **self.spec,
            "createTime": time_text(self.created),
            "updateTime": time_text(self.updated),
            "creator": self.creator,
            "lastModifier": self.modifier,
            "observedGeneration": str(self.generation),
            "terminalCondition": READY.document("Ready", self.updated),
            "executionCount": len(self.executions),
            "etag": f'"{self.version}"',
        }
        if self.executions:
            last = self.executions[-1]
            made["latestCreatedExecution"] = {"name": last.id, "createTime": time_text(last.created)}
        return made
