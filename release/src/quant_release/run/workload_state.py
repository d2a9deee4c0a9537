"""What is known of one workload at one instant: what it runs, what it is to run, and what this run did."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from quant_release.rolling.workloads import Roller, Running
from quant_release.run.journal import Journal
from quant_release.run.workload_records import WorkloadRecords

__all__ = ["RollCourse", "WorkloadState"]


@dataclass(frozen=True, slots=True)
class RollCourse:
    """What is done with workloads.

    Attributes
    ----------
    run
        The run that is open, None where nothing is done.
    back
        The run that is rolled back, None forward.
    """

    run: str | None = None
    back: str | None = None


class WorkloadState:
    """A workload, asked once.

    Parameters
    ----------
    name
        ``ROLL/WORKLOAD``.
    built
        The image that the bundle is to run, by digest; None before it is built.
    """

    def __init__(
        self, roller: Roller, journal: Journal | None, course: RollCourse, name: str, built: str | None
    ) -> None:
        self.roller, self.course, self.name = roller, course, name
        self.workload = name.partition("/")[2]
        self.journal, self._built = journal, built

    @cached_property
    def running(self) -> Running:
        """What it runs; `RollerError` where that cannot be told."""
        return self.roller.running(self.workload)

    @property
    def goal(self) -> str | None:
        """The image that it is to run: the one of the bundle, or the one from before the run that is rolled back."""
        if self.course.back is None:
            return self._built
        noted = self.predecessor.noted if self.predecessor else None
        return noted.image if noted else None

    @property
    def records(self) -> WorkloadRecords | None:
        """What the open run recorded, None without one."""
        return self._records(self.course.run)

    @property
    def predecessor(self) -> WorkloadRecords | None:
        """What the run recorded that is rolled back, None forward."""
        return self._records(self.course.back)

    def _records(self, run: str | None) -> WorkloadRecords | None:
        return None if run is None or self.journal is None else WorkloadRecords(self.journal, run, self.name)

    @property
    def own_images(self) -> frozenset[str]:
        """What it is told to run as long as nobody else gives it an image: what was noted, and what runs gave it."""
        return frozenset[str]().union(*(one.images for one in (self.records, self.predecessor) if one is not None))

    @property
    def is_done(self) -> bool:
        """Whether all of it runs what it is to run and is ready; whoever brought that about."""
        return self.goal is not None and self.running.has(self.goal)

    @property
    def is_noted(self) -> bool:
        """Whether this run has noted what it ran before."""
        return self.records is not None and self.records.noted is not None
