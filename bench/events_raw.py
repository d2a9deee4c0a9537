"""The peers of the event services: raw clients, raw loops, no events, no transactions.

``python -m bench.events_raw WHAT BROKER TOPICS [WORDS ...]`` says ``ready``, then works. What has a number of messages
to work off prints the seconds from its first message to its last; what has none works until it is killed.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, Message, Producer
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import serve

AT_ONCE = 500
CONNECTIONS = 15
"""As many as the ledger of ours opens."""
ROWS = 5000
TIMES = ("observed_at", "ingested_at")
NAMES = ("partition", "offset", "event_id", "event_type", "venue", *TIMES, "schema_version", "payload", "key", "value")


def main() -> None:
    """Do what the command line says."""
    what, broker, topics, *words = sys.argv[1:]
    source, _, target = topics.partition(">")
    match what:
        case "pass":
            _pass(broker, source, target, int(words[0]), int(words[1]), keeps=words[2] == "keep")
        case "archive":
            _archive(broker, source, int(words[0]), Path(words[1]))
        case "listen":
            asyncio.run(_listen(broker, target, *words))
        case "send":
            count, at_once, database, *venue = words
            asyncio.run(_send(_consumer(broker, source), int(count), int(at_once), database, venue))
        case "venue":
            asyncio.run(_venue())
        case _:
            raise SystemExit(f"{what} is nothing that is measured")


def _consumer(broker: str, topic: str) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": f"raw-{topic}-{time.time_ns()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": True,
        }
    )
    consumer.subscribe([topic])
    return consumer


def _producer(broker: str) -> Producer:
    return Producer({"bootstrap.servers": broker, "enable.idempotence": True, "linger.ms": 1})


def _batch(consumer: Consumer, at_once: int = AT_ONCE) -> list[Message]:
    first = consumer.poll(0.05)
    if first is None or at_once == 1:
        return [] if first is None else [first]
    return [first, *consumer.consume(at_once - 1, 0)]


def _say(word: object) -> None:
    print(word, flush=True)


# --- consume and produce -----------------------------------------------------------------------------


def _pass(broker: str, source: str, target: str, count: int, at_once: int, *, keeps: bool) -> None:
    """Hand messages on; where none may be lost, offsets are committed after what was made of them has arrived."""
    consumer, producer = _consumer(broker, source), _producer(broker)
    done, begun = 0, 0.0
    _say("ready")
    while not count or done < count:
        messages = _batch(consumer, at_once)
        if messages and not done:
            begun = time.monotonic()
        for message in messages:
            _produce(producer, target, message)
        producer.poll(0)
        done += len(messages)
        if keeps and messages:
            producer.flush()
            consumer.commit(asynchronous=False)
    producer.flush()
    _say(time.monotonic() - begun)


def _produce(producer: Producer, target: str, message: Message) -> None:
    while True:
        try:
            producer.produce(target, message.value(), message.key())
            return
        except BufferError:
            producer.poll(0.01)


# --- consume and keep --------------------------------------------------------------------------------


def _archive(broker: str, source: str, count: int, folder: Path) -> None:
    consumer = _consumer(broker, source)
    rows: dict[int, list[Message]] = {}
    done, begun = 0, 0.0
    _say("ready")
    while done < count:
        messages = _batch(consumer)
        if messages and not begun:
            begun = time.monotonic()
        for message in messages:
            lane = rows.setdefault(_number(message.partition()), [])
            lane.append(message)
            if len(lane) == ROWS:
                _write(lane, folder)
                done += len(lane)
                lane.clear()
    _say(time.monotonic() - begun)


def _number(value: int | None) -> int:
    assert value is not None, "a message has it"
    return value


def _write(messages: list[Message], folder: Path) -> None:
    columns: dict[str, list[Any]] = {name: [] for name in NAMES}
    for message in messages:
        value = message.value()
        assert value is not None, "events have one"
        event = json.loads(value)
        event |= {"partition": message.partition(), "offset": message.offset(), "key": message.key(), "value": value}
        event["payload"] = json.dumps(event["payload"])
        for name in TIMES:
            event[name] = datetime.fromisoformat(event[name])
        for name in NAMES:
            columns[name].append(event[name])
    name = f"{messages[0].partition()}-{messages[0].offset()}.parquet"
    pq.write_table(pa.table(columns), folder / name, compression="zstd")


# --- the venue ---------------------------------------------------------------------------------------


async def _venue() -> None:
    """Say OK to everything, and look at nothing."""

    async def talk(wire: Any) -> None:
        async for text in wire:
            await wire.send(json.dumps({"jsonrpc": "2.0", "id": json.loads(text)["id"], "result": "OK"}))

    async with serve(talk, "127.0.0.1", 0) as server:
        _say(next(iter(server.sockets)).getsockname()[1])
        await asyncio.Future()


def _connect(url: str, token: str) -> Any:
    return connect(url, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None)


async def _listen(broker: str, target: str, url: str, token: str) -> None:
    """Put every quote on the bus."""
    producer = _producer(broker)
    async with _connect(url, token) as wire:
        await wire.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": ["quote"]}))
        await wire.recv()
        _say("ready")
        async for text in wire:
            if '"quote_id"' in text:
                producer.produce(target, text)
                producer.poll(0)


# --- consume, insert, send ---------------------------------------------------------------------------


async def _send(consumer: Consumer, count: int, at_once: int, database: str, venue: list[str]) -> None:
    """Insert each command durably, send a frame for it, and wait for the answer, so many at a time."""
    pool: asyncio.Queue[psycopg.AsyncConnection[Any]] = asyncio.Queue()
    for _ in range(min(at_once, CONNECTIONS)):
        pool.put_nowait(await psycopg.AsyncConnection.connect(database, autocommit=True))
    table = await pool.get()
    await table.execute("CREATE TABLE IF NOT EXISTS raw_commands (name TEXT PRIMARY KEY, value BYTEA)")
    pool.put_nowait(table)
    room = asyncio.Semaphore(at_once)
    async with _connect(*venue) as wire:
        asker = _Asker(wire)
        reading = asyncio.create_task(asker.read())

        async def handle(message: Message) -> None:
            try:
                await _insert(pool, message)
                await asker.ask(message.value() or b"")
            finally:
                room.release()

        await _work_off(consumer, count, room, handle)
        reading.cancel()


async def _work_off(
    consumer: Consumer, count: int, room: asyncio.Semaphore, handle: Callable[[Message], Awaitable[None]]
) -> None:
    tasks, begun, done = set[asyncio.Task[None]](), 0.0, 0
    _say("ready")
    while not count or done < count:
        messages = await asyncio.to_thread(_batch, consumer)
        begun = begun or (time.monotonic() if messages else 0.0)
        done += len(messages)
        for message in messages:
            await room.acquire()
            task = asyncio.ensure_future(handle(message))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    _say(time.monotonic() - begun)


async def _insert(pool: asyncio.Queue[psycopg.AsyncConnection[Any]], message: Message) -> None:
    connection = await pool.get()
    try:
        name = f"{message.topic()}/{message.partition()}/{message.offset()}/{time.time_ns()}"
        await connection.execute("INSERT INTO raw_commands VALUES (%s, %s)", (name, message.value()))
    finally:
        pool.put_nowait(connection)


class _Asker:
    """Frames that are answered, by number."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire, self._number = wire, 0
        self._waiting: dict[int, asyncio.Future[None]] = {}

    async def read(self) -> None:
        """Hand answers to who waits for them."""
        async for text in self._wire:
            self._waiting.pop(json.loads(text).get("id"), asyncio.get_running_loop().create_future()).set_result(None)

    async def ask(self, value: bytes) -> None:
        """Send what a command is about, and wait for the answer."""
        self._number += 1
        document = json.loads(value)
        told = (document.get("payload") or document.get("params", {}).get("data") or document)["quote_id"]
        frame = {"jsonrpc": "2.0", "id": self._number, "method": "quote_response", "params": [{"quote_id": told}]}
        waiting = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        await self._wire.send(json.dumps(frame))
        await waiting


if __name__ == "__main__":
    main()
