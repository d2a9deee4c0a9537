"""What goes wrong between the scheduler and a target, as the scheduler's promise allows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from venue_sandbox.cloud.scheduler.jobs import Job
from venue_sandbox.servers.faults import ANY, FaultError

__all__ = ["DeliveryFault", "DeliveryFaults", "DeliveryKind"]


class DeliveryKind(StrEnum):
    """What goes wrong with a delivery."""

    DUPLICATE = "duplicate"
    """The execution is delivered twice, at the same time."""
    LOST_ANSWER = "lost_answer"
    """An answer that says the target is done is taken for none, and the attempt made again."""
    LATE = "late"
    """The execution begins some seconds after it was due."""


@dataclass(slots=True)
class DeliveryFault:
    """One thing that goes wrong.

    Attributes
    ----------
    kind
        What goes wrong.
    job
        The job it hits, by its short or its full name.
    times
        How often it is still to hit.
    seconds
        How late ``late`` is.
    """

    kind: DeliveryKind
    job: str = ANY
    times: int = 1
    seconds: float = 0.0

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> DeliveryFault:
        """Read a fault whose kind is known to be one of these."""
        if unknown := set(values) - {field.name for field in fields(cls)}:
            raise FaultError(f"a fault of kind {values['kind']} has no {', '.join(sorted(unknown))}")
        others = {name: value for name, value in values.items() if name != "kind"}
        fault = cls(DeliveryKind(values["kind"]), **others)
        if type(fault.job) is not str:
            raise FaultError(f"job is a text, not {fault.job!r}")
        if type(fault.times) is not int or fault.times < 1:
            raise FaultError(f"times is a number from 1 on, not {fault.times!r}")
        if type(fault.seconds) not in (int, float) or not (math.isfinite(fault.seconds) and fault.seconds >= 0):
            raise FaultError(f"seconds is a number from 0 on, not {fault.seconds!r}")
        return fault


class DeliveryFaults:
    """The faults that are still to hit, in the order in which they were armed."""

    def __init__(self) -> None:
        self._armed: list[DeliveryFault] = []

    def add(self, fault: DeliveryFault) -> None:
        """Arm a fault."""
        self._armed.append(fault)

    def clear(self) -> None:
        """Disarm every fault."""
        self._armed.clear()

    def take(self, kind: DeliveryKind, job: Job) -> DeliveryFault | None:
        """Return the first fault of a kind that hits a job now."""
        for fault in self._armed:
            if fault.kind is kind and fault.job in (ANY, job.id, job.name):
                fault.times -= 1
                if fault.times == 0:
                    self._armed.remove(fault)
                return fault
        return None
