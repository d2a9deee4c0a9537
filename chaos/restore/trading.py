"""Event-driven trading whose stores are lost, one by one and all together, and brought back from a running backup."""

import json
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from event_trading_app.executor.ledger import answer_id
from event_trading_app.names import Service
from event_trading_app.payloads import ExecuteTrade
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.events.bus import Settings
from quant_platform_kit.events.errors import BusDown
from quant_platform_kit.events.offsets import rewind
from quant_platform_kit.events.reading import history
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from venue_sandbox.servers.forking import Nursery
from venue_sandbox.servers.kafka import kafka
from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.postgresql import RunningPostgresql, postgresql
from venue_sandbox.stands.near import NearStand

from chaos.events.board import TOPICS, Board
from chaos.events.site import BESIDE, PAIRS, TradingSite, fund
from chaos.events.worker import MUTANT as SERVICE_MUTANT
from chaos.events.worker import PLAN
from chaos.killing import Plan
from chaos.restore.mutants import IN_SERVICES
from chaos.restore.rows import Row
from chaos.restore.scripts import MUTANT, Keeping, Unkept, libpq_url
from chaos.stores import another_database, empty_database

__all__ = ["STORES", "Venue", "lose_trading", "trading_venue"]

STORES = ("database", "bus", "archive")
WORKER = "chaos.restore.service"
RATE = 20.0
WINDOW_SECONDS, DEADLINE_SECONDS, FINALITY_SECONDS = 2.0, 2.0, 1.0
OVER_SECONDS = WINDOW_SECONDS + DEADLINE_SECONDS + FINALITY_SECONDS + 2.0
"""After which nothing that was signed can be settled any more."""
PARTITIONS = 4
START_SECONDS = 90.0
CALM_SECONDS = 60.0
POLL_SECONDS = 0.3
MEMBERS_SECONDS = 20.0
ROLES = (Service.EXECUTOR, Service.ARCHIVER, *BESIDE)


@dataclass(slots=True)
class Venue:
    """The venue, which loses nothing, and the servers of the services, which do.

    Attributes
    ----------
    window, deadline
        For how long answers are taken, and have to be good, in seconds.
    """

    folder: Path
    near: NearStand
    database: RunningPostgresql
    stack: ExitStack
    seed: int
    mutant: str = ""
    window: float = WINDOW_SECONDS
    deadline: float = DEADLINE_SECONDS
    store: str = ""
    bus: str = ""
    archive: Path = field(init=False)
    batches: int = 0
    sites: int = 0

    def __post_init__(self) -> None:
        self.store = another_database(self.database.url, "trading")
        self.bus = self.stack.enter_context(kafka()).url
        self.archive = self.folder / "archive"

    @property
    def settings(self) -> Settings:
        """The bus."""
        return Settings(self.bus)

    @contextmanager
    def services(self, *roles: Service) -> Generator[TradingSite]:
        """Run services until the context is left."""
        self.sites += 1
        own = self.folder / f"site-{self.sites}"
        own.mkdir()
        Plan(seed=self.seed, chances={}, hits=str(own / "hits"), quiet=str(own / "quiet")).write(own / "plan.json")
        mutant = self.mutant if self.mutant in IN_SERVICES else ""
        variables = {PLAN: str(own / "plan.json"), SERVICE_MUTANT: mutant}
        changes = {
            "finality_seconds": FINALITY_SECONDS,
            "partitions": PARTITIONS,
            "archive_url": str(self.archive),
            "archive_seconds": 1,
        }
        with TradingSite(own, self.near, self.bus, self.store, WORKER, variables, changes) as site:
            site.settings()
            for role in roles:
                site.begin(f"{role.value}-1", role)
            for role in roles:
                site.wait_until_working(f"{role.value}-1", START_SECONDS)
            yield site

    def ask(self, count: int, *, rate: float = RATE, waits: bool = True) -> None:
        """Have the venue ask for so many quotes."""
        self.batches += 1
        plan: dict[str, Any] = {
            "rate": rate,
            "count": count,
            "pairs": PAIRS,
            "out_share": 0.3,
            "take_share": 0.85,
            "min_wait_ms": round(min(0.3, self.window) * 1000) if self.window < 60 else round(self.window * 1000),
            "max_wait_ms": round(self.window * 1000),
            "min_deadline_ms": round(self.deadline * 1000),
            "seed": self.seed * 1000 + self.batches,
        }
        self.near.do("drive", **plan)
        if waits:
            self.near.driven(count / rate + self.window + START_SECONDS)

    def twice(self) -> int:
        """Count quotes with two answers, or settled twice."""
        digests: dict[str, set[str]] = {}
        for arrival in self.near.answers():
            digests.setdefault(arrival["quote_id"], set()).add(arrival["digest"])
        settled = self.near.settled()
        return sum(len(each) > 1 for each in digests.values()) + sum(len(each) > 1 for each in settled.values())

    def board(self) -> Board:
        """Return what the bus has of commands now."""
        board = Board()
        for message in history(self.settings, [topic.value for topic in TOPICS]):
            board.note(message)
        return board

    def recorded(self, commands: Mapping[str, ExecuteTrade]) -> set[str]:
        """Return which commands have an answer in the ledger."""
        there = set(open_store(self.store).keys(f"trades/{self.near.account}/answers/"))
        return {
            name
            for name, asked in commands.items()
            if f"trades/{self.near.account}/answers/{answer_id(asked.account, asked.quote_id)}" in there
        }

    def archived(self) -> int:
        """How many messages are in files of the archive."""
        spans = (path.stem.split("-") for path in self.archive.glob("topic=*/date=*/hour=*/*.parquet"))
        return sum(int(last) - int(first) + 1 for _, first, last in spans)

    def wait_for(self, is_so: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so; whether it was in time."""
        until = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > until:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def read_again(self, service: Service) -> None:
        """Have a service that does not run read all that the bus has."""
        until = time.monotonic() + MEMBERS_SECONDS
        while True:
            try:
                rewind(self.settings, service.stage)
            except (BusDown, Refused) as error:  # a member is one until its session is over
                if "has read nothing" in str(error):
                    return
                if time.monotonic() > until:
                    raise
                time.sleep(1)
            else:
                return

    def resume(self) -> None:
        """Lift the halt."""
        set_halt(Operator(open_store(self.store), SystemClock(), "drill"), "all", "balances were compared", on=False)

    def lose_database(self) -> None:
        """Have an empty database of the same name."""
        empty_database(self.store)


@contextmanager
def trading_venue(folder: Path, seed: int, mutant: str = "", **options: Any) -> Generator[Venue]:
    """Run the venue and private servers."""
    folder.mkdir(parents=True)
    with ExitStack() as running:
        database = running.enter_context(postgresql())
        near = running.enter_context(NearStand(folder, ("--seed", str(seed))))
        fund(near)
        nursery = running.enter_context(Nursery([WORKER]))
        spawned, Server.spawn = Server.spawn, nursery.spawn
        running.callback(lambda: setattr(Server, "spawn", spawned))
        yield Venue(folder, near, database, running, seed, mutant, **options)


def lose_trading(lost: Collection[str], folder: Path, seed: int, count: int, mutant: str = "") -> Row:
    """Back up while quotes are answered, go on, lose stores, restore them, reconcile, go on; return what came of it."""
    with trading_venue(folder, seed, mutant) as venue:
        row = Row(" and ".join(lost) if len(lost) < len(STORES) else "all together")
        url, password = libpq_url(venue.store)
        keeping = Keeping(folder, venue.database.cluster.programs, {**password, MUTANT: mutant})
        config = folder / "site-1" / "config.yaml"
        plan = {
            "bus": ("bus", "trading", str(config)),
            "database": ("database", "trading", url),
            "archive": ("archive", "trading", str(venue.archive)),
        }
        with venue.services(*ROLES):
            venue.ask(count, waits=False)
            venue.wait_for(lambda: len(venue.near.answers()) >= count // 3, START_SECONDS)
            row.before = len(venue.near.answers())
            backup = keeping.back_up(list(plan.values()))
            venue.near.driven(count / RATE + START_SECONDS)
            venue.ask(count // 2)
        row.after = len(venue.near.answers()) - row.before
        board = venue.board()
        archived = venue.archived()
        _lose(venue, lost)
        if "bus" in lost:
            config = folder / "restored.yaml"
            config.write_text(_with_bus(folder / "site-1" / "config.yaml", venue.bus), encoding="utf-8")
            plan["bus"] = ("bus", "trading", str(config))
        restored = [plan[name] for name in STORES if name in lost]
        if "bus" in lost and "database" not in lost:
            _halt_first(venue, keeping, backup, restored)
        keeping.restore(backup, restored)
        row.lost = _lost(venue, lost, board, archived)
        if "bus" in lost:
            venue.archive = folder / "archive-of-the-restored-bus"
        there = len(venue.near.answers())
        _reconcile(venue, lost, row, there)
        with venue.services(*ROLES):
            there = len(venue.near.answers())
            venue.ask(count // 2)
            row.went_on = len(venue.near.answers()) - there
            venue.wait_for(lambda: not venue.board().open, CALM_SECONDS)
            if "archive" in lost and "bus" not in lost:
                venue.wait_for(lambda: venue.archived() >= archived, CALM_SECONDS)
                row.notes.append(f"{venue.archived()} messages in the archive, {archived} before the loss")
                row.unended += venue.archived() < archived
        row.unended += len(venue.board().open)
        row.twice = venue.twice()
        return row


def _halt_first(venue: Venue, keeping: Keeping, backup: Path, plan: Sequence[Sequence[str]]) -> None:
    """Halt the ledger that stands, once the restore has refused to go by it as it is."""
    with suppress(Unkept):
        keeping.restore(backup, plan)
        raise AssertionError("a bus was restored beside a ledger that is not halted")
    set_halt(Operator(open_store(venue.store), SystemClock(), "drill"), "all", "the bus is restored", on=True)


def _lose(venue: Venue, lost: Collection[str]) -> None:
    if "database" in lost:
        venue.lose_database()
    if "archive" in lost:
        venue.archive.rename(venue.folder / "archive-that-is-lost")
    if "bus" in lost:
        venue.bus = venue.stack.enter_context(kafka()).url


def _lost(venue: Venue, lost: Collection[str], before: Board, archived: int) -> list[str]:
    """Name what the restored stores do not know of what was there."""
    found: list[str] = []
    if "database" in lost:
        found += [f"answer to {name[:12]}" for name in sorted(before.commands.keys() - venue.recorded(before.commands))]
    if "bus" in lost:
        found += [f"command {name[:12]}" for name in sorted(before.commands.keys() - venue.board().commands.keys())]
    if "archive" in lost and (missing := archived - venue.archived()):
        found += [f"{missing} messages of the archive"]
    return found


def _reconcile(venue: Venue, lost: Collection[str], row: Row, there: int) -> None:
    """Run the restored services halted, let all that was signed run out, have what was lost read again, resume."""
    trades = {"database", "bus"} & set(lost)
    with venue.services(*ROLES):
        if trades:
            venue.ask(10)
            time.sleep(OVER_SECONDS)
            row.while_blocked = len(venue.near.answers()) - there
    before = len(venue.board().open)
    if "database" in lost:
        venue.read_again(Service.EXECUTOR)
    if "archive" in lost and "bus" not in lost:
        venue.read_again(Service.ARCHIVER)
    if trades:
        with venue.services(*ROLES):
            venue.wait_for(lambda: not venue.board().open, CALM_SECONDS)
            row.settled = before - len(venue.board().open)
        venue.resume()


def _with_bus(config: Path, bus: str) -> str:
    """Return settings with another address of the bus; JSON is YAML too."""
    return json.dumps({**json.loads(config.read_text(encoding="utf-8")), "kafka_url": bus})
