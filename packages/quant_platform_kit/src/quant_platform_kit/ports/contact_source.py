"""What a first contact asks of a platform's app beyond broker and prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from quant_platform_kit.domain.sessions import SessionHours
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.market_data import MarketData

__all__ = ["AccountFacts", "ContactSource", "Instrument", "Limits", "LoginFacts"]


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """What is known of a login.

    Attributes
    ----------
    name
        Whose or which it is, without a secret; empty where nothing tells logins apart.
    accounts
        The accounts behind it; None where the broker does not tell them.
    ends
        When a person has to log in again, aware UTC; None where the broker does not tell it.
    renewal
        How and when it ends where that is known from the broker's rules alone, and what a person has to do then.
    """

    name: str
    accounts: tuple[str, ...] | None = None
    ends: datetime | None = None
    renewal: str = ""


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What a broker's documents say of an account beside its figures; None is what they do not tell.

    Attributes
    ----------
    kind
        The broker's own word for who holds it; empty where there is none.
    retirement
        Whether it is for retirement.
    only_closes
        Whether nothing may be bought any more.
    """

    kind: str = ""
    retirement: bool | None = None
    only_closes: bool | None = None


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a broker says of a symbol; None is what it does not tell.

    Attributes
    ----------
    tradable
        Whether it may be traded at all.
    fractional
        Whether parts of a unit may be traded over this API.
    lot
        Units that an order is a multiple of.
    """

    symbol: str
    currency: str
    tradable: bool | None = None
    fractional: bool | None = None
    lot: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls a broker takes, as it states it in words, and how many orders a minute our pacing makes of it."""

    stated: str
    orders_a_minute: float


class ContactSource(Protocol):
    """One account, to be looked at and not touched; what it cannot tell is None, and shown as not told.

    Every method may raise `BrokerError`; an app whose broker has no such thing answers None without a call.
    """

    @property
    def library(self) -> str:
        """The client library's distribution; empty where the platform needs none."""
        ...

    @property
    def market(self) -> MarketData:
        """The broker's own prices, also where the service takes its history from a file."""
        ...

    @property
    def adjustment(self) -> Adjustment:
        """What the history of `market` is declared to carry."""
        ...

    @property
    def calls(self) -> int:
        """Requests that were made of the broker so far, those of the login apart."""
        ...

    def whose(self) -> str:
        """Return `LoginFacts.name` of the login, which was made; no call is made for it."""
        ...

    def login(self) -> LoginFacts:
        """Return what is known of the login, which was made."""
        ...

    def now(self) -> datetime | None:
        """Return the broker's own time, aware UTC."""
        ...

    def facts(self) -> AccountFacts:
        """Return what the account's documents told when it was last read; no call is made for it."""
        ...

    def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument] | None:
        """Return what the broker says of symbols; one that it does not know is absent."""
        ...

    def hours(self, days: Sequence[date]) -> Mapping[date, SessionHours | None] | None:
        """Return regular hours by exchange-local date, None for a closed day; days it does not tell are absent."""
        ...

    def limits(self) -> Limits:
        """Return what calls the broker takes."""
        ...
