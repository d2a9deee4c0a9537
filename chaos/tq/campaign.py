"""One campaign: servers, a venue, eight services and a second submitter, an engine, trouble, and the count."""

import asyncio
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.clock import SystemClock
from tq_broker_app.bus.names import places
from tq_broker_app.bus.ports import Queue
from tq_broker_app.roles.parts import Point
from tq_broker_app.settings import read_settings
from venue_sandbox.servers.forking import Nursery
from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.postgresql import postgresql
from venue_sandbox.servers.private import Running
from venue_sandbox.servers.rabbitmq import rabbitmq
from venue_sandbox.servers.redis import redis
from venue_sandbox.stands.futures import ROLES, Addresses, FuturesSite
from venue_sandbox.stands.tqsdk import TqStand

from chaos.killing import lines_of
from chaos.tq.engine import Engine
from chaos.tq.faults import Trouble
from chaos.tq.judging import TERMINAL, Evidence, Verdict, judge, read_evidence, read_ledger
from chaos.tq.mutants import LIMITED
from chaos.tq.orders import HOLDINGS, SYMBOLS, Wish, closing, request, wishes
from chaos.tq.worker import IN_A_SEND, SeriesPlan
from chaos.trouble import Weights

__all__ = ["CHANCES", "PORTFOLIO", "USER", "WEIGHTS", "Campaign", "Outcome", "VenueClock", "site_at"]

WORKER = "chaos.tq.worker"
PORTFOLIO = "DUSBX-chaos"
USER = "DUSBX-demo"
OPENS = datetime(2026, 11, 30, 1, 31, tzinfo=UTC)
"""Monday 09:31 in Shanghai, when all exchanges are open: 44 minutes until the first break."""
NEXT_DAY = datetime(2026, 12, 1, 1, 31, tzinfo=UTC)
WORDS = (
    "--balance",
    "10000000000",
    "--duplicates",
    "overwrite",
    "--slices",
    "2",
    "--slice-delay",
    "0.05",
    "--restore",
    "orders",
)
CHANCES = {
    **{point.name: 0.08 for point in IN_A_SEND},
    **{point.name: 0.01 for point in (Point.ANSWER_RECORDED, Point.INTENDED)},
    **{point.name: 0.002 for point in (Point.TAKEN, Point.PLANNED)},
    **{point.name: 0.004 for point in (Point.PUBLISHED, Point.WRITTEN)},
}
WEIGHTS: Weights = {
    "kill": 6,
    "pause": 1.5,
    "server": 1,
    "drop_graceful": 2,
    "drop_abrupt": 2,
    "failover": 1,
    "again": 4,
    "unbind": 1,
    "series": 0.4,
}
PAUSE_SECONDS = 5.0
"""Between two troubles, on average: half of them have all services log in again, which takes seconds."""
BURST, BURST_SECONDS = 4, 1.0
LOTS = 3000
DRAIN_SECONDS = 900.0
CALM_SECONDS, SETTLE_SECONDS = 300.0, 4.0
SETTINGS: dict[str, dict[str, Any]] = {
    "submitter": {"lease_seconds": 2, "visibility_seconds": 0.5, "answer_seconds": 3},
    "orders": {"max_age_seconds": 900, "max_actions_per_second": 1000, "max_actions_per_day": 100000},
    "rabbitmq": {"heartbeat_seconds": 2},
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a campaign found, and what happened in it."""

    verdict: Verdict
    kills: Mapping[str, int]
    in_a_send: int
    trouble: Mapping[str, int]
    exits: Mapping[str, int]
    ends: Mapping[str, int]
    seconds: float
    quiet: bool

    @property
    def good(self) -> bool:
        """Whether nothing went wrong, and everything came to its end."""
        return self.verdict.good and self.quiet

    def line(self) -> dict[str, Any]:
        """Return the campaign's line."""
        found = {name: getattr(self.verdict, name) for name in Verdict.__dataclass_fields__}
        return {
            **found,
            "kills": sum(self.kills.values()),
            "kills_in_a_send": self.in_a_send,
            "kills_by_point": dict(self.kills),
            "trouble": dict(self.trouble),
            "exits": dict(self.exits),
            "ends": dict(self.ends),
            "quiet": self.quiet,
            "seconds": round(self.seconds, 1),
        }


@dataclass(slots=True)
class Campaign:
    """Orders under trouble.

    Parameters
    ----------
    mutant
        A defect of `chaos.tq.mutants` that the services have; empty for none.
    """

    orders: int
    seed: int
    mutant: str = ""
    chances: Mapping[str, float] = field(default_factory=lambda: CHANCES)
    weights: Weights = field(default_factory=lambda: WEIGHTS)
    lots: int = LOTS
    only_closing: bool = False
    calm_seconds: float = CALM_SECONDS
    drain_seconds: float = DRAIN_SECONDS
    say: Callable[..., None] = lambda *_, **__: None
    keep: Path | None = None

    def run(self) -> Outcome:
        """Run it; everything that it started has ended when this returns."""
        with self._place() as (site, servers, folder):
            return asyncio.run(self._run(site, servers, folder))

    @contextmanager
    def _place(self) -> Generator[tuple[FuturesSite, dict[str, Running], Path]]:
        with ExitStack() as running:
            folder = self.keep or Path(running.enter_context(tempfile.TemporaryDirectory(prefix="quant-chaos-")))
            folder.mkdir(parents=True, exist_ok=True)
            servers: dict[str, Running] = {
                "postgresql": running.enter_context(postgresql()),
                "rabbitmq": running.enter_context(rabbitmq()),
                "redis": running.enter_context(redis()),
            }
            addresses = Addresses(servers["postgresql"].url, servers["rabbitmq"].url, servers["redis"].url)
            with site_at(folder, addresses, self.seed, self.chances, self.mutant) as site:
                yield site, servers, folder

    async def _run(self, site: FuturesSite, servers: Mapping[str, Running], folder: Path) -> Outcome:
        begun, clock = time.monotonic(), VenueClock()
        site.write_config()
        for symbol in SYMBOLS:
            site.venue.do("positions", user=USER, symbol=symbol, **dict.fromkeys(HOLDINGS, self.lots))
        settings = read_settings(site.config, {})
        hits, series = folder / "hits", folder / "series"
        (folder / "quiet").touch()
        own, arguments = places(settings.rabbitmq, PORTFOLIO), LIMITED if self.mutant == "quorum-limit" else None
        async with Engine(servers["rabbitmq"].url, own, self.seed, arguments) as engine:
            await asyncio.to_thread(site.start, ROLES, supervise=True)
            await asyncio.to_thread(site.start_one, "order-submitter-2", "order-submitter")
            site.supervise("order-submitter-2")
            (folder / "quiet").unlink()
            trouble = Trouble(
                self.weights,
                self.seed,
                PAUSE_SECONDS,
                site=site,
                engine=engine,
                servers=servers,
                user=USER,
                hits=hits,
                series=series,
            )
            making = asyncio.create_task(trouble.make())
            traded, resting, refusals, wanted = Counter[str](), set[str](), list[str](), list[Wish]()
            quotes = site.venue.look("quotes")
            days = [self.orders * 3 // 5, self.orders - self.orders * 3 // 5]
            wished = (closing if self.only_closing else wishes)(self.orders, self.seed, quotes)
            for number, count in enumerate(days):
                today = [next(wished) for _ in range(count)]
                wanted += today
                later = await self._publish(engine, today[:-BURST], clock)
                await self._drained(wanted[:-BURST], servers["postgresql"].url)
                await self._cancel(engine, later, clock)
                await self._cancel(engine, await self._publish(engine, today[-BURST:], clock), clock)
                if number == 0:
                    refusals += _refusals(site)
                    await self._roll(site, trouble, traded, resting, clock)
            trouble.calm.set()
            (folder / "quiet").touch()
            quiet = await self._settle(site, engine, wanted, servers)
            making.cancel()
            for line in trouble.told:
                self.say(line)
            for row in site.venue.look("filled", USER):
                traded[row["client_order_id"]] += row["volume"]
            letters = [json.loads(body) for body in await engine.letters()]
        history, events = read_evidence(servers["postgresql"].url, PORTFOLIO)
        ledger = read_ledger(servers["postgresql"].url)
        refusals += _refusals(site)
        inserts = site.venue.look("inserts", USER)
        evidence = Evidence(
            traded, inserts, refusals, history, events, letters, frozenset(trouble.moved), frozenset(resting), ledger
        )
        kills = Counter(point for _, point in lines_of(hits))
        exits = Counter(f"{name} {status}" for name, status in site.exits)
        in_a_send = sum(kills[point.name] for point in IN_A_SEND)
        ends = Counter(
            f"{event['status']} {(event['msg'].get('reason') or '').partition(':')[0][:24]}" for event in events
        )
        seconds = time.monotonic() - begun
        return Outcome(judge(wanted, evidence), kills, in_a_send, trouble.done, exits, ends, seconds, quiet)

    async def _publish(self, engine: Engine, wanted: list[Wish], clock: "VenueClock") -> list[Wish]:
        """Submit orders in bursts, some twice, some cancelled before they come; return those to cancel later."""
        later: list[Wish] = []
        for begin in range(0, len(wanted), BURST):
            for number, wish in enumerate(wanted[begin : begin + BURST]):
                if wish.cancel == "before":
                    await engine.publish(Queue.CANCEL, request("CANCEL", wish, PORTFOLIO, clock.now()))
                body = request("SUBMIT", wish, PORTFOLIO, clock.now())
                await engine.publish(Queue.SUBMIT, body)
                if (begin + number) % 9 == 0:
                    await engine.publish(Queue.SUBMIT, body)
                if wish.cancel == "after":
                    later.append(wish)
            await asyncio.sleep(BURST_SECONDS)
            self.say(f"{begin + BURST} of {len(wanted)} orders published", flush=True)
        return later

    async def _cancel(self, engine: Engine, wanted: list[Wish], clock: "VenueClock") -> None:
        for wish in wanted:
            await engine.publish(Queue.CANCEL, request("CANCEL", wish, PORTFOLIO, clock.now()))

    async def _drained(self, wanted: list[Wish], url: str) -> None:
        """Wait until the services have caught up: what waits for a day too long is refused, and tries nothing."""
        deadline = time.monotonic() + self.drain_seconds
        while time.monotonic() < deadline:
            history, events = await asyncio.to_thread(read_evidence, url, PORTFOLIO)
            taken = {*history, *(event["order_id"] for event in events if event["status"] in TERMINAL)}
            left = sum(wish.order_id not in taken for wish in wanted)
            self.say(f"{left} orders were not taken yet", flush=True)
            if not left:
                return
            await asyncio.sleep(SETTLE_SECONDS)

    async def _roll(
        self, site: FuturesSite, trouble: Trouble, traded: Counter[str], resting: set[str], clock: "VenueClock"
    ) -> None:
        """End the trading day in the middle of everything: what trades until then is counted first.

        The venue's clock jumps with it, which no clock does: whoever has read it before begins anew.
        """
        trouble.calm.set()
        for name in tuple(site.servers):
            await asyncio.to_thread(site.wait_until_working, name)
        site.venue.do("treatment", user=USER, fill="rest")
        await asyncio.sleep(0.5)
        for row in site.venue.look("filled", USER):
            traded[row["client_order_id"]] += row["volume"]
        resting |= {order["client_order_id"] for order in site.venue.look("orders", USER) if order["status"] == "ALIVE"}
        site.venue.do("roll", trading_day=f"{NEXT_DAY:%Y%m%d}", instant=NEXT_DAY.isoformat(), end="graceful")
        clock.moved()
        for name in tuple(site.servers):
            site.kill(name)
        site.venue.server.control("DELETE", "treatment")
        trouble.calm.clear()

    async def _settle(
        self, site: FuturesSite, engine: Engine, wanted: list[Wish], servers: Mapping[str, Running]
    ) -> bool:
        """Wait until nothing is on its way any more; whether it came to that."""
        deadline, still = time.monotonic() + self.calm_seconds, 0
        while time.monotonic() < deadline:
            await asyncio.sleep(SETTLE_SECONDS / 2)
            counts = {queue.value: await engine.waiting(queue) for queue in Queue if queue is not Queue.DEAD}
            waiting = sum(abs(count) for count in counts.values())
            history, events = await asyncio.to_thread(read_evidence, servers["postgresql"].url, PORTFOLIO)
            told = {
                event["order_id"] for event in events if event["status"] in ("COMPLETE_FILL", "CANCELLED", "REJECTED")
            }
            unknown = {order_id for order_id, row in history.items() if row["status"] == "UNKNOWN"}
            open_ones = [wish.order_id for wish in wanted if wish.order_id not in told | unknown]
            self.say(f"{counts} messages wait, {len(open_ones)} orders have no end yet", flush=True)
            still = still + 1 if not waiting and not open_ones else 0
            if still >= 2:
                return True
        return False


@contextmanager
def site_at(
    folder: Path, addresses: Addresses, seed: int, chances: Mapping[str, float], mutant: str = ""
) -> Generator[FuturesSite]:
    """Run a venue, and yield the services at it and at servers; none of them is started yet."""
    with ExitStack() as running:
        venue = running.enter_context(TqStand(folder, ("--clock", OPENS.isoformat(), "--seed", str(seed), *WORDS)))
        os.environ.update(venue.environment)  # noqa: TID251 - what is forked loads the client library with it
        nursery = running.enter_context(Nursery([WORKER]))
        spawned, Server.spawn = Server.spawn, nursery.spawn
        running.callback(lambda: setattr(Server, "spawn", spawned))
        hits, quiet, series = (str(folder / name) for name in ("hits", "quiet", "series"))
        plan = folder / "plan.json"
        SeriesPlan(seed=seed, chances=dict(chances), hits=hits, quiet=quiet, series=series).write(plan)
        variables = {"TQ_CHAOS_PLAN": str(plan), "TQ_MUTANT": mutant}
        own = folder / "site"
        site = FuturesSite(own, venue, addresses, PORTFOLIO, changes=SETTINGS, module=WORKER, variables=variables)
        yield running.enter_context(site)


def _refusals(site: FuturesSite) -> list[str]:
    """Return what the exchange said of orders of this day that it refused."""
    return [order["last_msg"] for order in site.venue.look("orders", USER) if order.get("is_error")]


class VenueClock:
    """The time at the venue."""

    def __init__(self) -> None:
        self._ahead = OPENS - SystemClock().now()

    def moved(self) -> None:
        """Take note that the next trading day has begun."""
        self._ahead = NEXT_DAY - SystemClock().now()

    def now(self) -> datetime:
        """Return the present instant."""
        return SystemClock().now() + self._ahead
