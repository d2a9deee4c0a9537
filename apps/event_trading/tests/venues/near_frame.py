"""A relay on sockets of this machine's file system, a bus that says what a test wants, and commands to answer."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, UnixConnector, web
from event_trading_app.payloads import ExactAmount, ExecuteTrade
from event_trading_app.venues.near_intents.execute.keys import Key
from event_trading_app.venues.near_intents.execute.looking import Node
from event_trading_app.venues.near_intents.execute.sending import AnswerBus
from event_trading_app.venues.near_intents.execute.signing import Standard
from event_trading_app.venues.near_intents.execute.venue import NearVenue
from event_trading_app.venues.near_intents.ingest.listening import Backoff, Listener
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.events.envelope import Event
from websockets.asyncio.client import unix_connect
from websockets.asyncio.server import ServerConnection, unix_serve

ACCOUNT = "dusbx000001.near"
A, B = "nep141:a.near", "nep141:b.near"
FUNDS = 1_000_000
SECRET = "ed25519:3FyRtUUMxiNT1g2ST6mbj7W1CN7KfQBbomawC7YG4A1zwHmw2TRsn1Wc8NaFcBCoJDu3zt3znJDSwKQ31oRaKXH7"
"""A key of the tests of near-api-js: published, and worth nothing."""
SECONDS = 5.0
CLOCK = SystemClock()
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def command(quote: dict[str, Any] | None = None, number: int = 1, **change: Any) -> ExecuteTrade:
    """Return a command that answers a quote with 300, or 1000 for 300."""
    told = quote or {"quote_id": "q-1", "exact_amount_in": "1000"}
    is_in = told.get("exact_amount_in") is not None
    now = CLOCK.now()
    fields: dict[str, Any] = {
        "command_id": f"{number:064x}",
        "account": ACCOUNT,
        "quote_id": told["quote_id"],
        "token_in": told.get("defuse_asset_identifier_in", A),
        "token_out": told.get("defuse_asset_identifier_out", B),
        "amount_in": told["exact_amount_in"] if is_in else "1000",
        "amount_out": "300" if is_in else told["exact_amount_out"],
        "exact": ExactAmount.IN if is_in else ExactAmount.OUT,
        "expires_at": now + timedelta(seconds=60),
        "deadline": now + timedelta(seconds=180),
        "quoter": "test",
        "inputs": (),
    }
    return ExecuteTrade(**{**fields, **change})


def event(payload: dict[str, Any], **change: Any) -> Event:
    """Return a raw quote."""
    fields: dict[str, Any] = {
        "event_id": "raw-1",
        "event_type": "raw.near_intents.quote",
        "venue": "near_intents",
        "observed_at": NOW,
        "ingested_at": NOW + timedelta(milliseconds=5),
        "schema_version": 1,
        "payload": payload,
        "raw": json.dumps(payload),
    }
    return Event(**{**fields, **change})


# --- a bus that a test speaks for ----------------------------------------------------------------


@asynccontextmanager
async def scripted(
    folder: Path, speak: Callable[[ServerConnection], Awaitable[None]], **more: Any
) -> AsyncGenerator[str]:
    """Serve a bus on which each connection is spoken to by a function; yield its path."""
    path = str(folder / "bus")
    async with unix_serve(speak, path, **more):
        yield path


def opener(path: str, token: str = "token") -> Callable[[], Any]:
    """Return what opens connections to a bus on a path."""
    headers = {"Authorization": f"Bearer {token}"}
    return lambda: unix_connect(path, uri="ws://venue/ws", additional_headers=headers, close_timeout=0.5)


# --- the relay ------------------------------------------------------------------------------------


@dataclass
class Scene:
    """A relay that runs, and what reaches it."""

    relay: Any
    folder: Path
    controller: ClientSession
    events: list[Event] = field(default_factory=list[Event])

    def open(self, account: str = ACCOUNT) -> Callable[[], Any]:
        tokens = importlib.import_module("venue_sandbox.venues.near.tokens")
        return opener(str(self.folder / "venue"), tokens.token_of(account))

    def node(self, seconds: float = SECONDS) -> Node:
        path = str(self.folder / "venue")
        return Node("http://venue/near", seconds, lambda: ClientSession(connector=UnixConnector(path)))

    @asynccontextmanager
    async def venue(self, seconds: float = 1.0, **more: Any) -> AsyncGenerator[NearVenue]:
        """Yield the executor's side."""
        fields: dict[str, Any] = {"clock": CLOCK, "standard": Standard.NEP413, **more}
        venue = NearVenue(ACCOUNT, Key.read(SECRET), AnswerBus(self.open(), seconds), self.node(), **fields)
        try:
            yield venue
        finally:
            await venue.close()

    @asynccontextmanager
    async def listening(self, **more: Any) -> AsyncGenerator[Listener]:
        """Yield the ingestor's side, which has subscribed."""

        async def publish(heard: Event) -> None:
            self.events.append(heard)

        fields: dict[str, Any] = {"backoff": Backoff(0.01, 0.05), **more}
        listener, stop = Listener(self.open(), publish, CLOCK, **fields), asyncio.Event()
        running = asyncio.create_task(listener.run(stop))
        try:
            await until(lambda: listener.counts.connected)
            yield listener
        finally:
            stop.set()
            await asyncio.wait_for(running, SECONDS)

    async def do(self, operation: str, /, **fields: Any) -> Any:
        async with self.controller.post(f"http://venue/_control/{operation}", json=fields) as said:
            assert said.status < 300, await said.text()
            return await said.json() if said.status == 200 else None

    async def fault(self, kind: str, /, **fields: Any) -> None:
        await self.do("faults", kind=kind, **fields)

    async def look(self, what: str) -> Any:
        async with self.controller.get(f"http://venue/_control/{what}") as said:
            return await said.json()

    async def quote(self, **more: Any) -> dict[str, Any]:
        """Open an auction of 1000 A for B that lasts, and return what solvers are told."""
        asked = {
            "defuse_asset_identifier_in": A,
            "defuse_asset_identifier_out": B,
            "min_wait_ms": 60_000,
            "max_wait_ms": 60_000,
            **({} if "exact_amount_out" in more else {"exact_amount_in": "1000"}),
            **more,
        }
        return {**asked, **(await self.do("quote", quote=asked))}

    async def outcomes(self) -> list[str]:
        return [row["outcome"] for row in await self.look("answers")]

    async def take(self) -> str:
        """Have the venue's taker publish for the last answer."""
        said = await self.do("take", quote_hash=list(self.relay.answers)[-1])
        return said["status"]


def play(folder: Path, scene: Callable[[Scene], Awaitable[None]], **settings: Any) -> None:
    """Run a scene with a relay that knows the key of the tests."""
    asyncio.run(_play(folder, scene, settings))


async def _play(folder: Path, scene: Callable[[Scene], Awaitable[None]], settings: dict[str, Any]) -> None:
    relay_module, server = (
        importlib.import_module(f"venue_sandbox.venues.near.{name}") for name in ("relay", "server")
    )
    relay = relay_module.Relay()
    for name, value in settings.items():
        setattr(relay.settings, name, value)
    relay.contract.register(ACCOUNT, [Key.read(SECRET).public], {A: FUNDS, B: FUNDS})
    runners = [web.AppRunner(it, shutdown_timeout=0.1) for it in server.applications(relay)]
    for runner, name in zip(runners, ("venue", "control"), strict=True):
        await runner.setup()
        await web.UnixSite(runner, str(folder / name)).start()
    try:
        async with ClientSession(connector=UnixConnector(str(folder / "control"))) as controller:
            await scene(Scene(relay, folder, controller))
    finally:
        relay.stop()
        for runner in runners:
            await runner.cleanup()


async def until(condition: Callable[[], Any], seconds: float = SECONDS) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
