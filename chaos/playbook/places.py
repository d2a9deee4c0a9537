"""Journals of a campaign at a private server of its own, and how they are read by somebody who does not write."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure
from quant_platform_kit.adapters.gs_store import GsStore
from quant_platform_kit.domain.errors import QuantError, StoreError
from trading_playbook.journal.csv_form import parse
from trading_playbook.journal.documents import record_of_document
from trading_playbook.journal.record import Key, TradeRecord
from trading_playbook.writers.mongo_writer import COLLECTION, DATABASE
from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.machine import free_ports
from venue_sandbox.servers.mongodb import mongodb

__all__ = ["WRITERS", "Killable", "Place", "reading", "serve_places"]

WRITERS = ("csv", "gcs", "mongodb")
POLL_SECONDS = 0.005
READ_SECONDS = 10.0
BUCKET, BLOB = "playbook", "output/trades/trades.csv"


class Killable(Protocol):
    """A server that can be killed and started again with what it has confirmed."""

    def kill(self) -> None:
        """End it as a crash would."""
        ...

    def start(self) -> None:
        """Start it again at the same address."""
        ...


@dataclass(frozen=True)
class Place(ABC):
    """Where a fresh journal is.

    Attributes
    ----------
    folder
        Of this journal alone.
    server
        What keeps it; None for this machine's disk.
    output
        The journal, as ``--output`` names it.
    """

    folder: Path
    server: Killable | None
    output: str

    @property
    def store(self) -> str:
        """The address of the attempts."""
        return (self.folder / "store").as_uri()

    @property
    def endpoint(self) -> str | None:
        """The server of ``gs://`` addresses."""
        return None

    @abstractmethod
    def look(self) -> Generator[list[TradeRecord] | None]:
        """Yield the rows whenever they are asked for, without a writer; None for those of the time before."""


class _File(Place):
    def look(self) -> Generator[list[TradeRecord] | None]:
        path, before = Path(self.output), b""
        while True:
            data = path.read_bytes() if path.exists() else b""
            yield None if data == before else parse(data, self.output)
            before = data


@dataclass(frozen=True)
class _Object(Place):
    url: str

    @property
    def store(self) -> str:
        """The address of the attempts."""
        return f"gs://{BUCKET}/{self.folder.name}/store"

    @property
    def endpoint(self) -> str | None:
        """The server of ``gs://`` addresses."""
        return self.url

    def look(self) -> Generator[list[TradeRecord] | None]:
        before, key = 0, self.output.removeprefix(f"gs://{BUCKET}/")
        with closing(GsStore(BUCKET, endpoint=self.url, timeout_seconds=READ_SECONDS)) as store:
            while True:
                found = store.get(key)
                generation = found.generation if found else 0
                yield None if found is None or generation == before else parse(found.data, self.output)
                before = generation


class _Collection(Place):
    def look(self) -> Generator[list[TradeRecord] | None]:
        milliseconds = int(1000 * READ_SECONDS)
        with MongoClient[dict[str, Any]](self.output, serverSelectionTimeoutMS=milliseconds) as client:
            while True:
                documents = client[DATABASE][COLLECTION].find({}, {"_id": 0})
                yield [record_of_document(document) for document in documents]


@dataclass(slots=True)
class Heard:
    """What somebody saw who read all the while.

    Attributes
    ----------
    unreachable
        How often the server was not there.
    """

    reads: int = 0
    unreachable: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])


@contextmanager
def reading(place: Place) -> Generator[Heard]:
    """Read a journal every 5 ms in a process of its own; what it saw is there when the context has ended."""
    fork = get_context("fork")
    ended, told = fork.Event(), fork.SimpleQueue()
    process = fork.Process(target=lambda: told.put(_read(place, ended)), daemon=True)
    process.start()
    heard = Heard()
    try:
        yield heard
    finally:
        ended.set()
        process.join()
        seen: Heard = Heard(faults=Counter({"the reader failed": 1})) if told.empty() else told.get()
        heard.reads, heard.unreachable, heard.faults = seen.reads, seen.unreachable, seen.faults


def _read(place: Place, ended: Any) -> Heard:
    heard, known = Heard(), dict[Key, TradeRecord]()
    looking = place.look()
    while not ended.is_set():
        time.sleep(POLL_SECONDS)
        try:
            rows = next(looking)
        except (StoreError, ConnectionFailure):
            heard.unreachable += 1
            looking = place.look()
        except (QuantError, ValueError) as error:
            heard.faults[f"half a journal: {str(error)[:120]}"] += 1
            looking = place.look()
        else:
            heard.reads += 1
            heard.faults.update(() if rows is None else _compared(known, rows))
    return heard


def _compared(known: dict[Key, TradeRecord], rows: list[TradeRecord]) -> list[str]:
    """Return what a reader finds wrong with rows after those that it knows, and know them from now on."""
    new = {row.key: row for row in rows}
    wrong = {
        "a reader saw fewer rows": bool(known.keys() - new.keys()),
        "a reader saw two rows of a session": len(new) < len(rows),
        "a reader saw a row change": any(new[key] != row for key, row in known.items() if key in new),
    }
    known.update(new)
    return [fault for fault, is_so in wrong.items() if is_so]


class _Emulator:
    """The storage emulator, at one address over its lives."""

    def __init__(self, folder: Path) -> None:
        (self._port,) = free_ports(1)
        self._folder = folder
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        words = ("--port", str(self._port), "--state", str(self._folder), "--write-interval", "0")
        self._server = Server("venue_sandbox.cloud.storage", *words, "--bucket", BUCKET)

    def kill(self) -> None:
        self._server.kill()

    def stop(self) -> None:
        self._server.stop()


@contextmanager
def serve_places(writer: str, folder: Path) -> Generator[Generator[Place]]:
    """Yield places of fresh journals of a writer, as many as are asked for."""
    match writer:
        case "csv":
            yield (_File(each, None, str(each / "trades.csv")) for each in _folders(folder))
        case "gcs":
            emulator = _Emulator(folder / "bucket")
            try:
                yield (
                    _Object(each, emulator, f"gs://{BUCKET}/{each.name}/{BLOB}", emulator.url)
                    for each in _folders(folder)
                )
            finally:
                emulator.stop()
        case _:
            with mongodb() as server:
                yield (_Collection(each, server, _emptied(server.url)) for each in _folders(folder))


def _folders(folder: Path) -> Generator[Path]:
    number = 0
    while True:
        number += 1
        fresh = folder / f"{number:03}"
        fresh.mkdir(parents=True)
        yield fresh


def _emptied(url: str) -> str:
    """Return the address of a server without the journal's collection.

    The database stays: FerretDB 1.24 that is killed while it makes one does not start again.
    """
    with MongoClient[dict[str, Any]](url) as client:
        database = client[DATABASE]
        database["kept"].replace_one({"_id": 0}, {}, upsert=True)
        database.drop_collection(COLLECTION)
    return url
