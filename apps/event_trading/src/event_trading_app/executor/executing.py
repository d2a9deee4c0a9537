"""Bringing commands to the venue: signed once, recorded before they are sent, and sent as those bytes only.

Every wait is between two durable steps. Right before the bytes leave, the lease and the time are looked at without
waiting for anything: whoever was stopped in the meantime finds that it is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from weakref import WeakValueDictionary

from loguru import logger
from quant_platform_kit.domain.errors import Conflict, Damaged, InvalidInput, LeaseLost
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.services.operate.switches import switch_prefixes, switched_off
from quant_platform_kit.services.record.listing import Listing

from event_trading_app.errors import Unanswered, VenueDown
from event_trading_app.executor.fencing import Fence, LeaseFence
from event_trading_app.executor.ledger import Answer, Command, Trade, answer_id
from event_trading_app.executor.machine import DOUBT, EXPIRED, REFUSED, Move, after_nothing_left, after_send, next_move
from event_trading_app.executor.parts import Parts, Point
from event_trading_app.executor.recovery import Pauses, recover
from event_trading_app.executor.telling import other_command, result_of
from event_trading_app.executor.waiting import Writing
from event_trading_app.payloads import TradeState
from event_trading_app.ports import SignedAnswer

__all__ = ["ROLE", "Executor", "lease_fence"]

T = TypeVar("T")
ROLE = "executor"


def lease_fence(parts: Parts, role: str, partition: int) -> Fence:
    """Return the lease of a role and a partition."""
    key = f"leases/{parts.account}/{role}/p{partition:03}"
    return LeaseFence(parts.store, key, parts.holder, parts.terms.lease, parts.clock, parts.io, parts.pause)


@dataclass(slots=True)
class Executor:
    """The commands of the partitions that this process has.

    Attributes
    ----------
    fence_of
        Makes the fence of a partition.
    fences
        Of the partitions that were taken.
    """

    parts: Parts
    fence_of: Callable[[Parts, str, int], Fence] = lease_fence
    fences: dict[int, Fence] = field(default_factory=dict[int, Fence])
    _writing: Writing = field(init=False)
    _alone: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary[str, asyncio.Lock])

    def __post_init__(self) -> None:
        self._writing = self.parts.writing(self.parts.ledger.store)

    async def assigned(self, partition: int) -> None:
        """Take a partition, and bring what the last one left on its way as far as it goes."""
        fence = self.fences[partition] = self.fence_of(self.parts, ROLE, partition)
        await fence.take()
        await recover(self.parts, partition, self.advance, self.tell)

    async def revoked(self, partition: int) -> None:
        """Give a partition back: nothing of it is under way any more."""
        if (fence := self.fences.pop(partition, None)) is not None:
            await fence.give_back()

    async def renew(self) -> None:
        """Renew what lasts for less than half of its time; raises `LeaseLost` where another worker has it."""
        for fence in tuple(self.fences.values()):
            await fence.renew()

    async def handle(self, command: Command) -> None:
        """Bring a command as far as it goes, and tell where it stands; durable when it returns.

        Raises
        ------
        LeaseLost
            Another worker has its partition.
        """
        self.parts.reached(Point.TAKEN)
        async with self._alone.setdefault(answer_id(command.asked.account, command.asked.quote_id), asyncio.Lock()):
            await self._take(command)

    async def _take(self, command: Command) -> None:
        trade, off = await self._recorded(command)
        if trade.asked.command_id != command.asked.command_id:
            await self._tell(other_command(command, trade, self.parts.mode))
            return
        self.parts.reached(Point.RECORDED)
        await self._bring(trade, off)

    async def _bring(self, trade: Trade, off: list[str] | None) -> None:
        """Bring an answer as far as it goes without waiting for its deadline, and tell where it stands.

        Parameters
        ----------
        off
            Which switches forbid what was recorded to be about to leave; None where nothing was.
        """
        pauses = Pauses(self.parts.terms)
        after = await (self.advance(trade) if off is None else self._left(trade, self._fence(trade), off))
        while after is not trade:
            trade = after
            if trade.standing.state is TradeState.UNKNOWN:
                await pauses.wait(self.parts, trade.asked.expires_at)
            after = await self.advance(trade)
        await self.tell(trade)

    async def advance(self, trade: Trade) -> Trade:
        """Do the next thing with an answer; return the same one where there is nothing to do before its deadline."""
        move = self._next(trade)
        if move is Move.SEND:
            return await self._sent(trade)
        if move is Move.EXPIRE:
            return await self._step(trade, TradeState.EXPIRED, EXPIRED + self._late(trade))
        if move is Move.DOUBT:
            return await self._step(trade, TradeState.UNKNOWN, DOUBT)
        return trade

    async def tell(self, trade: Trade) -> None:
        """Tell where an answer stands."""
        await self._tell(result_of(trade, self.parts.mode))

    def _fence(self, trade: Trade) -> Fence:
        return self._held(trade.answer.command.partition)

    def _held(self, partition: int) -> Fence:
        if partition not in self.fences:
            raise LeaseLost(f"partition {partition} was given back")
        return self.fences[partition]

    def _next(self, trade: Trade) -> Move:
        return next_move(trade.standing, trade.times(self.parts.terms.finality), self.parts.clock.now())

    async def _recorded(self, command: Command) -> tuple[Trade, list[str] | None]:
        """Record the one answer to a quote with its signature, or find the one that was recorded.

        One that may leave at once has the intent to send it recorded with it; then the switches that forbid it are
        returned, which were read after that.
        """
        parts, fence = self.parts, self._held(command.partition)
        now = parts.clock.now()
        refusal, signed = self._objection(command, now), None
        if not refusal:
            try:
                signed = await parts.venue.prepare(command.asked, now)
            except InvalidInput as error:
                refusal = f"{REFUSED}{error}"
        trade, objects = parts.ledger.recorded(Answer(command, signed, fence.epoch, now, refusal))
        is_begun = self._next(trade) is Move.SEND
        if is_begun:
            await fence.require()
            trade, step = parts.ledger.stepped(trade, TradeState.SENT, fence.epoch, parts.clock.now())
            objects |= step
        try:
            return trade, await self._writing.create(objects, self._switches if is_begun else _nothing)
        except Conflict:
            found = await parts.io(lambda: parts.ledger.find(trade.answer.id))
        if found is None:
            raise Damaged(f"the answer {trade.answer.id} was there and is missing")
        return found, None

    def _objection(self, command: Command, now: datetime) -> str:
        """Return why a command is not even signed; empty if it is."""
        asked, parts = command.asked, self.parts
        if asked.account != parts.account:
            return f"{REFUSED}account {asked.account}: this executor answers for {parts.account}"
        if now >= asked.expires_at:
            return f"{EXPIRED}it came at {now:%H:%M:%S.%f}, and could be sent until {asked.expires_at:%H:%M:%S.%f}"
        if asked.expires_at > now + parts.terms.horizon:
            return f"{REFUSED}expires_at {asked.expires_at} is more than {parts.terms.horizon} ahead"
        if parts.mode not in (Mode.LIVE, Mode.PAPER):
            return f"{REFUSED}{parts.mode.value}: nothing is sent"
        return ""

    async def _sent(self, trade: Trade) -> Trade:
        """Record the intent, read all switches, look at lease and time once more, send."""
        fence = self._fence(trade)
        await fence.require()
        trade, off = await self._stepped(trade, TradeState.SENT, "", self._switches)
        return await self._left(trade, fence, off)

    async def _left(self, trade: Trade, fence: Fence, off: list[str]) -> Trade:
        """Hand over bytes whose intent is recorded, unless a switch forbids it, and record what came of it."""
        parts = self.parts
        parts.reached(Point.INTENDED)
        if off:
            state = after_nothing_left(trade.standing, TradeState.REJECTED)
            return await self._step(trade, state, REFUSED + "; ".join(off))
        parts.reached(Point.LEAVING)
        state, note = await self._handed_over(trade, fence)
        parts.reached(Point.ANSWERED)
        trade = await self._step(trade, state, note)
        parts.reached(Point.ANSWER_RECORDED)
        return trade

    async def _handed_over(self, trade: Trade, fence: Fence) -> tuple[TradeState, str]:
        """Hand the bytes to the venue; return where the answer stands then, and why.

        Raises
        ------
        LeaseLost
            The lease had run out before they left.
        """
        answer = await self._bytes(trade)
        try:
            said = await self.parts.venue.send(answer.data, lambda: fence.holds() and not self._is_late(trade))
        except Unanswered as error:
            return after_send(trade.standing, None), str(error)
        except VenueDown as error:
            if not fence.holds():
                raise LeaseLost("the lease of a partition ran out, and nothing was sent") from error
            if self._is_late(trade):
                return after_nothing_left(trade.standing, TradeState.EXPIRED), EXPIRED + self._late(trade)
            return TradeState.UNKNOWN, str(error)
        return after_send(trade.standing, said), said.reason

    async def _bytes(self, trade: Trade) -> SignedAnswer:
        assert trade.answer.signed is not None, "only what was signed is sent"
        return trade.answer.signed

    def _is_late(self, trade: Trade) -> bool:
        return self.parts.clock.now() >= trade.asked.expires_at

    def _switches(self) -> list[str]:
        parts = self.parts
        listing = Listing(parts.store, switch_prefixes(parts.mode))
        return switched_off(listing, parts.service, parts.account, parts.mode)

    async def _step(self, trade: Trade, state: TradeState, note: str = "") -> Trade:
        return (await self._stepped(trade, state, note, _nothing))[0]

    async def _stepped(self, trade: Trade, state: TradeState, note: str, then: Callable[[], T]) -> tuple[Trade, T]:
        """Record the next step of an answer, then do something; raises `LeaseLost` where another one recorded it."""
        epoch, at, parts = self._fence(trade).epoch, self.parts.clock.now(), self.parts
        if state is TradeState.UNKNOWN:
            logger.warning("command {} is UNKNOWN: {}", trade.asked.command_id, note)
        after, objects = parts.ledger.stepped(trade, state, epoch, at, note)
        try:
            return after, await self._writing.create(objects, then)
        except Conflict:  # by another worker, or by a call of ours whose answer was lost
            return await parts.io(lambda: parts.ledger.step(trade, state, epoch, at, note)), await parts.io(then)

    @staticmethod
    def _late(trade: Trade) -> str:
        return f"it could be sent until {trade.asked.expires_at:%H:%M:%S.%f}"

    async def _tell(self, result: Event) -> None:
        await self.parts.tell(result)
        self.parts.reached(Point.TOLD)


def _nothing() -> None:
    """Do nothing."""
