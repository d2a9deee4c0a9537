"""Every history of two executors and three commands, within a bound on what goes wrong in one.

The executors are those that are deployed, with their ledger and their leases. Only what they wait for is replaced: each
wait is a step, and between any two steps the explorer may crash an executor, stop it and let it go on later, let the
other one run, move a partition, or let all commands expire; an answer of the venue may be lost, or what was sent to it.
With each of these the venue rotates its salt. Histories that lead to the same state are followed once.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from event_trading_app.errors import Unanswered, VenueDown
from event_trading_app.executor.executing import Executor
from event_trading_app.executor.ledger import Command, Ledger, Trade, answer_id
from event_trading_app.executor.parts import Parts, Terms
from event_trading_app.executor.settling import Settler
from event_trading_app.payloads import ExecuteTrade, TradeState
from event_trading_app.ports import MayLeave, Sent, SignedAnswer
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.domain.errors import LeaseLost
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.ports.versioned_store import Stored, VersionedStore

from .frame import ACCOUNT, NOW, TOKEN_B, MemoryStore, MemoryVenue, command, create_then, signed

T = TypeVar("T")
PARTITIONS = (0, 1)
NAMES = ("one", "two")
LATER = timedelta(seconds=61)
"""After which all commands have expired."""
FINAL = timedelta(seconds=1000)
"""After which the venue's word is final."""
TICK = timedelta(seconds=6)
"""Whoever waits wakes up at a multiple of this: nothing else happens in between."""
RENEWAL = timedelta(seconds=2)
"""After which leases are renewed that nobody stops."""
LONGEST = 400
"""Steps of the longest history."""


def _rival() -> Command:
    """Return another command for the quote of the first one, in the partition of the second."""
    each = command("1", 1, token_in=TOKEN_B, token_out="c")
    return replace(each, asked=each.asked.model_copy(update={"command_id": "f" * 64}))


COMMANDS = (command("1", 0), command("2", 1, token_in=TOKEN_B, token_out="c"), _rival())


@dataclass(frozen=True, slots=True)
class Wait:
    """What a coroutine waits for: a call to be run, a time, or the next order; ``None`` of all three goes on."""

    call: Callable[[], Any] | None = None
    until: datetime | None = None
    orders: bool = False

    def __await__(self) -> Generator[Wait, Any, Any]:
        return (yield self)


class Pruned(Exception):
    """The history has come to a state that was followed already."""


@dataclass
class Chooser:
    """Goes through all combinations of choices, one history after another."""

    taken: list[int] = field(default_factory=list[int])
    offered: list[int] = field(default_factory=list[int])
    place: int = 0

    @property
    def fresh(self) -> bool:
        """Whether this history differs from all before it by now."""
        return self.place >= len(self.taken)

    def choose(self, options: int) -> int:
        """Return one of so many options."""
        if self.place == len(self.taken):
            self.taken.append(0)
            self.offered.append(options)
        chosen = self.taken[self.place]
        self.place += 1
        return chosen

    def again(self) -> bool:
        """Begin the next history; False if there is none."""
        self.place = 0
        while self.taken and self.taken[-1] + 1 == self.offered[-1]:
            self.taken.pop()
            self.offered.pop()
        if not self.taken:
            return False
        self.taken[-1] += 1
        return True


class HashedStore(MemoryStore):
    """A store that knows a number of what is in it."""

    content = 0

    def _put(self, key: str, stored: Stored) -> None:
        if key in self.objects:
            self.content ^= hash((key, self.objects[key]))
        self.content ^= hash((key, stored))
        super()._put(key, stored)


@dataclass(frozen=True)
class Variant:
    """How the executors are made: as they are, or with a defect.

    Attributes
    ----------
    commits_first
        Whether the offset of a command is committed before it is handled.
    ledger_store
        Returns where an executor keeps its ledger.
    revokes_at_once
        Whether a partition is taken away while a command of it is under way.
    commands
        What is to be answered.
    """

    executor: Callable[[Parts], Executor] = Executor
    commits_first: bool = False
    ledger_store: Callable[[World], MemoryStore] = lambda world: world.store
    revokes_at_once: bool = False
    commands: tuple[Command, ...] = COMMANDS


@dataclass
class Arrival:
    """What came to the venue: whose, of which quote, when, and which bytes."""

    who: int
    data: bytes
    at: datetime


class Venue(MemoryVenue):
    """The venue, as one executor reaches it."""

    def __init__(self, world: World, who: int) -> None:
        super().__init__(world.clock)
        self._world, self._who = world, who

    async def prepare(self, command: ExecuteTrade, now: datetime) -> SignedAnswer:
        return signed(command, self._world.salt_now)

    async def send(self, data: bytes, may_leave: MayLeave) -> Sent:
        await Wait()
        if not may_leave():
            raise VenueDown("nothing was sent")
        arrives, answers = self._world.way_of_a_message()
        if arrives:
            self._world.arrive(self._who, data)
        await Wait()
        if not answers:
            raise Unanswered("no answer came")
        return Sent(acknowledged=True)

    async def used(self, answer: SignedAnswer) -> bool:
        return any(arrival.data == answer.data for arrival in self._world.arrivals)


@dataclass
class Process:
    """An executor at work: its coroutine, what it waits for, and what it has seen since it began."""

    number: int
    executor: Executor
    work: Coroutine[Wait, Any, None] = field(init=False)
    waits: Wait | None = None
    stopped: bool = False
    seen: int = 0
    orders: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    owns: set[int] = field(default_factory=set[int])
    busy: int | None = None
    crashed_at: tuple[int, ...] = ()


class World:
    """One history."""

    def __init__(self, chooser: Chooser, seen: dict[int, int], variant: Variant, budget: int) -> None:
        self.chooser, self.seen, self.variant, self.budget = chooser, seen, variant, budget
        self.clock = FrozenClock(NOW)
        self.store = HashedStore(self.clock)
        self.arrivals: list[Arrival] = []
        self.told: dict[str, dict[str, Event]] = {}
        self.commands = variant.commands
        self.committed = dict.fromkeys(PARTITIONS, 0)
        self.handed = dict.fromkeys(PARTITIONS, 0)
        self.owner: dict[int, int] = {}
        self.at_work: dict[int, int] = {}
        """Who has taken a partition and recovered what was left of it."""
        self.found: list[str] = []
        self.disturbed = False
        """Whether something happened after which a successor has to wait."""
        self.steps = 0
        self.processes = [self._process(number) for number in (0, 1)]
        for partition in PARTITIONS:
            self._give(partition, 0)

    # --- what may happen ------------------------------------------------------------------------

    def run(self) -> list[str]:
        """Follow one history to its end; return what is wrong with it."""
        current = 0
        while (ready := self._ready()) or self._wake():
            self.steps += 1
            assert self.steps < LONGEST, "a history does not end"
            if not ready:
                continue
            current = current if current in ready else ready[0]
            self._prune(current)
            current = self._next(current, ready)
        self._finish()
        return self.found + list(self._judged())

    def _next(self, current: int, ready: list[int]) -> int:
        """Choose what happens now; return who goes on."""
        options: list[Callable[[], int]] = [lambda: self._advance(current)]
        if self.budget:
            options += self._disturbances(current, ready)
        chosen = self.chooser.choose(len(options)) if len(options) > 1 else 0
        self.budget -= bool(chosen)
        return options[chosen]()

    def _disturbances(self, current: int, ready: list[int]) -> list[Callable[[], int]]:
        other = 1 - current
        found: list[Callable[[], int]] = [lambda: self._stop(current)]
        if self._durable() != self.processes[current].crashed_at:  # else it would lose no more than a step before
            self.processes[current].crashed_at = self._durable()
            found.append(lambda: self._crash(current))
        if other in ready:
            found.append(lambda: self._advance(other))
        if self.processes[other].stopped:
            found.append(lambda: self._go_on(other))
        waits = self.processes[current].waits
        if self.variant.revokes_at_once or (waits and waits.orders):  # else it takes effect when this is so
            found += [self._mover(current, partition) for partition in sorted(self.processes[current].owns)]
        if self.clock.now() < NOW + LATER:
            found.append(lambda: self._expire(current))
        return found

    def _durable(self) -> tuple[int, ...]:
        """Return what a crash does not undo, in short."""
        told = sum(map(len, self.told.values()))
        return (self.store.content, len(self.arrivals), told, *self.committed.values(), *self.handed.values())

    def _mover(self, current: int, partition: int) -> Callable[[], int]:
        return lambda: self._move(current, partition)

    def _crash(self, who: int) -> int:
        self.disturbed = True
        self._end(who)
        return 1 - who

    def _stop(self, who: int) -> int:
        self.disturbed = True
        self.processes[who].stopped = True
        self._pass_on(who)
        return 1 - who

    def _go_on(self, who: int) -> int:
        self.processes[who].stopped = False
        return who

    def _move(self, who: int, partition: int) -> int:
        process = self.processes[who]
        process.owns.discard(partition)
        if self.variant.revokes_at_once and process.busy == partition:
            _run_through(process.executor.revoked(partition))
            self._give(partition, 1 - who)
        else:
            process.orders.append(("revoke", partition))
        return who

    def _expire(self, who: int) -> int:
        self.disturbed = True
        self._pass_time(NOW + LATER)
        return who

    @property
    def salt_now(self) -> bytes:
        """The venue's salt: it is rotated with every disturbance, so that nothing is signed alike twice."""
        return bytes([self.budget])

    def way_of_a_message(self) -> tuple[bool, bool]:
        """Choose whether a message arrives, and whether its answer does."""
        ways = [(True, True), (True, False), (False, False)] if self.budget else [(True, True)]
        chosen = self.chooser.choose(len(ways)) if len(ways) > 1 else 0
        self.budget -= bool(chosen)
        self.disturbed |= bool(chosen)
        return ways[chosen]

    # --- how it goes on -------------------------------------------------------------------------

    def _ready(self) -> list[int]:
        return [p.number for p in self.processes if not p.stopped and self._can_go_on(p)]

    def _can_go_on(self, process: Process) -> bool:
        waits = process.waits
        if waits is None:
            return False
        if waits.until is not None:
            return waits.until <= self.clock.now()
        return not waits.orders or self._order(process) is not None

    def _wake(self) -> bool:
        """Let time pass until the next one has to go on; whoever was stopped goes on when nothing else happens."""
        waiting = [p.waits.until for p in self.processes if not p.stopped and p.waits and p.waits.until]
        if waiting:
            self._pass_time(min(waiting))
            return True
        for process in self.processes:
            if process.stopped:
                process.stopped = False
                return True
        return False

    def _pass_time(self, until: datetime) -> None:
        """Let time pass; whoever is not stopped renews its leases meanwhile."""
        while self.clock.now() < until:
            self.clock.instant = min(until, self.clock.now() + RENEWAL)
            for process in self.processes:
                if not process.stopped:
                    _run_through(process.executor.renew())

    def _advance(self, who: int) -> int:
        """Let a process do what it waits for, up to its next wait."""
        process = self.processes[who]
        waits = process.waits
        assert waits is not None
        value, failure = None, None
        if waits.orders:
            value = self._order(process)
            if process.orders:
                process.orders.pop(0)
        elif waits.call is not None:
            try:
                value = waits.call()
            except Exception as error:  # noqa: BLE001 - it is thrown into whoever waits
                failure = error
        process.seen = hash((process.seen, _short(value), repr(failure), self.clock.instant))
        try:
            process.waits = process.work.throw(failure) if failure else process.work.send(value)
        except (StopIteration, LeaseLost):
            self._end(who)
        return who

    def _order(self, process: Process) -> tuple[str, int, int] | None:
        """Return what a process is to do next: take or give back a partition, or handle a command."""
        if process.orders:
            return (*process.orders[0], 0)
        for partition in sorted(process.owns):
            if self.at_work.get(partition) == process.number and self.handed[partition] < len(self._log(partition)):
                return ("handle", partition, self.handed[partition])
        return None

    def _log(self, partition: int) -> list[Command]:
        return [each for each in self.commands if each.partition == partition]

    def _process(self, number: int) -> Process:
        parts = Parts(
            account=ACCOUNT,
            service="event-trading",
            mode=Mode.PAPER,
            holder=NAMES[number],
            store=self.store,
            ledger=Ledger(self.variant.ledger_store(self), ACCOUNT),
            venue=Venue(self, number),
            clock=self.clock,
            tell=self._tell,
            terms=Terms(first_pause=TICK, longest_pause=10 * TICK, horizon=2 * LATER),
            io=_io,
            writing=_Writing,
            pause=self._pause,
        )
        executor = self.variant.executor(parts)
        process = Process(number, executor)
        process.work = self._work(process)
        process.waits = process.work.send(None)
        return process

    async def _work(self, process: Process) -> None:
        """Do what the bus orders: what stands around the executor in a service."""
        executor = process.executor
        while True:
            process.seen = hash(tuple((p, each.epoch, each.holds()) for p, each in executor.fences.items()))
            order, partition, offset = await Wait(orders=True)
            if order == "assign":
                await executor.assigned(partition)
                await Wait(partial(self._taken, process, partition))
            elif order == "revoke":
                await executor.revoked(partition)
                await Wait(partial(self._give, partition, 1 - process.number))
            else:
                await self._handle(process, partition, offset)

    async def _handle(self, process: Process, partition: int, offset: int) -> None:
        process.busy = partition
        self.handed[partition] = offset + 1
        if self.variant.commits_first:
            await Wait(lambda: self._commit(process, partition, offset))
        await process.executor.handle(self._log(partition)[offset])
        if not self.variant.commits_first:
            await Wait(lambda: self._commit(process, partition, offset))
        process.busy = None

    def _taken(self, process: Process, partition: int) -> None:
        if self.owner[partition] == process.number:
            self.at_work[partition] = process.number

    def _commit(self, process: Process, partition: int, offset: int) -> None:
        """Commit an offset; of a partition that another one has by now, the bus takes none."""
        if self.owner[partition] == process.number:
            self.committed[partition] = offset + 1

    async def _tell(self, event: Event) -> None:
        await Wait(lambda: self._note(event))

    def _note(self, event: Event) -> None:
        self.told.setdefault(event.payload["command_id"], {})[event.event_id] = event

    async def _pause(self, seconds: float) -> None:
        ticks = -((NOW - self.clock.now() - timedelta(seconds=seconds)) // TICK)
        await Wait(until=NOW + ticks * TICK)

    def _give(self, partition: int, who: int) -> None:
        """Give a partition to a process: it goes on from the committed offset."""
        self.owner[partition] = who
        self.handed[partition] = self.committed[partition]
        self.processes[who].owns.add(partition)
        self.processes[who].orders.append(("assign", partition))

    def _pass_on(self, who: int) -> None:
        """Give what a process has to the other one, as the bus does when it hears nothing from it any more."""
        process = self.processes[who]
        revoked = {partition for order, partition in process.orders if order == "revoke"}
        for partition in sorted(process.owns | revoked):
            self._give(partition, 1 - who)
        process.owns.clear()
        process.orders.clear()

    def _end(self, who: int) -> None:
        """End a process; its supervisor starts another in its place."""
        process = self.processes[who]
        process.work.close()
        self.processes[who] = self._process(who)
        owned = process.owns | {p for p, owner in self.owner.items() if owner == who}
        for partition in sorted(owned):
            self._give(partition, 1 - who)

    def arrive(self, who: int, data: bytes) -> None:
        """Take what is sent to the venue, and note what must not have been sent."""
        self.arrivals.append(Arrival(who, data, self.clock.now()))
        sent = next(each for each in self.commands if each.asked.command_id.encode() in data)
        if self.clock.now() >= sent.asked.expires_at:
            self.found.append("late: sent after it expired")
        if self.at_work.get(sent.partition, self.owner[sent.partition]) != who and self.owner[sent.partition] != who:
            self.found.append("replaced: sent by an executor whose partition another one works on")

    # --- what is followed once, and what must hold ----------------------------------------------

    def _prune(self, current: int) -> None:
        if not self.chooser.fresh:
            return
        state = hash(
            (
                current,
                self.store.content,
                self.clock.instant,
                self.salt_now,
                self.disturbed,
                tuple((each.who, each.data) for each in self.arrivals),
                tuple(sorted((name, *sorted(events)) for name, events in self.told.items())),
                tuple(self.committed.values()),
                tuple(self.handed.values()),
                tuple(sorted(self.owner.items())),
                tuple(sorted(self.at_work.items())),
                tuple((p.seen, p.stopped, tuple(p.orders), tuple(sorted(p.owns)), p.busy) for p in self.processes),
                tuple(self.found),
            )
        )
        if self.seen.get(state, -1) >= self.budget:
            raise Pruned
        self.seen[state] = self.budget

    def _finish(self) -> None:
        """Let all answers come to their end, as the monitor does."""
        waited = self.clock.now() - NOW
        if waited and not self.disturbed:
            self.found.append(f"waited: {waited} passed, though nobody failed")
        self.clock.instant = NOW + FINAL
        settler = Settler(self.processes[0].executor.parts)
        for partition in PARTITIONS:
            for trade in self._trades(settler.parts.ledger, partition):
                _run_through(settler.settle(trade, 1_000_000))

    def _trades(self, ledger: Ledger, partition: int) -> Iterator[Trade]:
        for name, _ in list(ledger.newest(partition, NOW, NOW + LATER)):
            if (trade := ledger.find(name)) is not None:
                yield trade

    def _judged(self) -> Iterator[str]:
        answers: dict[str, set[bytes]] = {}
        for arrival in self.arrivals:
            sent = next(each for each in self.commands if each.asked.command_id.encode() in arrival.data)
            answers.setdefault(sent.asked.quote_id, set()).add(arrival.data)
        yield from (f"two answers: quote {quote} has {len(each)}" for quote, each in answers.items() if len(each) > 1)
        for each in self.commands:
            yield from self._judged_command(each, answers.get(each.asked.quote_id, set()))

    def _judged_command(self, each: Command, answers: set[bytes]) -> Iterator[str]:
        identity = each.asked.command_id
        own = {data for data in answers if identity.encode() in data}
        ends = {
            event.payload["state"]
            for event in self.told.get(identity, {}).values()
            if TradeState(event.payload["state"]).terminal
        }
        if len(ends) != 1:
            yield f"lost: command {each.asked.quote_id} has the ends {sorted(ends)}"
        elif (ends == {TradeState.SETTLED.value}) is not bool(own):
            yield f"wrong: command {each.asked.quote_id} is {ends}, and {len(own)} answers of it arrived"
        intents = sum(
            b'"state":"SENT"' in stored.data and f"/{answer_id(each.asked.account, each.asked.quote_id)}." in key
            for key, stored in self.store.objects.items()
            if f"/p{each.partition:03}/" in key
        )
        arrived = sum(identity.encode() in arrival.data for arrival in self.arrivals)
        if arrived > intents:
            yield f"sent twice: {arrived} times by {intents} recorded intents"


def _short(value: Any) -> Any:
    """Return what tells one value from another, without writing all of it."""
    if isinstance(value, list):
        return tuple(map(_short, value))
    if isinstance(value, Trade):
        steps = tuple((step.state, step.epoch, step.at) for step in value.steps.transitions)
        return value.asked.command_id, value.answer.signed, value.answer.at, steps
    return repr(value) if value is None or isinstance(value, (tuple, str, bool)) else type(value).__name__


@dataclass
class _Writing:
    """Writes in one step."""

    store: VersionedStore

    async def create(self, objects: Mapping[str, bytes], then: Callable[[], T]) -> T:
        return await Wait(partial(create_then, self.store, objects, then))


async def _io(call: Callable[[], Any], /) -> Any:
    return await Wait(call)


def _run_through(work: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine to its end at once."""
    value: Any = None
    try:
        while True:
            waits = work.send(value)
            value = waits.call() if waits.call else None
    except StopIteration:
        return


@dataclass(frozen=True)
class Explored:
    """What was found: how many histories and states, and the first history with something wrong of each kind."""

    histories: int
    states: int
    wrong: dict[str, str]


def explore(variant: Variant, budget: int, *, until: str = "") -> Explored:
    """Follow all histories with so many disturbances; stop at the first that is wrong in a certain way."""
    chooser, seen, wrong, histories = Chooser(), dict[int, int](), dict[str, str](), 0
    while True:
        histories += 1
        try:
            for text in World(chooser, seen, variant, budget).run():
                wrong.setdefault(text.partition(":")[0], text)
        except Pruned:
            pass
        if (until and until in wrong) or not chooser.again():
            return Explored(histories, len(seen), wrong)
