"""The campaign: sessions one after another, each with one or two runs at once that are killed, and tried again."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from chaos.playbook.judging import Journal
from chaos.playbook.places import Place, reading
from chaos.playbook.worker import CALENDAR, NEVER, Doom, Run, Task, start

__all__ = ["Campaign", "Outcome"]

SYMBOLS = ("QQQ", "SPY")
FIRST = date(2018, 1, 2)
ROUND = 9
"""Sessions of one journal; an odd number, so that every other journal begins with two runs at once."""
MISSED_EVERY, SERVER_EVERY, AGAIN_EVERY = 7, 5, 5
TRIES, HARMED_TRIES = 6, 2
AT_A_BOUNDARY, AT_A_MOMENT = 0.5, 0.8
"""Of runs that may be killed, the share at a boundary, and that share with those at any moment."""


@dataclass(slots=True)
class Outcome:
    """What was done and found.

    Attributes
    ----------
    boundaries
        How many runs were killed at each.
    endings
        How the attempts ended that were recorded.
    reads, unreachable
        How often somebody read meanwhile, and how often there was no server to read from.
    """

    sessions: int = 0
    rows: int = 0
    reads: int = 0
    unreachable: int = 0
    kills: Counter[str] = field(default_factory=Counter[str])
    boundaries: Counter[str] = field(default_factory=Counter[str])
    endings: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])


@dataclass
class Campaign:
    """Runs at journals of one kind.

    Attributes
    ----------
    mutant
        A deliberate defect of the runs, until it is found; empty for none.
    """

    writer: str
    runs: int
    seed: int
    mutant: str = ""
    outcome: Outcome = field(default_factory=Outcome)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.seed} {self.writer}")
        self._sessions = iter(CALENDAR.between(FIRST, CALENDAR.table.last))
        self._longest = 0.0
        self._boundaries: dict[bool, list[str]] = {}
        self._dooms = Counter[bool]()

    @property
    def missed(self) -> list[str]:
        """The boundaries at which nobody was killed."""
        return sorted({name for names in self._boundaries.values() for name in names} - self.outcome.boundaries.keys())

    def run(self, places: Iterator[Place]) -> Outcome:
        """Do all runs."""
        self._explore(Journal(next(places)))
        outcome = self.outcome
        for first in range(0, self.runs, ROUND):
            journal = Journal(next(places))
            with reading(journal.place) as heard:
                for number in range(first, min(first + ROUND, self.runs)):
                    self._session(journal, number)
                    if self.mutant and outcome.faults:
                        break
            outcome.rows += len(journal.expected)
            outcome.reads += heard.reads
            outcome.unreachable += heard.unreachable
            outcome.faults.update(heard.faults)
            if self.mutant and outcome.faults:
                break
        return outcome

    def _explore(self, journal: Journal) -> None:
        """Learn the boundaries of a journal's first row and of a later one, and how long a run takes."""
        for is_fresh in (True, False):
            began = time.monotonic()
            run = self._start(journal, SYMBOLS[0], next(self._sessions))
            run.join()
            self._longest = time.monotonic() - began
            self._boundaries[is_fresh] = run.passed

    def _session(self, journal: Journal, number: int) -> None:
        """Have the runs of one session, and judge what is there afterwards."""
        session = next(self._sessions)
        if number % MISSED_EVERY == MISSED_EVERY - 1:
            session = next(self._sessions)
        symbols = [SYMBOLS[0]] if number % 2 == 0 else [SYMBOLS[0], SYMBOLS[number % 4 == 3]]
        new = {symbol: journal.expect(symbol, session) for symbol in dict.fromkeys(symbols)}
        runs = [self._start(journal, symbol, session, self._doom(journal)) for symbol in symbols]
        is_quiet = journal.place.server is None or number % SERVER_EVERY > 0
        if not is_quiet:
            self._crash(journal.place)
        for run in runs:
            run.join()
        faults = journal.lost(runs)
        for symbol in new:
            if not any(run.is_done for run in runs if run.task.symbol == symbol):
                runs += self._until_done(journal, symbol, session)
        if number % AGAIN_EVERY == 0:
            runs.append(self._start(journal, SYMBOLS[0], session))
            runs[-1].join()
        faults += journal.judged()
        for symbol, rows in new.items():
            own = [run for run in runs if run.task.symbol == symbol]
            found, endings = journal.judged_attempts(own, rows, is_quiet=is_quiet)
            faults += found
            self.outcome.endings.update(endings)
        for run in runs:
            faults += self._noted(run, is_quiet=is_quiet)
        self.outcome.faults.update(faults)
        self.outcome.sessions += 1

    def _doom(self, journal: Journal) -> Doom:
        """Return how a run is killed: at each boundary in its turn, at any moment, or not at all.

        The first run of a journal passes boundaries that no other does: it is always killed at one.
        """
        is_fresh = journal.started == 0
        drawn = 0.0 if is_fresh else self._chance.random()
        if drawn < AT_A_BOUNDARY:
            self._dooms[is_fresh] += 1
            return Doom(1 + self._dooms[is_fresh] % len(self._boundaries[is_fresh]))
        return Doom(seconds=self._chance.uniform(0, self._longest)) if drawn < AT_A_MOMENT else NEVER

    def _start(self, journal: Journal, symbol: str, session: date, doom: Doom = NEVER) -> Run:
        journal.started += 1
        return start(Task(self.writer, journal.place, symbol, session, self.mutant), journal.started, doom)

    def _crash(self, place: Place) -> None:
        """Kill the server while runs are under way, and start it again."""
        assert place.server is not None
        time.sleep(self._chance.uniform(0, self._longest))
        place.server.kill()
        place.server.start()
        self.outcome.kills["server"] += 1

    def _until_done(self, journal: Journal, symbol: str, session: date) -> Sequence[Run]:
        """Run again, as a scheduler does, until a run ends well; the first of these may be killed, too."""
        runs: list[Run] = []
        for number in range(TRIES):
            runs.append(self._start(journal, symbol, session, self._doom(journal) if number < HARMED_TRIES else NEVER))
            runs[-1].join()
            if runs[-1].is_done:
                return runs
        self.outcome.faults["no run ended well"] += 1
        return runs

    def _noted(self, run: Run, *, is_quiet: bool) -> Counter[str]:
        """Count how a run ended; return what is wrong with that."""
        if run.is_killed:
            self.outcome.kills["boundary" if run.boundary else "moment"] += 1
            if run.boundary:
                self.outcome.boundaries[run.boundary] += 1
            return Counter()
        if run.is_done or (run.process.exitcode == 1 and not is_quiet):
            return Counter()
        return Counter({f"a run ended {run.process.exitcode}: {run.words[:160]}": 1})
