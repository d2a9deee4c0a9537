"""Operations: what a write answers with, and how it ends later."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from venue_sandbox.cloud.run.errors import absent
from venue_sandbox.cloud.run.fields import Document

__all__ = ["Operation", "Operations"]


@dataclass(slots=True)
class Operation:
    """One write that is under way, or has ended.

    Attributes
    ----------
    resource
        Returns what is written, as it is now.
    error
        How it failed, code and words; None if it did not.
    result
        What it ended with; None while it has not.
    """

    name: str
    resource: Callable[[], Document]
    error: tuple[int, str] | None = None
    result: Document | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, error: tuple[int, str] | None = None) -> None:
        """End it, with an error or with what has been written."""
        self.error, self.result = error, self.resource()
        self.ended.set()

    def document(self) -> Document:
        """Return it as the API shows it."""
        if self.result is None:
            return {"name": self.name, "metadata": self.resource(), "done": False}
        made: Document = {"name": self.name, "metadata": self.result, "done": True}
        if self.error is None:
            return {**made, "response": self.result}
        code, message = self.error
        return {**made, "error": {"code": code, "message": message}}


class Operations:
    """The operations by their full names."""

    def __init__(self) -> None:
        self._operations: dict[str, Operation] = {}

    def begin(self, location: str, resource: Callable[[], Document]) -> Operation:
        """Return a new operation of a project and location, which is remembered."""
        made = self.unkept(location, resource)
        self._operations[made.name] = made
        return made

    @staticmethod
    def unkept(location: str, resource: Callable[[], Document]) -> Operation:
        """Return a new operation that nobody will ask for again."""
        return Operation(f"{location}/operations/{uuid.uuid4()}", resource)

    def get(self, name: str) -> Operation:
        """Return an operation."""
        if name not in self._operations:
            raise absent(name)
        return self._operations[name]

    def of(self, location: str) -> list[Operation]:
        """Return the operations of a project and location, in the order in which they began."""
        return [each for name, each in self._operations.items() if name.startswith(f"{location}/operations/")]

    def delete(self, name: str) -> None:
        """Forget an operation, which goes on if it is under way."""
        self.get(name)
        del self._operations[name]
