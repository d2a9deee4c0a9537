"""Charles Schwab, which knows no client order id: an order whose send was struck may be left to an operator."""

import json
import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.domain.orders import Order
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.versioned_store import VersionedStore
from schwab_app.broker import Delays
from schwab_app.compose import account_of
from schwab_app.connection import Connection, Login
from schwab_app.intents import Intent, Intents
from schwab_app.tokens import TokenFile
from venue_sandbox.servers.launch import Server

from chaos.brokers.desk import Faults, arm_each, options

__all__ = ["SCHWAB_LEASE", "SchwabDesk", "schwab"]

TIMEOUT_SECONDS, SETTLE, SKEW = 1.5, timedelta(seconds=0.4), timedelta(seconds=1)
SCHWAB_LEASE = timedelta(seconds=4)
RECOVERABLE: Faults = (
    (0.10, {"kind": "drop_after", "operation": "submit"}),
    (0.08, {"kind": "missing_location", "operation": "submit"}),
    (0.08, {"kind": "wrong_location", "operation": "submit"}),
    (0.08, {"kind": "delayed_accept", "operation": "submit", "seconds": 0.15}),
    (0.06, {"kind": "http_error", "operation": "submit", "status": 502, "applied": True}),
    (0.03, {"kind": "silent", "operation": "submit"}),
    (0.08, {"kind": "late_fill", "seconds": 0.15}),
    (0.08, {"kind": "http_error", "operation": "orders", "status": 503}),
    (0.05, {"kind": "http_error", "operation": "account", "status": 429, "retry_after": 0}),
    (0.05, {"kind": "drop_before", "operation": "order"}),
    (0.02, {"kind": "partial_fill", "share": "0.5", "then": "cancel"}),
    (0.01, {"kind": "reject", "operation": "submit"}),
)
"""A send that is struck by one of these leaves an order that can be found, or none."""
BLOCKING: Faults = (
    (0.010, {"kind": "drop_before", "operation": "submit"}),
    (0.005, {"kind": "silent_drop", "operation": "submit"}),
    (0.005, {"kind": "delayed_accept", "operation": "submit", "seconds": 2.5}),
    (0.005, {"kind": "http_error", "operation": "submit", "status": 504}),
    (0.005, {"kind": "phantom_order", "operation": "submit"}),
)
"""A send that is struck by one of these leaves an order that is not to be found."""
EARLY, LATE = timedelta(seconds=-2), timedelta(seconds=5)
"""How long after it was sent an order may be entered, by clocks that differ by up to two seconds."""
OF_ALL = ((0.03, "expire_access"), (0.02, "disconnect"), (0.01, "half_open"))


@dataclass(frozen=True)
class SchwabDoor:
    """The venue's port, and the file with the login's token."""

    port: int
    token: Path

    def broker(self, account: str, store: VersionedStore) -> Broker:
        """Return a client that has not logged in."""
        login = Login("sandbox-key", "sandbox-secret", TokenFile(self.token), ("127.0.0.1", self.port))
        return account_of(Connection(login, TIMEOUT_SECONDS), account, store, Delays(SETTLE, SKEW)).broker


@dataclass(frozen=True)
class SchwabDesk:
    """The Schwab venue."""

    venue: Server
    door: SchwabDoor
    lease: timedelta = SCHWAB_LEASE
    sends_once: bool = True

    def arm(self, account: str, rng: random.Random) -> Sequence[str]:
        """Plan faults; some of those that strike a send may block."""
        arm_each(self.venue, account, RECOVERABLE, rng)
        for share, kind in OF_ALL:
            if rng.random() < share:
                self.venue.fault(kind)
        return arm_each(self.venue, account, BLOCKING, rng)

    def filled(self, account: str, intended: Sequence[Order], store: VersionedStore) -> Mapping[str, Decimal]:
        """Return units filled; an order there is the first one that looks like it and was sent shortly before."""
        intents, filled = Intents(store, account), dict[str, Decimal]()
        sent = [intent for order in intended if (intent := intents.known(order.client_order_id)) is not None]
        for order in sorted(self.venue.control("GET", "book")["orders"], key=lambda order: order["number"]):
            ticket = order["ticket"]
            if ticket["account"] != account:
                continue
            looks = (ticket["symbol"], ticket["side"], Decimal(ticket["quantity"]))
            entered = datetime.fromisoformat(order["entered_at"])
            fitting = (
                intent for intent in sent if _looks(intent) == looks and EARLY <= entered - intent.sent_at <= LATE
            )
            own = next(fitting, None)
            if own is not None:
                sent.remove(own)
            name = own.order.client_order_id if own else f"schwab-{order['number']}"
            filled[name] = Decimal(order["filled"])
        return {name: units for name, units in filled.items() if units or name.startswith("schwab-")}


def _looks(intent: Intent) -> tuple[str, str, Decimal]:
    return intent.order.symbol, intent.order.side.value, intent.order.quantity


@contextmanager
def schwab(folder: Path, accounts: Sequence[str]) -> Generator[SchwabDesk]:
    """Run a Schwab venue, with one login for all accounts."""
    with Server("venue_sandbox.venues.schwab", *options(folder, "schwab", accounts)) as venue:
        token = folder / "token.json"
        token.write_text(json.dumps(venue.control("POST", "login")))
        yield SchwabDesk(venue, SchwabDoor(venue.port, token))
