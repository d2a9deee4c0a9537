"""LongBridge: every worker's connections are processes of their own, as in the app."""

import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from longbridge_app.compose import account_of
from longbridge_app.rows import Credentials
from longbridge_app.worker import Worker
from quant_platform_kit.domain.orders import Order
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.versioned_store import VersionedStore
from venue_sandbox.servers.launch import Server

from chaos.brokers.desk import Faults, arm_each, filled_by_remark, options

__all__ = ["LONGBRIDGE_LEASE", "LongBridgeDesk", "credentials_at", "longbridge"]

TIMEOUT_SECONDS, SETTLE = 2.5, timedelta(seconds=0.4)
LONGBRIDGE_LEASE = timedelta(seconds=6)
FAULTS: Faults = (
    (0.10, {"kind": "drop_after", "operation": "submit"}),
    (0.10, {"kind": "drop_before", "operation": "submit"}),
    (0.08, {"kind": "delayed_accept", "operation": "submit", "seconds": 0.15}),
    (0.05, {"kind": "delayed_accept", "operation": "submit", "seconds": 1.6}),
    (0.04, {"kind": "silent", "operation": "submit"}),
    (0.04, {"kind": "silent_drop", "operation": "submit"}),
    (0.05, {"kind": "http_error", "operation": "submit", "status": 502}),
    (0.05, {"kind": "http_error", "operation": "submit", "status": 504, "applied": True}),
    (0.05, {"kind": "http_error", "operation": "orders", "status": 500}),
    (0.08, {"kind": "duplicate_event"}),
    (0.08, {"kind": "late_fill", "seconds": 0.15}),
    (0.02, {"kind": "partial_fill", "share": "0.5", "then": "cancel"}),
    (0.01, {"kind": "reject", "operation": "submit"}),
)
OF_ALL = ((0.03, "disconnect"), (0.02, "dead_socket"), (0.02, "half_open"), (0.02, "expire_sessions"))


@dataclass(frozen=True)
class LongBridgeDoor:
    """How each account logs in at the venue."""

    logins: Mapping[str, Credentials]

    def broker(self, account: str, store: VersionedStore) -> Broker:
        """Return a client that has not logged in."""
        trade, quote = (Worker(self.logins[account], TIMEOUT_SECONDS) for _ in range(2))
        return account_of(trade, quote, account, store, SETTLE).broker


@dataclass(frozen=True)
class LongBridgeDesk:
    """The LongBridge venue."""

    venue: Server
    door: LongBridgeDoor
    lease: timedelta = LONGBRIDGE_LEASE
    sends_once: bool = False

    def arm(self, account: str, rng: random.Random) -> Sequence[str]:
        """Plan faults; none of them may block."""
        arm_each(self.venue, account, FAULTS, rng)
        for share, kind in OF_ALL:
            if rng.random() < share:
                self.venue.fault(kind)
        return ()

    def filled(self, account: str, intended: Sequence[Order], store: VersionedStore) -> Mapping[str, Decimal]:
        """Return units filled, by what the orders say they are."""
        return filled_by_remark(self.venue, account)


@contextmanager
def longbridge(folder: Path, accounts: Sequence[str]) -> Generator[LongBridgeDesk]:
    """Run a LongBridge venue."""
    with Server("venue_sandbox.venues.longbridge", *options(folder, "longbridge", accounts)) as venue:
        logins = {account: credentials_at(venue, "longbridge", account) for account in accounts}
        yield LongBridgeDesk(venue, LongBridgeDoor(logins))


def credentials_at(venue: Server, library: str, account: str) -> Credentials:
    """Return how an account logs in at a venue, with one of the libraries."""
    login, address = venue.control("GET", "login"), f"127.0.0.1:{venue.port}"
    urls = f"http://{address}", f"ws://{address}/ws/quote", f"ws://{address}/ws/trade"
    return Credentials(library, login["key"], login["secret"], login["tokens"][account], *urls)
