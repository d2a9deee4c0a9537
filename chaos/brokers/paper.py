"""The paper venue, which fills a repeated client order id twice."""

import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.domain.orders import Order
from quant_platform_kit.paper.venue import Fault
from quant_platform_kit.ports.versioned_store import VersionedStore
from venue_sandbox.stands.paper import PaperStand
from venue_sandbox.stands.stand import Opening, Stand, Waits

from chaos.brokers.plan import Plan
from chaos.strategy import PRICES

__all__ = ["PAPER_WAITS", "PLAN", "fills_on_paper", "paper_faults", "paper_venue"]

PAPER_WAITS = Waits(0.25, timedelta(seconds=0.3))
OPTIONS = ("--dedupe", "off", "--delay", "0.12")
RECOVERABLE = (
    Fault.SILENT,
    Fault.SILENT_DROP,
    Fault.DELAYED_ACCEPT,
    Fault.DUPLICATE_EVENT,
    Fault.LATE_FILL,
    Fault.DROP_AFTER,
)
COSTLY = (Fault.PARTIAL_FILL, Fault.REJECT, Fault.UNFILLED, Fault.CASH_SHORT, Fault.FILL_RACES_CANCEL)


def paper_faults(rng: random.Random) -> list[Mapping[str, str]]:
    """Return what the paper venue is to do wrong with the next orders of an account."""
    chosen: list[Fault] = []
    for _ in range(6):
        drawn = rng.random()
        if drawn < 0.25:
            chosen.append(rng.choice(RECOVERABLE))
        elif drawn < 0.26:
            chosen.append(rng.choice(COSTLY))
        else:
            chosen.append(Fault.LATE_FILL if drawn > 0.95 else Fault.DUPLICATE_EVENT)
    return [{"kind": fault.value} for fault in chosen]


def fills_on_paper(stand: Stand, account: str) -> dict[str, Decimal]:
    """Return units filled at a paper venue by client order id."""
    filled: dict[str, Decimal] = {}
    for identity, units in stand.fills(account):
        if units:
            filled[identity] = filled.get(identity, Decimal(0)) + units
    return filled


@contextmanager
def paper_venue(folder: Path) -> Generator[PaperStand]:
    """Run a paper venue without accounts, at which every symbol has one price on every day."""
    with PaperStand.open(Opening(folder=folder, accounts={}, options=OPTIONS)) as stand:
        stand.set_prices(PRICES)
        yield stand


class PaperPlan(Plan):
    """Faults by the order, not by the run; none of them may block."""

    def arm(self, stand: Stand, account: str, rng: random.Random) -> Sequence[str]:
        """Plan faults."""
        stand.arm(account, paper_faults(rng))
        return ()

    def filled(
        self, stand: Stand, account: str, intended: Sequence[Order], store: VersionedStore
    ) -> Mapping[str, Decimal]:
        """Return units filled; those of a repeated id are added up."""
        return fills_on_paper(stand, account)


PLAN = PaperPlan(PaperStand, waits=PAPER_WAITS, lease=timedelta(0), lanes=24, options=OPTIONS)
