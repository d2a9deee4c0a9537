"""What a first contact learns of the paper venue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from math import inf
from typing import Protocol

from quant_platform_kit.domain.sessions import SessionHours
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.paper.client import PaperClient, VenueClock
from quant_platform_kit.ports.contact_source import AccountFacts, Instrument, Limits, LoginFacts
from quant_platform_kit.ports.market_data import MarketData

__all__ = ["PaperContact"]


class _Counted(MarketData, Protocol):
    """Prices that count their requests."""

    calls: int


class PaperContact:
    """`ContactSource` of an account at the paper venue."""

    library = "quant-platform-kit"

    def __init__(self, client: PaperClient, market: _Counted, clock: VenueClock, adjustment: Adjustment) -> None:
        self._client, self._clock = client, clock
        self.market, self.adjustment = market, adjustment
        self._before = 0

    @property
    def calls(self) -> int:
        """Requests since the login."""
        return self._client.calls + self._clock.calls + self.market.calls - self._before

    def whose(self) -> str:
        """Return the account, which is the login."""
        return self._client.account_id

    def login(self) -> LoginFacts:
        """Return the account: it is its own login, which no time ends."""
        self._before += self.calls
        return LoginFacts(
            self._client.account_id, (self._client.account_id,), renewal="it lasts until a newer login takes its place"
        )

    def now(self) -> datetime | None:
        """Return None: the service goes by the venue's own clock."""
        return None

    def facts(self) -> AccountFacts:
        """Return nothing: an account of the venue is what it is opened as."""
        return AccountFacts()

    def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument] | None:
        """Return None: the venue trades whatever it quotes."""
        return None

    def hours(self, days: Sequence[date]) -> Mapping[date, SessionHours | None] | None:
        """Return None: the venue trades by our own calendar."""
        return None

    def limits(self) -> Limits:
        """Return that there are none."""
        return Limits("the paper venue takes any number of calls", inf)
