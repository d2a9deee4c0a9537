"""Who is told."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

__all__ = ["Attachment", "Notification", "Notifier", "Severity"]


class Severity(Enum):
    """How much a notification matters."""

    INFO = "info"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message, such as ``image/png``."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Notification:
    """A message to people.

    Attributes
    ----------
    key
        What it is about, out of letters, digits and ``._-/``: one key is notified once.
    title, body
        Plain text; the title is one line.
    html
        The body for those who read HTML; empty for the plain one.
    attachments
        For those whose channel takes files; the body says all that matters.
    """

    key: str
    severity: Severity
    title: str
    body: str
    html: str = ""
    attachments: tuple[Attachment, ...] = ()


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
