"""A page of results: a broker, its faults, and how long its runs wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.services.run.execution import ExecutionTimes
from venue_sandbox.stands.stand import Opening, Stand, Waits

from chaos.matrix.over_http import order_rows
from chaos.matrix.rows import ACCOUNT, Row
from chaos.strategy import write_prices

__all__ = ["CALENDAR", "SESSIONS", "Page"]

CALENDAR = load_calendar("XNYS")
SESSIONS = CALENDAR.between(date(2023, 5, 31), date(2023, 6, 2))
"""One without a fault, one with it, one to carry what was left."""
CASH = Decimal(100_000)
WAITS = Waits(3.0, timedelta(seconds=0.6))
TIMES = ExecutionTimes(timedelta(seconds=1), timedelta(seconds=0.1))
ROWS = order_rows(late=7)


@dataclass(frozen=True)
class Page:
    """A broker, and its faults; without more, those of every venue.

    Attributes
    ----------
    rows
        The faults.
    waits, times, lease
        How long a client waits, how long fills are waited for, and a lease that both fit into.
    """

    kind: type[Stand]
    rows: Sequence[Row] = ROWS
    waits: Waits = WAITS
    times: ExecutionTimes = TIMES
    lease: timedelta = timedelta(seconds=10)

    def open(self, folder: Path) -> Stand:
        """Start the venue with one funded account, at which every symbol always has one price."""
        prices = write_prices(folder / "prices.csv", CALENDAR.between(date(2023, 5, 15), date(2023, 6, 5)))
        opens = CALENDAR.hours(SESSIONS[0]).open
        return self.kind.open(Opening(folder=folder, accounts={ACCOUNT: {"USD": CASH}}, prices=prices, clock=opens))
