"""The way of an order: from the route that a scheduler calls to the call of the client library, in few functions.

The stacks are taken at that call, on both sides of every hop: the route's handler on its event loop, the thread that
runs the accounts, a thread or loop of the adapter, and a worker process. What lies between them of libraries and of
Python itself does not count.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.testing.synthetic import synthetic_prices
from quant_platform_kit.web.app import create_app
from us_equity_strategies.catalog import CATALOG
from venue_sandbox.demo.market import due_on, write_prices
from venue_sandbox.stands.ibkr import IbkrPlatform
from venue_sandbox.stands.longbridge import LongBridgePlatform
from venue_sandbox.stands.paper import PaperPlatform
from venue_sandbox.stands.platform import Platform
from venue_sandbox.stands.schwab import SchwabPlatform

CALENDAR = load_calendar("XNYS")
DECIDES = date(2023, 5, 31)
PROFILE = "dual_momentum"
CHECKOUT = Path(__file__).resolve().parents[3]
OURS = tuple(str(folder) for pattern in ("packages/*/src", "apps/*/src") for folder in CHECKOUT.glob(pattern))
SECONDS = 60
BOUNDS = {"web and runtime": 3, "services": 5, "adapter": 4}

Step = tuple[str, str]
"""A function on the way: its file and its name."""


def steps_of(frame: FrameType | None) -> list[Step]:
    """Return the functions of ours in a stack, the outermost first."""
    found: list[Step] = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(OURS) and frame.f_code.co_name != "<module>":
            found.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    return found[::-1]


@dataclass
class Witness:
    """Takes the stacks of this process, once: at the first order."""

    loop: asyncio.AbstractEventLoop | None = None
    steps: list[Step] = field(default_factory=list[Step])
    ended: threading.Event = field(default_factory=threading.Event)

    def see(self, beyond: list[Step] | None = None) -> None:
        """Take them; ``beyond`` are the functions in another process."""
        if self.steps:
            return
        assert self.loop is not None
        waiting = [step for task in asyncio.all_tasks(self.loop) for step in awaited(task.get_coro())]
        stacks = [steps_of(frame) for frame in sys._current_frames().values()]
        stacks.sort(key=lambda stack: "run_cycle" not in [name for _, name in stack])
        self.steps = [*waiting, *(step for stack in stacks for step in stack), *(beyond or [])]


def awaited(coroutine: Any) -> Iterator[Step]:
    """Yield the functions of ours that a task waits in, the outermost first."""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None:
            yield from [(frame.f_code.co_filename, frame.f_code.co_name)] * frame.f_code.co_filename.startswith(OURS)
        coroutine = getattr(coroutine, "cr_await", None)


# --- where each library is called -----------------------------------------------------------------


def at_ibkr(witness: Witness, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    connection = import_module("ibkr_app.connection")
    load = connection.load_sdk

    def loaded() -> Any:
        sdk = load()
        place = sdk.IB.placeOrder

        def seen(*arguments: Any) -> Any:
            witness.see()
            return place(*arguments)

        monkeypatch.setattr(sdk.IB, "placeOrder", seen)
        return sdk

    monkeypatch.setattr(connection, "load_sdk", loaded)


def at_schwab(witness: Witness, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    client = import_module("schwab_app.sdk").load_sdk().client.Client
    place = client.place_order

    def seen(*arguments: Any) -> Any:
        witness.see()
        return place(*arguments)

    monkeypatch.setattr(client, "place_order", seen)


IN_THE_WORKER = """
import json, sys, time
from functools import cached_property
from pathlib import Path
from longbridge_app.session import Session

seen = Path(SEEN)

class Trade:
    def __init__(self, made):
        self.made = made
    def submit_order(self, **order):
        frame, stack = sys._getframe(), []
        while frame is not None:
            stack.insert(0, (frame.f_code.co_filename, frame.f_code.co_name))
            frame = frame.f_back
        part = seen.with_suffix(".part")
        part.write_text(json.dumps(stack))
        part.rename(seen)
        while seen.exists():
            time.sleep(0.01)
        return self.made.submit_order(**order)
    def __getattr__(self, name):
        return getattr(self.made, name)

made = Session._trade.func
Session._trade = cached_property(lambda self: Trade(made(self)))
Session._trade.__set_name__(Session, "_trade")
"""


def at_longbridge(witness: Witness, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    worker = import_module("longbridge_app.worker")
    seen = folder / "stack.json"

    def watch() -> None:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and not witness.steps:
            if seen.exists():
                stack = [(file, name) for file, name in json.loads(seen.read_text()) if file.startswith(OURS)]
                witness.see(stack)
                seen.unlink()
            time.sleep(0.01)
        while time.monotonic() < end and not witness.ended.is_set():  # further orders go on
            seen.unlink(missing_ok=True)
            time.sleep(0.01)

    threading.Thread(target=watch, daemon=True).start()
    monkeypatch.setattr(worker, "CODE", IN_THE_WORKER.replace("SEEN", repr(str(seen))) + worker.CODE)


def at_paper(witness: Witness, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    send = socket.socket.sendall

    def seen(self: socket.socket, data: bytes, *flags: int) -> None:
        if b'"op":"submit"' in data:
            witness.see()
        send(self, data, *flags)

    monkeypatch.setattr(socket.socket, "sendall", seen)


# --- the test -------------------------------------------------------------------------------------

Hook = Callable[[Witness, pytest.MonkeyPatch, Path], None]
BROKERS: dict[str, tuple[type[Platform], Hook]] = {
    "ibkr": (IbkrPlatform, at_ibkr),
    "schwab": (SchwabPlatform, at_schwab),
    "longbridge": (LongBridgePlatform, at_longbridge),
    "paper": (PaperPlatform, at_paper),
}


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    symbols = CATALOG[PROFILE].manifest.symbols
    made = synthetic_prices(symbols, CALENDAR, date(2021, 6, 1), date(2023, 6, 5))
    return write_prices(made, tmp_path_factory.mktemp("market") / "prices.csv")


async def post_run(app: Any, schedule_time: str, witness: Witness) -> dict[str, Any]:
    """Ask an application to run, on this loop; return the document of its answer."""
    witness.loop = asyncio.get_running_loop()
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/run",
        "raw_path": b"/run",
        "query_string": b"",
        "headers": [(b"x-cloudscheduler-scheduletime", schedule_time.encode())],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return json.loads(b"".join(message.get("body", b"") for message in sent))


def room_of(file: str) -> str:
    """Return which part of the way a file belongs to."""
    if "/quant_platform_kit/web/" in file or "/quant_platform_kit/runtime/" in file:
        return "web and runtime"
    return "services" if "/quant_platform_kit/services/" in file else "adapter"


@pytest.mark.parametrize("broker", BROKERS)
def test_an_order_takes_at_most_twelve_functions_to_the_client_library(
    broker: str, prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, hook = BROKERS[broker]
    witness, due = Witness(), due_on(CALENDAR.after(DECIDES))
    history = kind.kind.history_settings(prices)
    platform = kind(tmp_path / "platform", prices, PROFILE, settings=history, opens_at=due.isoformat())
    platform.folder.mkdir()
    with platform.open() as platform.stand:
        for name, value in platform.environment().items():
            monkeypatch.setenv(name, value)
        platform.set_clock(due)
        hook(witness, monkeypatch, tmp_path)
        app = create_app(import_module(f"{kind.app}.compose").compose())
        document = asyncio.run(post_run(app, due.isoformat(), witness))
        witness.ended.set()
    assert document["runs"][0]["report"]["outcome"] == "completed", document
    ways = [(room_of(file), Path(file).stem, name) for file, name in witness.steps]
    lines = (f"  {room:16} {module}.{name}" for room, module, name in ways)
    sys.stdout.write("\n".join((f"\n{broker}: {len(ways)} functions", *lines, "")))
    counted = {room: sum(step[0] == room for step in ways) for room in BOUNDS}
    assert all(0 < counted[room] <= bound for room, bound in BOUNDS.items()), counted
    assert len(ways) <= 12
