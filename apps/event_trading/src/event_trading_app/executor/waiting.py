"""How the executor waits: for a store, in a thread; for time, on the event loop. An explorer puts its own in place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

__all__ = ["Io", "Pause", "Writing", "in_thread"]

T = TypeVar("T")

Pause = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""


class Io(Protocol):
    """Runs a call that waits for a store, without holding up anything else."""

    async def __call__(self, call: Callable[[], T], /) -> T:
        """Return what the call returns."""
        ...


class Writing(Protocol):
    """Creates objects of a store; see `Gathering`."""

    async def create(self, objects: Mapping[str, bytes], then: Callable[[], T]) -> T:
        """Write objects that must not exist, all or none, then do something; raises `Conflict`."""
        ...


async def in_thread(call: Callable[[], T], /) -> T:
    """Run a call that waits in a thread."""
    return await asyncio.to_thread(call)
