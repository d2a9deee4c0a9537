"""Every fault of Interactive Brokers: how each ends, written as a table.

``python -m chaos.ibkr_matrix [--write docs/reference/fault-matrix-ibkr.md]`` runs one account through three sessions
per fault, at a venue of its own: one without faults, one with the fault, one to carry what was left. It fails when an
order was filled twice, when one is left that the platform does not know, or when a run ended neither resolved nor
blocked and reported.
"""

import argparse
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from ibkr_app.connection import Address, Connection
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import BrokerError, InProgress, LeaseLost
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.services.reports import ReportStore
from quant_platform_kit.services.run_cycle import run_cycle
from quant_platform_kit.services.run_request import RunPorts, RunRequest, RunTerms

from chaos.brokers import IBKR_LEASE, IbkrDesk, ibkr
from chaos.strategy import FixedMarket, RunClock, bound
from chaos.verdict import judge
from chaos.worker import TIMES

CALENDAR = load_calendar("XNYS")
SESSIONS = CALENDAR.between(date(2023, 3, 1), date(2023, 3, 10))
ACCOUNT = "DUSBX1"
MOST_TRIES = 10

Arm = Callable[[IbkrDesk], None]


def _fault(kind: str, **fields: object) -> Arm:
    return lambda desk: desk.venue.fault(kind, **fields)


def _several(*arms: Arm) -> Arm:
    def arm(desk: IbkrDesk) -> None:
        for one in arms:
            one(desk)

    return arm


def _occupied(desk: IbkrDesk) -> None:
    """Hold the client id for a second, as a session that was not ended does."""
    other = Connection(Address("127.0.0.1", desk.port, desk.client_ids[ACCOUNT], 2.0))
    other.connect()
    threading.Timer(1.0, other.close).start()


def _closed_for_a_while(desk: IbkrDesk) -> None:
    """Close the market, and open it again after a second."""
    desk.venue.fault("market", state="closed")
    threading.Timer(1.0, lambda: desk.venue.fault("market", state="open")).start()


def _lost_connectivity(desk: IbkrDesk) -> None:
    """Tell 1100 when an order comes, and 1102 with the next one."""
    desk.venue.fault("message", code=1100, operation="submit")
    desk.venue.fault("message", code=1102, operation="submit", skip=1)


SUBMIT = {"operation": "submit"}
FAULTS: tuple[tuple[str, Arm], ...] = (
    ("lost acknowledgement, connection cut", _fault("drop_after", **SUBMIT)),
    ("lost acknowledgement, connection open", _fault("silent", **SUBMIT)),
    ("silent drop", _fault("silent_drop", **SUBMIT)),
    ("connection cut before the order", _fault("drop_before", **SUBMIT)),
    ("delayed accept, within the settle window", _fault("delayed_accept", seconds=0.2, **SUBMIT)),
    ("delayed accept, after the settle window", _fault("delayed_accept", seconds=1.8, **SUBMIT)),
    ("duplicate event", _fault("duplicate_event")),
    ("late fill", _fault("late_fill", seconds=0.2)),
    ("partial fill, then the connection is lost", _fault("partial_fill", share="0.5", then="disconnect")),
    ("partial fill, then cancelled", _fault("partial_fill", share="0.5", then="cancel")),
    ("unfilled at the deadline", _fault("unfilled")),
    ("a fill overtakes the cancel (10148)", _several(_fault("unfilled"), _fault("fill_races_cancel"))),
    ("201, status first", _fault("reject", **SUBMIT)),
    ("201, error first", _fault("reject", error_first=True, **SUBMIT)),
    ("399, market closed for a while", _closed_for_a_while),
    ("10349 beside an order", _fault("error", code=10349, **SUBMIT)),
    ("10147, a cancel is not known", _several(_fault("unfilled"), _fault("error", code=10147, operation="cancel"))),
    ("103, duplicate order id", _fault("error", code=103, **SUBMIT)),
    ("ids are rolled back", _fault("id_rollback")),
    ("326, client id in use for a while", _occupied),
    ("1100, 1102 connectivity", _lost_connectivity),
    ("start-up requests stay silent", _fault("silent_drop", operation="positions", times=2)),
    ("Gateway restart", _fault("restart", seconds=0.5)),
    ("Gateway restart when an order comes", _fault("restart", seconds=0.5, **SUBMIT)),
)


@dataclass(frozen=True)
class Ended:
    """How a fault ended."""

    words: str
    wrong: bool


def run_fault(arm: Arm, folder: Path) -> Ended:
    """Run one account through a fault."""
    with ibkr(folder, [ACCOUNT]) as desk:
        _run(desk, folder, SESSIONS[1])
        arm(desk)
        report, tries = _run(desk, folder, SESSIONS[2])
        with suppress(BrokerError):
            desk.venue.fault("market", state="open")
        after, _ = _run(desk, folder, SESSIONS[3])
        keys = [_key(session) for session in SESSIONS[1:4]]
        reports = ReportStore(FileStore(folder / "reports"))
        count = judge(keys, desk.filled(ACCOUNT), FileStore(folder / "store"), reports)
    explained = report.outcome is Outcome.BLOCKED and bool(report.todo)
    return Ended(
        _words(report, tries, after), bool(count.duplicates or count.lost) or (count.unresolved > 0) > explained
    )


def _key(session: date) -> RunKey:
    return RunKey(ACCOUNT, session, "matrix", Mode.PAPER)


def _run(desk: IbkrDesk, folder: Path, session: date) -> tuple[RunReport, int]:
    """Run one session as a scheduler would have it: again, until there is a report."""
    real = SystemClock()
    clock = RunClock(CALENDAR.hours(session).open + timedelta(hours=1), real.monotonic(), real)
    store = FileStore(folder / "store")
    for tries in range(1, MOST_TRIES + 1):
        broker = desk.broker(ACCOUNT, store)
        market = FixedMarket(clock, CALENDAR)
        ports = RunPorts(broker, market, store, ReportStore(FileStore(folder / "reports")), clock, CALENDAR)
        try:
            return run_cycle(
                RunRequest(bound(1), _key(session)), ports, ExecutionPolicy(), RunTerms(TIMES, IBKR_LEASE)
            ), tries
        except (BrokerError, InProgress, LeaseLost):
            real.sleep(0.3)
        finally:
            broker.close()  # pyright: ignore[reportAttributeAccessIssue] - the login of this try
    raise AssertionError(f"no report of {session} after {MOST_TRIES} tries")


def _words(report: RunReport, tries: int, after: RunReport) -> str:
    told = f"{report.outcome.value}"
    if tries > 1:
        told += f" at try {tries}"
    if report.outcome in (Outcome.BLOCKED, Outcome.INCOMPLETE):
        told += f"; the next run: {after.outcome.value}"
    if report.outcome is Outcome.BLOCKED:
        told += "; `quant resolve` is asked for"
    return told


def main() -> int:
    """Print the table; return 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m chaos.ibkr_matrix", description=__doc__)
    parser.add_argument("--write", type=Path, help="file to write the table to")
    arguments = parser.parse_args()
    rows: list[tuple[str, Ended]] = []
    for name, arm in FAULTS:
        with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
            rows.append((name, run_fault(arm, Path(folder))))
        sys.stderr.write(f"{name}: {rows[-1][1].words}\n")
    lines = [f"| {name} | {ended.words}{' **WRONG**' if ended.wrong else ''} |" for name, ended in rows]
    text = "\n".join((*HEAD, *lines)) + "\n"
    if arguments.write:
        arguments.write.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)
    return 1 if any(ended.wrong for _, ended in rows) else 0


HEAD = (
    "# Faults at Interactive Brokers",
    "",
    "Every fault of the TWS venue, on a folder store, with the real client library: how the run that it strikes ends.",
    "Made by `python -m chaos.ibkr_matrix --write docs/reference/fault-matrix-ibkr.md`, which fails if an order is",
    "filled twice or lost, or left at the broker, or if a run ends neither resolved nor blocked with what to do.",
    "",
    "| fault | the run |",
    "|---|---|",
)


if __name__ == "__main__":
    sys.exit(main())
