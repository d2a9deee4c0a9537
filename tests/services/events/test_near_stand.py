"""The relay as a process and the app's side of it over TCP: each demand is answered once, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from event_trading_app.errors import Unanswered, VenueDown
from event_trading_app.payloads import ExactAmount, ExecuteTrade, SwapDemand
from event_trading_app.ports import SignedAnswer
from event_trading_app.venues.near_intents.bus import bus_at
from event_trading_app.venues.near_intents.execute.keys import Key
from event_trading_app.venues.near_intents.execute.looking import Node
from event_trading_app.venues.near_intents.execute.sending import AnswerBus
from event_trading_app.venues.near_intents.execute.venue import NearVenue
from event_trading_app.venues.near_intents.ingest.listening import Backoff, Listener
from event_trading_app.venues.near_intents.normalize.demand import normalize
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.events.envelope import Event
from venue_sandbox.stands.near import TOKEN_A, TOKEN_B, NearStand

CLOCK = SystemClock()
FUNDS = 10**12
SECONDS = 30.0
KEY = Key(b"k" * 32)
WINDOW_MS = 6_000


@pytest.fixture
def stand(tmp_path: Path) -> Generator[NearStand]:
    with NearStand(tmp_path) as running:
        running.fund(KEY.public, {TOKEN_A: FUNDS, TOKEN_B: FUNDS})
        yield running


def command_for(demand: SwapDemand, account: str) -> ExecuteTrade:
    """Return a command that swaps one for one."""
    amount = demand.exact_amount_in or demand.exact_amount_out or ""
    now = CLOCK.now()
    return ExecuteTrade(
        command_id=sha256(f"{account}/{demand.quote_id}".encode()),
        account=account,
        quote_id=demand.quote_id,
        token_in=demand.token_in,
        token_out=demand.token_out,
        amount_in=amount,
        amount_out=amount,
        exact=ExactAmount.IN if demand.exact_amount_in else ExactAmount.OUT,
        expires_at=now + timedelta(milliseconds=demand.max_wait_ms),
        deadline=now + timedelta(milliseconds=demand.max_wait_ms + demand.min_deadline_ms),
        quoter="one for one",
        inputs=(),
    )


@dataclass
class Solver:
    """The app's side without a bus between its parts: each demand is answered as soon as it is heard."""

    stand: NearStand
    answers: dict[str, SignedAnswer] = field(default_factory=dict[str, SignedAnswer])
    open: set[str] = field(default_factory=set[str])
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[NearVenue]:
        bus = AnswerBus(bus_at(self.stand.url, self.stand.token), 1.0)
        self.venue = NearVenue(self.stand.account, KEY, bus, Node(self.stand.near_url), CLOCK)
        self.listener = Listener(bus_at(self.stand.url, self.stand.token), self.heard, CLOCK, Backoff(0.02, 0.2))
        stop = asyncio.Event()
        listening = asyncio.create_task(self.listener.run(stop))
        try:
            await self.connected(1)
            yield self.venue
        finally:
            stop.set()
            await listening
            await self.venue.close()

    async def heard(self, event: Event) -> None:
        if event.event_type != "raw.near_intents.quote":
            return
        demand = SwapDemand.model_validate(normalize(event)[0].payload)
        if demand.quote_id not in self.answers:
            asked = command_for(demand, self.stand.account)
            answer = self.answers[demand.quote_id] = await self.venue.prepare(asked, CLOCK.now())
            self.open.add(demand.quote_id)
            task = asyncio.create_task(self.send(demand.quote_id, answer))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def send(self, quote_id: str, answer: SignedAnswer) -> None:
        """Send the same bytes until the venue says something."""
        while True:
            try:
                said = await self.venue.send(answer.data)
            except (Unanswered, VenueDown):
                await asyncio.sleep(0.02)
                continue
            if said.acknowledged:
                self.open.discard(quote_id)
            return

    async def connected(self, count: int) -> None:
        """Wait until the listener has connected so often."""
        async with asyncio.timeout(SECONDS):
            while self.listener.counts.connections < count:
                await asyncio.sleep(0.01)

    async def settled(self, count: int) -> None:
        """Wait until so many demands were answered and nothing is under way."""
        async with asyncio.timeout(SECONDS):
            while len(self.answers) < count or self.open:
                await asyncio.sleep(0.02)


def test_demands_are_answered_and_settled_once_each(stand: NearStand) -> None:
    async def scene() -> None:
        solver = Solver(stand)
        async with solver.running() as venue:
            await asyncio.to_thread(stand.do, "drive", rate=100, count=100, out_share=0.4, min_wait_ms=1_000)
            await solver.settled(100)
            progress = await asyncio.to_thread(stand.driven)
            assert (progress["taken"], progress["failed"]) == (100, 0)
            taken, settled = await asyncio.to_thread(lambda: (stand.taken(), stand.settled()))
            assert [len(it) for it in taken.values()] == [1] * 100
            assert settled == {quote: [answer.intent_hash] for quote, answer in solver.answers.items()}
            assert all(await asyncio.gather(*(venue.used(answer) for answer in solver.answers.values())))
            balances = await venue.balances(stand.account, [TOKEN_A, TOKEN_B])
            assert balances[TOKEN_A] - FUNDS == FUNDS - balances[TOKEN_B] > 0

    asyncio.run(scene())


def test_answers_are_taken_once_though_connections_break_and_words_are_lost(stand: NearStand) -> None:
    async def scene() -> None:
        solver = Solver(stand)
        async with solver.running():
            for fault in ("lose_acknowledgement", "drop_abrupt", "lose_request", "error_after"):
                for skip in (3, 20, 45):
                    await asyncio.to_thread(stand.fault, fault, operation="quote_response", skip=skip)
            windows = {"min_wait_ms": WINDOW_MS // 2, "max_wait_ms": WINDOW_MS}
            await asyncio.to_thread(stand.do, "drive", rate=60, count=120, **windows)
            async with asyncio.timeout(SECONDS):
                while (await asyncio.to_thread(stand.look, "drive"))["opened"] < 120:
                    await asyncio.sleep(0.1)
            await solver.settled(len(solver.answers))
            await asyncio.to_thread(stand.driven)
            rows = await asyncio.to_thread(stand.answers)
            taken = await asyncio.to_thread(stand.taken)
            assert {quote: len(it) for quote, it in taken.items()} == dict.fromkeys(solver.answers, 1)
            assert len(rows) > len(solver.answers)
            assert {row["outcome"] for row in rows} >= {"taken", "duplicate", "lost"}
            assert len({row["digest"] for row in rows}) == len(solver.answers)
            assert all(len(it) == 1 for it in (await asyncio.to_thread(stand.settled)).values())

    asyncio.run(scene())


def test_what_was_settled_is_known_after_a_restart_of_the_venue(stand: NearStand) -> None:
    async def scene() -> None:
        solver = Solver(stand)
        async with solver.running() as venue:
            await asyncio.to_thread(stand.do, "drive", rate=50, count=10, min_wait_ms=0, max_wait_ms=5_000)
            await solver.settled(10)
            await asyncio.to_thread(stand.driven)
            before = await asyncio.to_thread(stand.settled)
            await asyncio.to_thread(stand.restart)
            assert await asyncio.to_thread(stand.settled) == before
            assert len(before) == 10
            one = next(iter(solver.answers.values()))
            assert await venue.used(one)
            await solver.connected(2)
            await asyncio.to_thread(stand.do, "drive", rate=50, count=5, min_wait_ms=0, max_wait_ms=5_000, seed=2)
            await solver.settled(15)
            await asyncio.to_thread(stand.driven)
            assert len(await asyncio.to_thread(stand.settled)) == 15

    asyncio.run(scene())
