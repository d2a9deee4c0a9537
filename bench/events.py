"""The event services against raw clients: throughput of normalizer, executor and archiver, and the way to an answer.

Ours and the peers alternate at the same broker and the same database, on the same bytes. A peer consumes and produces,
inserts and sends, or consumes and writes files with pyarrow: no ids, no checks, no transactions. The peer of the
normalizer that the bound is about hands 500 messages on at a time and loses none: it commits offsets after what it
produced has arrived. Another one, which may lose messages, is measured beside it.

The way to an answer is from when the relay opens an auction to when an answer arrives there: through all services, or
through a chain of raw programs, one for each hop. The bound is about the sum of the hops, each measured by itself from
the times that messages have on the bus.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from event_trading_app.names import NEAR_INTENTS, Topic
from event_trading_app.payloads import ExactAmount
from event_trading_app.topics import declared, outgoing
from event_trading_app.venues.near_intents.ingest.events import raw_event
from event_trading_app.venues.near_intents.ingest.frames import read_frame
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.events.bus import Settings
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.topics import Topic as Declared
from quant_platform_kit.events.topics import declare
from venue_sandbox.servers.kafka import kafka
from venue_sandbox.servers.postgresql import postgresql
from venue_sandbox.stands.event_services import SEED, EventServices
from venue_sandbox.stands.near import TOKEN_A, TOKEN_B, NearStand
from venue_sandbox.venues.near.base58 import encode

PARTITIONS = 3
ROUNDS = 5
AT_ONCE = 500
QUOTES, COMMANDS = 100_000, 2_000
KEPT_SHARE = 0.75
"""Of the archived messages are timed: the last files of a partition are never full."""
HOUR = timedelta(hours=1)
NORMALIZER, EXECUTOR, ARCHIVER, WAY = 0.35, 0.40, 0.50, 2.0
"""Bounds: shares of the peers' throughput, and of their time."""
WARM_UP, ANSWERS, RATE, WAIT_MS = 40, 200, 20.0, 3_000
PASSES = 3
ARCHIVE_SECONDS = "30"
"""As services have it that are told nothing else."""
HOPS = ("hop.raw", "hop.normalized", "hop.command")
START_SECONDS = 90.0


def measure() -> dict[str, Any]:
    """Return throughputs, times and their ratios."""
    found: dict[str, Any] = {}
    with _place(PARTITIONS) as place:
        found |= _throughput(place)
    for name, partitions in (("three", PARTITIONS), ("one", 1)):
        with _place(partitions) as place:
            found |= _way(place, name)
    bounds = (
        found["normalizer_share"] >= NORMALIZER,
        found["executor_share"] >= EXECUTOR,
        found["archiver_share"] >= ARCHIVER,
        *(found[f"{cut}_{name}"] <= WAY for cut in ("p50", "p99") for name in ("one", "three")),
    )
    return {**found, "bound": WAY, "met": all(bounds)}


class _Place:
    """Servers of one run.

    Attributes
    ----------
    folder
        For settings, logs and archives.
    bus, database
        Where they are.
    """

    def __init__(self, folder: Path, broker: str, database: str, partitions: int) -> None:
        self.folder, self.database, self.partitions = folder, database, partitions
        self.bus = Settings(broker)
        extra = [Declared(name, partitions) for name in (*HOPS, "raw.out")]
        declare(self.bus, (*declared(partitions), *extra))

    @property
    def plain_database(self) -> str:
        """The address as its own client writes it."""
        return self.database.replace("+psycopg", "")

    def fill(self, events: Iterable[Event]) -> None:
        """Put events on the bus."""
        producer = Producer({"bootstrap.servers": self.bus.url, "enable.idempotence": True})
        for event in events:
            message = outgoing(event)
            producer.produce(message.topic, message.value, message.key)
            producer.poll(0)
        producer.flush()

    def settings(self, **changes: Any) -> Path:
        """Write settings to a file of their own."""
        path = self.folder / f"{time.time_ns()}.yaml"
        own = {"kafka_url": self.bus.url, "account": "dusbx000001.near", "store_url": self.database, "port": 0}
        path.write_text(json.dumps({**own, **changes}), encoding="utf-8")
        return path


@contextmanager
def _place(partitions: int) -> Generator[_Place]:
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        broker, database = (running.enter_context(each()).url for each in (kafka, postgresql))
        yield _Place(folder, broker, database, partitions)


# --- throughput --------------------------------------------------------------------------------------


def _throughput(place: _Place) -> dict[str, Any]:
    place.fill(_quotes(QUOTES))
    found = _compared("normalizer", QUOTES, _normalized(place, QUOTES), _passed(place, QUOTES, "keep"))
    losing = _compared("normalizer_losing", QUOTES, _normalized(place, QUOTES), _passed(place, QUOTES, "lose"))
    found |= {name: value for name, value in losing.items() if name != "normalizer_losing_per_second"}
    kept = int(QUOTES * KEPT_SHARE)
    found |= _compared("archiver", kept, _archived(place, kept), _written(place, kept))
    with ExitStack() as running:
        relay = running.enter_context(NearStand(place.folder))
        venue = running.enter_context(_program("bench.events_raw", "venue", place.bus.url, ""))
        found |= _compared("executor", COMMANDS, *_executed(place, relay, f"ws://127.0.0.1:{venue.said}"))
    return found


Run = Callable[[int], float]
"""Works off the messages in a round; returns the seconds."""


def _compared(name: str, count: int, ours: Run, peer: Run) -> dict[str, Any]:
    """Return messages a second of both, and the median of the ratios of rounds."""
    pairs = [(ours(number), peer(number)) for number in range(ROUNDS)]
    mine, others = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    share = statistics.median(other / own for own, other in pairs)
    return {
        f"{name}_per_second": round(count / mine),
        f"{name}_peer_per_second": round(count / others),
        f"{name}_share": round(share, 3),
    }


def _normalized(place: _Place, count: int) -> Run:
    config = place.settings()
    return lambda _: _timed("bench.events_ours", "normalize", config, f"normalize-{time.time_ns()}", count)


def _passed(place: _Place, count: int, care: str) -> Run:
    topics = f"{Topic.RAW_QUOTE.value}>raw.out"
    return lambda _: _timed("bench.events_raw", "pass", place.bus.url, topics, count, AT_ONCE, care)


def _archived(place: _Place, count: int) -> Run:
    def run(number: int) -> float:
        config = place.settings(archive_url=str(place.folder / f"archive-{number}"))
        return _timed("bench.events_ours", "archive", config, f"archive-{number}", count)

    return run


def _written(place: _Place, count: int) -> Run:
    def run(number: int) -> float:
        folder = place.folder / f"files-{number}"
        folder.mkdir()
        return _timed("bench.events_raw", "archive", place.bus.url, Topic.RAW_QUOTE.value, count, folder)

    return run


def _executed(place: _Place, relay: NearStand, venue: str) -> tuple[Run, Run]:
    at_once = 16
    config = place.settings(
        dry_run_only=False,
        near_ws_url=venue,
        near_node_url=relay.near_url,
        near_token=relay.token,
        near_key=f"ed25519:{encode(SEED)}",
        at_once=at_once,
    )

    def ours(number: int) -> float:
        place.fill(_commands(COMMANDS, f"round-{number}"))
        return _timed("bench.events_ours", "execute", config, "executor", COMMANDS)

    def peer(_: int) -> float:
        places = place.plain_database, venue, "token"
        words = COMMANDS, at_once * PARTITIONS, *places
        return _timed("bench.events_raw", "send", place.bus.url, f"{Topic.EXECUTE_TRADE.value}>", *words)

    return ours, peer


def _quotes(count: int) -> Iterable[Event]:
    """Yield raw events as the ingestor makes them."""
    now = SystemClock().now()
    for number in range(count):
        data = {
            "quote_id": sha256(f"bench {number}".encode()),
            "defuse_asset_identifier_in": TOKEN_A,
            "defuse_asset_identifier_out": TOKEN_B,
            "exact_amount_in": str(1_000_000 + number),
            "min_deadline_ms": 60_000,
            "min_wait_ms": 1_000,
            "max_wait_ms": 3_000,
            "protocol_fee_included": False,
        }
        text = json.dumps({"jsonrpc": "2.0", "method": "event", "params": {"subscription": "bench", "data": data}})
        yield raw_event(read_frame(text, {}), text, now, now)


def _commands(count: int, name: str) -> Iterable[Event]:
    """Yield commands that are good for an hour, of enough tokens that each partition has some."""
    now = SystemClock().now()
    for number in range(count):
        identity = sha256(f"{name} {number}".encode())
        payload = {
            "command_id": identity,
            "account": "dusbx000001.near",
            "quote_id": identity,
            "token_in": f"nep141:t{number % 24}.near",
            "token_out": TOKEN_B,
            "amount_in": "1000",
            "amount_out": "990",
            "exact": ExactAmount.IN.value,
            "expires_at": (now + HOUR).isoformat(),
            "deadline": (now + HOUR).isoformat(),
            "quoter": "bench",
            "inputs": [],
        }
        yield Event(identity, Topic.EXECUTE_TRADE.value, NEAR_INTENTS, now, now, 1, payload)


# --- the way to an answer ----------------------------------------------------------------------------


def _way(place: _Place, name: str) -> dict[str, Any]:
    """Return the times from an auction to its answer through the services and through raw hops: medians of passes."""
    passes = list[dict[str, float]]()
    with NearStand(place.folder) as relay:
        for number in range(PASSES):
            changes = {"partitions": str(place.partitions), "archive_seconds": ARCHIVE_SECONDS}
            folder = place.folder / f"services-{number}"
            folder.mkdir()
            with EventServices(folder, relay, place.bus, place.database, changes) as services:
                services.start(START_SECONDS)
                ours = [last - first for first, last in _answered(relay).values()]
            with _chain(place, relay):
                passes.append(_compared_ways(ours, _hops(place, _answered(relay))))
    return {f"{what}_{name}": round(statistics.median(each[what] for each in passes), 2) for what in passes[0]}


def _compared_ways(ours: Sequence[float], hops: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return how long answers took, and the ratio to the sum of raw hops, of one pass."""
    found: dict[str, float] = {}
    for cut, at in (("p50", 49), ("p99", 98)):
        own = statistics.quantiles(ours, n=100)[at]
        chain = statistics.quantiles([sum(each) for each in hops], n=100)[at]
        summed = sum(statistics.quantiles(each, n=100)[at] for each in zip(*hops, strict=True))
        found |= {f"ours_{cut}_ms": own, f"chain_{cut}_ms": chain, f"hops_{cut}_ms": summed, cut: own / summed}
    return found


def _hops(place: _Place, answered: Mapping[str, tuple[float, float]]) -> list[Sequence[float]]:
    """Return the milliseconds of each raw hop, by auction: to the bus, from topic to topic, and to the answer."""
    times = [_told(place, topic) for topic in HOPS]
    ways = [(first, *(each[quote] for each in times), last) for quote, (first, last) in answered.items()]
    return [[end - begin for begin, end in pairwise(way)] for way in ways]


def _told(place: _Place, topic: str) -> dict[str, float]:
    """Return when each quote was put on a topic, in milliseconds since 1970."""
    consumer = Consumer({"bootstrap.servers": place.bus.url, "group.id": "none", "enable.partition.eof": True})
    found: dict[str, float] = {}
    try:
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(place.partitions)])
        ended = 0
        while ended < place.partitions:
            message = consumer.poll(START_SECONDS)
            assert message is not None, "a partition has an end"
            if message.error() is not None:
                ended += 1
                continue
            document = json.loads(message.value() or b"")
            found[document["params"]["data"]["quote_id"]] = message.timestamp()[1]
    finally:
        consumer.close()
    return found


@contextmanager
def _chain(place: _Place, relay: NearStand) -> Generator[None]:
    """Run a raw program for every hop."""
    raw, normalized, command = HOPS
    places = place.plain_database, relay.url, relay.token
    programs = (
        ("send", place.bus.url, f"{command}>", "0", "48", *places),
        ("pass", place.bus.url, f"{normalized}>{command}", "0", "1", "lose"),
        ("pass", place.bus.url, f"{raw}>{normalized}", "0", "1", "lose"),
        ("listen", place.bus.url, f">{raw}", relay.url, relay.token),
    )
    with ExitStack() as running:
        for words in programs:
            running.enter_context(_program("bench.events_raw", *words))
        yield


def _answered(relay: NearStand) -> dict[str, tuple[float, float]]:
    """Drive auctions; return when each was opened and first answered, without those of a warm-up.

    Times are milliseconds since 1970.
    """
    relay.drive(count=WARM_UP, rate=RATE, take_share=0.0, max_wait_ms=WAIT_MS)
    before = {row["quote_id"] for row in relay.look("auctions")}
    relay.drive(count=ANSWERS, rate=RATE, take_share=0.0, max_wait_ms=WAIT_MS)
    opened = {row["quote_id"]: row["opened"] for row in relay.look("auctions") if row["quote_id"] not in before}
    arrived: dict[str, str] = {}
    for row in relay.answers():
        arrived.setdefault(row["quote_id"], row["at"])
    if missing := opened.keys() - arrived.keys():
        raise RuntimeError(f"{len(missing)} of {len(opened)} auctions had no answer")
    return {quote: (_milliseconds(opened[quote]), _milliseconds(arrived[quote])) for quote in opened}


def _milliseconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() * 1000


# --- programs ----------------------------------------------------------------------------------------


class _Program:
    """A Python program of this folder that runs; ``said`` is its first line."""

    def __init__(self, module: str, *words: object) -> None:
        command = [sys.executable, "-m", module, *map(str, words)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.said = self.line()

    def line(self) -> str:
        """Return the next line that it says; raises `RuntimeError` where it has ended instead."""
        assert self.process.stdout is not None, "it is a pipe"
        if line := self.process.stdout.readline().strip():
            return line
        raise RuntimeError(f"{self.process.args!r} has ended")


@contextmanager
def _program(module: str, *words: object) -> Generator[_Program]:
    program = _Program(module, *words)
    try:
        yield program
    finally:
        program.process.kill()
        program.process.wait()


def _timed(module: str, *words: object) -> float:
    """Run a program that prints the seconds that its work took."""
    with _program(module, *words) as program:
        return float(program.line())
