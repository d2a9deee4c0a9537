"""A real account: another login of tqsdk, and no order before an operator has allowed it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.server_clock import ServerClock, http_time
from quant_platform_kit.services.operate.allow_list import set_allowed
from quant_platform_kit.services.operate.audit import Operator
from tq_broker_app.bus.ports import Queue
from tq_broker_app.roles.order_submitter import OrderSubmitter
from tq_broker_app.roles.parts import Parts
from tq_broker_app.running import calendar_of
from tq_broker_app.settings import Settings
from tq_broker_app.tq.session import TqSession
from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.futures_memory import MemoryBus
from venue_sandbox.stands.tqsdk import ACCOUNT, BROKER, PASSWORD

from .test_venue_frame import Player, Scene, playing

CLOCK = "2025-03-11T01:10:00+00:00"


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Generator[Player]:
    """Return what plays scenes in processes that have imported the library."""
    yield from playing(tmp_path_factory)


@pytest.fixture
def venue(start: Callable[..., Server]) -> Server:
    """Return a venue whose clock begins in the morning."""
    return start("venues.tqsdk", "--clock", CLOCK)


def settings() -> Settings:
    tq = {"run_mode": "real", "broker_id": BROKER, "account_id": ACCOUNT, "account_password": PASSWORD}
    return Settings.model_validate(
        {
            "tq": {"username": "demo", "password": "pw-of-demo", "portfolio_id": "p1", **tq},
            "redis": {"host": "127.0.0.1"},
            "rabbitmq": {"url": "amqp://127.0.0.1/"},
            "database": {"host": "127.0.0.1", "user": "u", "password": "pw-of-u", "dbname": "d"},
        }
    )


def order(order_id: str, timestamp: str) -> bytes:
    payload = {
        "symbol": "SHFE.rb2510",
        "direction": "BUY",
        "offset": "OPEN",
        "volume": 2,
        "limit_price": 3501.0,
        "order_id": order_id,
        "portfolio_id": "p1",
    }
    return json.dumps({"type": "SUBMIT", "request_id": "r", "timestamp": timestamp, "payload": payload}).encode()


def before_and_after(it: Scene) -> Any:
    """Send an order before the account is allowed, and one after it."""

    async def run() -> Any:
        clock, store = ServerClock(http_time(f"http://127.0.0.1:{it.port}", 5.0)), FileStore(Path(os.environ["LEDGER"]))
        known, bus = settings(), MemoryBus(clock)
        session = TqSession(known.tq, lists_symbols=True)
        await session.start(clock.now())
        parts = Parts(settings=known, clock=clock, calendar=calendar_of(known), store=store, bus=bus)
        submitter = OrderSubmitter(parts, session, "test")
        await submitter.activate()
        told: list[dict[str, Any]] = []
        for name in ("before", "after"):
            await submitter.handle(order(name, clock.now().isoformat()))
            told.append(json.loads(bus.queues[Queue.ORDERS].get_nowait()))
            set_allowed(Operator(store, SystemClock(), "tester"), session.account_id, "a test", on=True)
        await submitter.right.give_back()
        await session.close()
        return session.account_id, told

    return asyncio.run(run())


def test_a_real_account_trades_only_once_an_operator_has_allowed_it(
    player: Player, venue: Server, tmp_path: Path
) -> None:
    account, (before, after) = player.play(before_and_after, venue, LEDGER=str(tmp_path))
    assert account == ACCOUNT
    assert (before["order_id"], before["event_type"]) == ("before", "REJECTED")
    assert before["reason"] == f"account {ACCOUNT} is not on the allow-list for live trading"
    assert (after["order_id"], after["status"]) == ("after", "ALIVE")
    assert [row["order_id"] for row in venue.control("GET", f"inserts?user={ACCOUNT}")] == ["after"]
