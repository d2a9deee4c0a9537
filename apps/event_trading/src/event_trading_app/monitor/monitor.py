"""The result monitor: it watches open answers of its partitions until each has come to its end, and tells it.

An open answer is known from the executor's results, and after a restart from the ledger. What the venue tells of its
own accord makes it look at once; otherwise it looks when the word of the venue is final.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from loguru import logger
from quant_platform_kit.domain.errors import LeaseLost, StoreError
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.errors import BusDown, Unreadable
from quant_platform_kit.ports.notifier import Notification, Severity

from event_trading_app.executor.executing import lease_fence
from event_trading_app.executor.fencing import Fence
from event_trading_app.executor.ledger import HOUR, Trade, answer_id
from event_trading_app.executor.machine import KIT_STATES
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

TOGETHER = 50
"""So many answers are read from the ledger at a time."""
CLOCKS = timedelta(minutes=1)
"""By which the clocks of two machines may differ at most."""
ENDS = tuple(KIT_STATES[state] for state in (TradeState.SETTLED, TradeState.NOT_SELECTED))
"""What the monitor tells, and nobody else."""


@dataclass(slots=True)
class _Watched:
    """An open answer; what the ledger has of it is read when it is due.

    Attributes
    ----------
    since
        Not after the time at which it could be sent last.
    hinted
        Whether the venue told of it.
    """

    partition: int
    since: datetime
    due: datetime
    intent_hash: str
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
    _told_until: dict[int, datetime] = field(default_factory=dict[int, datetime])
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
        now = self.parts.clock.now()
        for trade in await self.parts.io(lambda: self._recorded(partition)):
            due, signed = self.settler.due(trade), trade.answer.signed
            if due is None:
                await self.settler.tell(trade)
            elif signed is not None:
                self._watch(trade.answer.id, _Watched(partition, trade.asked.expires_at, due, signed.intent_hash))
        self._told_until[partition] = now

    async def revoked(self, partition: int) -> None:
        """Give a partition back."""
        for name in [name for name, each in self._watched.items() if each.partition == partition]:
            self._forget(name)
        self._told_until.pop(partition, None)
        if (fence := self.fences.pop(partition, None)) is not None:
            await fence.give_back()

    async def handle(self, event: Event, partition: int, trace: str = "") -> None:
        """Take note of where a command stands, and of the trace that it is part of."""
        told = SCHEMAS.check(event)
        if not isinstance(told, TradeResult):
            raise Unreadable(f"{event.event_type} is no result of a trade")
        name = answer_id(told.account, told.quote_id)
        is_open = told.account == self.parts.account and not told.state.terminal
        if is_open and told.intent_hash is not None and name not in self._watched:
            due = told.deadline + self.parts.terms.finality
            self._watch(name, _Watched(partition, event.observed_at, due, told.intent_hash, trace=trace))

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
        now, partitions = self.parts.clock.now(), tuple(self._told_until)
        due = sorted((each.due, name) for name, each in self._watched.items() if each.due <= now)
        for begin in range(0, len(due), TOGETHER):
            names = [name for _, name in due[begin : begin + TOGETHER]]
            found = await self.parts.io(lambda names=names: self.parts.ledger.find_all(names))
            for name in names:
                if (each := self._watched.get(name)) is not None:
                    await self._settle(name, each, found.get(name))
            await self._renew()
        await self._renew()
        self._told_until |= {each: now for each in partitions if each in self._told_until}

    async def _renew(self) -> None:
        for fence in tuple(self.fences.values()):
            await fence.renew()

    async def tidy(self) -> None:
        """Record before which hour everything is over and until when ends are told, so that nobody does it again."""
        now = self.parts.clock.now()
        for partition, told in tuple(self._told_until.items()):
            open_hours = [each.since for each in self._watched.values() if each.partition == partition]
            until = min([now - 2 * HOUR, *open_hours]).replace(minute=0, second=0, microsecond=0)
            close = partial(self.parts.ledger.close_until, partition, until, told - CLOCKS)
            await self.parts.io(close)

    def _recorded(self, partition: int) -> list[Trade]:
        """Return what is open in a partition, and what may have come to its end without that being told."""
        ledger, now = self.parts.ledger, self.parts.clock.now()
        since, told = ledger.open_since(partition), ledger.told_until(partition)
        if since is None:
            return []
        names = [
            name
            for name, newest in ledger.newest(partition, since, now + self.parts.terms.horizon)
            if not newest.state.terminal or (newest.state in ENDS and newest.at >= told)
        ]
        return list(ledger.find_all(names).values())

    def _watch(self, name: str, each: _Watched) -> None:
        if each.intent_hash in self.settler.told:
            each.hinted, each.due = True, self.parts.clock.now()
        self._watched[name] = each
        self._by_hash[each.intent_hash] = name

    def _forget(self, name: str) -> None:
        """Watch an answer no more; its partition may have been given back while it was looked at."""
        if (each := self._watched.pop(name, None)) is not None:
            self._by_hash.pop(each.intent_hash, None)

    async def _settle(self, name: str, each: _Watched, trade: Trade | None) -> None:
        fence = self.fences.get(each.partition)
        if fence is None or not fence.holds():
            return
        if trade is None:
            logger.warning("answer {} was told of, and the ledger has none: it is not watched", name)
            self._forget(name)
            return
        with self.parts.tracer.span("result", each.trace, command=trade.asked.command_id) as span:
            trade = await self.settler.settle(trade, fence.epoch, hinted=each.hinted)
            span.note(state=trade.standing.state.value)
        if trade.standing.state.terminal:
            self.outcomes[trade.standing.state.value.lower()] += 1
            self._forget(name)
            return
        now = self.parts.clock.now()
        due = self.settler.due(trade)
        each.hinted = False
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
