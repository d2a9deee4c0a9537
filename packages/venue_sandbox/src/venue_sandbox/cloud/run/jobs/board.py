"""The jobs there are, and the processes of their executions."""

from __future__ import annotations

import asyncio
import copy
import random
import string
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from venue_sandbox.cloud.rest import unserved
from venue_sandbox.cloud.run.errors import NotReady, absent, conflict, exists
from venue_sandbox.cloud.run.fields import Document
from venue_sandbox.cloud.run.instances import Instances
from venue_sandbox.cloud.run.jobs.fields import filled
from venue_sandbox.cloud.run.jobs.records import Execution, Job
from venue_sandbox.cloud.run.operations import Operation, Operations
from venue_sandbox.cloud.run.records import EXIT, READY, Condition, fresh_version
from venue_sandbox.cloud.run.specs import check_names

__all__ = ["Jobs"]


class Jobs:
    """The jobs by their full names.

    Parameters
    ----------
    instances
        Starts processes.
    now
        The time, in UTC.
    """

    def __init__(self, instances: Instances, operations: Operations, now: Callable[[], datetime]) -> None:
        self._instances = instances
        self._operations = operations
        self._now = now
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run executions until the end; then end every process."""
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def of(self, project: str, location: str | None = None) -> list[Job]:
        """Return the jobs of a project, of one location if it is given, in the order of their names."""
        found = (self._jobs[name] for name in sorted(self._jobs))
        return [each for each in found if each.project == project and location in (None, each.location)]

    def get(self, name: str) -> Job:
        """Return a job."""
        if name not in self._jobs:
            raise absent(name)
        return self._jobs[name]

    def execution(self, name: str) -> Execution:
        """Return an execution."""
        found = (each for each in self.get(name.partition("/executions/")[0]).executions if each.name == name)
        if (one := next(found, None)) is None:
            raise absent(name)
        return one

    def create(self, name: str, wanted: Document, who: str, *, dry: bool = False) -> Operation:
        """Make a job."""
        if name in self._jobs:
            raise exists(name)
        check_names(name.rpartition("/")[2], None)
        now = self._now()
        job = Job(name, filled(wanted, name.split("/")[1]), who, who, now, now)
        if not dry:
            self._jobs[name] = job
        return self._ended(job.location, job.typed)

    def replace(self, name: str, wanted: Document, version: str, who: str) -> Operation:
        """Write a job whole.

        Parameters
        ----------
        version
            That of the job which the change was planned on; empty for any.
        """
        job = self.get(name)
        if version not in ("", job.version):
            raise conflict(name, version, job.version)
        spec = filled(wanted, job.project)
        if spec != job.spec:
            job.spec, job.modifier, job.updated = spec, who, self._now()
            job.generation, job.version = job.generation + 1, fresh_version()
        return self._ended(job.location, job.typed)

    def delete(self, name: str) -> Operation:
        """Remove a job with its executions."""
        job = self.get(name)
        del self._jobs[name]
        return self._ended(job.location, job.typed)

    def run(self, name: str, overrides: Document, who: str) -> tuple[Execution, Operation]:
        """Begin an execution.

        Parameters
        ----------
        overrides
            ``containerOverrides`` of version 2: arguments and variables of this execution alone.
        """
        job = self.get(name)
        template = _overridden(job.task, overrides)
        if template.get("volumes"):
            raise unserved("A job with volumes is kept, and not run: nothing is mounted on this machine.")
        letters = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
        made = Execution(f"{name}/executions/{job.id}-{letters}", template, who, self._now())
        job.executions.append(made)
        operation = self._operations.begin(job.location, made.typed)
        task = asyncio.create_task(self._carry_out(made, operation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return made, operation

    async def _carry_out(self, execution: Execution, operation: Operation) -> None:
        """Run the task of an execution until it succeeds, or has failed often enough."""
        condition = READY
        for attempt in range(execution.template["maxRetries"] + 1):
            try:
                code = await self._instances.run_to_end(execution.name, execution.template, attempt)
            except NotReady as error:
                condition = Condition(ready=False, message=error.why, reason=error.reason)
                break
            execution.codes.append(code)
            if code == 0:
                condition = READY
                break
            said = f"The container exited with an error: exit status {code}."
            condition = Condition(
                ready=False, message=f"Task {execution.id}-task0 failed with message: {said}", reason=EXIT
            )
        execution.settle(condition, self._now())
        operation.end(None if condition.ready else (10, condition.message))

    def _ended(self, location: str, resource: Callable[[], Document]) -> Operation:
        operation = self._operations.begin(location, resource)
        operation.end()
        return operation


def _overridden(task: Document, overrides: Document) -> Document:
    made = copy.deepcopy(task)
    for each in overrides.get("containerOverrides", []):
        one = made["containers"][0]
        if "args" in each or each.get("clearArgs"):
            one["args"] = list(each.get("args", []))
        names = {variable["name"] for variable in each.get("env", [])}
        one["env"] = [kept for kept in one.get("env", []) if kept["name"] not in names] + list(each.get("env", []))
    return made
