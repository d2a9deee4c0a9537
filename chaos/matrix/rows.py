"""A row of a matrix: one fault, how it is armed, and what someone does about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from venue_sandbox.stands.stand import ACCOUNT

__all__ = ["ACCOUNT", "Arm", "Row", "fault", "together"]

Arm = Callable[[Any], None]
"""Does something to a stand."""


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes
    ----------
    arm
        Has it happen in the run that follows.
    mend
        What someone does about it after two tries that failed; ``once`` says what that was.
    """

    name: str
    arm: Arm
    mend: Arm | None = None
    once: str = ""


def fault(kind: str, **fields: object) -> Arm:
    """Return what arms a fault of the venue."""
    return lambda stand: stand.server.fault(kind, **fields)


def together(*arms: Arm) -> Arm:
    """Return what arms several."""

    def arm(stand: Any) -> None:
        for one in arms:
            one(stand)

    return arm
