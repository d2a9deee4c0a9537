"""The jobs there are, and what their owner does with them."""

from __future__ import annotations

import uuid

from venue_sandbox.cloud.rest import invalid
from venue_sandbox.cloud.scheduler.clock import Clock
from venue_sandbox.cloud.scheduler.errors import exists, no_job, wrong_state
from venue_sandbox.cloud.scheduler.executions import Entry, State
from venue_sandbox.cloud.scheduler.fields import normal, updated
from venue_sandbox.cloud.scheduler.jobs import Job
from venue_sandbox.cloud.scheduler.shelf import Shelf
from venue_sandbox.cloud.scheduler.tokens import Tokens

__all__ = ["Board"]


class Board:
    """The jobs by their full names.

    Parameters
    ----------
    clock
        The scheduler's time.
    shelf
        Where they are kept over restarts.
    """

    def __init__(self, clock: Clock, shelf: Shelf) -> None:
        self._clock = clock
        self._shelf = shelf
        self._entries = shelf.load()

    def entries(self) -> list[Entry]:
        """Return every job, in the order of their names."""
        return [entry for _, entry in sorted(self._entries.items())]

    def create(self, parent: str, document: object) -> Entry:
        """Add a job to a project and location; give it a name unless it has one."""
        settings = normal(document)
        settings.setdefault("name", f"{parent}/jobs/{uuid.uuid4().hex}")
        job = _valid(Job.read(settings))
        if job.name.rpartition("/jobs/")[0] != parent:
            raise invalid("name", job.name, f"the parent is {parent}")
        if job.name in self._entries:
            raise exists(job.name)
        now = self._clock.now()
        entry = self._entries[job.name] = Entry(job, now, job.schedule.after(now))
        self.keep(entry)
        return entry

    def get(self, name: str) -> Entry:
        """Return a job by its full name."""
        if name not in self._entries:
            raise no_job(name)
        return self._entries[name]

    def find(self, name: str) -> Entry:
        """Return a job by its short name, if no other has it, or by its full name."""
        found = [entry for entry in self._entries.values() if name in (entry.job.id, entry.job.name)]
        if not found:
            raise no_job(name)
        if len(found) > 1:
            raise invalid("job", name, "several jobs have that name; give the full one")
        return found[0]

    def patch(self, name: str, document: object, mask: str | None) -> Entry:
        """Replace fields of a job."""
        entry = self.get(name)
        before, now = entry.job, self._clock.now()
        entry.job = _valid(Job.read(updated(before.settings, normal(document), mask)))
        entry.changed = now
        if entry.job.schedule != before.schedule and entry.state is State.ENABLED:
            entry.due = entry.job.schedule.after(now)
        self.keep(entry)
        return entry

    def delete(self, name: str) -> None:
        """Remove a job."""
        self.get(name)
        del self._entries[name]
        self._shelf.drop(name)

    def pause(self, name: str) -> Entry:
        """Have a job not run when it is due."""
        entry = self._in_state(name, State.ENABLED)
        entry.state, entry.due = State.PAUSED, None
        self.keep(entry)
        return entry

    def resume(self, name: str) -> Entry:
        """Have a paused job run again from now on."""
        entry = self._in_state(name, State.PAUSED)
        entry.state, entry.due = State.ENABLED, entry.job.schedule.after(self._clock.now())
        self.keep(entry)
        return entry

    def keep(self, entry: Entry) -> None:
        """Remember how a job stands, unless it was deleted meanwhile."""
        if self._entries.get(entry.job.name) is entry:
            self._shelf.keep(entry)

    def _in_state(self, name: str, state: State) -> Entry:
        entry = self.get(name)
        if entry.state is not state:
            raise wrong_state(name, entry.state, state)
        return entry


def _valid(job: Job) -> Job:
    if job.target.identity is not None:
        Tokens.check()
    return job
