"""The private RabbitMQ and Redis: what they confirm survives a crash, they listen on loopback, and nothing is left."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import aio_pika
import pytest
import redis as redis_client
from redis.backoff import NoBackoff
from redis.retry import Retry
from venue_sandbox.servers.private import Served
from venue_sandbox.servers.rabbitmq import rabbitmq
from venue_sandbox.servers.redis import redis

LOOPBACK = ("0100007F", "00000000000000000000000001000000")
"""127.0.0.1 and ::1, as /proc/net writes them."""
LISTENING = "0A"
SECONDS = 10.0
DECLARED_SECONDS = 2.5
"""A queue that was declared less than 2 s before a kill may be missing afterwards: RabbitMQ 3.10 lost 2 of 14."""
BOTH = """
import sys
from threading import Thread
from venue_sandbox.servers.rabbitmq import rabbitmq
from venue_sandbox.servers.redis import redis

def serve(server):
    with server() as running:
        print(running.process.folder, flush=True)
        sys.stdin.read()

for server in (rabbitmq, redis):
    Thread(target=serve, args=(server,)).start()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


async def published(url: str, queue: str, *bodies: bytes) -> None:
    """Return when all messages are confirmed."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(on_return_raises=True)
        await channel.declare_queue(queue, durable=True)
        for body in bodies:
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, queue, mandatory=True)


async def taken(url: str, queue: str) -> list[bytes]:
    """Return the bodies of all messages of a queue, and delete it."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        declared = await channel.declare_queue(queue, passive=True)
        bodies = [(await declared.get(no_ack=True)).body for _ in range(declared.declaration_result.message_count or 0)]
        await declared.delete()
        return bodies


def processes(folder: Path) -> set[int]:
    """Return the processes of the servers of a folder, which is the home or the working directory of each."""
    found: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            at_home = f"HOME={folder}".encode() in (process / "environ").read_bytes().split(b"\0")
            if at_home or (process / "cwd").readlink() == folder:
                found.add(int(process.name))
    return found


def listeners(pids: set[int]) -> Iterator[str]:
    """Yield the addresses where processes listen."""
    sockets = {link.readlink().name for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets:
                yield fields[1].partition(":")[0]


def comes_true(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_the_servers_of_this_run_serve(rabbitmq_url: str, redis_url: str) -> None:
    asyncio.run(published(rabbitmq_url, "test_servers", b"one", b"two"))
    assert asyncio.run(taken(rabbitmq_url, "test_servers")) == [b"one", b"two"]
    with redis_client.Redis.from_url(redis_url) as client:
        client.set("test_servers", "kept", ex=60)
        assert client.get("test_servers") == b"kept"


def test_rabbitmq_keeps_what_it_confirmed_and_leaves_nothing_behind() -> None:
    with rabbitmq() as server:
        folder = server.process.folder
        assert len(addresses := list(listeners(processes(folder)))) >= 3
        assert set(addresses) <= set(LOOPBACK)
        asyncio.run(published(server.url, "kept"))
        time.sleep(DECLARED_SECONDS)
        asyncio.run(published(server.url, "kept", b"one", b"two"))
        server.kill()
        with pytest.raises(OSError, match=r"."):
            asyncio.run(taken(server.url, "kept"))
        server.start()
        assert asyncio.run(taken(server.url, "kept")) == [b"one", b"two"]
    assert comes_true(lambda: not processes(folder))
    assert not folder.exists()


def test_redis_keeps_what_it_answered_and_leaves_nothing_behind() -> None:
    once = Retry(NoBackoff(), 0)

    def value(server: Served, change: int) -> int:
        with redis_client.Redis.from_url(server.url, retry=once) as client:
            return int(client.incrby("kept", change))

    with redis() as server:
        folder = server.process.folder
        assert list(listeners(processes(folder))) == [LOOPBACK[0]]
        assert value(server, 7) == 7
        server.kill()
        with pytest.raises(redis_client.ConnectionError):
            value(server, 0)
        server.start()
        assert value(server, 0) == 7
        server.stop()
        assert processes(folder) == set()
        server.start()
        assert value(server, 1) == 8
        before = server.process.pid
        subprocess.run(server.restart, shell=True, check=True)
        assert server.process.pid not in (None, before)
        assert value(server, 0) == 8
        stranger = redis_client.Redis(port=server.process.port, retry=once)
        with pytest.raises(redis_client.AuthenticationError), stranger:
            stranger.get("kept")
    assert processes(folder) == set()
    assert not folder.exists()


def test_servers_end_with_the_run_that_started_them_even_if_it_is_killed() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", BOTH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with run:
        assert run.stdout is not None
        folders = [Path(run.stdout.readline().strip()) for _ in range(2)]
        assert all(processes(folder) for folder in folders)
        run.send_signal(signal.SIGKILL)
    assert comes_true(lambda: not any(folder.exists() or processes(folder) for folder in folders))
