"""One campaign: servers, a relay, services, executors that come and go, trouble, and the count."""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from event_trading_app.executor.ledger import Ledger
from event_trading_app.executor.parts import Point
from event_trading_app.names import Service
from event_trading_app.settings import Settings
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.events.dead_letters import letters
from quant_platform_kit.events.following import Follower
from venue_sandbox.servers.forking import Nursery
from venue_sandbox.servers.kafka import kafka
from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.postgresql import postgresql
from venue_sandbox.servers.private import Running
from venue_sandbox.stands.near import NearStand

from chaos.events.board import TOPICS, Board
from chaos.events.faults import CONSUMED, Trouble
from chaos.events.judging import Evidence, Verdict, judge, read_trades
from chaos.events.site import BESIDE, PAIRS, TradingSite, fund
from chaos.events.worker import IN_A_SEND, MUTANT, PLAN
from chaos.killing import Plan, lines_of
from chaos.trouble import Weights

__all__ = ["CHANCES", "STOPS", "WEIGHTS", "Campaign", "Outcome", "Windows"]

WORKER = "chaos.events.worker"
CHANCES = {
    **{point.name: 0.04 for point in IN_A_SEND},
    **{point.name: 0.001 for point in Point if point not in IN_A_SEND},
}
STOPS = {Point.INTENDED.name: 0.004, Point.LEAVING.name: 0.008}
WEIGHTS: Weights = {
    "kill": 1,
    "server": 0.25,
    "drop_graceful": 1,
    "drop_abrupt": 1,
    "answer": 4,
    "salt": 1,
    "rewind": 0.15,
}
MOST = 6
PARTITIONS = 6
PHASES = ((0.02, 1), (0.1, 3), (0.92, MOST), (0.97, 3), (1.0, 1))
"""Up to which shares of the commands there are how many executors."""
BATCH, BATCH_RATE = 12, 20.0
HEARD_SECONDS = 15.0
"""After which a quote that led to no command will lead to none: nobody listened."""
POLL_SECONDS = 0.2
WAITING = 36
"""So many commands may wait for their answer before more is asked for."""
STOPPED_SECONDS = 8.0
"""Longer than a lease, and longer than the bus waits for a member."""
SHARED_SECONDS = 8.0
"""Within which the bus shares out partitions anew, unless somebody dies."""
START_SECONDS = 90.0
FINALITY_SECONDS = 3.0
SETTLE_SECONDS = 1.0
READ_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Windows:
    """For how long the relay takes answers, in seconds.

    Attributes
    ----------
    shortest, longest
        An auction ends at the first answer after the one, and at the other in any case.
    deadline
        How long an answer has to be good for.
    """

    shortest: float
    longest: float
    deadline: float = 15.0

    @property
    def all(self) -> float:
        """Within which everything about a quote is over."""
        return self.longest + self.deadline + FINALITY_SECONDS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a campaign found, and what happened in it."""

    verdict: Verdict
    kills: Mapping[str, int]
    stops: Mapping[str, int]
    trouble: Mapping[str, int]
    exits: Mapping[str, int]
    seconds: float
    quiet: bool

    @property
    def in_a_send(self) -> int:
        """How often a service was killed between the intent to send and the record of the answer."""
        return sum(self.kills.get(point.name, 0) for point in IN_A_SEND)

    @property
    def good(self) -> bool:
        """Whether nothing went wrong, and everything came to its end."""
        return self.verdict.good and self.quiet

    def line(self) -> dict[str, Any]:
        """Return the campaign's line."""
        return {
            **{name: getattr(self.verdict, name) for name in Verdict.__dataclass_fields__},
            "kills": sum(self.kills.values()),
            "kills_in_a_send": self.in_a_send,
            "kills_by_point": dict(self.kills),
            "stops_by_point": dict(self.stops),
            "trouble": dict(self.trouble),
            "exits": dict(self.exits),
            "quiet": self.quiet,
            "seconds": round(self.seconds, 1),
        }


@dataclass(slots=True)
class Campaign:
    """Commands under trouble.

    Attributes
    ----------
    mutant
        A defect of `chaos.events.mutants` that the services have; empty for none.
    chances, stops
        How often services kill themselves, or stand still, by the name of a point.
    rewinds
        Whether every stage reads all again in the middle.
    settles
        Whether the end of every command is waited for, and not only its answer.
    most
        Kills, after which services kill themselves no more; None for no end.
    minutes
        After which no more is asked for, however few commands there were.
    calm_seconds
        For how long ends are waited for, beyond the time that quotes take.
    """

    commands: int
    seed: int
    windows: Windows
    mutant: str = ""
    chances: Mapping[str, float] = field(default_factory=lambda: CHANCES)
    stops: Mapping[str, float] = field(default_factory=lambda: STOPS)
    weights: Weights = field(default_factory=lambda: WEIGHTS)
    stopped_seconds: float = STOPPED_SECONDS
    phases: Sequence[tuple[float, int]] = PHASES
    rewinds: bool = True
    settles: bool = True
    most: int | None = None
    minutes: float = float("inf")
    calm_seconds: float = 60.0
    say: Callable[[str], None] = lambda _: None
    keep: Path | None = None

    def run(self) -> Outcome:
        """Run it; everything that it started has ended when this returns."""
        with self._place() as (site, servers, folder):
            return asyncio.run(_Run(self, site, servers, folder).run())

    @contextmanager
    def _place(self) -> Generator[tuple[TradingSite, dict[str, Running], Path]]:
        with ExitStack() as running:
            folder = self.keep or Path(running.enter_context(tempfile.TemporaryDirectory(prefix="quant-chaos-")))
            folder.mkdir(parents=True, exist_ok=True)
            database, bus = running.enter_context(postgresql()), running.enter_context(kafka())
            venue = running.enter_context(NearStand(folder, ("--seed", str(self.seed))))
            fund(venue)
            nursery = running.enter_context(Nursery([WORKER]))
            spawned, Server.spawn = Server.spawn, nursery.spawn
            running.callback(lambda: setattr(Server, "spawn", spawned))
            site = TradingSite(
                folder / "site", venue, bus.url, database.url, WORKER, self._variables(folder), self._changes()
            )
            yield running.enter_context(site), {"postgresql": database, "kafka": bus}, folder

    def _variables(self, folder: Path) -> dict[str, str]:
        hits, quiet, asleep = (str(folder / name) for name in ("hits", "quiet", "asleep"))
        chances, stops = dict(self.chances), dict(self.stops)
        plan = Plan(seed=self.seed, chances=chances, hits=hits, quiet=quiet, stops=stops, asleep=asleep, most=self.most)
        plan.write(folder / "plan.json")
        return {PLAN: str(folder / "plan.json"), MUTANT: self.mutant}

    def _changes(self) -> dict[str, Any]:
        return {"finality_seconds": FINALITY_SECONDS, "partitions": PARTITIONS, "at_once": 4}


class _Run:
    """A campaign at work."""

    def __init__(self, campaign: Campaign, site: TradingSite, servers: Mapping[str, Running], folder: Path) -> None:
        self.campaign, self.site, self.servers, self.folder = campaign, site, servers, folder
        self.board, self.batches, self.over = Board(), 0, 0.0
        self.trouble = Trouble(
            campaign.weights,
            campaign.seed,
            site=site,
            servers=servers,
            asleep=folder / "asleep",
            sleep=campaign.stopped_seconds,
        )

    async def run(self) -> Outcome:
        begun, settings = time.monotonic(), self.site.settings()
        self.over = begun + 60 * self.campaign.minutes
        (self.folder / "quiet").touch()
        await self._start()
        with Follower(settings.bus, [topic.value for topic in TOPICS], self.board.note):
            (self.folder / "quiet").unlink()
            making = [asyncio.create_task(each) for each in (self.trouble.make(), self.trouble.wake())]
            try:
                await self._in_phases()
                quiet = await self._settle()
            finally:
                for task in making:
                    task.cancel()
                await asyncio.gather(*making, return_exceptions=True)
        for line in self.trouble.told:
            self.campaign.say(line)
        evidence = await asyncio.to_thread(self._evidence, settings)
        kills = Counter(point for _, point in lines_of(self.folder / "hits"))
        stops = Counter(point for _, point, _ in lines_of(self.folder / "asleep"))
        exits = Counter(f"{name.partition('-')[0]} {status}" for name, status in self.site.exits)
        return Outcome(judge(evidence), kills, stops, self.trouble.done, exits, time.monotonic() - begun, quiet)

    async def _start(self) -> None:
        """Start one of each, and wait until all work."""
        names = {f"{service.value}-1": service for service in (Service.EXECUTOR, *BESIDE)}
        await asyncio.gather(*(asyncio.to_thread(self.site.begin, *each) for each in names.items()))
        for name in names:
            await asyncio.to_thread(self.site.wait_until_working, name, START_SECONDS)

    async def _in_phases(self) -> None:
        """Have commands come, while executors are few and many."""
        for share, executors in self.campaign.phases:
            await self._scale(executors)
            until = round(self.campaign.commands * share)
            if executors == MOST and self.campaign.rewinds and time.monotonic() < self.over:
                await self._drive((len(self.board.commands) + until) // 2)
                for service in CONSUMED:
                    with suppress(Exception):  # what is down cannot be rewound; the count says what was
                        await self.trouble.rewind(service)
            await self._drive(until)

    async def _scale(self, executors: int) -> None:
        """Start executors, or have them leave in order."""
        before = set(self.site.servers)
        async with self.trouble.moving:
            for number in range(1, MOST + 1):
                name = f"{Service.EXECUTOR.value}-{number}"
                if number <= executors and name not in self.site.servers:
                    await asyncio.to_thread(self.site.begin, name, Service.EXECUTOR)
                elif number > executors and name in self.site.servers:
                    status = await asyncio.to_thread(self.site.stop, name)
                    self.trouble.done[f"left {status}"] += 1
            self.trouble.done[f"executors {executors}"] += 1
        if before != set(self.site.servers):
            await asyncio.sleep(SHARED_SECONDS)

    async def _drive(self, until: int) -> None:
        """Open auctions until there are so many commands; no more than the executors can cope with."""
        while (there := len(self.board.commands)) < until and time.monotonic() < self.over:
            if there - self.board.answered < WAITING:
                self.campaign.say(f"{there} commands, {self.board.answered} answered, {dict(self.trouble.done)}")
                await self._open(min(BATCH, until - there))
            else:
                await asyncio.sleep(POLL_SECONDS)

    async def _open(self, count: int) -> None:
        """Open so many auctions, and wait until their commands are there; some are never heard of."""
        windows, wanted = self.campaign.windows, len(self.board.commands) + count
        self.batches += 1
        plan: dict[str, Any] = {
            "rate": BATCH_RATE,
            "count": count,
            "pairs": PAIRS,
            "out_share": 0.3,
            "take_share": 0.85,
            "min_wait_ms": round(windows.shortest * 1000),
            "max_wait_ms": round(windows.longest * 1000),
            "min_deadline_ms": round(windows.deadline * 1000),
            "seed": self.campaign.seed * 100_000 + self.batches,
        }
        await asyncio.to_thread(lambda: self.site.venue.do("drive", **plan))
        given_up = time.monotonic() + HEARD_SECONDS
        while len(self.board.commands) < wanted and time.monotonic() < given_up:
            await asyncio.sleep(POLL_SECONDS)

    async def _settle(self) -> bool:
        """Let all that is under way come to its end in peace; whether it has."""
        answering = time.monotonic() + self.campaign.calm_seconds
        while self.board.answered < len(self.board.commands) and time.monotonic() < answering:
            await asyncio.sleep(SETTLE_SECONDS)
        self.trouble.calm.set()
        (self.folder / "quiet").touch()
        await asyncio.to_thread(self.site.venue.server.clear)
        if not self.campaign.settles:
            return False
        until, still = time.monotonic() + self.campaign.windows.all + self.campaign.calm_seconds, 0
        while time.monotonic() < until:
            await asyncio.sleep(SETTLE_SECONDS)
            left = self.board.open
            self.campaign.say(f"{len(left)} of {len(self.board.commands)} commands have no end")
            still = 0 if left else still + 1
            if still >= 3:
                return True
        return False

    def _evidence(self, settings: Settings) -> Evidence:
        """Read what is there, after services have ended: nothing is added any more."""
        self.site.stop_all()
        board = Board()
        with Follower(settings.bus, [topic.value for topic in TOPICS], board.note) as follower:
            follower.wait(READ_SECONDS)
        store = open_store(settings.store_url.get_secret_value())
        dead = {
            service.stage: [letter.content.reason for letter in letters(settings.bus, service.stage)]
            for service in CONSUMED
        }
        venue = self.site.venue
        ledger = Ledger(store, settings.account)
        return Evidence(board, venue.answers(), venue.settled(), read_trades(ledger, board.commands), dead)
