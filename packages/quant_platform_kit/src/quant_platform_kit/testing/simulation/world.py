"""The simulated world of one account: time, store, venue, prices, and everybody who acts there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.sessions import Cadence, ExchangeCalendar
from quant_platform_kit.services.operate.switches import FlagEntry
from quant_platform_kit.testing.feature_shelf import FeatureShelf
from quant_platform_kit.testing.simulation.actor import Actor
from quant_platform_kit.testing.simulation.invariants import Broken, Judge
from quant_platform_kit.testing.simulation.loop import Loop, instant, micros
from quant_platform_kit.testing.simulation.objects import Objects
from quant_platform_kit.testing.simulation.parts import Process
from quant_platform_kit.testing.simulation.people import keep_watch, look_after, work
from quant_platform_kit.testing.simulation.prices import Prices
from quant_platform_kit.testing.simulation.scenario import Day, Fault, FaultKind, Scenario, Trigger
from quant_platform_kit.testing.simulation.strategy import SYMBOLS, rows
from quant_platform_kit.testing.simulation.trait_sets import TRAIT_SETS
from quant_platform_kit.testing.simulation.venue import Venue

__all__ = ["Played", "World", "play"]

SECOND, MINUTE = 1_000_000, 60_000_000
CASH = Decimal(100_000)
EARLIER = 8
"""Sessions of history before the first day."""
FIRST = date(2023, 11, 22)
RETRIES, RETRY = 14, 100 * SECOND
OPERATOR_AFTER, REST = 45 * MINUTE, 20 * MINUTE
"""When the operator looks after a day's last trigger, and how long that takes at most."""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a scenario.

    Attributes
    ----------
    runs
        Runs that were due.
    hits
        How often a fault hit while an actor was past a boundary, by both.
    met
        Calls by boundary and kind: where a fault could have hit.
    """

    broken: Broken | None
    runs: int
    trace: tuple[str, ...]
    hits: dict[tuple[str, str], int]
    met: dict[tuple[str, str], int]

    @property
    def digest(self) -> str:
        """SHA-256 of the trace."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


@cache
def _calendar() -> ExchangeCalendar:
    return load_calendar("XNYS")


class World:
    """Everything that actors share."""

    account = "SIM1"

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.calendar = _calendar()
        start = self.calendar.sessions.index(self.calendar.after(FIRST)) + scenario.first
        self.sessions = self.calendar.sessions[start - EARLIER : start + len(scenario.days) + 1]
        self.traits = TRAIT_SETS[scenario.traits]
        self.timeout = _span(self.traits.traits.timeout)
        self.window = _span(self.traits.traits.visibility_window)
        self.recognises = _span(self.traits.recognises)
        self.loop = Loop(micros(self.calendar.hours(self.sessions[EARLIER]).open) - 60 * MINUTE)
        self.objects = Objects()
        self.prices = Prices(scenario, self.sessions)
        self.shelf = FeatureShelf(self.calendar)
        self.venue = Venue(self, CASH)
        self.judge = Judge(self)
        self.causes: set[str] = set()
        self.due_runs: list[str] = []
        self.day = EARLIER
        self.missing_until = 0
        self._trace: list[str] = []
        self._hits: dict[tuple[str, str], int] = {}
        self._met: dict[tuple[str, str], int] = {}
        self.damaged = False
        self._sent_step = ""
        self._claims: dict[str, int] = {}
        self._stopped: list[tuple[str, Process, Callable[[], None]]] = []
        self._workers = 0

    # --- what actors see -------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The true instant, aware UTC."""
        return instant(self.loop.now)

    def price(self, symbol: str) -> Decimal:
        """Return what a symbol trades at now."""
        return self.prices.price(symbol, self.day, self.loop.now)

    def history(self, until: date) -> PriceHistory:
        """Return the closes up to a session."""
        day = self.sessions.index(until) + 1
        late = day == self.day and self.loop.now < self.missing_until
        return self.prices.history(day, SYMBOLS[self.scenario.seed % 4] if late else "")

    def wrote(self, actor: Process, key: str, data: bytes) -> None:
        """Take note of a write."""
        parts = key.split("/")
        if b'"state":"SENT"' in data and parts[-2] == "orders":
            self._sent_step = key
        if parts[-1] == "claim":
            self._claims.setdefault(parts[-2], self.loop.now)
        self.judge.wrote(actor, key, data)

    def lose_step(self) -> None:
        """Lose the newest step of an order that says it was sent: the last object, which no other one names."""
        if self._sent_step and self.objects.get(self._sent_step):
            self.objects.lose(self._sent_step)
            self.damaged = True
            self.trace(f"the store loses {self._sent_step}")

    def claimed(self, run_id: str) -> int:
        """Return when a run was claimed (microseconds)."""
        return self._claims.get(run_id, self.loop.now)

    # --- what is noted ---------------------------------------------------------------------------

    def trace(self, line: str) -> None:
        """Note what happens now."""
        self._trace.append(f"{self.loop.now} {line}")

    def met(self, boundary: str, op: str) -> None:
        """Count a call past a boundary."""
        key = (boundary, op)
        self._met[key] = self._met.get(key, 0) + 1

    def hit(self, actor: Process, fault: Fault, op: str) -> None:
        """Note a fault, and whether it may be why something is not known or blocked."""
        self.trace(f"{actor.name} meets {fault.kind.value} in {op}")
        key = (actor.boundary, fault.kind.value)
        self._hits[key] = self._hits.get(key, 0) + 1
        self.causes.add(fault.kind.value)
        self.causes.add("send")

    # --- what happens ----------------------------------------------------------------------------

    def wake_at(self, boundary: str, sleeper: Process, wake: Callable[[], None]) -> None:
        """Remember a stopped actor that goes on when another reaches a boundary."""
        self._stopped.append((boundary, sleeper, wake))

    def woken_by(self, actor: Process) -> None:
        """Let those go on who wait for what an actor has just reached."""
        for entry in [each for each in self._stopped if each[0] == actor.boundary and each[1] is not actor]:
            self._stopped.remove(entry)
            entry[2]()

    def befall(self, fault: Fault) -> None:
        """Let something happen outside, at this very moment."""
        if fault.kind is FaultKind.HALT:
            self._halt()
        elif fault.kind is FaultKind.PRICES_MOVE:
            self.prices.move(fault.amount, fault.skip + len(self._trace))
        elif fault.kind is FaultKind.SESSION_ENDS:
            self.venue.end_session()
        elif not self.scenario.lends:
            symbol = SYMBOLS[int(fault.amount * 3.99)]
            if fault.kind is FaultKind.FOREIGN_ORDER:
                self.venue.place_by_hand(symbol)
            elif fault.kind is FaultKind.MANUAL_TRADE:
                self.venue.trade_by_hand(symbol, Decimal(int(fault.amount * 100) - 50))

    def _halt(self) -> None:
        """Write a halt of the account, as an operator's command does last."""
        prefix = f"halts/account-{self.account}/"
        entry = FlagEntry(True, "operator", "simulated", self.now)
        number = len(self.objects.keys(prefix)) + 1
        key, data = f"{prefix}{number:06}-1-on", canonical_json(entry)
        self.objects.create(key, data)
        self.judge.wrote(Actor(self, "halt"), key, data)
        self.trace("halted")

    def start_worker(self, key: RunKey, due: int, at: int, faults: tuple[Fault, ...] = ()) -> None:
        """Let a worker begin at an instant."""
        self._workers += 1
        name = f"worker-{self._workers}"
        self.loop.start(at, lambda: work(self, name, key, due, faults))

    def retry(self, key: RunKey, due: int, tries: int = RETRIES) -> None:
        """Repeat a trigger, unharmed, until its run has a report."""
        if key.run_id not in self.due_runs:
            self.due_runs.append(key.run_id)
        if self._is_done(key) or not tries:
            return
        self.start_worker(key, due, self.loop.now)
        self.loop.at(self.loop.now + RETRY, lambda: self.retry(key, due, tries - 1))

    def _is_done(self, key: RunKey) -> bool:
        return key.run_id in self.judge.reported and self.judge.open_run != key.run_id

    # --- days ------------------------------------------------------------------------------------

    def play(self) -> Played:
        """Play the whole scenario."""
        for session in (
            self.calendar.last_decision(self.sessions[0], Cadence.MONTH_END),
            *self.sessions[: EARLIER - 1],
        ):
            self._publish(session)
        for number, day in enumerate(self.scenario.days):
            self._plan_day(EARLIER + number, day)
        self.loop.run()
        self.judge.at_end()
        return Played(self.judge.broken, len(self.due_runs), tuple(self._trace), self._hits, self._met)

    def _plan_day(self, number: int, day: Day) -> None:
        session = self.sessions[number]
        hours = self.calendar.hours(session)
        opens, closes = micros(hours.open), micros(hours.close)
        self.loop.at(opens, lambda: self._open(number, day, opens))
        published = opens + day.snapshot_late * MINUTE if day.snapshot_late else opens - 30 * MINUTE
        self.loop.at(published, lambda: self._publish(self.sessions[number - 1]))
        self.loop.at(closes, self.venue.end_session)
        last = opens
        for trigger in day.triggers:
            due = opens + trigger.minute * MINUTE
            self.loop.at(due, lambda due=due, trigger=trigger: self._trigger(session, due, trigger))
            last = max(last, due)
        after = last + OPERATOR_AFTER
        self.loop.start(after, lambda: look_after(self, f"operator-{number}", day.operator, reruns=day.reruns))
        evening = max(closes, after + REST) + 60 * MINUTE
        if day.watched:
            self.loop.start(evening, lambda: keep_watch(self, f"watchdog-{number}"))
        self.loop.start(evening + MINUTE, lambda: look_after(self, f"evening-{number}", (), reruns=False))

    def _publish(self, session: date) -> None:
        """Publish the snapshot of a session, if the strategy decides on it."""
        if not self.scenario.monthly or self.calendar.session(session).ends_month:
            self.shelf.publish(session, rows(self.scenario.seed, session))
            self.trace(f"published {session}")

    def _open(self, number: int, day: Day, opens: int) -> None:
        self.day = number
        self.prices.new_day()
        self.missing_until = opens + day.bar_missing * MINUTE if day.bar_missing else 0
        if day.bar_missing:
            self.causes.add("bar missing")
        if day.snapshot_late and self.scenario.backed:
            self.causes.add("snapshot late")
        if day.split:
            self.prices.split(day.split, number)
            self.venue.split(day.split)
            self.causes.add("split")
        if day.liquidated:
            self.causes.add("liquidation")
            self.venue.liquidate()
        self.venue.open = True
        self.trace(f"session {self.sessions[number]}")

    def _trigger(self, session: date, due: int, trigger: Trigger) -> None:
        """Let the adversary's workers begin, and the scheduler repeat the trigger after them."""
        slot = f"{instant(due):%Y-%m-%dT%H:%M:%SZ}"
        key = RunKey(self.account, session, slot, Mode.PAPER)
        self.due_runs.append(key.run_id)
        for attempt in trigger.attempts:
            self.start_worker(key, due, due + int(attempt.offset * SECOND), attempt.faults)
        quiet = max((attempt.offset for attempt in trigger.attempts), default=0.0)
        self.loop.at(due + int((quiet + 60) * SECOND), lambda: self.retry(key, due))


def _span(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def play(scenario: Scenario) -> Played:
    """Play a scenario in a world of its own; the same one always leads to the same trace."""
    return World(scenario).play()
