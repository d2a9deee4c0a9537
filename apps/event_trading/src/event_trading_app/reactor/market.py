"""What a reactor has heard: prices, inventory, and which of its commands are open."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.errors import Unreadable

from event_trading_app.payloads import (
    ExecuteTrade,
    Inventory,
    ReferencePrice,
    SwapDemand,
    TradeResult,
    TradeState,
)
from event_trading_app.reactor.commands import Used
from event_trading_app.reactor.commitments import NOTHING, Commitments
from event_trading_app.reactor.deciding import Known
from event_trading_app.schemas import SCHEMAS

__all__ = ["Market"]

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
LOOKED_FOR = timedelta(seconds=1)
"""What is over is looked for so often: there may be a hundred thousand ends to look at."""


@dataclass(slots=True)
class _Open:
    """A command that commits inventory.

    Attributes
    ----------
    settled_at
        When it was settled; it counts until an inventory is told that was taken later. None while nobody knows.
    """

    token: str
    deadline: datetime
    settled_at: datetime | None = None


@dataclass(slots=True)
class Market:
    """The newest of everything, for one account; it is told by one thread and asked by another.

    Attributes
    ----------
    forgotten_after
        From the deadline of a command on, after which it commits nothing: nobody can settle it any more.
    """

    account: str
    forgotten_after: timedelta = timedelta(minutes=10)
    _prices: dict[tuple[str, str], tuple[Event, ReferencePrice]] = field(
        default_factory=dict[tuple[str, str], tuple[Event, ReferencePrice]]
    )
    _inventory: dict[str, tuple[Event, Inventory]] = field(default_factory=dict[str, tuple[Event, Inventory]])
    _open: dict[str, _Open] = field(default_factory=dict[str, _Open])
    _committed: defaultdict[str, Commitments] = field(default_factory=lambda: defaultdict(Commitments))
    _ended: dict[str, datetime] = field(default_factory=dict[str, datetime])
    _told: set[str] = field(default_factory=set[str])
    _looked_at: datetime = LONG_AGO
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, event: Event) -> None:
        """Take note of an event of any topic; raises `Unreadable` for one that says nothing."""
        payload = SCHEMAS.check(event)
        with self._lock:
            match payload:
                case ReferencePrice():
                    self._note_price(event, payload)
                case Inventory() if payload.account == self.account:
                    self._note_inventory(event, payload)
                case ExecuteTrade() if payload.account == self.account:
                    self._told.add(payload.command_id)
                    self._commit(payload.command_id, payload.token_out, payload.amount_out, payload.deadline)
                case TradeResult() if payload.account == self.account:
                    self._note_result(payload)
                case _:
                    pass

    def commit(self, event: Event) -> None:
        """Count a command of one's own at once, before it comes back over the bus."""
        with self._lock:
            asked = event.payload
            deadline = datetime.fromisoformat(asked["deadline"])
            self._commit(asked["command_id"], asked["token_out"], asked["amount_out"], deadline)

    def was_told(self, command_id: str) -> bool:
        """Whether a command is on the bus."""
        return command_id in self._told

    def used(self, demand: Event) -> Used:
        """Return what there is to decide a demand on; raises `Unreadable` where it is none."""
        asked = SCHEMAS.check(demand)
        if not isinstance(asked, SwapDemand):
            raise Unreadable(f"{demand.event_type} is no demand")
        with self._lock:
            self._forget(demand.observed_at)
            price = self._prices.get((asked.token_in, asked.token_out))
            inventory = self._inventory.get(asked.token_out)
            open_commands = self._committed.get(asked.token_out)
            committed = open_commands.told() if open_commands else NOTHING
        known = Known(
            asked,
            demand.observed_at,
            price and price[1],
            None if inventory is None else int(inventory[1].amount),
            committed,
        )
        return Used(known, demand, price and price[0], inventory and inventory[0])

    def _note_price(self, event: Event, price: ReferencePrice) -> None:
        pair = (price.token_in, price.token_out)
        known = self._prices.get(pair)
        if known is None or known[1].priced_at <= price.priced_at:
            self._prices[pair] = event, price

    def _note_inventory(self, event: Event, told: Inventory) -> None:
        known = self._inventory.get(told.token)
        if known is not None and known[1].as_of > told.as_of:
            return
        self._inventory[told.token] = event, told
        for name, each in tuple(self._open.items()):
            if each.token == told.token and each.settled_at is not None and each.settled_at < told.as_of:
                self._release(name)

    def _commit(self, command_id: str, token: str, amount: str, deadline: datetime) -> None:
        if command_id not in self._ended and command_id not in self._open:
            self._open[command_id] = _Open(token, deadline)
            self._committed[token].add(command_id, int(amount))

    def _release(self, command_id: str) -> None:
        if (each := self._open.pop(command_id, None)) is not None:
            self._committed[each.token].drop(command_id)

    def _note_result(self, told: TradeResult) -> None:
        if not told.state.terminal:
            return
        self._ended[told.command_id] = told.deadline
        if told.state is TradeState.SETTLED and (each := self._open.get(told.command_id)) is not None:
            each.settled_at = told.at
        else:
            self._release(told.command_id)

    def _forget(self, now: datetime) -> None:
        """Forget commands whose deadline is long over."""
        if abs(now - self._looked_at) < LOOKED_FOR:
            return
        self._looked_at = now
        over = now - self.forgotten_after
        for name in [name for name, each in self._open.items() if each.deadline < over]:
            self._release(name)
        for name in [name for name, deadline in self._ended.items() if deadline < over]:
            del self._ended[name]
            self._told.discard(name)
