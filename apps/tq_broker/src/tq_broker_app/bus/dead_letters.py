"""What could not be processed, with the reason."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tq_broker_app.bus.ports import Queue

__all__ = ["DeadLetter"]


class DeadLetter(BaseModel):
    """A message that is nobody's business any more, until a person replays or drops it.

    Attributes
    ----------
    queue
        Where it came from.
    original
        Its body; in base64 where ``encoded`` says so, as it is no UTF-8.
    attempts
        How often it was tried.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    queue: Queue
    reason: str
    original: str
    encoded: bool = False
    attempts: int = 1
    at: AwareDatetime

    @classmethod
    def of(cls, queue: Queue, body: bytes, reason: str, attempts: int, at: datetime) -> Self:
        """Return the dead letter of a message."""
        try:
            original, encoded = body.decode(), False
        except UnicodeDecodeError:
            original, encoded = b64encode(body).decode(), True
        return cls(queue=queue, reason=reason, original=original, encoded=encoded, attempts=attempts, at=at)

    @property
    def body(self) -> bytes:
        """The message as it was."""
        return b64decode(self.original) if self.encoded else self.original.encode()
