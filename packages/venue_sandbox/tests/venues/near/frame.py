"""A venue on sockets of this machine's file system, a solver that signs with the venue's own code, and its answers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, UnixConnector, WSMsgType, web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.venues.near.contract import Contract, Salts
from venue_sandbox.venues.near.nonces import Nonce
from venue_sandbox.venues.near.relay import Relay
from venue_sandbox.venues.near.server import applications
from venue_sandbox.venues.near.settings import Settings
from venue_sandbox.venues.near.signatures import Standard, instant_text, public_key_of, sign
from venue_sandbox.venues.near.tokens import token_of

SOLVER, OTHER = "dusbx-solver.near", "dusbx-other.near"
A, B = "nep141:a.near", "nep141:b.near"
FUNDS = 1_000_000
SECONDS = 5.0
LONG_MS = 60_000

KEYS = {name: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number, name in enumerate((SOLVER, OTHER))}


def answer(
    venue: Relay,
    quote: dict[str, Any],
    amount: int = 300,
    *,
    signer: str = SOLVER,
    chance: bytes = b"0" * 15,
    standard: Standard = "nep413",
    deadline: datetime | None = None,
    nonce: bytes | None = None,
    diff: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a good answer to a quote; ``amount`` is the one that the quote leaves open."""
    until = deadline or venue.clock.now() + timedelta(seconds=120)
    exact = quote.get("exact_amount_in")
    got, given = (int(exact), amount) if exact else (amount, int(quote["exact_amount_out"]))
    changes = {quote["defuse_asset_identifier_in"]: str(got), quote["defuse_asset_identifier_out"]: str(-given)}
    message = {
        "signer_id": signer,
        "deadline": instant_text(until),
        "intents": [{"intent": "token_diff", "diff": diff or changes}],
    }
    written = nonce or Nonce.make(venue.contract.salts.current, until, chance).bytes
    output = {"amount_out": str(given)} if exact else {"amount_in": str(got)}
    signed = sign(KEYS[signer], message, written, standard)
    return {"quote_id": quote["quote_id"], "quote_output": output, "signed_data": signed, **more}


@dataclass
class Connection:
    """A solver's websocket: answers by number, and events as they came."""

    wire: ClientWebSocketResponse
    events: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)
    number: int = 0

    async def ask(self, method: str, *params: Any) -> dict[str, Any]:
        """Ask, and return the answer."""
        number = await self.send(method, *params)
        await self.until(lambda: number in self.answers)
        return self.answers[number]

    async def send(self, method: str, *params: Any) -> int:
        """Ask, and do not wait."""
        self.number += 1
        await self.wire.send_json({"jsonrpc": "2.0", "id": self.number, "method": method, "params": list(params)})
        return self.number

    async def subscribe(self, kind: str = "quote", **options: Any) -> str:
        return (await self.ask("subscribe", kind, options))["result"]

    async def event(self, count: int = 1) -> dict[str, Any]:
        """Return an event, counted from the first, once it has come."""
        await self.until(lambda: len(self.events) >= count)
        return self.events[count - 1]

    async def quote(self, count: int = 1) -> dict[str, Any]:
        """Return the data of an event."""
        params = (await self.event(count))["params"]
        return params.get("data", params)

    async def until(self, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await self.receive()

    async def receive(self) -> None:
        message = await self.wire.receive()
        assert message.type is WSMsgType.TEXT, message
        document = json.loads(message.data)
        if "method" in document:
            self.events.append(document)
        else:
            self.answers[document["id"]] = document

    async def hears_nothing(self, seconds: float = 0.15) -> bool:
        """Whether nothing comes for a while."""
        try:
            await asyncio.wait_for(self.receive(), seconds)
        except TimeoutError:
            return True
        return False

    async def end(self) -> int | None:
        """Read until the connection ends; return the code of its end."""
        async with asyncio.timeout(SECONDS):
            while (await self.wire.receive()).type is WSMsgType.TEXT:
                pass
        return self.wire.close_code


@dataclass
class Wire:
    """A venue that runs."""

    venue: Relay
    client: ClientSession
    controller: ClientSession

    @asynccontextmanager
    async def connected(self, account: str = SOLVER) -> AsyncGenerator[Connection]:
        headers = {"Authorization": f"Bearer {token_of(account)}"}
        async with self.client.ws_connect("http://venue/ws", headers=headers) as wire:
            yield Connection(wire)

    @asynccontextmanager
    async def subscribed(self, *kinds: str, account: str = SOLVER) -> AsyncGenerator[Connection]:
        async with self.connected(account) as connection:
            for kind in kinds or ("quote",):
                await connection.subscribe(kind)
            yield connection

    async def do(self, operation: str, /, status: int = 0, **fields: Any) -> Any:
        async with self.controller.post(f"http://venue/_control/{operation}", json=fields) as said:
            assert said.status == status or (not status and said.status < 300), await said.text()
            return await said.json() if said.status == 200 else await said.text()

    async def look(self, what: str) -> Any:
        async with self.controller.get(f"http://venue/_control/{what}") as said:
            return await said.json()

    async def fault(self, kind: str, /, **fields: Any) -> None:
        await self.do("faults", kind=kind, **fields)

    async def rpc(self, method: str, params: dict[str, Any], token: str = token_of(OTHER)) -> Any:
        call = {"jsonrpc": "2.0", "id": 7, "method": method, "params": [params]}
        async with self.client.post("http://venue/rpc", json=call, headers={"X-API-Key": token}) as said:
            return await said.json() if said.status == 200 else said.status

    async def view(self, method: str, **arguments: Any) -> Any:
        """Return what a view call answers."""
        said = (await self.query(method, **arguments))["result"]
        return json.loads(bytes(said["result"]))

    async def query(self, method: str, **arguments: Any) -> Any:
        params = {
            "request_type": "call_function",
            "finality": "final",
            "account_id": "intents.near",
            "method_name": method,
            "args_base64": base64.b64encode(json.dumps(arguments).encode()).decode(),
        }
        call = {"jsonrpc": "2.0", "id": "x", "method": "query", "params": params}
        async with self.client.post("http://venue/near", json=call) as said:
            return await said.json()

    async def asked(self, **more: Any) -> dict[str, Any]:
        """Open an auction of 1000 A for B that lasts, and return its id."""
        quote: dict[str, Any] = {
            "defuse_asset_identifier_in": A,
            "defuse_asset_identifier_out": B,
            "min_wait_ms": LONG_MS,
            "max_wait_ms": LONG_MS,
            **({} if "exact_amount_out" in more else {"exact_amount_in": "1000"}),
            **more,
        }
        return {**quote, **(await self.do("quote", quote=quote))}


Play = Callable[[Wire], Awaitable[None]]


def play(folder: Path, scene: Play, settings: Settings | None = None, clock: VenueClock | None = None) -> None:
    """Run a scene with a venue of two solvers who have a million of each token."""
    asyncio.run(_play(folder, scene, _venue(settings or Settings(), clock or VenueClock())))


def _venue(settings: Settings, clock: VenueClock) -> Relay:
    venue = Relay(Contract(Salts(settings.seed)), settings, clock)
    for name, key in KEYS.items():
        venue.contract.register(name, [public_key_of(key)], {A: FUNDS, B: FUNDS})
    return venue


async def _play(folder: Path, scene: Play, venue: Relay) -> None:
    runners = [web.AppRunner(it, shutdown_timeout=0.1) for it in applications(venue)]
    paths = [str(folder / name) for name in ("venue", "control")]
    for runner, path in zip(runners, paths, strict=True):
        await runner.setup()
        await web.UnixSite(runner, path).start()
    clients = [ClientSession(connector=UnixConnector(path)) for path in paths]
    try:
        await scene(Wire(venue, *clients))
    finally:
        venue.stop()
        for client in clients:
            await client.close()
        for runner in runners:
            await runner.cleanup()


def at(text: str) -> datetime:
    """Return an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
