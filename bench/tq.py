"""The China futures submitter against raw aio-pika, raw tqsdk and one durable insert; memory against a bare TqApi.

Latency is from the engine's publish to the arrival at the venue, both on one clock; a burst is from the first publish
to the last arrival. Ours and the peers' orders alternate, at the same servers and the same venue. One peer takes one
message at a time, as the client library's own examples do; another takes as many at once as ours does.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import aio_pika
from quant_platform_kit.adapters.clock import SystemClock
from tq_broker_app.bus.names import places
from tq_broker_app.bus.ports import Queue
from tq_broker_app.settings import read_settings
from venue_sandbox.servers.postgresql import postgresql
from venue_sandbox.servers.rabbitmq import rabbitmq
from venue_sandbox.servers.redis import redis
from venue_sandbox.stands.futures import ROLES, Addresses, FuturesSite
from venue_sandbox.stands.tqsdk import TqStand

SYMBOL, PRICE = "SHFE.rb2510", 3150.0
"""A price at which nothing trades."""
OPENS = datetime(2026, 11, 30, 1, 5, tzinfo=UTC)
PEERS = {"peer": 1, "peer_64": 64}
"""Messages at a time."""
ROUNDS, EACH, PAUSE_SECONDS = 10, 20, 0.02
BURST, BURSTS = 1000, 3
LATENCY_BOUND = BURST_BOUND = 2.0
MEMORY_BOUND, HANDLER_MB = 1.25, 100.0
SETTLE_SECONDS = 3.0
SETTINGS = {"orders": {"max_age_seconds": 600, "max_actions_per_second": 100_000, "max_actions_per_day": 1_000_000}}
BARE = """
import sys, tqsdk
api = tqsdk.TqApi(tqsdk.TqKq(), auth=tqsdk.TqAuth("demo", "sandbox"), debug=False, disable_print=True)
print("ready", flush=True)
sys.stdin.read()
"""


def measure() -> dict[str, Any]:
    """Return latencies, the time of a burst, and memory, with their ratios."""
    with _place() as (site, addresses):
        site.start(["order-submitter"])
        with ExitStack() as peers:
            for name, at_once in PEERS.items():
                words = [addresses.rabbitmq, _plain(addresses), SYMBOL, name, str(at_once)]
                peers.enter_context(_program(["-m", "bench.tq_peer", *words], site))
            found = asyncio.run(_Race(site, addresses).run())
        site.stop_all()
        found |= _memory(site)
    bounds = (
        found["p50_ratio"] <= LATENCY_BOUND,
        found["burst_ratio"] <= BURST_BOUND,
        found["burst_ratio_64"] <= BURST_BOUND,
        found["most_memory_ratio"] <= MEMORY_BOUND,
        found["most_handler_mb"] <= HANDLER_MB,
    )
    return {**found, "bound": LATENCY_BOUND, "memory_bound": MEMORY_BOUND, "met": all(bounds)}


@contextmanager
def _place() -> Generator[tuple[FuturesSite, Addresses]]:
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        servers = [running.enter_context(each()) for each in (postgresql, rabbitmq, redis)]
        venue = running.enter_context(TqStand(folder, ("--clock", OPENS.isoformat(), "--fill", "rest")))
        addresses = Addresses(*(server.url for server in servers))
        site = running.enter_context(FuturesSite(folder / "site", venue, addresses, "DUSBX-bench", changes=SETTINGS))
        yield site, addresses


class _Race:
    """Orders for both, one after the other."""

    def __init__(self, site: FuturesSite, addresses: Addresses) -> None:
        self._site, self._url = site, addresses.rabbitmq
        place = places(read_settings(site.config, {}).rabbitmq, site.portfolio)[Queue.SUBMIT]
        self._queues = {"ours": place.queue, **{name: name for name in PEERS}}
        self._ahead, self._number = OPENS - SystemClock().now(), 0
        self._sent: dict[str, int] = {}

    async def run(self) -> dict[str, Any]:
        """Return the figures of both."""
        connection = await aio_pika.connect(self._url)
        self._channel = await connection.channel()
        await self._series("ours", EACH, PAUSE_SECONDS)
        await self._series("peer", EACH, PAUSE_SECONDS)
        latencies: dict[str, list[float]] = {"ours": [], "peer": []}
        for _ in range(ROUNDS):
            for who, found in latencies.items():
                found += (await self._series(who, EACH, PAUSE_SECONDS))[0]
        bursts: dict[str, list[float]] = {name: [] for name in self._queues}
        for _ in range(BURSTS):
            for who, seconds in bursts.items():
                seconds.append((await self._series(who, BURST, 0.0))[1])
        await connection.close()
        return _figures(latencies, bursts)

    async def _series(self, who: str, count: int, pause: float) -> tuple[list[float], float]:
        """Publish orders; return milliseconds from publish to venue of each, and seconds from first to last."""
        ids: list[str] = []
        for _ in range(count):
            self._number += 1
            identity = f"{who}-{self._number:06}"
            body = self._order(identity)
            self._sent[identity] = time.monotonic_ns()
            await self._channel.default_exchange.publish(
                aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT), self._queues[who]
            )
            ids.append(identity)
            await asyncio.sleep(pause)
        arrived = await self._arrived(ids)
        times = [(arrived[identity] - self._sent[identity]) / 1e6 for identity in ids]
        return times, (max(arrived[identity] for identity in ids) - self._sent[ids[0]]) / 1e9

    async def _arrived(self, ids: Sequence[str]) -> dict[str, int]:
        wanted = set(ids)
        while True:
            rows = await asyncio.to_thread(self._site.venue.look, "inserts")
            found = {row["order_id"]: row["monotonic_ns"] for row in rows if row["order_id"] in wanted}
            if len(found) == len(wanted):
                return found
            await asyncio.sleep(0.2)

    def _order(self, identity: str) -> bytes:
        payload = {
            "symbol": SYMBOL,
            "direction": "BUY",
            "offset": "OPEN",
            "volume": 1,
            "limit_price": PRICE,
            "order_id": identity,
            "portfolio_id": self._site.portfolio,
        }
        now = (SystemClock().now() + self._ahead).isoformat()
        return json.dumps({"type": "SUBMIT", "request_id": identity, "timestamp": now, "payload": payload}).encode()


def _figures(latencies: dict[str, list[float]], bursts: dict[str, list[float]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for who, times in latencies.items():
        cuts = statistics.quantiles(times, n=100)
        found[f"{who}_p50_ms"], found[f"{who}_p99_ms"] = round(cuts[49], 2), round(cuts[98], 2)
    for who, seconds in bursts.items():
        found[f"{who}_burst_seconds"] = round(statistics.median(seconds), 2)
    return {
        **found,
        "p50_ratio": round(found["ours_p50_ms"] / found["peer_p50_ms"], 2),
        "p99_ratio": round(found["ours_p99_ms"] / found["peer_p99_ms"], 2),
        "burst_ratio": _ratio(bursts["ours"], bursts["peer"]),
        "burst_ratio_64": _ratio(bursts["ours"], bursts["peer_64"]),
    }


def _ratio(ours: Sequence[float], peers: Sequence[float]) -> float:
    return round(statistics.median(mine / other for mine, other in zip(ours, peers, strict=True)), 2)


def _memory(site: FuturesSite) -> dict[str, Any]:
    """Return resident megabytes of every service, and of a bare TqApi."""
    site.start(ROLES)
    with _program(["-c", BARE], site) as bare:
        time.sleep(SETTLE_SECONDS)
        alone = _resident(bare.pid)
        used = {role: _resident(site.servers[role].process.pid) for role in ROLES}
    trading = [used[role] for role in ROLES if not role.endswith("handler")]
    return {
        "bare_mb": alone,
        **{f"{role}_mb": mb for role, mb in used.items()},
        "sum_mb": round(sum(used.values()), 1),
        "most_memory_ratio": round(max(trading) / alone, 2),
        "most_handler_mb": max(used[role] for role in ROLES if role.endswith("handler")),
    }


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)


@contextmanager
def _program(words: list[str], site: FuturesSite) -> Generator[subprocess.Popen[str]]:
    """Run a Python program beside the venue until the context ends; it says when it is ready."""
    process = subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **site.venue.environment},  # noqa: TID251 - as a service is started
    )
    said: IO[str] | None = process.stdout
    assert said is not None, "it is a pipe"
    try:
        if said.readline() != "ready\n":
            raise RuntimeError(f"{words[:2]} did not start")
        yield process
    finally:
        process.kill()
        process.wait()


def _plain(addresses: Addresses) -> str:
    return addresses.postgresql.replace("+psycopg", "")
