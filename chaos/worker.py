"""One worker process of a campaign: runs once, and is killed or stopped where the campaign says.

Workers are forked by a warmed process that has one thread: of a fork among threads, a lock may never be released.
"""

import multiprocessing
import os
import signal
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import BrokerError, InProgress, LeaseLost, QuantError, StoreError
from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.execution import ExecutionTimes
from quant_platform_kit.services.run.request import RunPorts, RunRequest, RunTerms
from quant_platform_kit.services.run.run_cycle import run_cycle
from venue_sandbox.stands.stand import Clients

from chaos.brokers import LOADED
from chaos.mutants import MUTANTS
from chaos.stores import StorePlace
from chaos.strategy import FixedMarket, RunClock

DONE, RETRY, BUSY, DEFECT = 0, 10, 11, 12
CALENDAR = load_calendar("XNYS")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__, *LOADED])
TIMES = ExecutionTimes(timedelta(seconds=0.4), timedelta(seconds=0.04))


@dataclass(frozen=True)
class Job:
    """What a worker is to do.

    Attributes
    ----------
    stop_at, occurrence, signal_number
        At the n-th passing of a boundary the worker sends itself a signal; None for no such stop.
    later
        Seconds after the boundary at which the worker is killed instead, in the middle of what follows it.
    mutant
        Name of the defect that it has, if any.
    """

    key: RunKey
    strategy: BoundStrategy
    place: StorePlace
    clients: Clients
    instant: datetime
    real_start: float
    hits: Path
    stop_at: Boundary | None = None
    occurrence: int = 1
    signal_number: int = signal.SIGKILL
    later: float = 0.0
    mutant: str | None = None

    def start(self) -> BaseProcess:
        """Start a process that does it and exits with its code."""
        process = FORKS.Process(target=_enter, args=(self,))
        process.start()
        return process


def _enter(job: Job) -> None:
    if job.mutant:
        MUTANTS[job.mutant]()
    os._exit(work(job))


def work(job: Job) -> int:
    """Run once; return how it went as an exit code."""
    clock = RunClock(job.instant, job.real_start, SystemClock())
    passed: dict[Boundary, int] = {}

    def reached(boundary: Boundary) -> None:
        passed[boundary] = passed.get(boundary, 0) + 1
        if boundary is job.stop_at and passed[boundary] == job.occurrence:
            note(job.hits, boundary.value if job.later else f"{boundary.value} {job.key.run_id}")
            if job.later:
                signal.setitimer(signal.ITIMER_REAL, job.later)
            else:
                os.kill(os.getpid(), job.signal_number)

    store, reports = job.place.open()
    ports = RunPorts(
        broker=job.clients.account(job.key.account_id, store).broker,
        market=FixedMarket(clock, CALENDAR),
        store=store,
        reports=ReportStore(reports),
        clock=clock,
        calendar=CALENDAR,
        reached=reached,
    )
    request = RunRequest(job.strategy, job.key, holder=f"worker-{os.getpid()}")
    try:
        run_cycle(request, ports, ExecutionPolicy(), RunTerms(TIMES, job.place.lease))
    except InProgress:
        return BUSY
    except (BrokerError, StoreError, LeaseLost) as error:
        note(job.hits.with_name("interruptions"), f"{job.key.run_id} {type(error).__name__}: {error}")
        return RETRY
    except QuantError as error:
        note(job.hits.with_name("defects"), f"{job.key.run_id} {type(error).__name__}: {error}")
        return DEFECT
    return DONE


def note(path: Path, line: str) -> None:
    """Write one line that outlives a kill."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)
