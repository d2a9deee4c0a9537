"""Kill order tests at every boundary, accept their orders late, let the next run recover them, and count what is left.

``python -m chaos.order_test --broker BROKER --runs 50 --seed 7`` prints one JSON line. Every second run is not killed:
all of its orders are looked at while the venue accepts some of them late.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.client import Client
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import BrokerError, QuantError
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.order_test import ORDERS, order_test
from quant_platform_kit.services.run.request import RunPorts, RunRequest, RunTerms
from quant_platform_kit.services.run.run_cycle import run_cycle
from venue_sandbox.stands.stand import Clients, Stand

from chaos.arguments import positive
from chaos.brokers import BROKERS, LOADED
from chaos.brokers.plan import Venues
from chaos.strategy import FixedMarket, RunClock, bound

CALENDAR = load_calendar("XNYS")
SESSION = date(2023, 6, 2)
SYMBOL = "AAA"
SENDING = (Boundary.ANSWER_RECORDED, Boundary.SENT_RECORDED, Boundary.ORDER_SENT)
STOPS = (
    *((each, number) for number in range(1, ORDERS + 2) for each in reversed(SENDING)),
    *((each, 1) for each in (Boundary.LEASE_TAKEN, Boundary.CONNECTED, Boundary.RUN_OPENED, Boundary.CLAIMED)),
    (Boundary.PLAN_COMMITTED, 1),
    (Boundary.REPORT_PUBLISHED, 1),
)
"""Where a test is killed, and at which passing."""
LATE_SECONDS = 0.3
GIVE_UP_SECONDS, TRIES, AGAIN_SECONDS = 120, 20, 1.0
DONE, STOPPED = 0, 3
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__, *LOADED])


@dataclass(frozen=True)
class Job:
    """An order test in a process of its own, or the run that finds what is left of it.

    Attributes
    ----------
    stop
        At which passing of which boundary it is killed.
    recovers
        Whether it is the next run.
    """

    clients: Clients
    account: str
    folder: Path
    lease: timedelta
    instant: datetime
    stop: tuple[Boundary, int] | None = None
    recovers: bool = False

    def done(self) -> bool:
        """Do it; return whether the process came to its end."""
        process = FORKS.Process(target=_enter, args=(self,))
        process.start()
        process.join(GIVE_UP_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
        return process.exitcode == DONE

    def report(self) -> RunReport | None:
        """Return the report of the test, None while it has none."""
        reports = ReportStore(FileStore(self.folder / "reports")).all()
        return next((report for report in reports if report.key.is_order_test), None)


def _enter(job: Job) -> None:
    try:
        _work(job)
    except QuantError as error:
        (job.folder / "errors").open("a").write(f"{type(error).__name__}: {error}\n")
        os._exit(STOPPED)
    os._exit(DONE)


def _work(job: Job) -> None:
    passed = Counter[Boundary]()

    def reached(boundary: Boundary) -> None:
        passed[boundary] += 1
        if job.stop == (boundary, passed[boundary]):
            os.kill(os.getpid(), signal.SIGKILL)

    clock = RunClock(job.instant, SystemClock().monotonic(), SystemClock())
    store, reports = FileStore(job.folder / "store"), ReportStore(FileStore(job.folder / "reports"))
    account = job.clients.account(job.account, store)
    ports = RunPorts(account.broker, FixedMarket(clock, CALENDAR), store, reports, clock, CALENDAR, reached)
    terms, policy = RunTerms(lease=job.lease), ExecutionPolicy()
    mode = Mode.DRY_RUN if job.recovers else Mode.PAPER
    key = RunKey(job.account, SESSION, "next", mode)
    if not job.recovers:
        key = RunKey.of_order_test(job.account, SESSION, job.instant, mode)
    # What the tests say of assumptions is kept under the ids of a broker whatever the venue.
    request = RunRequest(bound(1), key, holder=f"worker-{os.getpid()}", client=Client("ibkr", "any", "1"))
    try:
        if job.recovers:
            run_cycle(request, ports, policy, terms)
        else:
            order_test(request, SYMBOL, ports, policy, terms)
    finally:
        account.close()


@dataclass
class Campaign:
    """Runs at one broker, one after the other, each with a store of its own."""

    venues: Venues
    folder: Path
    rng: random.Random
    counted: Counter[str]

    def run(self, account: str, number: int) -> None:
        """Make an order test, kill it in every second run, let the next run come, and count."""
        stand, clients = self.venues.stands[account], self.venues.clients[account]
        folder = self.folder / f"run-{number}"
        folder.mkdir()
        stop = STOPS[number // 2 % len(STOPS)] if number % 2 else None
        if number % 4 >= 2 or stop is None:
            stand.arm(account, [*self._late(stand)])
        instant = CALENDAR.hours(SESSION).open + timedelta(minutes=5 + 2 * number)
        job = Job(clients, account, folder, max(self.venues.plan.lease, timedelta(seconds=3)), instant, stop)
        before, reached = _filled(stand, account), len(stand.sent(account))
        killed = not job.done()
        sent = len(stand.sent(account))
        recovers = replace(job, stop=None, recovers=True, instant=instant + timedelta(minutes=1))
        self.counted["unrecovered"] += not _recovered(recovers)
        report = job.report()
        self.counted.update(
            {
                "runs": 1,
                "killed": killed,
                "whole": report is not None and report.outcome.good,
                "sent": sent - reached,
                "sent_by_recovery": len(stand.sent(account)) - sent,
                "working": _working(job),
                "filled": _filled(stand, account) - before,
                "unknown": sum(order.state is OrderState.UNKNOWN for order in report.orders) if report else 0,
            }
        )

    def _late(self, stand: Stand) -> list[Mapping[str, Any]]:
        skip = self.rng.randrange(ORDERS)
        if stand.name == "paper":
            return [*[{"kind": "duplicate_event"}] * skip, {"kind": "delayed_accept"}]
        return [{"kind": "delayed_accept", "operation": "submit", "seconds": LATE_SECONDS, "skip": skip}]


def _recovered(job: Job) -> bool:
    """Let the next run come until it gets through: the lease of a worker that was killed has to run out first."""
    for _ in range(TRIES):
        if job.done():
            return True
        time.sleep(AGAIN_SECONDS)
    return False


def _working(job: Job) -> int:
    """Return how many orders work on the account, as a new login sees them; a machine that is busy is asked again."""
    for _ in range(TRIES):
        with suppress(BrokerError):
            return _open_orders(job)
        time.sleep(AGAIN_SECONDS)
    return _open_orders(job)


def _open_orders(job: Job) -> int:
    account = job.clients.account(job.account, FileStore(job.folder / "looking"))
    try:
        account.broker.connect()
        return len(account.broker.open_orders())
    finally:
        account.close()


def _filled(stand: Stand, account: str) -> int:
    return sum(units > 0 for _, units in stand.fills(account))


def campaign(broker: str, runs: int, seed: int) -> dict[str, int]:
    """Return the counts of some runs at a broker's venues."""
    plan = BROKERS[broker]
    accounts = [f"DUSBX{seed:03}{n:03}" for n in range(min(runs, plan.accounts_of_a_venue or runs))]
    names = ("runs", "killed", "whole", "sent", "sent_by_recovery", "working", "filled", "unknown", "unrecovered")
    with tempfile.TemporaryDirectory() as name, plan.serve(Path(name), accounts) as venues:
        made = Campaign(venues, Path(name), random.Random(seed), Counter())
        for number in range(runs):
            made.run(accounts[number % len(accounts)], number)
            sys.stderr.write(f"{broker}: {number + 1} of {runs} runs, {json.dumps(made.counted)}\n")
    return {name: int(made.counted[name]) for name in names}


def main() -> int:
    """Print one JSON line; return 1 when an order was left working, sent by recovery or filled."""
    parser = argparse.ArgumentParser(prog="python -m chaos.order_test", description=__doc__)
    parser.add_argument("--broker", choices=tuple(BROKERS), default="paper")
    parser.add_argument("--runs", type=positive, default=50)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    counted = campaign(given.broker, given.runs, given.seed)
    sys.stdout.write(json.dumps({"broker": given.broker, **counted}) + "\n")
    return int(any(counted[name] for name in ("sent_by_recovery", "working", "filled", "unrecovered")))


if __name__ == "__main__":
    sys.exit(main())
