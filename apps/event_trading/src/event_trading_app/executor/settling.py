"""How answers that were sent come to their end: the venue is asked whether their nonce is used.

What the venue tells of its own accord only says when to ask. After deadline and finality its word is the end, so
nothing is lost by a message that never came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from loguru import logger
from quant_platform_kit.domain.errors import LeaseLost

from event_trading_app.errors import VenueDown
from event_trading_app.executor.ledger import Trade
from event_trading_app.executor.machine import DOUBT, Move, after_look, next_move
from event_trading_app.executor.parts import Parts, Point
from event_trading_app.executor.telling import result_of
from event_trading_app.payloads import TradeState

__all__ = ["Settler"]


@dataclass(slots=True)
class Settler:
    """Open answers on their way to the end.

    Attributes
    ----------
    told
        Transactions that the venue told of, by intent hash.
    """

    parts: Parts
    told: dict[str, str] = field(default_factory=dict[str, str])

    async def settle(self, trade: Trade, epoch: int, *, hinted: bool = False) -> Trade:
        """Bring an answer to its end if that is due, and tell it; return it as it stands then.

        Parameters
        ----------
        trade
            As the ledger had it a moment ago: where another worker has recorded its next step since, that one counts.
        epoch
            Of the lease under which this is done.
        hinted
            Whether the venue told of it: then it is asked before the deadline too.
        """
        move = self._move(trade)
        if move is Move.DOUBT:
            trade = await self._step(trade, TradeState.UNKNOWN, epoch, DOUBT)
        elif move is Move.LOOK or (hinted and not trade.standing.state.terminal):
            trade = await self._looked(trade, epoch)
        if trade.standing.state.terminal:
            await self.tell(trade)
        return trade

    async def tell(self, trade: Trade) -> None:
        """Tell where an answer stands."""
        signed = trade.answer.signed
        tx_hash = self.told.get(signed.intent_hash, "") if signed else ""
        await self.parts.tell(result_of(trade, self.parts.mode, tx_hash))
        self.parts.reached(Point.TOLD)

    def due(self, trade: Trade) -> datetime | None:
        """Return when something is to be done about an answer; None if never again."""
        times, standing = trade.times(self.parts.terms.finality), trade.standing
        if standing.state.terminal:
            return None
        return times.expires_at if standing.state in (TradeState.RECORDED, TradeState.SENT) else times.final_at

    def _move(self, trade: Trade) -> Move:
        return next_move(trade.standing, trade.times(self.parts.terms.finality), self.parts.clock.now())

    async def _looked(self, trade: Trade, epoch: int) -> Trade:
        assert trade.answer.signed is not None, "only what was signed is open"
        now = self.parts.clock.now()
        try:
            used = await self.parts.venue.used(trade.answer.signed)
        except VenueDown as error:
            logger.warning("command {} stays {}: {}", trade.asked.command_id, trade.standing.state.value, error)
            return trade
        self.parts.reached(Point.LOOKED)
        times = trade.times(self.parts.terms.finality)
        state = after_look(trade.standing, times, now, used=used)
        return trade if state is trade.standing.state else await self._step(trade, state, epoch, "")

    async def _step(self, trade: Trade, state: TradeState, epoch: int, note: str) -> Trade:
        """Record a step; where another worker was quicker, return the answer as it left it."""
        at = self.parts.clock.now()
        try:
            return await self.parts.io(lambda: self.parts.ledger.step(trade, state, epoch, at, note))
        except LeaseLost:
            return await self.parts.io(lambda: self.parts.ledger.reread(trade))
