"""The database of tq-broker lost amid orders, and Redis with it: what the engine sends again reaches the venue once."""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.switches import halts
from redis import Redis
from tq_broker_app.bus.names import places
from tq_broker_app.bus.ports import Queue
from tq_broker_app.settings import read_settings
from tq_broker_app.trading.plans import parent_of
from venue_sandbox.servers.postgresql import postgresql
from venue_sandbox.servers.rabbitmq import rabbitmq
from venue_sandbox.servers.redis import redis
from venue_sandbox.stands.futures import ROLES, Addresses, FuturesSite

from chaos.restore.mutants import IN_FUTURES
from chaos.restore.rows import Row
from chaos.restore.scripts import MUTANT, Keeping, libpq_url
from chaos.stores import another_database, empty_database
from chaos.tq.campaign import PORTFOLIO, USER, VenueClock, site_at
from chaos.tq.engine import Engine
from chaos.tq.judging import TERMINAL, read_evidence, read_ledger
from chaos.tq.orders import HOLDINGS, SYMBOLS, Wish, request, wishes

__all__ = ["lose_futures"]

LOTS, TODAY = 3000, 8
"""Held of each symbol and side, of earlier days and of today: so few of today that a second split would differ."""
PAUSE_SECONDS, POLL_SECONDS = 0.1, 0.5
"""Between two orders, and between two looks."""
ENDED_SECONDS = 90.0
WHILE_HALTED = 10
"""New orders before anybody has looked."""


@dataclass(slots=True)
class _Desk:
    """Services, their engine, and what it has wanted so far."""

    site: FuturesSite
    engine: Engine
    clock: VenueClock
    store: str
    wanted: list[Wish] = field(default_factory=list[Wish])

    async def want(self, orders: Sequence[Wish]) -> None:
        """Submit orders, and cancel those that would rest."""
        self.wanted += [wish for wish in orders if wish not in self.wanted]
        for wish in orders:
            await self.engine.publish(Queue.SUBMIT, request("SUBMIT", wish, PORTFOLIO, self.clock.now()))
            await asyncio.sleep(PAUSE_SECONDS)
        for wish in orders:
            if wish.cancel:
                await self.engine.publish(Queue.CANCEL, request("CANCEL", wish, PORTFOLIO, self.clock.now()))

    async def ended(self) -> set[str]:
        """Wait until every order has an end, or is UNKNOWN and none is under way; return those that have none."""
        until = time.monotonic() + ENDED_SECONDS
        while (left := await asyncio.to_thread(self._without_end)) and time.monotonic() < until:
            await asyncio.sleep(POLL_SECONDS)
        return left

    def _without_end(self) -> set[str]:
        """Return the orders of which neither an event nor `order_history` tells an end, or that it is UNKNOWN."""
        history, events = read_evidence(self.store, PORTFOLIO)
        told = {event["order_id"] for event in events if event["status"] in TERMINAL}
        ended = {parent_of(name) for name, row in history.items() if row["status"] in ("FINISHED", "UNKNOWN")}
        begun = {parent_of(name) for name, row in history.items() if row["status"] not in ("FINISHED", "UNKNOWN")}
        return ({wish.order_id for wish in self.wanted} - told - ended) | (begun - told)

    def unknown(self) -> set[str]:
        """Return the orders whose end nobody knows, by `order_history`."""
        history, _ = read_evidence(self.store, PORTFOLIO)
        return {name for name, row in history.items() if row["status"] == "UNKNOWN"}

    def recorded(self) -> set[str]:
        """Return the orders that the ledger knows."""
        keys = read_ledger(self.store)
        return {wish.order_id for wish in self.wanted if any(f"/{wish.order_id}" in key for key in keys)}

    def sent(self) -> int:
        """How many orders the venue has got."""
        return len(self.site.venue.inserts(USER))

    def twice(self) -> int:
        """Count orders that the exchange took more than once, or of which more traded than was wanted."""
        taken = Counter(
            each["order_id"] for each in self.site.venue.look("inserts", USER) if each["outcome"] == "taken"
        )
        lots, volumes = self.traded(), {wish.order_id: wish.volume for wish in self.wanted}
        return sum(count > 1 for count in taken.values()) + sum(lots[name] > most for name, most in volumes.items())

    def untrue(self) -> set[str]:
        """Return the orders whose end was told with other lots than the exchange traded."""
        history, events = read_evidence(self.store, PORTFOLIO)
        lots, ends = self.traded(), [event for event in events if event["status"] in TERMINAL]
        told = {event["order_id"]: event["msg"].get("filled_quantity", 0) for event in ends}
        told |= {name: row["filled_quantity"] for name, row in history.items() if row["parent_order_id"] is None}
        return {name for name, filled in told.items() if filled != lots[name]}

    def traded(self) -> Counter[str]:
        """Return the lots that traded, by the engine's orders."""
        lots = Counter[str]()
        for child, count in self.site.venue.filled(USER).items():
            lots[parent_of(child)] += count
        return lots

    def settle(self) -> int:
        """Settle UNKNOWN orders by the venue's book, as an operator does; what is refused stays. Return how many."""
        filled, quotes = self.site.venue.filled(USER), self.site.venue.look("quotes")
        waiting, settled = json.loads(self._resolve("--json", check=True).stdout), 0
        for each in waiting:
            lots = filled.get(each["order_id"], 0)
            price = ("--price", str(each["limit_price"] or quotes[each["symbol"]]["ask"])) if lots else ()
            evidence = ("--filled", str(lots), *price, "--reason", "the venue's book", "--who", "drill")
            settled += self._resolve(each["order_id"], *evidence).returncode == 0
        return settled

    def _resolve(self, *words: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tq_broker_app", "resolve", *words, "--config", str(self.site.config)]
        return subprocess.run(command, capture_output=True, text=True, check=check, timeout=60)

    def resume(self) -> None:
        """Lift all halts, as an operator does who has looked at the account."""
        store = open_store(self.store)
        for scope in sorted(halts(store).on()):
            set_halt(Operator(store, SystemClock(), "drill"), scope, "orders were compared", on=False)


def lose_futures(folder: Path, seed: int, count: int, mutant: str = "") -> Row:
    """Back up amid orders, go on, lose the database and Redis, restore, reconcile, go on; return what came of it."""
    folder.mkdir(parents=True)
    return asyncio.run(_drill(folder, seed, count, mutant))


async def _drill(folder: Path, seed: int, count: int, mutant: str) -> Row:
    row = Row("PostgreSQL of tq-broker")
    with _site(folder, seed, mutant if mutant in IN_FUTURES else "") as (site, store, programs, other_redis):
        url, password = libpq_url(store)
        keeping, plan = Keeping(folder, programs, {**password, MUTANT: mutant}), [("database", "futures", url)]
        settings = read_settings(site.write_config(), {})
        broker = settings.rabbitmq.url.get_secret_value()
        orders = list(wishes(2 * count + WHILE_HALTED, seed, site.venue.look("quotes")))
        async with Engine(broker, places(settings.rabbitmq, PORTFOLIO), seed) as engine:
            desk = _Desk(site, engine, VenueClock(), store)
            await asyncio.to_thread(site.start, ROLES, supervise=True)
            await _until_lost(desk, row, keeping, plan, orders[:count], folder / "backup")
            known = desk.recorded()
            await asyncio.to_thread(site.stop_all)
            empty_database(store)
            assert site.addresses is not None, "it has servers"
            site.addresses = Addresses(store, site.addresses.rabbitmq, other_redis)
            await asyncio.to_thread(keeping.restore, folder / "backup", plan)
            lost = sorted(known - desk.recorded())
            row.lost = [f"order {name}" for name in lost]
            await _reconcile(desk, row, lost, orders[-WHILE_HALTED:])
            there = desk.sent()
            await desk.want(orders[:count])  # as an engine does that has lost its place
            await desk.want(orders[count:-WHILE_HALTED])
            await desk.ended()
            row.settled += await asyncio.to_thread(desk.settle)
            left, untrue = await desk.ended() | desk.unknown(), desk.untrue()
            row.unended = len(left | untrue)
            row.notes += [f"{name} has no end" for name in sorted(left)]
            row.notes += [f"{name} has another end at the exchange" for name in sorted(untrue - left)]
            row.went_on, row.twice = desk.sent() - there, desk.twice()
            row.notes.append(f"{_keys(other_redis)} keys in a Redis that was empty")
    return row


async def _until_lost(
    desk: _Desk, row: Row, keeping: Keeping, plan: Sequence[Sequence[str]], orders: Sequence[Wish], backup: Path
) -> None:
    """Have orders sent, make the backup in their middle and others after it, and see all of them end."""
    half = len(orders) // 2
    wanting = asyncio.create_task(desk.want(orders[:half]))
    while desk.sent() < half // 2:
        await asyncio.sleep(PAUSE_SECONDS)
    row.before = desk.sent()
    await asyncio.to_thread(keeping.back_up, plan, backup.name)
    await wanting
    await desk.want(orders[half:])
    if left := await desk.ended():
        raise AssertionError(f"no end before the loss: {sorted(left)}")
    row.after = desk.sent() - row.before


async def _reconcile(desk: _Desk, row: Row, lost: Sequence[str], new: Sequence[Wish]) -> None:
    """Run the services halted, have every other lost order and new ones sent to them, settle, resume."""
    there = desk.sent()
    await asyncio.to_thread(desk.site.start, ROLES, supervise=True)
    again = [wish for wish in desk.wanted if wish.order_id in lost[::2]]
    await desk.want([*again, *new])
    await desk.ended()
    row.while_blocked = desk.sent() - there
    row.settled = await asyncio.to_thread(desk.settle)
    desk.resume()


@contextmanager
def _site(folder: Path, seed: int, mutant: str) -> Generator[tuple[FuturesSite, str, Path, str]]:
    """Yield services, their database, PostgreSQL's programs and an empty Redis beside their own."""
    with postgresql() as database, rabbitmq() as broker, redis() as first, redis() as second:
        store = another_database(database.url, "futures")
        with site_at(folder, Addresses(store, broker.url, first.url), seed, {}, mutant) as site:
            held = {part: TODAY if part.endswith("today") else LOTS for part in HOLDINGS}
            for symbol in SYMBOLS:
                site.venue.do("positions", user=USER, symbol=symbol, **held)
            yield site, store, database.cluster.programs, second.url


def _keys(url: str) -> int:
    parts = urlsplit(url)
    client: Any = Redis(parts.hostname or "", parts.port or 0, db=1, password=parts.password)
    return int(client.dbsize())
