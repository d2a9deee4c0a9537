"""Queues, rows and keys in the memory of one process, in the place of RabbitMQ, PostgreSQL and Redis.

Nothing here is durable, and nothing here is deployed: they let the services of the app run without any server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from quant_platform_kit.ports.clock import Clock
from tq_broker_app.bus.ports import Active, Handle, Queue
from tq_broker_app.bus.processing import DOWN, Processor
from tq_broker_app.cache.writing import account_key, breakdown_key, position_key
from tq_broker_app.database.rows import STATUSES, Mismatch, OrderEvent, OrderRow

__all__ = ["MemoryBus", "MemoryCache", "MemoryOrders"]

PAUSE_SECONDS = 0.1


class MemoryBus:
    """Queues in memory; messages are processed as on a real bus, by the app's own `Processor`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.queues = {queue: asyncio.Queue[bytes]() for queue in Queue}

    async def publish(self, queue: Queue, body: bytes) -> None:
        """Put a message in a queue."""
        self.queues[queue].put_nowait(body)

    async def consume(self, queue: Queue, handle: Handle, *, at_once: int = 1, active: Active | None = None) -> None:
        """Process messages until cancelled."""
        if active is not None:
            await active.activate()
        processor = Processor(self, queue, handle, self._clock)
        try:
            await asyncio.gather(*(self._work(queue, processor) for _ in range(at_once)))
        finally:
            if active is not None:
                await active.stand_down()

    async def close(self) -> None:
        """Nothing is open."""

    async def _work(self, queue: Queue, processor: Processor) -> None:
        while True:
            body, done = await self.queues[queue].get(), asyncio.Event()

            async def ack(done: asyncio.Event = done) -> None:
                done.set()

            while not done.is_set():
                try:
                    await processor.process(body, ack)
                except DOWN:
                    await asyncio.sleep(PAUSE_SECONDS)


@dataclass(slots=True)
class MemoryOrders:
    """Rows of ``order_history`` and ``order_event``, by the rules of the database's own."""

    rows: dict[str, OrderRow] = field(default_factory=dict[str, OrderRow])
    events: dict[str, OrderEvent] = field(default_factory=dict[str, OrderEvent])

    def write_update(self, row: OrderRow, event: OrderEvent | None = None) -> Mismatch | None:
        """Write where an order stands, and what happened to it."""
        known = self.rows.get(row.id)
        self.rows[row.id] = row if known is None else _merged(known, row)
        if event is not None:
            self.write_event_only(event)
        return None

    def write_event_only(self, event: OrderEvent) -> bool:
        """Write an event once."""
        return self.events.setdefault(event.event_id, event) is event

    def mark_unknown(self, portfolio_id: str, trading_day: str, known_ids: Collection[str]) -> list[str]:
        """Return that nothing is of an earlier day."""
        return []

    def all_rows(self) -> list[dict[str, Any]]:
        """Return the rows of ``order_history``."""
        return [asdict(row) for row in self.rows.values()]

    def all_events(self) -> list[dict[str, Any]]:
        """Return the rows of ``order_event``."""
        return [asdict(event) for event in self.events.values()]


def _merged(known: OrderRow, said: OrderRow) -> OrderRow:
    """Return a row after an update: it never goes back."""
    ranks = STATUSES.index(known.status), STATUSES.index(said.status)
    further = said if ranks[1] > ranks[0] else known
    filled = said if said.filled_quantity > known.filled_quantity else known
    ids = known.exchange_order_id, said.exchange_order_id
    times = [at for at in (known.insert_date_time, said.insert_date_time) if at is not None]
    left = [volume for volume in (known.volume_left, said.volume_left) if volume is not None]
    return replace(
        known,
        status=further.status,
        reason=max(known.reason, said.reason) if ranks[0] == ranks[1] else further.reason,
        filled_quantity=filled.filled_quantity,
        trade_price=filled.trade_price if filled.trade_price is not None else said.trade_price,
        volume_left=min(left, default=None),
        exchange_order_id=max(ids, key=lambda text: (len(text), text)),
        insert_date_time=min(times, default=None),
    )


@dataclass(slots=True)
class MemoryCache:
    """Keys of positions and of the account; they do not expire."""

    keys: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def positions(self) -> MemoryPositions:
        """Where positions are written."""
        return MemoryPositions(self.keys)

    @property
    def account(self) -> MemoryAccount:
        """Where the account is written."""
        return MemoryAccount(self.keys)


@dataclass(frozen=True, slots=True)
class MemoryPositions:
    """Keys of positions."""

    keys: dict[str, str]

    async def write(self, portfolio_id: str, symbol: str, net_position: int, breakdown: Mapping[str, int]) -> None:
        """Write a position and its parts."""
        self.keys[position_key(portfolio_id, symbol)] = str(net_position)
        self.keys[breakdown_key(portfolio_id, symbol)] = json.dumps(dict(breakdown))


@dataclass(frozen=True, slots=True)
class MemoryAccount:
    """The key of an account."""

    keys: dict[str, str]

    async def write(self, portfolio_id: str, account: Mapping[str, object]) -> None:
        """Write an account."""
        self.keys[account_key(portfolio_id)] = json.dumps(dict(account))
