"""Who is told."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

__all__ = ["Notification", "Notifier", "Severity"]


class Severity(Enum):
    """How much a notification matters."""

    INFO = "info"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Notification:
    """A message to people.

    Attributes
    ----------
    key
        What it is about, out of letters, digits and ``._-/``: one key is notified once.
    title, body
        Plain text; the title is one line.
    """

    key: str
    severity: Severity
    title: str
    body: str


class Notifier(Protocol):
    """A way to reach people."""

    def send(self, notification: Notification) -> None:
        """Deliver a message.

        Raises
        ------
        NotifyError
            It did not reach everyone it should have.
        """
        ...
