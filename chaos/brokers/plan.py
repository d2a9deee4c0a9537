"""What a campaign does to a broker: how many accounts trade, how long they wait, and what goes wrong in which share."""

import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from quant_platform_kit.domain.orders import Order
from quant_platform_kit.ports.versioned_store import VersionedStore
from venue_sandbox.stands.stand import Clients, Opening, Stand, Waits

from chaos.strategy import write_prices

__all__ = ["CASH", "Faults", "Plan", "Venues", "filled_by_reference"]

CASH = Decimal(100_000)
OPENS = datetime.fromisoformat("2023-06-02T14:30:00+00:00")

Faults = Sequence[tuple[float, Mapping[str, Any]]]
"""Faults, and in what share of the runs each is armed."""

COMMON: Faults = (
    (0.10, {"kind": "drop_after", "operation": "submit"}),
    (0.10, {"kind": "drop_before", "operation": "submit"}),
    (0.08, {"kind": "delayed_accept", "operation": "submit", "seconds": 0.15}),
    (0.08, {"kind": "late_fill", "seconds": 0.15}),
    (0.02, {"kind": "partial_fill", "share": "0.5", "then": "cancel"}),
    (0.01, {"kind": "reject", "operation": "submit"}),
)
"""What goes wrong at every venue, for a broker that has no plan of its own."""


@dataclass(frozen=True)
class Plan:
    """What a campaign does to one broker.

    Attributes
    ----------
    faults
        What a run recovers from by itself.
    changes
        What happens to the whole venue.
    blocking
        What may rightly end a run in a block.
    waits, lease
        How long a worker waits, and the shortest lease that this fits into.
    lanes
        How many accounts trade at a time.
    accounts_of_a_venue
        How many of them one venue has; None for all.
    sends_once
        Whether a worker that dies within a send may leave an order that only an operator can settle.
    options
        Of the venue.
    """

    kind: type[Stand]
    faults: Faults = COMMON
    changes: Faults = ()
    blocking: Faults = ()
    waits: Waits | None = None
    lease: timedelta = timedelta(seconds=10)
    lanes: int = 12
    accounts_of_a_venue: int | None = None
    sends_once: bool = False
    options: tuple[str, ...] = ()

    @contextmanager
    def serve(self, folder: Path, accounts: Sequence[str]) -> Generator["Venues"]:
        """Run the venues of a campaign, at which every symbol has one price."""
        prices = write_prices(folder / "prices.csv", ("2023-05-31", "2023-06-01", "2023-06-02", "2023-06-05"))
        several = self.accounts_of_a_venue or len(accounts)
        stands, clients = dict[str, Stand](), dict[str, Clients]()
        with ExitStack() as running:
            for number, first in enumerate(range(0, len(accounts), several)):
                few = accounts[first : first + several]
                own = folder / f"{self.kind.name}-{number}"
                own.mkdir()
                funded = {account: {"USD": CASH} for account in few}
                opening = Opening(folder=own, accounts=funded, prices=prices, clock=OPENS, options=self.options)
                stand = running.enter_context(self.kind.open(opening))
                stands |= dict.fromkeys(few, stand)
                clients |= dict.fromkeys(few, self.clients(stand, number))
            yield Venues(self, stands, clients)

    def clients(self, stand: Stand, number: int) -> Clients:
        """Return what makes clients at one of the venues, numbered from 0."""
        return stand.clients(self.waits or stand.waits, session=number)

    def arm(self, stand: Stand, account: str, rng: random.Random) -> Sequence[str]:
        """Plan what goes wrong with the next run of an account; return what of it may rightly end in a block."""
        self._draw(stand, account, self.faults, rng)
        for share, change in self.changes:
            if rng.random() < share:
                stand.server.fault(**change)
        return self._draw(stand, account, self.blocking, rng)

    def filled(
        self, stand: Stand, account: str, intended: Sequence[Order], store: VersionedStore
    ) -> Mapping[str, Decimal]:
        """Return units filled by client order id; what no intended order explains is under another name."""
        return filled_by_reference(stand, account)

    def _draw(self, stand: Stand, account: str, faults: Faults, rng: random.Random) -> Sequence[str]:
        """Arm each fault with its probability; return those that were, by kind and number."""
        drawn = [fault for share, fault in faults if rng.random() < share]
        for fault in drawn:
            stand.arm(account, [{"skip": rng.choice((0, 0, 1)), **fault}])
        return [" ".join(str(fault[name]) for name in ("kind", "code", "status") if name in fault) for fault in drawn]


@dataclass(frozen=True)
class Venues:
    """The venues of a campaign while they run: the stand of each account, and what makes its clients."""

    plan: Plan
    stands: Mapping[str, Stand]
    clients: Mapping[str, Clients]

    def arm(self, account: str, rng: random.Random) -> Sequence[str]:
        """Plan what goes wrong with the next run of an account; return what of it may rightly end in a block."""
        return self.plan.arm(self.stands[account], account, rng)

    def filled(self, account: str, intended: Sequence[Order], store: VersionedStore) -> Mapping[str, Decimal]:
        """Return units filled by client order id."""
        return self.plan.filled(self.stands[account], account, intended, store)


def filled_by_reference(stand: Stand, account: str) -> Mapping[str, Decimal]:
    """Return units filled at a venue whose orders carry the client order id; a second order of one id stands apart."""
    filled: dict[str, Decimal] = {}
    for number, (name, units) in enumerate(stand.fills(account), 1):
        filled[f"{name} again, number {number}" if name in filled else name] = units
    return {name: units for name, units in filled.items() if units or " again" in name}
