"""PostgreSQL and Redis go away and come back: nothing is lost, nothing is doubled, and what was told is written."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from tq_broker_app.bus.ports import Queue
from tq_broker_app.cache.writing import account_key, open_cache
from tq_broker_app.messages import AccountUpdate
from tq_broker_app.running import clock_of
from venue_sandbox.servers.postgresql import postgresql
from venue_sandbox.servers.redis import redis
from venue_sandbox.stands.futures import Addresses

from .site_frame import SECONDS, USER, Desk, desk_at, until, venue_at


def account(desk: Desk, balance: float) -> bytes:
    amounts = dict.fromkeys(("available", "margin", "float_profit", "position_profit", "risk_ratio"), 1.0)
    now = clock_of(desk.settings).now()
    update = AccountUpdate(timestamp=now, portfolio_id=desk.portfolio, balance=balance, **amounts)
    return update.model_dump_json().encode()


def cached(desk: Desk) -> str:
    own = desk.settings.redis

    async def read() -> str:
        async with open_cache(own.host, own.port, own.db, own.password.get_secret_value()) as client:
            return ((await client.get(account_key(desk.portfolio))) or b"").decode()

    return asyncio.run(read())


def test_what_was_told_while_redis_was_down_is_written_once_it_is_back(
    addresses: Addresses, tmp_path: Path, ports: set[int]
) -> None:
    with redis() as server:
        ports.add(server.process.port)
        own = Addresses(addresses.postgresql, addresses.rabbitmq, server.url)
        with (
            venue_at(tmp_path) as venue,
            desk_at(tmp_path / "site", venue, own, ["account-handler"], supervise=True) as desk,
        ):
            desk.send(Queue.ACCOUNT, account(desk, 1.0))
            assert until(lambda: '"balance": 1.0' in cached(desk))
            server.stop()
            desk.send(Queue.ACCOUNT, account(desk, 2.0), account(desk, 3.0))
            log = desk.site.folder / "account-handler.err"
            assert until(lambda: "account updates is not consumed" in log.read_text()), log.read_text()
            server.start()
            assert until(lambda: '"balance": 3.0' in cached(desk))
            assert desk.take(Queue.ACCOUNT) == []
            assert desk.take(Queue.DEAD) == []


def history(desk: Desk) -> dict[str, Any]:
    engine = create_engine(desk.settings.database.url, poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id, status, filled_quantity FROM order_history"))
        return {row[0]: tuple(row[1:]) for row in found}


def test_orders_that_come_while_postgresql_is_down_are_sent_once_it_is_back(
    addresses: Addresses, tmp_path: Path
) -> None:
    roles = ["order-submitter", "order-monitor", "order-handler"]
    with postgresql() as server:
        own = Addresses(server.url, addresses.rabbitmq, addresses.redis)
        with venue_at(tmp_path) as venue, desk_at(tmp_path / "site", venue, own, roles, supervise=True) as desk:
            desk.submit("before")
            assert until(lambda: history(desk) == {"before": ("FINISHED", 2)})
            server.stop()
            desk.submit("meanwhile")
            log = desk.site.folder / "order-submitter.err"
            assert until(lambda: "is not consumed" in log.read_text() or desk.site.ended([75])), log.read_text()
            assert venue.inserts(USER) == ["before"]
            server.start()
            both = {"before": ("FINISHED", 2), "meanwhile": ("FINISHED", 2)}
            assert until(lambda: history(desk) == both, 2 * SECONDS), (history(desk), desk.site.exits)
            assert venue.inserts(USER) == ["before", "meanwhile"]
            assert desk.take(Queue.DEAD) == []
