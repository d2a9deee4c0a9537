"""The brokers of the campaigns: a venue in a process of its own, what it can do wrong, and how a worker reaches it."""

import random
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from ibkr_app.broker import IbkrBroker
from ibkr_app.connection import Address, Connection
from ibkr_app.contracts import Contracts
from ibkr_app.order_ids import OrderIds
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.testing.paper_client import PaperClient, control
from quant_platform_kit.testing.paper_venue import Fault
from venue_sandbox.launch import Server

from chaos.strategy import PRICES, SYMBOLS
from chaos.venue import PaperVenueProcess

__all__ = ["BROKERS", "CASH", "PAPER_TRAITS", "SDKS", "Desk", "Door", "fills_on_paper", "paper_faults"]

CASH = Decimal(100_000)
PAPER_TRAITS = BrokerTraits(settle_window=timedelta(seconds=0.3), timeout=timedelta(seconds=0.25))
IBKR_TIMEOUT_SECONDS, IBKR_SETTLE = 1.0, timedelta(seconds=0.4)
IBKR_LEASE = timedelta(seconds=3)
RECOVERABLE = (
    Fault.LOST_ACK,
    Fault.SILENT_DROP,
    Fault.DELAYED_ACCEPT,
    Fault.DUPLICATE_EVENT,
    Fault.LATE_FILL,
    Fault.DISCONNECT,
)
COSTLY = (Fault.PARTIAL_THEN_CANCEL, Fault.REJECT, Fault.UNFILLED, Fault.CASH_SHORT, Fault.FILL_RACES_CANCEL)
VENUE_DAY = "2023-06-02T14:30:00+00:00"


class Door(Protocol):
    """How a worker reaches the venue: all that goes to its process."""

    def broker(self, account: str, store: VersionedStore) -> Broker:
        """Return a client of an account, as a process that has just started has it."""
        ...


class Desk(Protocol):
    """A venue that runs, for the accounts of a campaign."""

    @property
    def door(self) -> Door:
        """How workers reach it."""
        ...

    @property
    def lease(self) -> timedelta:
        """The shortest lease that the broker's timeouts fit into."""
        ...

    def arm(self, account: str, rng: random.Random) -> bool:
        """Plan what goes wrong with the next run of an account; return whether that may rightly end in a block."""
        ...

    def filled(self, account: str) -> Mapping[str, Decimal]:
        """Return units filled by client order id."""
        ...


@dataclass(frozen=True)
class Side:
    """A kind of broker: how its venue is served for a folder and accounts, and how many accounts trade at a time."""

    serve: Callable[[Path, Sequence[str]], Any]
    lanes: int


def paper_faults(rng: random.Random) -> list[str]:
    """Return what the paper venue is to do wrong with the next orders of an account."""
    chosen: list[str] = []
    for _ in range(6):
        drawn = rng.random()
        if drawn < 0.25:
            chosen.append(rng.choice(RECOVERABLE).value)
        elif drawn < 0.26:
            chosen.append(rng.choice(COSTLY).value)
        else:
            chosen.append(Fault.LATE_FILL.value if drawn > 0.95 else "")
    return [fault or Fault.DUPLICATE_EVENT.value for fault in chosen]


def fills_on_paper(port: int, account: str) -> dict[str, Decimal]:
    """Return units filled at a paper venue by client order id."""
    filled: dict[str, Decimal] = {}
    for report in control(port, op="dump", account=account)["orders"]:
        for fill in report["fills"]:
            identity = report["order"]["client_order_id"]
            filled[identity] = filled.get(identity, Decimal(0)) + Decimal(fill["quantity"])
    return filled


# --- paper ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PaperDoor:
    """The paper venue's port."""

    port: int

    def broker(self, account: str, store: VersionedStore) -> Broker:
        """Return a client."""
        return PaperClient(self.port, account, PAPER_TRAITS)


@dataclass(frozen=True)
class PaperDesk:
    """The paper venue, which fills a repeated client order id twice."""

    port: int
    lease: timedelta = timedelta(0)

    @property
    def door(self) -> PaperDoor:
        """Its port."""
        return PaperDoor(self.port)

    def arm(self, account: str, rng: random.Random) -> bool:
        """Plan faults; none of them may block."""
        control(self.port, op="fault", account=account, faults=paper_faults(rng))
        return False

    def filled(self, account: str) -> Mapping[str, Decimal]:
        """Return units filled."""
        return fills_on_paper(self.port, account)


@contextmanager
def paper(folder: Path, accounts: Sequence[str]) -> Generator[PaperDesk]:
    """Run a paper venue."""
    with PaperVenueProcess(folder) as venue:
        control(venue.port, op="prices", prices={symbol: str(price) for symbol, price in PRICES.items()})
        for account in accounts:
            control(venue.port, op="fund", account=account, cash=str(CASH))
        yield PaperDesk(venue.port)


# --- Interactive Brokers ----------------------------------------------------------------------------

IBKR_FAULTS: tuple[tuple[float, dict[str, Any]], ...] = (
    (0.10, {"kind": "drop_after", "operation": "submit"}),
    (0.10, {"kind": "drop_before", "operation": "submit"}),
    (0.08, {"kind": "delayed_accept", "operation": "submit", "seconds": 0.15}),
    (0.05, {"kind": "delayed_accept", "operation": "submit", "seconds": 1.6}),
    (0.08, {"kind": "silent_drop", "operation": "submit"}),
    (0.08, {"kind": "duplicate_event"}),
    (0.08, {"kind": "late_fill", "seconds": 0.15}),
    (0.02, {"kind": "partial_fill", "share": "0.5", "then": "cancel"}),
    (0.01, {"kind": "reject", "operation": "submit"}),
)
DUPLICATE_ID = 0.02
RESTART, ROLL_BACK = 0.01, 0.01


@dataclass(frozen=True)
class IbkrDoor:
    """The TWS venue's port, and the client id of each account."""

    port: int
    client_ids: Mapping[str, int]

    def broker(self, account: str, store: VersionedStore) -> Broker:
        """Return a client that has not logged in."""
        client_id = self.client_ids[account]
        connection = Connection(Address("127.0.0.1", self.port, client_id, IBKR_TIMEOUT_SECONDS))
        return IbkrBroker(connection, Contracts(connection), account, OrderIds(store, client_id), IBKR_SETTLE)


@dataclass(frozen=True)
class IbkrDesk:
    """The TWS venue."""

    venue: Server
    door: IbkrDoor
    lease: timedelta = IBKR_LEASE

    def arm(self, account: str, rng: random.Random) -> bool:
        """Plan faults; a duplicate id (103) and a roll-back of ids may block."""
        for share, fault in IBKR_FAULTS:
            if rng.random() < share:
                self._fault(account=account, skip=rng.choice((0, 0, 1)), **fault)
        if rng.random() < RESTART:
            self._fault(kind="restart", seconds=0.3)
        blocks = rng.random() < DUPLICATE_ID
        if blocks:
            self._fault(account=account, kind="error", code=103, operation="submit")
        if rng.random() < ROLL_BACK:
            self._fault(kind="id_rollback")
        return blocks

    def filled(self, account: str) -> Mapping[str, Decimal]:
        """Return units filled."""
        filled: dict[str, Decimal] = {}
        for order in self.venue.control("GET", "book")["orders"]:
            ticket = order["ticket"]
            if ticket["account"] == account and Decimal(order["filled"]):
                filled[ticket["reference"]] = filled.get(ticket["reference"], Decimal(0)) + Decimal(order["filled"])
        return filled

    def _fault(self, kind: str, **fields: Any) -> None:
        self.venue.fault(kind, **fields)


@contextmanager
def ibkr(folder: Path, accounts: Sequence[str]) -> Generator[IbkrDesk]:
    """Run a TWS venue on which every symbol of the campaign has one price."""
    prices = folder / "prices.csv"
    days = ("2023-05-31", "2023-06-01", "2023-06-02", "2023-06-05")
    rows = (f"{day},{symbol}{f',{PRICES[symbol]}' * 3}\n" for day in days for symbol in SYMBOLS)
    prices.write_text("date,symbol,open,close,adj_close\n" + "".join(rows))
    funded = [word for account in accounts for word in ("--account", f"{account}={CASH}")]
    options = ("--folder", str(folder / "tws"), "--prices", str(prices), "--clock", VENUE_DAY, *funded)
    with Server("venue_sandbox.tws", *options) as venue:
        ids = {account: number for number, account in enumerate(accounts, 1)}
        yield IbkrDesk(venue, IbkrDoor(venue.port, ids))


SDKS = ("ib_async",)
"""What a worker's parent imports before it forks."""
BROKERS: Mapping[str, Serve] = {"paper": paper, "ibkr": ibkr}
