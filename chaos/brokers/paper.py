"""The paper venue, which fills a repeated client order id twice."""

import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.domain.orders import Order
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.paper.client import PaperClient, control
from quant_platform_kit.paper.venue import Fault
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.versioned_store import VersionedStore

from chaos.brokers.desk import CASH
from chaos.strategy import PRICES
from chaos.venue import PaperVenueProcess

__all__ = ["PAPER_TRAITS", "PaperDesk", "fills_on_paper", "paper", "paper_faults"]

PAPER_TRAITS = BrokerTraits(settle_window=timedelta(seconds=0.3), timeout=timedelta(seconds=0.25))
RECOVERABLE = (
    Fault.LOST_ACK,
    Fault.SILENT_DROP,
    Fault.DELAYED_ACCEPT,
    Fault.DUPLICATE_EVENT,
    Fault.LATE_FILL,
    Fault.DISCONNECT,
)
COSTLY = (Fault.PARTIAL_THEN_CANCEL, Fault.REJECT, Fault.UNFILLED, Fault.CASH_SHORT, Fault.FILL_RACES_CANCEL)


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
    sends_once: bool = False

    @property
    def door(self) -> PaperDoor:
        """Its port."""
        return PaperDoor(self.port)

    def arm(self, account: str, rng: random.Random) -> Sequence[str]:
        """Plan faults; none of them may block."""
        control(self.port, op="fault", account=account, faults=paper_faults(rng))
        return ()

    def filled(self, account: str, intended: Sequence[Order], store: VersionedStore) -> Mapping[str, Decimal]:
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
