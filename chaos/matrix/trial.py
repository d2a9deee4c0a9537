"""One fault, and what became of it: three sessions of one account, and the venue's own book against the ledger."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import BrokerError, InProgress, LeaseLost
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import OrderState, Side
from quant_platform_kit.domain.runs import OrderOutcome, OrderRecord, Outcome, RunReport
from quant_platform_kit.services.observe.notifying import about_run
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.resolving import Resolution, ResolvedAs, resolve
from quant_platform_kit.services.record.recorded_run import recorded_run
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.request import RunPorts, RunRequest, RunTerms
from quant_platform_kit.services.run.run_cycle import run_cycle
from venue_sandbox.stands.stand import Stand

from chaos.matrix.page import CALENDAR, SESSIONS, Page
from chaos.matrix.rows import ACCOUNT, Row
from chaos.strategy import PRICES, bound

__all__ = ["Ended", "run_row"]

MOST_TRIES, MENDED_AFTER, PAUSE_SECONDS = 10, 2, 0.3
ZERO = Decimal(0)


@dataclass(frozen=True)
class Ended:
    """How a fault ended, and what of it was wrong."""

    words: str
    wrong: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.words + "".join(f"; **WRONG**: {each}" for each in self.wrong)


class Unreported(Exception):
    """No try of a run ended with a report."""


def run_row(page: Page, library: str, row: Row, folder: Path) -> Ended:
    """Run one account through a fault."""
    with page.open(folder) as stand:
        trial = _Trial(page, library, stand, FileStore(folder / "store"), FileStore(folder / "reports"))
        try:
            trial.begin(SESSIONS[0])
            trial.run(SESSIONS[0])
            trial.begin(SESSIONS[1])
            row.arm(stand)
            report, tries = trial.run(SESSIONS[1], row)
            settled = trial.settle(report)
            stand.server.clear()
            stand.server.fault("market", state="calendar")
            trial.begin(SESSIONS[2])
            after, _ = trial.run(SESSIONS[2])
        except Unreported as error:
            return Ended("no report", (str(error),))
        words = _words(report, tries, row, settled, after)
        return Ended(words, tuple(_silent(report)) + tuple(trial.differences()) + tuple(_stuck(after)))


@dataclass
class _Trial:
    page: Page
    library: str
    stand: Stand
    store: FileStore
    reports: FileStore

    def begin(self, session: date) -> None:
        """Make it an hour after the open of a session."""
        self.stand.set_clock(ACCOUNT, CALENDAR.hours(session).open + timedelta(hours=1))

    def run(self, session: date, row: Row | None = None) -> tuple[RunReport, int]:
        """Run one session as a scheduler would have it: again, in a new process, until there is a report."""
        said = ""
        for tries in range(1, MOST_TRIES + 1):
            if row is not None and row.mend is not None and tries == MENDED_AFTER + 1:
                row.mend(self.stand)
            account = self.stand.clients(self.page.waits, self.library).account(ACCOUNT, self.store)
            reports = ReportStore(self.reports)
            ports = RunPorts(account.broker, account.market, self.store, reports, account.clock, CALENDAR)
            request = RunRequest(bound(1), _key(session))
            try:
                terms = RunTerms(self.page.times, self.page.lease)
                return run_cycle(request, ports, ExecutionPolicy(), terms), tries
            except (BrokerError, InProgress, LeaseLost) as error:
                said = f"{type(error).__name__}: {error}"
                SystemClock().sleep(PAUSE_SECONDS)
            finally:
                account.close()
        raise Unreported(f"no report of {session} after {MOST_TRIES} tries: {said}")

    def settle(self, report: RunReport) -> list[ResolvedAs]:
        """Settle what the run left to an operator, by what the venue shows; return how."""
        unknown = [order for order in report.orders if order.state is OrderState.UNKNOWN]
        return [self._settled(report, order) for order in unknown]

    def _settled(self, report: RunReport, order: OrderOutcome) -> ResolvedAs:
        units = sum((Decimal(each["filled"]) for each in self._alike(order)), ZERO)
        what, price = (ResolvedAs.FILLED, PRICES[order.symbol]) if units else (ResolvedAs.NOT_SENT, None)
        said = Resolution(report.run_id, order.client_order_id, what, "the venue's book", units or None, price)
        resolve(Operator(self.store, SystemClock(), "matrix"), ACCOUNT, said)
        return what

    def _alike(self, order: OrderOutcome) -> list[dict[str, Any]]:
        """Return the venue's orders of the day that look like one; there is one of a symbol in a run."""
        day = SESSIONS[1].isoformat()
        return [
            each
            for each in self._book()["orders"]
            if (each["ticket"]["symbol"], each["ticket"]["side"]) == (order.symbol, order.side.value)
            and str(each["entered_at"]).startswith(day)
        ]

    def differences(self) -> Iterator[str]:
        """Tell where the venue's book differs from the ledger: an order filled twice, lost, or filled unknown to it."""
        records = [record for session in SESSIONS for record in self._records(session)]
        if uncertain := [record.order.client_order_id for record in records if record.uncertain]:
            yield f"the fate of {', '.join(uncertain)} is not known"
        book = self._book()
        made, known = [each for each in book["orders"] if Decimal(each["filled"])], [r for r in records if r.filled]
        if len(made) != len(known):
            yield f"{len(made)} orders filled at the venue, {len(known)} in the ledger"
        held = {name: Decimal(each["quantity"]) for name, each in book["accounts"][0]["holdings"].items()}
        ours: dict[str, Decimal] = {}
        for record in records:
            sign = 1 if record.order.side is Side.BUY else -1
            ours[record.order.symbol] = ours.get(record.order.symbol, ZERO) + sign * record.filled
        for symbol in sorted(PRICES):
            if held.get(symbol, ZERO) != ours.get(symbol, ZERO):
                yield f"{held.get(symbol, ZERO)} {symbol} are held, {ours.get(symbol, ZERO)} in the ledger"

    def _records(self, session: date) -> Sequence[OrderRecord]:
        run = recorded_run(self.store, ACCOUNT, _key(session).run_id)
        return () if run is None else tuple(run.records.values())

    def _book(self) -> dict[str, Any]:
        return self.stand.server.control("GET", "book")


def _key(session: date) -> RunKey:
    return RunKey(ACCOUNT, session, "matrix", Mode.PAPER)


def _silent(report: RunReport) -> Iterator[str]:
    """Tell what nobody would learn: a run that is blocked has to say what to do, and its notification too."""
    if report.outcome in (Outcome.BLOCKED, Outcome.FAILED):
        notice = about_run(report).body
        if not report.todo or any(line not in notice for line in report.todo):
            yield "blocked without saying what to do"


def _stuck(after: RunReport) -> Iterator[str]:
    """Tell of an account that does not trade on."""
    if after.outcome not in (Outcome.COMPLETED, Outcome.NO_ACTION):
        yield f"the run after it: {after.outcome.value}: {'; '.join(after.reasons)}"


def _words(report: RunReport, tries: int, row: Row, settled: list[ResolvedAs], after: RunReport) -> str:
    words = report.outcome.value
    if row.mend is not None and tries > MENDED_AFTER:
        words = f"503 at each try; {words} once {row.once}"
    elif tries > 1:
        words += f" at try {tries}"
    if settled:
        words += f"; `quant resolve` is asked for, and settles it as {', '.join(sorted(set(settled)))}"
    if report.outcome in (Outcome.BLOCKED, Outcome.INCOMPLETE):
        words += f"; the next run: {after.outcome.value}"
    return words
