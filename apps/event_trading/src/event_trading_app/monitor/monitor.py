"""The result monitor: it watches open answers of its partitions until each has come to its end, and tells it.

An open answer is known from the executor's results, and after a restart from the ledger. What the venue tells of its
own accord makes it look at once; otherwise it looks when the word of the venue is final.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from loguru import logger
from quant_platform_kit.domain.errors import LeaseLost, StoreError
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.errors import BusDown, Unreadable
from quant_platform_kit.ports.notifier import Notification, Severity

from event_trading_app.executor.executing import lease_fence
from event_trading_app.executor.fencing import Fence
from event_trading_app.executor.ledger import HOUR, Trade, answer_id
from event_trading_app.executor.parts import Parts
from event_trading_app.executor.settling import Settler
from event_trading_app.payloads import TradeResult, TradeState
from event_trading_app.schemas import SCHEMAS

__all__ = ["ROLE", "Monitor"]

ROLE = "monitor"
TURN_SECONDS = 0.1
RETRY = timedelta(seconds=1)
"""After which the venue is asked again that did not say."""
MOST_TOLD = 100_000
"""So many transactions are remembered that the venue told of."""

FINAL = (TradeState.SETTLED, TradeState.NOT_SELECTED)
"""States that the monitor tells, and nobody else."""


@dataclass(slots=True)
class _Watched:
    trade: Trade
    partition: int
    due: datetime
    hinted: bool = False
    trace: str = ""


@dataclass(slots=True)
class Monitor:
    """Open answers by id.

    Attributes
    ----------
    alert
        Tells people; it is told once of each command that stays UNKNOWN.
    patience
        For how long a command may be open after its word should have been final.
    """

    parts: Parts
    alert: Callable[[Notification], None]
    patience: timedelta
    outcomes: Counter[str] = field(default_factory=Counter[str])
    settler: Settler = field(init=False)
    fences: dict[int, Fence] = field(default_factory=dict[int, Fence])
    _watched: dict[str, _Watched] = field(default_factory=dict[str, _Watched])
    _by_hash: dict[str, str] = field(default_factory=dict[str, str])
    _alerted: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.settler = Settler(self.parts)

    @property
    def open(self) -> int:
        """How many answers are open."""
        return len(self._watched)

    async def assigned(self, partition: int) -> None:
        """Take a partition, and read what is open in it; tell ends again that may not have been told."""
        fence = self.fences[partition] = lease_fence(self.parts, ROLE, partition)
        await fence.take()
        for trade in await self.parts.io(lambda: list(self._recorded(partition))):
            if not trade.standing.state.terminal:
                self._watch(trade, partition)
            elif trade.standing.state in FINAL:
                await self.settler.tell(trade)

    async def revoked(self, partition: int) -> None:
        """Give a partition back."""
        for name in [name for name, each in self._watched.items() if each.partition == partition]:
            self._forget(name)
        if (fence := self.fences.pop(partition, None)) is not None:
            await fence.give_back()

    async def handle(self, event: Event, partition: int, trace: str = "") -> None:
        """Take note of where a command stands, and of the trace that it is part of."""
        told = SCHEMAS.check(event)
        if not isinstance(told, TradeResult):
            raise Unreadable(f"{event.event_type} is no result of a trade")
        name = answer_id(told.account, told.quote_id)
        if told.account != self.parts.account or told.state.terminal or name in self._watched:
            return
        trade = await self.parts.io(lambda: self.parts.ledger.find(name))
        if trade is not None and not trade.standing.state.terminal:
            self._watch(trade, partition, trace)

    def hint(self, intent_hash: str, tx_hash: str) -> None:
        """Hear that the venue has settled an answer, ours or another's."""
        if len(self.settler.told) >= MOST_TOLD:
            self.settler.told.clear()
        self.settler.told[intent_hash] = tx_hash
        if (name := self._by_hash.get(intent_hash)) is not None and (watched := self._watched.get(name)) is not None:
            watched.hinted, watched.due = True, self.parts.clock.now()

    async def run(self, stop: asyncio.Event) -> None:
        """Look whenever something is due, until stopped."""
        while not stop.is_set():
            try:
                await self.turn()
            except (StoreError, LeaseLost, BusDown) as error:
                logger.warning("answers are not looked at: {}", error)
            await self.parts.pause(TURN_SECONDS)

    async def turn(self) -> None:
        """Look at everything that is due."""
        now = self.parts.clock.now()
        for name, each in sorted(self._watched.items(), key=lambda item: item[1].due):
            if each.due > now:
                break
            await self._settle(name, each)
        for fence in tuple(self.fences.values()):
            await fence.renew()

    async def tidy(self) -> None:
        """Record before which hour everything is over, so that nobody reads it again."""
        now = self.parts.clock.now()
        for partition in tuple(self.fences):
            open_hours = [each.trade.asked.expires_at for each in self._watched.values() if each.partition == partition]
            until = min([now - 2 * HOUR, *open_hours]).replace(minute=0, second=0, microsecond=0)
            await self.parts.io(
                lambda partition=partition, until=until: self.parts.ledger.close_until(partition, until)
            )

    def _recorded(self, partition: int) -> Iterator[Trade]:
        """Yield what the ledger has of a partition, from the first hour in which something may be open."""
        ledger, now = self.parts.ledger, self.parts.clock.now()
        since = ledger.open_since(partition)
        if since is None:
            return
        for name, _ in ledger.newest(partition, since, now + self.parts.terms.horizon):
            if (trade := ledger.find(name)) is not None:
                yield trade

    def _watch(self, trade: Trade, partition: int, trace: str = "") -> None:
        due = self.settler.due(trade)
        if due is None or trade.answer.signed is None:
            return
        intent_hash = trade.answer.signed.intent_hash
        hinted = intent_hash in self.settler.told
        due = self.parts.clock.now() if hinted else due
        self._watched[trade.answer.id] = _Watched(trade, partition, due, hinted, trace)
        self._by_hash[intent_hash] = trade.answer.id

    def _forget(self, name: str) -> None:
        """Watch an answer no more; its partition may have been given back while it was looked at."""
        each = self._watched.pop(name, None)
        if each is not None and each.trade.answer.signed is not None:
            self._by_hash.pop(each.trade.answer.signed.intent_hash, None)

    async def _settle(self, name: str, each: _Watched) -> None:
        fence = self.fences.get(each.partition)
        if fence is None or not fence.holds():
            return
        with self.parts.tracer.span("result", each.trace, command=each.trade.asked.command_id) as span:
            trade = await self.settler.settle(each.trade, fence.epoch, hinted=each.hinted)
            span.note(state=trade.standing.state.value)
        if trade.standing.state.terminal:
            self.outcomes[trade.standing.state.value.lower()] += 1
            self._forget(name)
            return
        now = self.parts.clock.now()
        due = self.settler.due(trade)
        each.trade, each.hinted = trade, False
        each.due = max(due, now + RETRY) if due is not None else now + RETRY
        self._complain(trade, now)

    def _complain(self, trade: Trade, now: datetime) -> None:
        """Tell people of a command whose end is overdue, once."""
        identity, final_at = trade.asked.command_id, trade.times(self.parts.terms.finality).final_at
        if identity in self._alerted or now < final_at + self.patience:
            return
        self._alerted.add(identity)
        self.outcomes["alerted"] += 1
        title = f"{self.parts.service}: command {identity[:12]} is BLOCKED"
        body = (
            f"quote {trade.asked.quote_id}: {trade.standing.state.value} since {trade.at:%Y-%m-%d %H:%M:%S} UTC, and "
            "the venue does not say whether its answer was settled. Until it does, "
            f"{trade.asked.amount_out} of {trade.asked.token_out} stay reserved"
        )
        logger.error("{}: {}", title, body)
        key = f"event-trading/{self.parts.service}/blocked/{identity}"
        self.alert(Notification(key, Severity.FAILURE, title, body))
