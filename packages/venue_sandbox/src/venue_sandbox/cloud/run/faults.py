"""What goes wrong with services, beside the faults of single requests that every server has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from venue_sandbox.servers.faults import ANY, Armory, FaultError

__all__ = ["ADDRESS", "PERMISSIONS", "RunFault", "RunFaults", "RunKind"]

ADDRESS = "address"
"""The operation of a request to an address of a service."""

PERMISSIONS = {
    "create": "run.services.create",
    "get": "run.services.get",
    "list": "run.services.list",
    "patch": "run.services.update",
    "put": "run.services.update",
    "delete": "run.services.delete",
    "revisions": "run.revisions.list",
    "revision": "run.revisions.get",
    "delete_revision": "run.revisions.delete",
    "configurations": "run.configurations.list",
    "configuration": "run.configurations.get",
    "operations": "run.operations.list",
    "operation": "run.operations.get",
    "delete_operation": "run.operations.delete",
    "wait": "run.operations.get",
    "get_policy": "run.services.getIamPolicy",
    "set_policy": "run.services.setIamPolicy",
    "create_job": "run.jobs.create",
    "get_job": "run.jobs.get",
    "list_jobs": "run.jobs.list",
    "patch_job": "run.jobs.update",
    "delete_job": "run.jobs.delete",
    "run_job": "run.jobs.run",
    "execution": "run.executions.get",
    "executions": "run.executions.list",
}
"""What an account needs for each operation of the API."""


class RunKind(StrEnum):
    """What goes wrong with a service."""

    START_FAILS = "start_fails"
    """The container of a new revision does not start."""
    READY_LATE = "ready_late"
    """A new revision is ready some seconds late."""
    TRAFFIC_STAYS = "traffic_stays"
    """A change of traffic is said to have succeeded, and requests go where they went before."""
    OPERATION_HANGS = "operation_hangs"
    """A write has its effect, and its operation never ends."""
    ETAG_MOVES = "etag_moves"
    """Somebody else has written the service just before a write."""
    VERSION_LIES = "version_lies"
    """``/version`` of an address is answered by another revision than the address leads to."""
    FORBIDDEN = "forbidden"
    """A request is answered 403 in Google's words: the account lacks a permission."""


@dataclass(frozen=True, slots=True)
class RunFault:
    """One thing that goes wrong.

    Attributes
    ----------
    kind
        What goes wrong.
    service
        The service it hits, by its short or its full name.
    times
        How often it hits; None for ever, until the faults are cleared.
    skip
        How often it lets the service off first.
    operation
        Of ``forbidden``: an operation of the API, or `ADDRESS`.
    seconds
        How late ``ready_late`` is.
    by
        Of ``etag_moves``: who has written.
    labels
        Of ``etag_moves``: the labels that were written.
    """

    kind: RunKind
    service: str = ANY
    times: int | None = 1
    skip: int = 0
    operation: str = ADDRESS
    seconds: float = 1.0
    by: str = "somebody@example.com"
    labels: dict[str, str] = field(default_factory=lambda: {"written-by": "somebody"})

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> RunFault:
        """Read a fault whose kind is known to be one of these."""
        kind = RunKind(values["kind"])
        own = {RunKind.READY_LATE: {"seconds"}, RunKind.FORBIDDEN: {"operation"}, RunKind.ETAG_MOVES: {"by", "labels"}}
        known = {"kind", "service", "times", "skip"} | own.get(kind, set())
        if unknown := set(values) - known:
            raise FaultError(f"a fault of kind {kind} has no {', '.join(sorted(unknown))}")
        fault = cls(kind, **{name: value for name, value in values.items() if name != "kind"})
        fault.check()
        return fault

    def check(self) -> None:
        """Raise `FaultError` unless every value is one that can be kept."""
        for name in ("service", "operation", "by"):
            if type(getattr(self, name)) is not str:
                raise FaultError(f"{name} is a text, not {getattr(self, name)!r}")
        if self.operation not in (ADDRESS, *PERMISSIONS):
            raise FaultError(f"operation is one of {', '.join((ADDRESS, *PERMISSIONS))}, not {self.operation!r}")
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise FaultError(f"times is a number from 1 on, or null for ever, not {self.times!r}")
        if type(self.skip) is not int or self.skip < 0:
            raise FaultError(f"skip is a number from 0 on, not {self.skip!r}")
        if type(self.seconds) not in (int, float) or not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise FaultError(f"seconds is a number from 0 on, not {self.seconds!r}")
        if type(self.labels) is not dict or {type(each) for each in (*self.labels, *self.labels.values())} - {str}:
            raise FaultError(f"labels are texts by their names, not {self.labels!r}")


class RunFaults:
    """The faults that are still to hit, in the order in which they were armed."""

    def __init__(self) -> None:
        self._armory: Armory[RunFault] = Armory()

    def add(self, fault: RunFault) -> None:
        """Arm a fault."""
        self._armory.add(fault)

    def clear(self) -> None:
        """Disarm every fault."""
        self._armory.clear()

    def take(self, kind: RunKind, service: str, operation: str | None = None) -> RunFault | None:
        """Return the first fault of a kind that hits a service, given its full or its short name, now.

        Parameters
        ----------
        operation
            What is under way, for kinds that choose by it.
        """

        def hits(fault: RunFault) -> bool:
            return fault.kind is kind and _is(fault.service, service) and operation in (None, fault.operation)

        return self._armory.take(hits)


def _is(named: str, service: str) -> bool:
    """Whether a fault that names a service is about another name of it: where one is short, the short ones count."""
    if "/" in named and "/" in service:
        return named == service
    return named == ANY or named.rpartition("/")[2] == service.rpartition("/")[2]
