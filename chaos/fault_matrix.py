"""Every fault of the paper venue and of the store, on every store: how each ends, written as a table.

``python -m chaos.fault_matrix [--write docs/reference/fault-matrix.md]`` runs one account through three sessions per
cell: one without faults, one with the fault, one to carry what was left. It fails when an order was filled twice, or a
run ended neither resolved nor blocked and reported.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import BrokerError, InProgress, LeaseLost, StoreError
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.paper.venue import Fault
from quant_platform_kit.ports.versioned_store import Stored, VersionedStore
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.request import RunPorts, RunRequest, RunTerms
from quant_platform_kit.services.run.run_cycle import run_cycle
from venue_sandbox.stands.paper import PaperStand

from chaos import stores
from chaos.brokers.paper import PAPER_WAITS, fills_on_paper, paper_venue
from chaos.brokers.plan import CASH
from chaos.counting import judge
from chaos.strategy import FixedMarket, RunClock, bound
from chaos.worker import TIMES

CALENDAR = load_calendar("XNYS")
SESSIONS = CALENDAR.between(date(2023, 3, 1), date(2023, 3, 10))
MOST_TRIES = 8


class StoreFault(StoreError):
    """The fault that a cell asked for."""


@dataclass
class FaultyStore:
    """A store whose write to a chosen kind of key fails once, before or after it took effect; or that is slow."""

    store: VersionedStore
    fragment: str
    after: bool = False
    times: int = 1
    delay: float = 0.0

    def create(self, key: str, data: bytes) -> int:
        """Create, or fail."""
        return self._write(key, lambda: self.store.create(key, data))

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Replace, or fail."""
        return self._write(key, lambda: self.store.replace(key, data, generation))

    def get(self, key: str) -> Stored | None:
        """Get."""
        return self.store.get(key)

    def keys(self, prefix: str) -> list[str]:
        """List."""
        return self.store.keys(prefix)

    def now(self) -> Any:
        """Tell the time."""
        return self.store.now()

    def _write(self, key: str, write: Callable[[], int]) -> int:
        time.sleep(self.delay)
        if self.fragment not in key or not self.times:
            return write()
        self.times -= 1
        if self.after:
            write()
        raise StoreFault(f"{key}: the store is down")


@dataclass
class StaleMarket:
    """Quotes that are two minutes old."""

    market: FixedMarket

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return the history."""
        return self.market.history(symbols, until, sessions)

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return old quotes."""
        fresh = self.market.quotes(symbols)
        return {symbol: replace(quote, as_of=quote.as_of - timedelta(minutes=2)) for symbol, quote in fresh.items()}


@dataclass(frozen=True)
class Cell:
    """One fault; at most one of the fields says what kind."""

    name: str
    venue: Fault | None = None
    store: Callable[[VersionedStore], VersionedStore] | None = None
    stale: bool = False


CELLS = (
    *(Cell(fault.value.replace("_", " "), venue=fault) for fault in Fault),
    Cell("stale price", stale=True),
    Cell("store down before the claim", store=lambda s: FaultyStore(s, "/claim")),
    Cell("store down before SENT", store=lambda s: FaultyStore(s, ".001")),
    Cell("store down after the send", store=lambda s: FaultyStore(s, ".002")),
    Cell("ambiguous commit of SENT", store=lambda s: FaultyStore(s, ".001", after=True)),
    Cell("ambiguous commit of the plan", store=lambda s: FaultyStore(s, "/plan", after=True)),
    Cell("slow store", store=lambda s: FaultyStore(s, "", times=0, delay=0.08)),
)


def run_cell(cell: Cell, place: stores.StorePlace, stand: PaperStand, account: str) -> str:
    """Run one account through the fault, and say how it ended."""
    stand.fund(account, {"USD": CASH})
    keys: list[RunKey] = []
    made: list[RunReport] = []
    for number, session in enumerate(SESSIONS[1:4]):
        key = RunKey(account, session, "matrix", Mode.PAPER)
        keys.append(key)
        faulty = number == 1
        if faulty and cell.venue:
            stand.arm(account, [{"kind": cell.venue.value}])
        made.append(_run(cell if faulty else Cell("none"), key, place, stand))
    ledger, reports = place.open()
    count = judge(keys, fills_on_paper(stand, account), ledger, ReportStore(reports))
    if count.duplicates or count.lost or count.unresolved:
        raise SystemExit(f"{cell.name} on {place.ledger}: {count}")
    return _verdict(made[1], made[2])


def _run(cell: Cell, key: RunKey, place: stores.StorePlace, stand: PaperStand) -> RunReport:
    """Ask until there is a report, as a scheduler's retries do."""
    clock = RunClock(CALENDAR.hours(key.session).open + timedelta(hours=1), SystemClock().monotonic(), SystemClock())
    ledger, reports = place.open()
    market = FixedMarket(clock, CALENDAR)
    ports = RunPorts(
        broker=stand.clients(PAPER_WAITS).account(key.account_id, ledger).broker,
        market=StaleMarket(market) if cell.stale else market,
        store=cell.store(ledger) if cell.store else ledger,
        reports=ReportStore(reports),
        clock=clock,
        calendar=CALENDAR,
    )
    for _ in range(MOST_TRIES):
        try:
            return run_cycle(RunRequest(bound(5), key), ports, ExecutionPolicy(), RunTerms(TIMES, place.lease))
        except InProgress as busy:
            clock.sleep(busy.retry_after.total_seconds())
        except (BrokerError, StoreError, LeaseLost):
            clock.sleep(0.1)
    raise SystemExit(f"{cell.name} on {place.ledger}: no report after {MOST_TRIES} tries")


def _verdict(report: RunReport, after: RunReport) -> str:
    if report.outcome is Outcome.COMPLETED:
        return "resolved"
    following = "the next session goes on" if after.outcome.good else f"the next session is {after.outcome.value}"
    return f"{report.outcome.value} and reported; {following}"


def main() -> int:
    """Run every cell; print, or write, the table."""
    parser = argparse.ArgumentParser(prog="python -m chaos.fault_matrix", description="Every fault, on every store.")
    parser.add_argument("--write", type=Path, help="file to write the table to")
    parser.add_argument("--stores", nargs="+", choices=stores.KINDS, default=list(stores.KINDS))
    arguments = parser.parse_args()
    columns: dict[str, list[str]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matrix-")))
        stand = stack.enter_context(paper_venue(folder))
        for kind in arguments.stores:
            place = stack.enter_context(stores.serve(kind, folder))
            columns[kind] = []
            for number, cell in enumerate(CELLS):
                account = f"DUSBX{kind.upper()}{number:02}"
                columns[kind].append(run_cell(cell, place, stand, account))
                sys.stderr.write(f"{kind}: {cell.name}: {columns[kind][-1]}\n")
    table = _table(columns)
    if arguments.write:
        arguments.write.write_text(table)
    else:
        sys.stdout.write(table)
    return 0


def _table(columns: dict[str, list[str]]) -> str:
    lines = [
        "# Fault matrix",
        "",
        "What becomes of a run with sells and buys when one fault hits it, on every store. Written by",
        "`python -m chaos.fault_matrix --write docs/reference/fault-matrix.md`, which runs each cell against the paper",
        "venue in a process of its own, where a repeated client order id is filled twice, and fails on an order filled",
        "twice, lost or left open.",
        "",
        f"| fault | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for number, cell in enumerate(CELLS):
        lines.append(f"| {cell.name} | {' | '.join(column[number] for column in columns.values())} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
