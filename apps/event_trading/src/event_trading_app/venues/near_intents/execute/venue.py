"""The venue as the executor knows it: `event_trading_app.ports.Venue` for one account."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.ports.clock import Clock

from event_trading_app.payloads import ExecuteTrade
from event_trading_app.ports import MayLeave, Sent, SignedAnswer, always
from event_trading_app.venues.near_intents.execute.keys import Key
from event_trading_app.venues.near_intents.execute.looking import Node
from event_trading_app.venues.near_intents.execute.sending import AnswerBus
from event_trading_app.venues.near_intents.execute.signing import Standard, sign_answer

__all__ = ["NearVenue"]

SALT_SECONDS = 10.0


@dataclass(slots=True)
class NearVenue:
    """Answers of one account.

    Attributes
    ----------
    account
        Whose balances are given and taken; the key is registered for it.
    salt_seconds
        For how long the salt is remembered.
    """

    account: str
    key: Key
    bus: AnswerBus
    node: Node
    clock: Clock
    standard: Standard = Standard.NEP413
    salt_seconds: float = SALT_SECONDS
    _salt: bytes = b""
    _salt_until: float = field(default=float("-inf"))
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def prepare(self, command: ExecuteTrade, now: datetime) -> SignedAnswer:
        """Sign the answer that a command asks for: the same command, key and salt give the same bytes.

        Raises
        ------
        VenueDown
            The salt is not known and cannot be asked for.
        InvalidInput
            The command is of another account, its deadline is over, or an amount is zero.
        """
        if command.account != self.account:
            raise InvalidInput(f"account {command.account} of the command: this key signs for {self.account}")
        if command.deadline <= now:
            raise InvalidInput(f"deadline {command.deadline} of the command is over: it is {now}")
        return sign_answer(command, self.key, await self._remembered_salt(), self.standard)

    async def send(self, data: bytes, may_leave: MayLeave = always) -> Sent:
        """Hand bytes to the venue and return what it says; `Unanswered` or `VenueDown` where it says nothing."""
        said = await self.bus.send(data, may_leave)
        if not said.acknowledged and "salt" in said.reason:
            self._salt_until = float("-inf")
        return said

    async def used(self, answer: SignedAnswer) -> bool:
        """Return whether an answer was settled; `VenueDown` where the venue does not say."""
        return await self.node.used(self.account, answer.nonce)

    async def balances(self, account: str, tokens: Collection[str]) -> dict[str, int]:
        """Return what an account has of each token; `VenueDown` where the venue does not say."""
        return await self.node.balances(account, tokens)

    async def salt(self) -> bytes:
        """Return the venue's current salt; `VenueDown` where it does not say."""
        salt = await self.node.salt()
        self._salt, self._salt_until = salt, self.clock.monotonic() + self.salt_seconds
        return salt

    async def ready(self) -> None:
        """Connect and ask for the salt, so that the first answer need not; `VenueDown` where that cannot be done."""
        await self.bus.ready()
        await self._remembered_salt()

    async def close(self) -> None:
        """End all connections."""
        await self.bus.close()
        await self.node.close()

    async def _remembered_salt(self) -> bytes:
        async with self._asking:
            return self._salt if self.clock.monotonic() < self._salt_until else await self.salt()
