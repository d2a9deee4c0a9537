"""The venue for services that have no key: it can be asked, and nothing can be sent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from quant_platform_kit.domain.errors import Refused

from event_trading_app.payloads import ExecuteTrade
from event_trading_app.ports import MayLeave, Sent, SignedAnswer
from event_trading_app.venues.near_intents.execute.looking import Node

__all__ = ["LookingOnly"]


@dataclass(slots=True)
class LookingOnly:
    """Asks a node of the chain about an account."""

    account: str
    node: Node

    async def prepare(self, command: ExecuteTrade, now: datetime) -> SignedAnswer:
        """Refuse: there is no key here."""
        raise Refused(f"command {command.command_id}: this service has no key, and signs nothing")

    async def send(self, data: bytes, may_leave: MayLeave) -> Sent:
        """Refuse: nothing is sent from here."""
        raise Refused("this service sends nothing")

    async def used(self, answer: SignedAnswer) -> bool:
        """Return whether an answer was settled."""
        return await self.node.used(self.account, answer.nonce)

    async def balances(self, account: str, tokens: Collection[str]) -> dict[str, int]:
        """Return what an account has of each token."""
        return await self.node.balances(account, tokens)

    async def salt(self) -> bytes:
        """Return the venue's current salt."""
        return await self.node.salt()
