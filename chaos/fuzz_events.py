"""Messages in any state of disrepair, at every stage of event-driven trading.

``python -m chaos.fuzz_events --messages 10000 --seed 1`` starts a relay, keeps the ledger in files, and hands changed
messages one after another to the normalizer (as the venue may say them, and as they may stand on the bus), the reactor,
the executor and the monitor. It prints one JSON line. Each message has to become a dead letter with a reason, or events
that are in order; the relay may see one answer to a quote; memory must not grow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from event_trading_app.executor.executing import Executor
from event_trading_app.executor.ledger import Ledger
from event_trading_app.executor.parts import Parts
from event_trading_app.monitor.monitor import Monitor
from event_trading_app.names import NEAR_INTENTS, Service, Topic
from event_trading_app.payloads import ExactAmount, TradeState
from event_trading_app.reactor.commands import Terms
from event_trading_app.reactor.market import Market
from event_trading_app.reactor.quoters import DummyQuoter
from event_trading_app.reactor.stage import Reactor
from event_trading_app.schemas import SCHEMAS
from event_trading_app.services.executor import command_in
from event_trading_app.services.inventory import inventory_event
from event_trading_app.venues.near_intents.bus import bus_at
from event_trading_app.venues.near_intents.execute.keys import Key
from event_trading_app.venues.near_intents.execute.looking import Node
from event_trading_app.venues.near_intents.execute.sending import AnswerBus
from event_trading_app.venues.near_intents.execute.venue import NearVenue
from event_trading_app.venues.near_intents.ingest.events import raw_event
from event_trading_app.venues.near_intents.ingest.frames import read_frame
from event_trading_app.venues.near_intents.normalize.demand import normalize
from loguru import logger
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.events.bus import Received
from quant_platform_kit.events.envelope import LARGEST, Event, decode, derived, encode
from quant_platform_kit.events.errors import Duplicate, Unreadable
from quant_platform_kit.services.operate.owners import require_ownership
from venue_sandbox.stands.near import ACCOUNT, TOKEN_A, TOKEN_B, NearStand

from chaos.arguments import positive
from chaos.mutating import NASTY, Verdict, changed, damaged, megabytes

__all__ = ["Verdict", "fuzz", "main"]

FIRST = 1_000
"""Memory is compared with what it was after so many messages."""
GOOD, AGAIN, DAMAGED, LARGE = 0.15, 0.05, 0.25, 0.005
"""Shares of messages that are not changed, that come again, whose bytes are damaged, and that are too large."""
REMEMBERED = 100
QUOTES = 150
OPEN_MS = 1_800_000
FUNDS = 10**24
PARTITION = 0
HANG_SECONDS = 20.0
SEED = b"fuzz of events, and nowhere else"
STAGES = (Service.NORMALIZER, Service.REACTOR, Service.EXECUTOR, Service.MONITOR)
WRONG: Sequence[Any] = (
    None, True, False, 0, -1, 1, 2, 2.7, 1e300, -1e300, 10**18, 2**128, 10**400, "", " ", "x", "3", "0", "-1", "+1",
    "01", "1.0", "1e3", str(2**128 - 1), str(2**128), "1" * 5000, "NaN", [], {}, [None], {"a": {}}, [[[]]], "x" * 257,
    TOKEN_A, TOKEN_B, "nep141:nobody.near", "SETTLED", "UNKNOWN", "cmd.execute_trade", "norm.swap_demand",
    "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-23:59", "2025-02-30T00:00:00Z", "2025-03-11", 1741658400, *NASTY,
)  # fmt: skip

Handle = Callable[[Received], Awaitable[Sequence[Event]]]


class Messages:
    """Messages of every stage, most of them changed, drawn from a seed.

    Parameters
    ----------
    quotes
        Ids of auctions that are open at the relay.
    """

    def __init__(self, seed: int, quotes: Sequence[str]) -> None:
        self._chance = random.Random(f"events {seed}")
        self._quotes, self._drawn = list(quotes), {stage: deque[bytes](maxlen=REMEMBERED) for stage in STAGES}

    def draw(self, number: int, now: datetime) -> tuple[Service, bytes]:
        """Return a message and the stage that it comes to; some come a second time."""
        chance = self._chance
        stage, before = (chosen := chance.choice(STAGES)), self._drawn[chosen]
        if before and chance.random() < AGAIN:
            return stage, chance.choice(before)
        body = self._said(number, now) if stage is Service.NORMALIZER and chance.random() < 0.5 else None
        before.append(body := body or self._body(self._event(stage, number, now)))
        return stage, body

    def _body(self, event: Event) -> bytes:
        document: Any = json.loads(encode(event))
        chance, draw = self._chance, self._chance.random()
        if draw < LARGE:
            return json.dumps({**document, "raw": "x" * LARGEST}).encode()
        if draw > GOOD:
            for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
                document = changed(chance, document, WRONG)
        body = json.dumps(document).encode()
        return damaged(chance, body) if draw > 1 - DAMAGED else body

    def _said(self, number: int, now: datetime) -> bytes:
        """Return the raw event of what the venue said, which may be anything."""
        chance, draw = self._chance, self._chance.random()
        document: Any = {"method": "event", "params": {"subscription": "s", "data": self._quote(number)}}
        if draw > GOOD:
            for _ in range(chance.choice((1, 1, 2, 3))):
                document = changed(chance, document, WRONG)
        text = json.dumps(document)
        if draw > 1 - DAMAGED:
            text = damaged(chance, text.encode()).decode(errors="replace")
        return encode(raw_event(read_frame(text, {}), text, now, now))

    def _quote(self, number: int) -> dict[str, Any]:
        side = self._chance.choice(("exact_amount_in", "exact_amount_out"))
        return {
            "quote_id": self._quote_id(number),
            "defuse_asset_identifier_in": TOKEN_A,
            "defuse_asset_identifier_out": TOKEN_B,
            side: str(self._chance.randint(1, 10**9)),
            "min_deadline_ms": 60_000,
            "min_wait_ms": 0,
            "max_wait_ms": 60_000,
        }

    def _quote_id(self, number: int) -> str:
        return self._chance.choice(self._quotes) if self._chance.random() < 0.5 else f"quote-{number}"

    def _event(self, stage: Service, number: int, now: datetime) -> Event:
        quote = self._quote(number)
        tokens = {"token_in": TOKEN_A, "token_out": TOKEN_B}
        exact = ExactAmount.IN if "exact_amount_in" in quote else ExactAmount.OUT
        command = {
            "command_id": sha256(str(quote["quote_id"]).encode()),
            "account": ACCOUNT,
            "quote_id": quote["quote_id"],
            **tokens,
            "amount_in": "1000",
            "amount_out": "1000",
        }
        at = now.isoformat()
        match stage:
            case Service.NORMALIZER:
                return _made(Topic.RAW_QUOTE, quote, now)
            case Service.REACTOR:
                renamed = {key: value for key, value in quote.items() if not key.startswith("defuse")}
                return _made(Topic.SWAP_DEMAND, {**renamed, **tokens}, now)
            case Service.EXECUTOR:
                end = now + timedelta(seconds=self._chance.choice((-1, 2, 30)))
                times = {"expires_at": end.isoformat(), "deadline": (end + timedelta(minutes=1)).isoformat()}
                more = {"exact": exact.value, **times, "quoter": "dummy/1", "inputs": []}
                return _made(Topic.EXECUTE_TRADE, {**command, **more}, now, command["command_id"])
            case _:
                state = self._chance.choice(tuple(TradeState)).value
                more = {"state": state, "mode": "paper", "deadline": at, "sends": 1, "at": at}
                return _made(Topic.TRADE_RESULT, {**command, **more}, now)


def _made(topic: Topic, payload: Mapping[str, Any], now: datetime, event_id: str = "") -> Event:
    return Event(event_id or sha256(repr(payload).encode()), topic.value, NEAR_INTENTS, now, now, 1, payload)


class Stages:
    """The stages in this process, each handed one message at a time as on the bus."""

    def __init__(self, parts: Parts, told: list[Event]) -> None:
        self.executor = Executor(parts)
        self.monitor = Monitor(parts, lambda _: None, timedelta(minutes=1))
        self.market = Market(parts.account)
        self.market.note(inventory_event(parts.account, TOKEN_B, FUNDS, parts.clock.now()))
        self._reactor = Reactor(self.market, DummyQuoter(limits={TOKEN_B: str(10**9)}), Terms(parts.account))
        self._told = told
        self.handles: Mapping[Service, Handle] = {
            Service.NORMALIZER: self._normalize,
            Service.REACTOR: self._react,
            Service.EXECUTOR: self._execute,
            Service.MONITOR: self._watch,
        }

    async def _normalize(self, message: Received) -> Sequence[Event]:
        return normalize(message.event())

    async def _react(self, message: Received) -> Sequence[Event]:
        made = [decode(each.value) for each in self._reactor.react(message)]
        for event in made:
            self.market.note(event)
            self.market.note(_rejected(event))
        return made

    async def _execute(self, message: Received) -> Sequence[Event]:
        self._told.clear()
        await self.executor.renew()
        await self.executor.handle(command_in(message))
        return tuple(self._told)

    async def _watch(self, message: Received) -> Sequence[Event]:
        self._told.clear()
        await self.monitor.handle(message.event(), PARTITION)
        return tuple(self._told)


def _rejected(command: Event) -> Event:
    """Return what the executor would tell of a command that is refused: it commits nothing any more."""
    names = ("command_id", "account", "quote_id", "token_in", "token_out", "amount_in", "amount_out", "deadline")
    told = {name: command.payload[name] for name in names}
    at = command.observed_at.isoformat()
    payload = {**told, "state": TradeState.REJECTED.value, "mode": "paper", "sends": 0, "at": at}
    return derived(command, Topic.TRADE_RESULT.value, 1, payload, sha256(command.event_id.encode()))


async def _run(folder: Path, stand: NearStand, messages: int, seed: int) -> Verdict:
    quotes = [_opened(stand) for _ in range(QUOTES)]
    clock, store, told = SystemClock(), open_store(folder.as_uri()), list[Event]()
    key, bus = Key(SEED), AnswerBus(bus_at(stand.url, stand.token))
    stand.fund(key.public, {TOKEN_A: FUNDS, TOKEN_B: FUNDS})
    venue = NearVenue(stand.account, key, bus, Node(stand.near_url), clock)

    async def tell(event: Event) -> None:
        told.append(event)

    require_ownership(store, stand.account, "fuzz")
    parts = Parts(
        account=stand.account,
        service="fuzz",
        mode=Mode.PAPER,
        holder="fuzz",
        store=store,
        ledger=Ledger(store, stand.account),
        venue=venue,
        clock=clock,
        tell=tell,
    )
    verdict, stages, drawn, begun = Verdict("answers"), Stages(parts, told), Messages(seed, quotes), time.monotonic()
    try:
        await stages.executor.assigned(PARTITION)
        for number in range(messages):
            stage, body = drawn.draw(number, clock.now())
            await _give(verdict, stages, stage, Received(stage.value, PARTITION, number, None, body))
            if number + 1 == FIRST:
                verdict.first_mb = megabytes()
        verdict.last_mb = megabytes()
        _judge_relay(verdict, stand)
    finally:
        verdict.seconds = time.monotonic() - begun
        await stages.executor.revoked(PARTITION)
        await venue.close()
    return verdict


def _opened(stand: NearStand) -> str:
    """Open an auction, and return its id."""
    quote = {
        "defuse_asset_identifier_in": TOKEN_A,
        "defuse_asset_identifier_out": TOKEN_B,
        "exact_amount_in": "1000",
        "min_wait_ms": OPEN_MS,
        "max_wait_ms": OPEN_MS,
    }
    return str(stand.do("quote", quote=quote)["quote_id"])


async def _give(verdict: Verdict, stages: Stages, stage: Service, message: Received) -> None:
    """Hand a message to a stage, and judge what becomes of it."""
    verdict.messages += 1
    name = stage.value
    try:
        async with asyncio.timeout(HANG_SECONDS):
            made = await stages.handles[stage](message)
    except Unreadable as error:
        verdict.outcomes[f"{name} dead letters"] += 1
        if not str(error):
            verdict.wrong.append(f"{name}: a dead letter without a reason: {message.value!r:.300}")
    except Duplicate:
        verdict.outcomes[f"{name} duplicates"] += 1
    except Exception as error:  # noqa: BLE001 - it is what is looked for
        verdict.crashes += 1
        verdict.wrong.append(f"{name}: {type(error).__name__}: {error!s:.300}; {message.value!r:.900}")
    else:
        verdict.outcomes[f"{name} events" if made else f"{name} passed"] += 1
        verdict.wrong += [f"{name}: {problem}; {message.value!r:.600}" for problem in _problems(message, made)]
        if not made and stage in (Service.NORMALIZER, Service.EXECUTOR):
            verdict.wrong.append(f"{name}: nothing became of {message.value!r:.600}")


def _problems(message: Received, made: Iterable[Event]) -> Iterable[str]:
    """Yield what is wrong with events: each can be read again, and has the times of what it was made from."""
    source = message.event()
    for event in made:
        try:
            SCHEMAS.check(decode(encode(event)))
        except Unreadable as error:
            yield f"it became an event that nobody can read: {error}"
        if (event.observed_at, event.ingested_at) != (source.observed_at, source.ingested_at) and (
            event.event_type != Topic.TRADE_RESULT.value
        ):
            yield "it became an event of other times"


def _judge_relay(verdict: Verdict, stand: NearStand) -> None:
    """Hold every answer that came to the relay against what an answer may be."""
    seen: dict[str, set[str]] = {}
    for arrival in stand.answers():
        verdict.arrived += 1
        seen.setdefault(arrival["quote_id"], set()).add(arrival["digest"])
    verdict.wrong += [f"quote {quote} has {len(found)} answers" for quote, found in seen.items() if len(found) > 1]


def fuzz(messages: int, seed: int) -> Verdict:
    """Hand so many messages to the stages."""
    with tempfile.TemporaryDirectory(prefix="fuzz-events-") as temporary:
        folder = Path(temporary)
        with NearStand(folder) as stand:
            logger.remove()
            (folder / "ledger").mkdir()
            return asyncio.run(_run(folder / "ledger", stand, messages, seed))


def main() -> int:
    """Print one JSON line; return 1 when something was wrong, with examples."""
    parser = argparse.ArgumentParser(prog="python -m chaos.fuzz_events", description=__doc__)
    parser.add_argument("--messages", type=positive, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    verdict = fuzz(arguments.messages, arguments.seed)
    for said in verdict.wrong[:10]:
        sys.stderr.write(f"{said}\n")
    sys.stdout.write(json.dumps(verdict.line()) + "\n")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
