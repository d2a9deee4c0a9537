"""What executor and monitor are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.tracing import NOT_TRACED, Tracer
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.gathering import Gathering

from event_trading_app.executor.ledger import Ledger
from event_trading_app.executor.waiting import Io, Pause, Writing, in_thread
from event_trading_app.ports import Venue

__all__ = ["Parts", "Point", "Terms"]


class Point(Enum):
    """Points between two durable steps, at which a campaign stops a service."""

    TAKEN = "a command was taken"
    RECORDED = "its signed answer is recorded"
    INTENDED = "the intent to send it is recorded"
    LEAVING = "its bytes leave now"
    ANSWERED = "the venue has answered"
    ANSWER_RECORDED = "its answer is recorded"
    LOOKED = "the venue has said whether it was settled"
    TOLD = "where it stands is told"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long what takes.

    Attributes
    ----------
    lease
        How long a partition is held without being renewed.
    finality
        From the deadline of an answer until the venue's word about it is final.
    first_pause, longest_pause
        Between two tries to send the same bytes; each is twice the one before.
    horizon
        How far beyond now a command may expire.
    """

    lease: timedelta = timedelta(seconds=6)
    finality: timedelta = timedelta(seconds=10)
    first_pause: timedelta = timedelta(milliseconds=200)
    longest_pause: timedelta = timedelta(seconds=2)
    horizon: timedelta = timedelta(hours=2)


def _pass(point: Point) -> None:
    """Go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The world of an executor or a monitor.

    Attributes
    ----------
    service
        The name that halts call it by.
    tell
        Puts an event on the bus, durably.
    writing
        Makes what writes to the ledger's store.
    reached
        Called at every `Point`; a fault campaign stops the service there.
    """

    account: str
    service: str
    mode: Mode
    holder: str
    store: VersionedStore
    ledger: Ledger
    venue: Venue
    clock: Clock
    tell: Callable[[Event], Awaitable[None]]
    terms: Terms = Terms()
    io: Io = in_thread
    writing: Callable[[VersionedStore], Writing] = Gathering
    pause: Pause = asyncio.sleep
    reached: Callable[[Point], None] = _pass
    tracer: Tracer = NOT_TRACED
