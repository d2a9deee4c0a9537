"""The errors of this room.

QuantError (kit)
├── Unreadable      a message can never be processed: it becomes a dead letter with this reason
├── Duplicate       a message was processed before: it is counted, and passed over
└── BusDown         the bus does not answer, or did not take a message for certain
    └── Fenced      another process has taken over: this one has to end, and to be started again
"""

from __future__ import annotations

from quant_platform_kit.domain.errors import QuantError

__all__ = ["BusDown", "Duplicate", "Fenced", "Unreadable"]


class Unreadable(QuantError):
    """A message can never be processed; whoever reads it makes it a dead letter with this reason."""


class Duplicate(QuantError):
    """A message was processed before; whoever reads it counts it, and goes on."""


class BusDown(QuantError):
    """The bus does not answer, or nobody knows whether it took a message."""


class Fenced(BusDown):
    """Another process has taken over, or the client cannot go on: this one ends, and its supervisor starts it again."""
