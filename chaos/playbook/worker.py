"""A daily run as a process of its own, forked from the campaign, which may kill itself."""

import io
import os
import random
import signal
import sys
import threading
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.domain.errors import QuantError
from trading_playbook.cli.today import Asked, run_today
from trading_playbook.config import Config
from trading_playbook.daily.due import works_from
from trading_playbook.testing.invented import InventedSource

from chaos.playbook.mutants import MUTANTS
from chaos.playbook.places import Place
from chaos.playbook.points import Passage

__all__ = ["CALENDAR", "NEVER", "Doom", "Run", "Task", "start"]

CALENDAR = load_calendar("XNYS")
GIVE_UP_SECONDS = 600.0
_fork = get_context("fork")


@dataclass(frozen=True, slots=True)
class Doom:
    """How a run is killed.

    Attributes
    ----------
    boundary
        At which of its boundaries, from 1 on; 0 for none.
    seconds
        After which time; None for never.
    """

    boundary: int = 0
    seconds: float | None = None


NEVER = Doom()


@dataclass(frozen=True, slots=True)
class Task:
    """What a run is to do.

    Attributes
    ----------
    mutant
        A deliberate defect of it; empty for none.
    """

    writer: str
    place: Place
    symbol: str
    session: date
    mutant: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A run under way, or ended.

    Attributes
    ----------
    files
        What it leaves: ``.err`` with what it said, ``.mark`` with the boundary at which it killed itself, ``.passed``
        with those it has passed.
    """

    task: Task
    process: BaseProcess
    files: Path

    @property
    def is_done(self) -> bool:
        """Whether it ended well."""
        return self.process.exitcode == 0

    @property
    def is_killed(self) -> bool:
        """Whether it was killed."""
        return self.process.exitcode == -signal.SIGKILL

    @property
    def boundary(self) -> str:
        """Where it killed itself; empty if at no boundary."""
        mark = self.files.with_suffix(".mark")
        return mark.read_text(encoding="utf-8") if mark.exists() else ""

    @property
    def passed(self) -> list[str]:
        """The boundaries that it has passed, in their order, if it ended by itself."""
        return self.files.with_suffix(".passed").read_text(encoding="utf-8").splitlines()

    @property
    def words(self) -> str:
        """What it said of the session, or else its last line."""
        lines = self.files.with_suffix(".err").read_text(encoding="utf-8").splitlines() or [""]
        _, found, told = next((line for line in lines if f"{self.task.session}: " in line), "").partition(": ")
        return told if found else lines[-1]

    def join(self) -> None:
        """Wait until it has ended."""
        self.process.join(GIVE_UP_SECONDS)


def start(task: Task, number: int, doom: Doom = NEVER) -> Run:
    """Start a run; the number, one of its own, is its minute after the bars are there."""
    files = task.place.folder / f"run-{number:03}"
    process = _fork.Process(target=_work, args=(task, number, doom, files), daemon=True)
    process.start()
    return Run(task, process, files)


def _work(task: Task, number: int, doom: Doom, files: Path) -> None:
    with files.with_suffix(".err").open("w") as said:
        sys.stderr, sys.stdout = said, io.StringIO()
        random.seed(os.getpid())
        if task.mutant:
            MUTANTS[task.mutant][1]()
        passage = Passage(doom.boundary, files.with_suffix(".mark"))
        passage.watch(task.writer)
        if doom.seconds is not None:
            timer = threading.Timer(doom.seconds, os.kill, (os.getpid(), signal.SIGKILL))
            timer.daemon = True
            timer.start()
        try:
            status = _today(task, number)
        except QuantError as error:
            said.write(f"{error}\n")
            status = 1
        files.with_suffix(".passed").write_text("\n".join(passage.passed), encoding="utf-8")
    sys.exit(status)


def _today(task: Task, number: int) -> int:
    """Run what ``--today`` runs, on the evening of the session."""
    place = task.place
    settings = {"STORE_URL": place.store, "DAILY_SUMMARY": "false"}
    if place.endpoint:
        settings["STORAGE_EMULATOR_HOST"] = place.endpoint
    os.environ.update(settings)  # noqa: TID251 - of this process alone
    clock = FrozenClock(works_from(CALENDAR, task.session) + timedelta(minutes=number))
    asked = Asked(task.symbol, place.output)
    return run_today(Config.from_env(), asked, lambda: InventedSource(task.symbol), clock, as_json=False)
