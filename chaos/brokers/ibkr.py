"""Interactive Brokers: TWS venues, each with the few accounts of one login."""

import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from ibkr_app.compose import account_of
from ibkr_app.connection import Address, Connection
from quant_platform_kit.domain.orders import Order
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.versioned_store import VersionedStore
from venue_sandbox.servers.launch import Server

from chaos.brokers.desk import Faults, arm_each, filled_by_remark, options

__all__ = ["IBKR_LEASE", "IbkrDesk", "ibkr"]

IBKR_TIMEOUT_SECONDS, IBKR_SETTLE = 1.0, timedelta(seconds=0.4)
IBKR_LEASE = timedelta(seconds=3)
ACCOUNTS_OF_A_LOGIN = 3
IBKR_FAULTS: Faults = (
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
DUPLICATE_ID: Faults = ((0.02, {"kind": "error", "code": 103, "operation": "submit"}),)
RESTART, ROLL_BACK = 0.01, 0.01


@dataclass(frozen=True)
class IbkrDoor:
    """Where each account's Gateway listens, and the client id of each account."""

    ports: Mapping[str, int]
    client_ids: Mapping[str, int]

    def broker(self, account: str, store: VersionedStore) -> Broker:
        """Return a client that has not logged in."""
        address = Address("127.0.0.1", self.ports[account], self.client_ids[account], IBKR_TIMEOUT_SECONDS)
        return account_of(Connection(address), account, store, IBKR_SETTLE).broker


@dataclass(frozen=True)
class IbkrDesk:
    """The TWS venue of each account."""

    venues: Mapping[str, Server]
    door: IbkrDoor
    lease: timedelta = IBKR_LEASE
    sends_once: bool = False

    def arm(self, account: str, rng: random.Random) -> Sequence[str]:
        """Plan faults; a duplicate id (103) may block."""
        venue = self.venues[account]
        arm_each(venue, account, IBKR_FAULTS, rng)
        if rng.random() < RESTART:
            venue.fault("restart", seconds=0.3)
        if rng.random() < ROLL_BACK:
            venue.fault("id_rollback")
        return arm_each(venue, account, DUPLICATE_ID, rng)

    def filled(self, account: str, intended: Sequence[Order], store: VersionedStore) -> Mapping[str, Decimal]:
        """Return units filled, by what the orders say they are."""
        return filled_by_remark(self.venues[account], account)


@contextmanager
def ibkr(folder: Path, accounts: Sequence[str]) -> Generator[IbkrDesk]:
    """Run the TWS venues."""
    venues: dict[str, Server] = {}
    with ExitStack() as running:
        for first in range(0, len(accounts), ACCOUNTS_OF_A_LOGIN):
            few = accounts[first : first + ACCOUNTS_OF_A_LOGIN]
            venue = running.enter_context(Server("venue_sandbox.venues.tws", *options(folder, f"tws-{first}", few)))
            venues |= dict.fromkeys(few, venue)
        ports = {account: venue.port for account, venue in venues.items()}
        yield IbkrDesk(venues, IbkrDoor(ports, {account: number for number, account in enumerate(accounts, 1)}))
