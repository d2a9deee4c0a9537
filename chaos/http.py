"""The crash campaign through HTTP: services that are told to stop or killed in the middle of triggers, under load.

Each lane is one account with a service of its own, a process forked from a warmed parent that serves on a socket the
lane keeps open, as a load balancer does. Every run is triggered by several clients at once, which come back until they
have a report; all of them have to get the same one.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import random
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from multiprocessing.context import ForkProcess
from pathlib import Path

from loguru import logger
from pydantic import SecretStr
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.paper.platform import description
from quant_platform_kit.runtime.run_accounts import Trigger
from quant_platform_kit.runtime.service import Account, Service, Stores
from quant_platform_kit.runtime.settings import ServiceSettings
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.request import RunTerms
from quant_platform_kit.web.serve import serve
from venue_sandbox.servers.loopback import ask
from venue_sandbox.stands.paper import PaperStand

from chaos import stores
from chaos.arguments import positive
from chaos.brokers.paper import PAPER_WAITS, fills_on_paper, paper_faults, paper_venue
from chaos.brokers.plan import CASH
from chaos.counting import Count, judge
from chaos.crash.campaign import (
    GIVE_UP_SECONDS,
    SESSIONS,
    boundaries,
    campaign_folder,
    rarest,
)
from chaos.strategy import FixedMarket, bound
from chaos.worker import CALENDAR, TIMES, note

FORK = multiprocessing.get_context("fork")
LANES = 12
CLIENTS = 4
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Stop:
    """Where a service stops by itself: at the n-th passing of a boundary, by a signal it sends itself."""

    boundary: Boundary
    occurrence: int
    number: signal.Signals


@dataclass(frozen=True)
class Place:
    """What the services of a campaign share."""

    stand: PaperStand
    store: stores.StorePlace
    strategy: BoundStrategy
    hits: Path


def service(place: Place, account: str, stop: Stop | None) -> Service:
    """Return the service of one account."""
    settings = ServiceSettings(  # pyright: ignore[reportCallIssue] - the rest has defaults
        strategy_profile=place.strategy.manifest.profile,
        cloud_run_service=f"service-{account}",
        store_url=SecretStr(place.store.ledger),
        report_store_url=SecretStr(place.store.reports),
        storage_emulator_host=place.store.endpoint,
    )
    passed: dict[Boundary, int] = {}

    def reached(boundary: Boundary) -> None:
        passed[boundary] = passed.get(boundary, 0) + 1
        if stop and boundary is stop.boundary and passed[boundary] == stop.occurrence:
            note(place.hits, boundary.value)
            os.kill(os.getpid(), stop.number)

    def accounts() -> tuple[Account, ...]:
        made = place.stand.clients(PAPER_WAITS).account(account, place.store.open()[0])
        return (replace(made, market=FixedMarket(made.clock, CALENDAR)),)

    return Service(
        settings=settings,
        platform=read_platform(description()),
        strategy=place.strategy,
        accounts=accounts,
        stores=Stores(settings),
        policy=ExecutionPolicy(),
        terms=RunTerms(TIMES, place.store.lease),
        calendar=CALENDAR,
        reached=reached,
    )


def enter(place: Place, account: str, stop: Stop | None, listener: socket.socket) -> None:
    """Be a service process."""
    logger.remove()
    serve(service(place, account, stop), listener)
    os._exit(0)


@dataclass
class Lane:
    """One account, its service, and its runs, one session after the other."""

    number: int
    runs: int
    seed: int
    place: Place
    keys: list[RunKey] = field(default_factory=list[RunKey])
    kills: int = 0
    terms: int = 0
    late_stops: int = 0
    differing: int = 0
    answers: dict[int, int] = field(default_factory=dict[int, int])

    def work(self) -> "Lane":
        """Run every session of the lane to its end."""
        self.account = f"DUSBX{self.seed:03}{self.number:03}"
        self.random = random.Random(f"{self.seed}-{self.number}")
        self.stopping: list[tuple[ForkProcess, float]] = []
        self.place.stand.fund(self.account, {"USD": CASH})
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            self.listener = listener
            self.process = self._start(None)
            for n in range(self.runs):
                self._one_run(SESSIONS[n + 1])
            self._end(signal.SIGTERM)
            self._reap(wait=True)
        return self

    def _one_run(self, session: date) -> None:
        trigger = Trigger(CALENDAR.hours(session).open + timedelta(hours=1))
        self.keys.append(RunKey(self.account, session, trigger.slot, Mode.PAPER))
        self.place.stand.arm(self.account, paper_faults(self.random))
        self.place.stand.set_clock(self.account, trigger.due)
        over = threading.Event()
        with ThreadPoolExecutor(CLIENTS) as pool:
            waits = [self.random.uniform(0, 0.05) for _ in range(CLIENTS)]
            clients = [pool.submit(self._client, trigger, wait) for wait in waits]
            for client in clients:
                client.add_done_callback(lambda _: over.set() if all(each.done() for each in clients) else None)
            self._disturb(over)
            reports = {client.result() for client in clients}
        self.differing += len(reports) != 1

    def _client(self, trigger: Trigger, wait: float) -> str:
        """Trigger until there is a report, and return it."""
        time.sleep(wait)
        port = self.listener.getsockname()[1]
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = ask(port, "POST", "/run", headers={"X-CloudScheduler-ScheduleTime": trigger.slot}, timeout=30)
            except (OSError, http.client.HTTPException):
                self.answers[0] = self.answers.get(0, 0) + 1
                time.sleep(0.05)
                continue
            self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
            if answer.status == http.client.OK:
                return json.dumps(answer.document["runs"][0]["report"], sort_keys=True)
            time.sleep(0.15)
        return f"no report within {GIVE_UP_SECONDS} s"

    def _disturb(self, over: threading.Event) -> None:
        """Stop and restart the service while clients wait for it, a few times, then keep it up until they are done."""
        for _ in range(self.random.choice((1, 2, 2, 3))):
            if over.wait(self.random.uniform(0.02, 0.5)):
                return
            number = self.random.choice((signal.SIGKILL, signal.SIGTERM))
            if self.random.random() < 0.5:
                self._end(number)
                self.process = self._start(self._plan())
            elif not self.process.is_alive():
                self.process = self._start(self._plan())
        while not over.wait(0.1):
            if not self.process.is_alive():
                self._end(signal.SIGKILL)
                self.process = self._start(None)
        self._reap(wait=False)

    def _plan(self) -> Stop | None:
        if self.random.random() < 0.2:
            return None
        number = self.random.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
        return Stop(rarest(self.place.hits, self.random), self.random.choice((1, 1, 1, 2)), number)

    def _start(self, stop: Stop | None) -> ForkProcess:
        process = FORK.Process(target=enter, args=(self.place, self.account, stop, self.listener))
        process.start()
        return process

    def _end(self, number: signal.Signals) -> None:
        """Kill the service, or ask it to stop; its successor does not wait for that."""
        if number is signal.SIGTERM:
            self.process.terminate()
            self.stopping.append((self.process, time.monotonic()))
        else:
            self.process.kill()
            self.process.join()
            self._count(self.process)

    def _reap(self, *, wait: bool) -> None:
        """Count the services that were asked to stop, and those that did not within their time."""
        for process, since in [*self.stopping]:
            process.join(max(0.0, since + STOP_SECONDS - time.monotonic()) if wait else 0)
            late = time.monotonic() - since > STOP_SECONDS and process.is_alive()
            if late:
                process.kill()
                process.join()
                self.late_stops += 1
            if not process.is_alive():
                self.stopping.remove((process, since))
                self._count(process)

    def _count(self, process: ForkProcess) -> None:
        self.kills += process.exitcode == -signal.SIGKILL
        self.terms += process.exitcode in (0, -signal.SIGTERM)


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Run a campaign and return its line."""
    with campaign_folder(arguments.keep) as folder, paper_venue(folder) as stand:
        with stores.serve(arguments.store, folder) as where:
            place = Place(stand, where, bound(arguments.seed), folder / "boundaries")
            lanes = min(LANES, arguments.runs)
            shares = [arguments.runs // lanes + (n < arguments.runs % lanes) for n in range(lanes)]
            with ThreadPoolExecutor(lanes) as pool:
                made = (Lane(n, shares[n], arguments.seed, place) for n in range(lanes))
                done = list(pool.map(lambda lane: lane.work(), made))
            return {"store": arguments.store, **_line(done, place)}


def _line(done: list[Lane], place: Place) -> dict[str, object]:
    count, answers = Count(), dict[int, int]()
    store, reports = place.store.open()
    for lane in done:
        filled = fills_on_paper(place.stand, lane.account)
        count = count + judge(lane.keys, filled, store, ReportStore(reports))
        for status, number in lane.answers.items():
            answers[status] = answers.get(status, 0) + number
    kills = sum(lane.kills for lane in done)
    return {
        **count.line(crashes=kills, boundaries=boundaries(place.hits)),
        "stopped": sum(lane.terms for lane in done),
        "late_stops": sum(lane.late_stops for lane in done),
        "differing_reports": sum(lane.differing for lane in done),
        "answers": {str(status) if status else "none": answers[status] for status in sorted(answers)},
    }


def main() -> int:
    """Print one JSON line; return 1 when something was lost, doubled, blocked, left open or answered differently."""
    parser = argparse.ArgumentParser(prog="python -m chaos.http", description=__doc__)
    parser.add_argument("--store", choices=stores.KINDS, default="file")
    parser.add_argument("--runs", type=positive, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="keep stores, reports and the venue's journal in this new folder")
    line = run(parser.parse_args())
    sys.stdout.write(json.dumps(line) + "\n")
    wrong = ("duplicates", "lost", "blocked", "unresolved", "late_stops", "differing_reports")
    return 1 if any(line[name] for name in wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
