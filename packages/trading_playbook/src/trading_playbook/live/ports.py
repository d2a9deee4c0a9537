"""What a live session asks of the world beside the broker and the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore

from trading_playbook.dp20.bars import Bar
from trading_playbook.live.events import Noted, Terms

__all__ = ["BarFeed", "BarTold", "Connection", "LivePorts", "OrderHint", "Told"]


@dataclass(frozen=True, slots=True)
class BarTold:
    """A source bar of the session, or a later word about one."""

    bar: Bar
    updated: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """The stream of bars was connected, or is not any more; ``text`` says why."""

    up: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class OrderHint:
    """Something happened to an order; where it stands, the broker is asked."""

    client_order_id: str


Told = BarTold | Connection | OrderHint


class BarFeed(Protocol):
    """The stream of one symbol's bars and of the account's orders, and the same bars over REST."""

    def poll(self, seconds: float) -> Sequence[Told]:
        """Return what came, in its order; waits for it, and no longer than asked."""
        ...

    def so_far(self) -> Sequence[Bar]:
        """Return the session's bars that have ended, of the same feed, over REST.

        Raises
        ------
        QuantError
            The source does not answer, or refuses.
        """
        ...

    def close(self) -> None:
        """End the connections, at once."""
        ...


def _nothing(_: object) -> None:
    """Do nothing."""


def _no_objection(_: AccountState) -> Sequence[str]:
    return ()


def _no_drift() -> timedelta:
    return timedelta(0)


@dataclass(frozen=True, slots=True)
class LivePorts:
    """What a session works with.

    Attributes
    ----------
    objections
        What of the account's standing forbids an entry, in words: blocked, suspended, no day trades left.
    drift
        How far the broker's clock is ahead of ours.
    tell
        Told what alerts somebody, after it is recorded; it never raises.
    reached
        Told each boundary; a fault campaign stops the worker there.
    """

    broker: Broker
    feed: BarFeed
    store: VersionedStore
    clock: Clock
    objections: Callable[[AccountState], Sequence[str]] = _no_objection
    drift: Callable[[], timedelta] = _no_drift
    tell: Callable[[Terms, Noted], None] = lambda _terms, _noted: None
    reached: Callable[[str], None] = _nothing
