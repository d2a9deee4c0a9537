"""A request that was read, and what a fault does to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from venue_sandbox.exchange.faults import (
    DelayedAccept,
    DropAfter,
    DropBefore,
    ErrorAnswer,
    RequestFacts,
    Silent,
    SilentDrop,
    VenueFault,
)

__all__ = ["NO_REQUEST", "START", "Connection", "Request", "inject"]

NO_REQUEST = -1
START = "start"
"""The operation with which a client says who it is; an error in its place ends the connection."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was read.

    Attributes
    ----------
    facts
        What faults choose by.
    run
        Does what it asks and answers, given a fault that concerns the order it sends or cancels, if there is one.
    id
        The id that an error about it carries.
    """

    facts: RequestFacts
    run: Callable[[VenueFault | None], None]
    id: int = NO_REQUEST


class Connection(Protocol):
    """What a fault needs to know of a session."""

    def error(self, request: int, code: int, text: str) -> None:
        """Write an error."""
        ...

    def abort(self) -> None:
        """Reset the connection."""
        ...

    def close(self) -> None:
        """Close the connection after what was written."""
        ...

    def muted(self) -> AbstractContextManager[None]:
        """Let nothing be written."""
        ...


def inject(connection: Connection, request: Request, fault: VenueFault | None) -> None:
    """Run a request as the fault that hits it says."""
    match fault:
        case DropBefore():
            connection.abort()
        case DropAfter():
            _run_muted(connection, request)
            connection.abort()
        case DelayedAccept():
            asyncio.get_running_loop().call_later(fault.seconds, request.run, None)
            if fault.cut:
                connection.abort()
        case Silent():
            _run_muted(connection, request)
        case SilentDrop():
            pass
        case ErrorAnswer():
            connection.error(request.id, fault.code, fault.message)
            if request.facts.operation == START:
                connection.close()
        case _:
            request.run(fault)


def _run_muted(connection: Connection, request: Request) -> None:
    with connection.muted():
        request.run(None)
