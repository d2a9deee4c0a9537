"""What a stand is: one broker on this machine, from the start of its venue to clients of its accounts.

Every module of this folder that has a ``STAND`` is one; see `venue_sandbox.stands.registry`. Campaigns, matrices, the
broker contract, benchmarks, the demo and `quant sandbox up` take a broker from its stand and from nowhere else. A
client library and the app on it are imported where a client is made: a venue starts without them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from venue_sandbox.servers.launch import Server

if TYPE_CHECKING:
    from argparse import Namespace

    from quant_platform_kit.domain.orders import Order
    from quant_platform_kit.ports.versioned_store import VersionedStore
    from quant_platform_kit.runtime.service import Account
    from quant_platform_kit.testing.venue_control import VenueControl

__all__ = ["ACCOUNT", "NO_STOPS", "STOPS", "Clients", "Opening", "SessionRule", "Stand", "Subject", "Waits"]

ACCOUNT = "DUSBX000001"
"""The account of a stand that has one."""
NO_STOPS: Mapping[str, str] = dict.fromkeys(("B54", "B55", "B56", "B57", "B58"), "its traits have no stop orders")
STOPS = {"B53": "it takes stop orders"}
"""Cases that a broker cannot have that takes no stop orders, and that takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a venue is set up.

    Attributes
    ----------
    folder
        Where its journal is kept, in the subfolder ``venue``, and what a login leaves.
    accounts
        Cash of each account, by currency, its base currency first.
    prices
        Price file with date, symbol, open, close, adj_close.
    clock
        Where the venue's time begins, aware; None for real time.
    options
        Further words of its command line.
    """

    folder: Path
    accounts: Mapping[str, Mapping[str, Decimal]]
    prices: Path | None = None
    clock: datetime | None = None
    options: Sequence[str] = ()


class SessionRule(Enum):
    """Which sessions of an account may trade."""

    ALL = auto()
    NEWEST = auto()
    """A login ends the one before it."""
    FIRST = auto()
    """A login is refused while another one lasts."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a client waits: ``timeout`` seconds for an answer, ``settle`` for an order to appear."""

    timeout: float
    settle: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A client library at a venue, for which the broker contract is run.

    Attributes
    ----------
    name
        Of the column in the page of results.
    library
        Distribution of the library.
    module
        What is imported of it.
    extra
        Extra of the app that installs it; empty if the app always has it.
    options
        Of the venue.
    not_applicable
        Cases that it cannot have, by number, each with the reason.
    """

    name: str
    library: str
    module: str
    extra: str = ""
    options: tuple[str, ...] = ()
    not_applicable: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def installed(self) -> bool:
        """Whether the library is there."""
        return find_spec(self.module.partition(".")[0]) is not None


class Clients(Protocol):
    """Makes clients of the accounts at one venue; it can be sent to another process."""

    def account(self, name: str, store: VersionedStore) -> Account:
        """Return an account as a process has it that has just started: it has logged in nowhere yet."""
        ...


class Stand(ABC):
    """A venue that runs, and the ways to it; leaving its context stops it.

    Parameters
    ----------
    folder
        Where a login is kept.
    words
        The command line of the venue.
    log
        File that the venue's standard error is appended to; this process's own if not given.
    """

    name: ClassVar[str]
    """Name of the platform: ``ibkr``."""
    title: ClassVar[str]
    """Name of the broker, for people."""
    app: ClassVar[str]
    """Module of the service."""
    module: ClassVar[str]
    """Module of the venue, run with ``python -m``."""
    subjects: ClassVar[tuple[Subject, ...]]
    """Its client libraries, the one that a service has here first."""
    waits: ClassVar[Waits]
    """Waits that suit a machine under load."""
    session_rule: ClassVar[SessionRule] = SessionRule.ALL
    """What a login does to another one of the account."""
    adjustment: ClassVar[str]
    """What the history of its clients is adjusted for: ``split`` or ``total_return``."""

    def __init__(self, folder: Path, words: Sequence[str], log: Path | None = None) -> None:
        self.folder, self.words, self.log = folder, tuple(words), log
        self.server = Server(self.module, *self.words, log=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.server.process.poll() is None:
            self.server.stop()

    @classmethod
    def libraries(cls) -> list[Subject]:
        """Return the client libraries that are installed, each once."""
        return list({subject.library: subject for subject in reversed(cls.subjects) if subject.installed}.values())[
            ::-1
        ]

    @classmethod
    @abstractmethod
    def open(cls, opening: Opening) -> Self:
        """Start the venue, fund its accounts, and log in where that is done for all of them."""

    @classmethod
    def from_command_line(cls, options: Namespace, words: Sequence[str], log: Path | None = None) -> Self:
        """Start the venue of a command line, given as it was read and word for word."""
        return cls(options.folder, words, log)

    def restart(self) -> None:
        """End the venue as a crash would, and start it again with all it has kept, on the same port."""
        port = self.server.port
        self.server.kill()
        self.server = Server(self.module, *self.words, "--port", str(port), log=self.log)

    @abstractmethod
    def settings(self, account: str) -> dict[str, str]:
        """Return the settings that lead a service to an account; one of the sandbox needs no other switch."""

    @classmethod
    def history_settings(cls, prices: Path) -> dict[str, str]:
        """Return the settings by which a service has prices adjusted for dividends; empty if the broker has them."""
        return {}

    @abstractmethod
    def clients(self, waits: Waits, library: str = "", session: int = 0) -> Clients:
        """Return what makes clients.

        Parameters
        ----------
        library
            Distribution of the client library; empty for the one that a service has here.
        session
            Number of the session, where one account may have several at a time.
        """

    @abstractmethod
    def set_clock(self, account: str, instant: datetime) -> None:
        """Set the venue's time of an account, from which it runs on."""

    @abstractmethod
    def arm(self, account: str, faults: Sequence[Mapping[str, Any]]) -> None:
        """Arm faults of `venue_sandbox.exchange.faults` for the next requests of an account."""

    @abstractmethod
    def fills(self, account: str) -> list[tuple[str, Decimal]]:
        """Return the reference of every order of an account that reached the venue, in sequence, and units filled."""

    @abstractmethod
    def control(self, account: str) -> VenueControl:
        """Return what a test of the broker contract arranges for an account."""

    def sent(self, account: str) -> list[str]:
        """Return the references of the orders that reached the venue, in sequence, as often as they came."""
        return [reference for reference, _ in self.fills(account)]

    def chosen(self, order: Order) -> dict[str, str]:
        """Return the fields by which a fault chooses an order."""
        return {"order": order.client_order_id}
