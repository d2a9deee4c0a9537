"""A ledger of daily runs that is lost: every account stands at another boundary of its run when the backup is made."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.resolving import Resolution, ResolvedAs, resolve
from quant_platform_kit.services.operate.switches import halts
from quant_platform_kit.services.record.report_store import ReportStore

from chaos.brokers import BROKERS
from chaos.brokers.plan import Venues
from chaos.counting import intended
from chaos.crash.campaign import SESSIONS
from chaos.restore.rows import Row
from chaos.restore.scripts import ENDPOINT, MUTANT, Keeping, libpq_url
from chaos.stores import StorePlace, another_database, serve
from chaos.strategy import PRICES, bound
from chaos.worker import BUSY, CALENDAR, RETRY, Job

__all__ = ["lose_daily"]

PLAN = BROKERS["paper"]
AT_ONCE = 6
ATTEMPTS = 40
PAUSE_SECONDS = 0.3
WHOLE, STOPPED, LATER, HALTED, AFTERWARDS = 1, 2, 3, 4, 5
"""Sessions: before the backup, in its middle, after it; after the restore while halted, and once reconciled."""


@dataclass(slots=True)
class _Desk:
    """Accounts at a venue, and runs of them on one place or another."""

    venues: Venues
    folder: Path
    seed: int

    def key(self, account: str, session: int) -> RunKey:
        return RunKey(account, SESSIONS[session], "chaos", Mode.PAPER)

    def run(self, place: StorePlace, account: str, session: int, stop_at: Boundary | None = None) -> None:
        """Run a session of an account to its end, or until its worker is killed at a boundary."""
        key = self.key(account, session)
        instant = CALENDAR.hours(key.session).open + timedelta(hours=1)
        for _ in range(ATTEMPTS):
            begun = SystemClock().monotonic()
            hits = self.folder / "boundaries"
            clients = self.venues.clients[account]
            strategy = bound(self.seed)
            job = Job(key, strategy, place, clients, instant, begun, hits, stop_at=stop_at)
            process = job.start()
            process.join(60)
            if stop_at is not None or process.exitcode not in (BUSY, RETRY):
                return
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"run {key.run_id} does not come to an end")

    def each(self, accounts: Sequence[str], run: Callable[[str], None]) -> None:
        """Do something with accounts, some at a time."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(run, accounts))

    def orders(self) -> int:
        """How many orders the venue has filled, of all accounts."""
        return sum(len(self.venues.stands[account].fills(account)) for account in self.venues.stands)


def lose_daily(
    kind: str, folder: Path, seed: int, mutant: str = "", boundaries: Sequence[Boundary] = tuple(Boundary)
) -> Row:
    """Run, back up in the middle, go on, lose the ledger, restore it, reconcile, go on; return what came of it.

    Parameters
    ----------
    boundaries
        Where runs stand when the backup is made, one account for each.
    """
    folder.mkdir(parents=True)
    accounts = [f"DUSBX{seed:03}{number:03}" for number in range(len(boundaries))]
    stopped = dict(zip(accounts, boundaries, strict=True))
    with PLAN.serve(folder, accounts) as venues, _places(kind, folder) as (first, second, keeping):
        keeping.variables = {**keeping.variables, MUTANT: mutant}
        desk, row = _Desk(venues, folder, seed), Row(f"ledger in {kind}")
        desk.each(accounts, lambda account: desk.run(first, account, WHOLE))
        desk.each(accounts, lambda account: desk.run(first, account, STOPPED, stopped[account]))
        backup = keeping.back_up([_line(first)])
        row.before = desk.orders()
        desk.each(accounts, lambda account: desk.run(first, account, STOPPED))
        desk.each(accounts, lambda account: desk.run(first, account, LATER))
        row.after = desk.orders() - row.before
        keeping.restore(backup, [_line(second)])
        row.lost = [desk.key(account, LATER).run_id for account in accounts]
        there = desk.orders()
        desk.each(accounts[::2], lambda account: desk.run(second, account, HALTED))
        row.while_blocked = desk.orders() - there
        _resume(second)
        desk.each(accounts, lambda account: desk.run(second, account, LATER))  # asked for again by a schedule
        row.settled = sum(_settle(desk, second, account) for account in accounts)
        there = desk.orders()
        desk.each(accounts, lambda account: desk.run(second, account, AFTERWARDS))
        row.went_on = desk.orders() - there
        row.twice = sum(_twice(desk, account, (first, second)) for account in accounts)
        row.unended = sum(_is_open(desk, second, account) for account in accounts)
        return row


def _line(place: StorePlace) -> Sequence[str]:
    return ("ledger", "daily", *(_without_password(url) for url in (place.ledger, place.reports)))


def _without_password(url: str) -> str:
    if not url.startswith("postgresql"):
        return url
    return f"postgresql+psycopg:{libpq_url(url)[0].partition(':')[2]}"


@contextmanager
def _places(kind: str, folder: Path) -> Generator[tuple[StorePlace, StorePlace, Keeping]]:
    """Yield a place of a kind, an empty one beside it, and what backs up the one into the other."""
    with serve(kind, folder) as first:
        keeping = Keeping(folder)
        if kind == "postgres":
            ledger, reports = (another_database(first.ledger, name) for name in ("new", "new_reports"))
            keeping.variables = libpq_url(first.ledger)[1]
        else:
            ledger, reports = (_new(url) for url in (first.ledger, first.reports))
        second = replace(first, ledger=ledger, reports=reports)
        if kind == "gs":
            keeping.variables = {ENDPOINT: first.endpoint or ""}
        yield first, second, keeping


def _new(url: str) -> str:
    """Return the address of an empty place beside another one."""
    return f"{url.removesuffix('.db')}_new{'.db' if url.endswith('.db') else ''}"


def _resume(place: StorePlace) -> None:
    """Lift all halts, as an operator does who has looked at the accounts."""
    store, _ = place.open()
    operator = Operator(store, SystemClock(), "drill")
    for scope in sorted(halts(store).on()):
        set_halt(operator, scope, "positions and orders were compared", on=False)


def _settle(desk: _Desk, place: StorePlace, account: str) -> int:
    """Settle by the venue's book what the restored ledger calls UNKNOWN; return how many orders."""
    store, reports = place.open()
    key = desk.key(account, STOPPED)
    report = ReportStore(reports).find(key.run_id)
    unknown = [order for order in report.orders if order.state is OrderState.UNKNOWN] if report else []
    meant = intended([key], store)
    filled, ordered = (
        desk.venues.filled(account, meant, store),
        {order.client_order_id: order.quantity for order in meant},
    )
    for order in unknown:
        units = filled.get(order.client_order_id)
        what, price = (ResolvedAs.FILLED, PRICES[order.symbol]) if units else (ResolvedAs.NOT_SENT, None)
        # An order that was made smaller or larger after the backup: no more than the ledger knows can be told of it.
        told = min(units, ordered[order.client_order_id]) if units else None
        said = Resolution(key.run_id, order.client_order_id, what, "the venue's book", told, price)
        resolve(Operator(store, SystemClock(), "drill"), account, said)
    return len(unknown)


def _twice(desk: _Desk, account: str, places: Sequence[StorePlace]) -> int:
    """Count orders that were filled beyond what any ledger meant them to be."""
    keys = [desk.key(account, session) for session in (WHOLE, STOPPED, LATER, HALTED, AFTERWARDS)]
    meant: dict[str, Decimal] = {}
    for place in places:
        store, _ = place.open()
        for order in intended(keys, store):
            meant[order.client_order_id] = max(meant.get(order.client_order_id, Decimal(0)), order.quantity)
    store, _ = places[-1].open()
    filled: Mapping[str, Decimal] = desk.venues.filled(account, (), store)
    return sum(units > meant.get(identity, Decimal(0)) for identity, units in filled.items())


def _is_open(desk: _Desk, place: StorePlace, account: str) -> bool:
    """Whether the account's newest run has not come to a good end."""
    report = ReportStore(place.open()[1]).find(desk.key(account, AFTERWARDS).run_id)
    return report is None or report.outcome.name not in ("COMPLETED", "NO_ACTION")
