"""Runs that are killed, stopped, doubled and lied to, and a count of what went wrong."""

import argparse
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.resolving import Resolution, ResolvedAs, resolve
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.recorded_run import recorded_run
from quant_platform_kit.services.record.report_store import ReportStore

from chaos import stores, worker
from chaos.brokers import BROKERS
from chaos.brokers.plan import Venues
from chaos.counting import Count, intended, judge
from chaos.strategy import PRICES, bound
from chaos.worker import BUSY, CALENDAR, DONE, Job

GIVE_UP_SECONDS = 240
OPERATOR_SECONDS = 6
"""How long an operator waits before looking at the venue: longer than any accept is delayed."""
SENDING = (Boundary.SENT_RECORDED, Boundary.ORDER_SENT)
IN_A_SEND = "a worker ended within a send"
SESSIONS = CALENDAR.between(date(2005, 1, 3), date(2023, 12, 29))


def account_name(seed: int, number: int) -> str:
    """Return the account of a lane."""
    return f"DUSBX{seed:03}{number:03}"


class Lane:
    """One account and its runs, one session after the other."""

    def __init__(self, number: int, runs: int, campaign: "Campaign") -> None:
        self.account = account_name(campaign.seed, number)
        self.runs, self.campaign = runs, campaign
        self.random = random.Random(f"{campaign.seed}-{number}")
        self.crashes = 0
        self.keys: list[RunKey] = []
        self.causes: dict[str, list[str]] = {}

    def work(self) -> "Lane":
        """Run every session of the lane to its end."""
        for n in range(self.runs):
            self._one_run(SESSIONS[n + 1])
        return self

    def _one_run(self, session: date) -> None:
        key = RunKey(self.account, session, "chaos", Mode.PAPER)
        self.keys.append(key)
        self.causes[key.run_id] = [*self.campaign.venues.arm(self.account, self.random)]
        job = self.campaign.job(key)
        stops = self.random.choice((3, 3, 4, 4))
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            code = self._attempt(job, stop=stops > 0)
            if code == DONE:
                self._settle(key)
                return
            if code == BUSY:
                time.sleep(0.1)
            else:
                stops -= 1

    def _settle(self, key: RunKey) -> None:
        """Settle as an operator would, by the venue's own records, what a run rightly left to one."""
        store, reports = self.campaign.place.open()
        report = ReportStore(reports).find(key.run_id)
        unknown = [order for order in report.orders if order.state is OrderState.UNKNOWN] if report else []
        if not (unknown and self.causes_of(key.run_id)):
            return
        time.sleep(OPERATOR_SECONDS)
        self._run_until_closed(key)
        filled = self.campaign.venues.filled(self.account, intended(self.keys, store), store)
        for order in unknown:
            units = filled.get(order.client_order_id)
            what = ResolvedAs.FILLED if units else ResolvedAs.NOT_SENT
            price = PRICES[order.symbol] if units else None
            said = Resolution(key.run_id, order.client_order_id, what, "the venue's book", units, price)
            resolve(Operator(store, SystemClock(), "campaign"), self.account, said)

    def _run_until_closed(self, key: RunKey) -> None:
        """Run again, as `resolve` asks for, a run whose worker was stopped past its lease after the report."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            state = read_lease(self.campaign.place.open()[0], self.account)
            if state is None or state.open_run != key.run_id:
                return
            self._code(self.campaign.job(key).start())
            time.sleep(0.1)

    def _attempt(self, job: Job, *, stop: bool) -> int:
        """Start a worker, and now and then a second one for the same key; kill, stop or leave it."""
        kind = self.random.random() if stop else 1.0
        if kind < 0.2:
            later = self.random.uniform(0.003, 0.08)
            process = replace(job, stop_at=Boundary.SENT_RECORDED, occurrence=1, later=later).start()
            return self._code(process)
        if kind < 0.70:
            number = signal.SIGKILL if kind < 0.55 else signal.SIGSTOP
            boundary = self.campaign.next_boundary(self.random)
            job = replace(job, stop_at=boundary, occurrence=self.random.choice((1, 1, 1, 1, 2)), signal_number=number)
            process = job.start()
            if number == signal.SIGSTOP:
                return self._outlive(process, replace(job, stop_at=None))
            return self._code(process)
        process = job.start()
        if kind < 0.85:
            time.sleep(self.random.uniform(0.0, 0.25))
            self._kill(process)
            return worker.RETRY
        if kind < 1.0:
            second = job.start()
            self._code(second)
        return self._code(process)

    def causes_of(self, run_id: str) -> Sequence[str]:
        """Return what hit a run that may rightly leave an order to an operator: a fault, or a death in a send."""
        deaths = [IN_A_SEND] if self.campaign.venues.plan.sends_once and self._stopped_sending(run_id) else []
        return list(dict.fromkeys([*self.causes[run_id], *deaths]))

    def _stopped_sending(self, run_id: str) -> bool:
        """Whether a worker noted that it stopped between recording that it sends and recording the answer."""
        hits = self.campaign.hits.read_text().splitlines() if self.campaign.hits.exists() else []
        return any(f"{boundary.value} {run_id}" in hits for boundary in SENDING)

    def _died(self) -> None:
        """Count a worker's death, and note one with an order on its way, which not every broker can clear up."""
        self.crashes += 1
        if not self.campaign.venues.plan.sends_once:
            return
        run_id = self.keys[-1].run_id
        run = recorded_run(self.campaign.place.open()[0], self.account, run_id)
        if run and any(record.state is OrderState.SENT for record in run.records.values()):
            self.causes[run_id].append(IN_A_SEND)

    def _outlive(self, stopped: BaseProcess, job: Job) -> int:
        """Let a successor run while a worker is stopped past its lease, then wake the worker."""
        time.sleep(self.random.uniform(0.0, 2 * self.campaign.place.lease.total_seconds()))
        if not stopped.is_alive():
            return self._code(stopped)
        code = self._code(job.start())
        self.crashes += 1
        if stopped.is_alive():
            os.kill(stopped.pid or 0, signal.SIGCONT)
        self._code(stopped)
        return code

    def _code(self, process: BaseProcess) -> int:
        process.join(60)
        if process.exitcode is None:
            self._kill(process)
            return worker.RETRY
        if process.exitcode in (-signal.SIGKILL, -signal.SIGALRM):
            self._died()
        return process.exitcode if process.exitcode >= 0 else worker.RETRY

    def _kill(self, process: BaseProcess) -> None:
        process.kill()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            self._died()


class Campaign:
    """What the lanes share."""

    def __init__(self, arguments: argparse.Namespace, venues: Venues, place: stores.StorePlace, folder: Path) -> None:
        self.seed, self.mutant, self.venues = arguments.seed, arguments.mutant, venues
        self.place = replace(place, lease=max(place.lease, venues.plan.lease))
        self.hits = folder / "boundaries"
        self.strategy = bound(self.seed)

    def job(self, key: RunKey) -> Job:
        """Return an unharmed job for a key, beginning now, an hour into its session."""
        instant = CALENDAR.hours(key.session).open + timedelta(hours=1)
        start = SystemClock().monotonic()
        clients = self.venues.clients[key.account_id]
        return Job(key, self.strategy, self.place, clients, instant, start, self.hits, mutant=self.mutant)

    def next_boundary(self, rng: random.Random) -> Boundary:
        """Return one of the boundaries at which workers were stopped least often so far."""
        return rarest(self.hits, rng)


def boundaries(hits: Path) -> dict[str, int]:
    """Return how often a worker was stopped at each boundary, as noted in a file."""
    seen = Counter(hits.read_text().split()) if hits.exists() else Counter[str]()
    return {boundary.value: seen[boundary.value] for boundary in Boundary}


def rarest(hits: Path, rng: random.Random) -> Boundary:
    """Return one of the boundaries at which workers were stopped least often."""
    known = boundaries(hits)
    fewest = min(known.values())
    return rng.choice([boundary for boundary in Boundary if known[boundary.value] <= fewest + 2])


@contextmanager
def campaign_folder(keep: Path | None) -> Generator[Path]:
    """Yield the folder of a campaign: a new one to keep, or one that is removed."""
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        yield Path(name)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Run a campaign and return its line."""
    plan = BROKERS[arguments.broker]
    lanes = min(plan.lanes, arguments.runs)
    accounts = [account_name(arguments.seed, number) for number in range(lanes)]
    with campaign_folder(arguments.keep) as folder, plan.serve(folder, accounts) as venues:
        with stores.serve(arguments.store, folder) as place:
            campaign = Campaign(arguments, venues, place, folder)
            shares = [arguments.runs // lanes + (n < arguments.runs % lanes) for n in range(lanes)]
            with ThreadPoolExecutor(lanes) as pool:
                done = list(pool.map(lambda n: Lane(n, shares[n], campaign).work(), range(lanes)))
            count, causes = Count(), list[Sequence[str]]()
            store, reports = place.open()
            for lane in done:
                count = count + judge(
                    lane.keys,
                    venues.filled(lane.account, intended(lane.keys, store), store),
                    store,
                    ReportStore(reports),
                )
                blocked = (key.run_id for key in lane.keys if _blocked(ReportStore(reports), key.run_id))
                causes += [lane.causes_of(run_id) for run_id in blocked]
            line = count.line(crashes=sum(lane.crashes for lane in done), boundaries=boundaries(campaign.hits))
            asked = {"broker": arguments.broker, "store": arguments.store, "mutant": arguments.mutant}
            explained = Counter(" and ".join(sorted(each)) for each in causes if each)
            return {**asked, **line, "blocked_with_cause": sum(explained.values()), "causes": dict(explained)}


def _blocked(reports: ReportStore, run_id: str) -> bool:
    report = reports.find(run_id)
    return report is not None and report.outcome is Outcome.BLOCKED
