"""Damage one object of a store that a killed worker left, go on, and count what came of it.

``python -m chaos.damage --mutations 916 --seed 5`` prints one JSON line. A run is killed at every boundary, on a folder
and on a SQLite file, at a venue that knows a repeated client order id and at one that fills it again, with and without
a halt that an operator set afterwards. Then one object of the ledger or of the reports is damaged, and the same run is
asked for twice more, and the one of the next session. No order may be filled twice, nothing may be sent over a halt,
and a decision that is not reached is BLOCKED for; damage that neither `quant ledger verify` nor a run names is listed.
"""

import argparse
import json
import random
import re
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import QuantError, StoreError
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import ExecutionReport, Order
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.paper.broker import PaperBroker, open_account, read_account
from quant_platform_kit.ports.versioned_store import Stored, VersionedStore
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.verifying import verify
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.request import RunPorts, RunRequest
from quant_platform_kit.services.run.run_cycle import run_cycle

from chaos.arguments import positive
from chaos.strategy import FixedMarket, bound

CALENDAR = load_calendar("XNYS")
FIRST, SECOND, THIRD = date(2023, 11, 28), date(2023, 11, 29), date(2023, 11, 30)
CASH = Decimal(100_000)
KINDS = ("file", "sqlite")
AFTER = timedelta(seconds=300)
BOUNDARIES = list(Boundary)[list(Boundary).index(Boundary.CLAIMED) :]
STRATEGY = bound(3)


class Killed(BaseException):
    """The worker died here."""


@dataclass
class Timed:
    """A store on the campaign's clock, which a dead worker cannot reach."""

    store: VersionedStore
    clock: FrozenClock
    dead: bool = False

    def _alive(self) -> VersionedStore:
        if self.dead:
            raise StoreError("the worker is dead")
        return self.store

    def create(self, key: str, data: bytes) -> int:
        """Create."""
        return self._alive().create(key, data)

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Replace."""
        return self._alive().replace(key, data, generation)

    def get(self, key: str) -> Stored | None:
        """Read."""
        return self._alive().get(key)

    def keys(self, prefix: str) -> list[str]:
        """List."""
        return self._alive().keys(prefix)

    def now(self) -> datetime:
        """Return the campaign's time."""
        self._alive()
        return self.clock.now()


class Forgetful(PaperBroker):
    """A paper broker that fills a client order id as often as it comes."""

    def submit(self, order: Order) -> ExecutionReport:
        """Fill an order; a repeated one is filled under another id."""
        known = self.find(order.client_order_id) is not None
        report = super().submit(replace(order, client_order_id=f"{order.client_order_id}-again") if known else order)
        return replace(report, order=order)


@dataclass
class Place:
    """A folder with an account, its ledger and its reports."""

    folder: Path
    kind: str
    dedupes: bool
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(datetime(2023, 11, 28, 19, tzinfo=UTC)))

    def open(self, name: str) -> Timed:
        """Open the ledger or the reports."""
        address = f"file://{self.folder}/{name}" if self.kind == "file" else f"sqlite:///{self.folder}/{name}.db"
        return Timed(open_store(address), self.clock)

    def run(self, session: date, die_at: Boundary | None = None) -> RunReport:
        """Run in a session; `Killed` where the worker is to die."""
        now = datetime(session.year, session.month, session.day, 19, tzinfo=UTC)
        self.clock.instant = max(self.clock.instant, now)
        ledger, reports = self.open("ledger"), self.open("reports")

        def reached(boundary: Boundary) -> None:
            if boundary is die_at:
                ledger.dead = reports.dead = True
                raise Killed

        market = FixedMarket(self.clock, CALENDAR)
        broker = (PaperBroker if self.dedupes else Forgetful)(self.folder / "book", market, self.clock)
        ports = RunPorts(broker, market, ledger, ReportStore(reports), self.clock, CALENDAR, reached)
        key = RunKey(broker.account_id, session, "close", Mode.PAPER)
        return run_cycle(RunRequest(STRATEGY, key, service="shuffle"), ports, ExecutionPolicy())

    def filled(self) -> dict[str, Decimal]:
        """Return the units filled of every order, by client order id."""
        return {name: report.filled_quantity for name, report in read_account(self.folder / "book").reports.items()}

    def held(self) -> dict[str, Decimal]:
        """Return the units held."""
        return read_account(self.folder / "book").book.quantities

    def damaged(self) -> set[str]:
        """Return what `quant ledger verify` names."""
        try:
            return {each.key for each in verify(self.open("ledger"), self.open("reports")).damage}
        except QuantError as error:
            return {str(error)}


# --- images -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Image:
    """What a killed worker left, and what the next sessions hold when nothing is damaged."""

    place: Path
    kind: str
    dedupes: bool
    boundary: Boundary
    halted: bool
    second: dict[str, Decimal]
    third: dict[str, Decimal]


def images(folder: Path) -> Iterator[Image]:
    """Yield an image for every boundary, kind of store and venue, with and without a halt."""
    for kind in KINDS:
        for dedupes in (True, False):
            start = Place(folder / f"{kind}-{dedupes}", kind, dedupes)
            open_account(start.folder / "book", CASH)
            assert start.run(FIRST).outcome is Outcome.COMPLETED
            clean = _copy(start, folder / f"{start.folder.name}-clean")
            held = [clean.run(day) and clean.held() for day in (SECOND, THIRD)]
            for boundary in BOUNDARIES:
                for halted in (False, True):
                    left = _copy(start, folder / f"{start.folder.name}-{boundary.value}-{halted}")
                    with suppress(Killed):
                        left.run(SECOND, die_at=boundary)
                    if halted:
                        set_halt(Operator(left.open("ledger"), left.clock, "mira"), "all", "storm", on=True)
                    yield Image(left.folder, kind, dedupes, boundary, halted, held[0], held[1])


def _copy(place: Place, folder: Path) -> Place:
    shutil.copytree(place.folder, folder)
    return Place(folder, place.kind, place.dedupes, FrozenClock(place.clock.instant))


# --- damage -----------------------------------------------------------------------------------------


def _bit(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _digit(data: bytes, rng: random.Random) -> bytes:
    places = [n for n, code in enumerate(data) if code in b"0123456789"]
    if not places:
        return _bit(data, rng)
    at = rng.choice(places)
    return data[:at] + str((int(chr(data[at])) + rng.randrange(1, 10)) % 10).encode() + data[at + 1 :]


CHANGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "bit": _bit,
    "digit": _digit,
    "truncate": lambda data, rng: data[: rng.randrange(len(data))],
    "empty": lambda data, rng: b"",
    "zeros": lambda data, rng: bytes(len(data)),
}
WAYS = (*CHANGES, "delete", "swap")


class Raw:
    """The objects of a store as they lie on the disk, past everything that guards them."""

    def __init__(self, place: Place, name: str) -> None:
        self._kind = place.kind
        self._path = place.folder / (name if place.kind == "file" else f"{name}.db")
        self.keys = sorted(self._all())

    def _all(self) -> list[str]:
        if self._kind == "file":
            files = (path for path in self._path.rglob("*") if path.is_file() and not path.name.startswith("."))
            return [path.relative_to(self._path).as_posix() for path in files]
        with self._database() as database:
            return [key for (key,) in database.execute("SELECT key FROM versioned_objects")]

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._path)
        try:
            with database:
                yield database
        finally:
            database.close()

    def read(self, key: str) -> bytes:
        """Return the content; of a file with its first line."""
        if self._kind == "file":
            return (self._path / key).read_bytes()
        with self._database() as database:
            return bytes(database.execute("SELECT data FROM versioned_objects WHERE key = ?", (key,)).fetchone()[0])

    def write(self, key: str, data: bytes) -> None:
        """Overwrite the content."""
        if self._kind == "file":
            (self._path / key).write_bytes(data)
            return
        with self._database() as database:
            database.execute("UPDATE versioned_objects SET data = ? WHERE key = ?", (data, key))

    def delete(self, key: str) -> None:
        """Delete an object."""
        if self._kind == "file":
            (self._path / key).unlink()
            return
        with self._database() as database:
            database.execute("DELETE FROM versioned_objects WHERE key = ?", (key,))


def damage(place: Place, way: str, rng: random.Random) -> str:
    """Damage one object in a way; return its key."""
    stores = [raw for raw in (Raw(place, "ledger"), Raw(place, "reports")) if len(raw.keys) > 1]
    raw = rng.choices(stores, [len(each.keys) for each in stores])[0]
    key = rng.choice(raw.keys)
    data = raw.read(key)
    if way == "delete":
        raw.delete(key)
    elif way == "swap":
        other = rng.choice([each for each in raw.keys if each != key])
        raw.write(key, raw.read(other))
        raw.write(other, data)
    else:
        raw.write(key, CHANGES[way](data, rng))
    return key


# --- one trial --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What came of one damage: ``faults`` are those of the platform."""

    faults: tuple[str, ...]
    named: bool
    blocked: bool
    key: str


def trial(image: Image, way: str, rng: random.Random, folder: Path) -> Found:
    """Damage a copy of an image, go on, and judge by the venue's own journal."""
    clock = FrozenClock(datetime(2023, 11, 29, 19, tzinfo=UTC))
    place = _copy(Place(image.place, image.kind, image.dedupes, clock), folder)
    before = place.filled()
    key = damage(place, way, rng)
    named, blocked = bool(place.damaged()), False
    for session in (SECOND, SECOND, THIRD):
        place.clock.sleep(AFTER.total_seconds())
        try:
            blocked |= place.run(session).outcome is Outcome.BLOCKED
        except QuantError as error:
            blocked = named = True
            del error
    faults = [f"{name} was filled twice" for name in place.filled() if name.endswith("-again")]
    if image.halted and place.filled() != before:
        faults.append("something was sent over a halt")
    if not image.halted and not blocked and place.held() != image.third:
        faults.append(f"holds {place.held()} instead of {image.third}, and nothing says so")
    return Found(tuple(faults), named, blocked, _general(key))


def _general(key: str) -> str:
    """Return a key without the names of one account, run, order or day."""
    key = re.sub(r"\d{4}-\d\d-\d\d\.close\.paper\.\w+", "RUN", key)
    key = re.sub(r"PAPER-\w{8}", "ACCOUNT", re.sub(r"\bq[a-z2-7]{26}", "ORDER", key))
    key = re.sub(r"inputs/\w+", "inputs/DIGEST", key)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d.-]+Z", "TIME", re.sub(r"\b\d{4}-\d\d-\d\d\b(?!T)", "DAY", key))


def campaign(mutations: int, seed: int) -> dict[str, object]:
    """Return what so many damages came to."""
    faults, unnamed, ways = list[str](), Counter[str](), Counter[str]()
    blocked = named = 0
    with tempfile.TemporaryDirectory() as folder:
        known = list(images(Path(folder, "images")))
        for number in range(mutations):
            rng = random.Random(f"{seed}|{number}")
            image, way = rng.choice(known), WAYS[number % len(WAYS)]
            copy = Path(folder, "trial")
            found = trial(image, way, rng, copy)
            shutil.rmtree(copy)
            ways[way] += 1
            blocked, named = blocked + found.blocked, named + found.named
            where = f"{number}: {way} of {found.key} after {image.boundary.value} on {image.kind}"
            faults += [f"{where}: {fault}" for fault in found.faults]
            if not found.named:
                unnamed[f"{way} of {found.key} after {image.boundary.value}"] += 1
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{number + 1} of {mutations}")
    counted = {"mutations": mutations, "seed": seed, "ways": dict(ways), "images": len(known)}
    return {**counted, "named": named, "blocked": blocked, "unnamed": dict(sorted(unnamed.items())), "faults": faults}


def main() -> int:
    """Print one JSON line; return 1 when something was sent twice, over a halt, or skipped silently."""
    parser = argparse.ArgumentParser(prog="python -m chaos.damage", description=__doc__)
    parser.add_argument("--mutations", type=positive, default=916)
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    line = campaign(arguments.mutations, arguments.seed)
    sys.stdout.write(json.dumps(line) + "\n")
    return 1 if line["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
