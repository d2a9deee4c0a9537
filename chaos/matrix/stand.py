"""What a matrix knows of a broker: a venue of its own with one account, and how a process of the service reaches it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.service import Account
from quant_platform_kit.services.run.execution import ExecutionTimes
from venue_sandbox.servers.launch import Server

from chaos.strategy import write_prices

__all__ = ["ACCOUNT", "CALENDAR", "CASH", "SESSIONS", "Arm", "Row", "Serve", "Stand", "fault", "on_price_file"]
__all__ += ["set_clock", "together"]

CALENDAR = load_calendar("XNYS")
ACCOUNT, CASH = "DUSBX1", 100_000
SESSIONS = CALENDAR.between(date(2023, 5, 31), date(2023, 6, 2))
"""One without a fault, one with it, one to carry what was left."""


class Stand(Protocol):
    """A venue, and how it is reached."""

    @property
    def venue(self) -> Server:
        """The venue."""
        ...

    @property
    def times(self) -> ExecutionTimes:
        """How long fills are waited for."""
        ...

    @property
    def lease(self) -> timedelta:
        """A lease that the broker's timeouts fit into."""
        ...

    def begin(self, session: date) -> None:
        """Make it an hour after the open of a session."""
        ...

    def account(self, store: VersionedStore) -> Account:
        """Return the account as a process has it that has just started: it has logged in nowhere yet."""
        ...


Arm = Callable[[Any], None]
Serve = Callable[[Path], AbstractContextManager[Stand]]


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes
    ----------
    arm
        Has it happen in the run that follows.
    mend
        What someone does about it after two tries that failed; ``once`` says what that was.
    """

    name: str
    arm: Arm
    mend: Arm | None = None
    once: str = ""


def fault(kind: str, **fields: object) -> Arm:
    """Return what arms a fault of the venue."""
    return lambda stand: stand.venue.fault(kind, **fields)


def together(*arms: Arm) -> Arm:
    """Return what arms several."""

    def arm(stand: Stand) -> None:
        for one in arms:
            one(stand)

    return arm


def on_price_file(folder: Path) -> tuple[str, ...]:
    """Return the options of a venue with one funded account at which every symbol always has one price."""
    prices = write_prices(folder / "prices.csv", CALENDAR.between(date(2023, 5, 15), date(2023, 6, 5)))
    opens = CALENDAR.hours(SESSIONS[0]).open.isoformat()
    money = ("--account", f"{ACCOUNT}={CASH}")
    return ("--folder", str(folder / "venue"), "--prices", str(prices), "--clock", opens, *money)


def set_clock(venue: Server, session: date) -> None:
    """Make it an hour after the open of a session."""
    venue.fault("clock", instant=(CALENDAR.hours(session).open + timedelta(hours=1)).isoformat())
