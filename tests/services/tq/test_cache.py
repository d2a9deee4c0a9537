"""Positions and accounts in a real Redis."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from quant_platform_kit.domain.errors import StoreError
from redis.asyncio import Redis
from tq_broker_app.cache.writing import (
    AccountCache,
    PositionCache,
    account_key,
    breakdown_key,
    open_cache,
    position_key,
)
from venue_sandbox.servers.launch import Server

SYMBOL = "SHFE.rb2505"
BREAKDOWN = {
    "pos_long": 10,
    "pos_short": 3,
    "pos_long_today": 5,
    "pos_long_his": 5,
    "pos_short_today": 3,
    "pos_short_his": 0,
}
ACCOUNT = {"balance": 1000000.0, "available": 800000.0, "margin": 150000.0, "risk_ratio": 0.15}

Use = Callable[[Redis], Awaitable[Any]]


@pytest.fixture
def portfolio() -> str:
    """Return a portfolio of the test's own."""
    return f"test-{uuid4().hex}"


def at(url: str, port: int | None = None, timeout_seconds: float = 4.0) -> Redis:
    """Return a client of database 1 of a server, or of a proxy in front of it."""
    parts = urlsplit(url)
    assert parts.hostname
    where = ("127.0.0.1", port) if port else (parts.hostname, parts.port or 6379)
    return open_cache(*where, 1, parts.password or "", timeout_seconds=timeout_seconds)


def with_client(client: Redis, use: Use) -> Any:
    """Return what a use of a client returns; it is closed then."""

    async def run() -> Any:
        async with client:
            return await use(client)

    return asyncio.run(run())


@pytest.fixture
def proxy(redis_url: str, start: Callable[..., Server]) -> Server:
    """Return a proxy in front of Redis."""
    parts = urlsplit(redis_url)
    return start("servers.fault_proxy", "--to", f"{parts.hostname}:{parts.port or 6379}")


def test_a_position_and_its_parts_are_there_for_an_hour(redis_url: str, portfolio: str) -> None:
    keys = position_key(portfolio, SYMBOL), breakdown_key(portfolio, SYMBOL)

    async def use(client: Redis) -> Any:
        await PositionCache(client).write(portfolio, SYMBOL, 7, BREAKDOWN)
        return [await client.get(key) for key in keys], [await client.ttl(key) for key in keys]

    (net, parts), left = with_client(at(redis_url), use)
    assert net == b"7"
    assert json.loads(parts) == BREAKDOWN
    assert all(3590 < seconds <= 3600 for seconds in left)


def test_writing_again_replaces_and_lasts_another_hour(redis_url: str, portfolio: str) -> None:
    async def use(client: Redis) -> Any:
        await PositionCache(client).write(portfolio, SYMBOL, 7, BREAKDOWN)
        await client.expire(position_key(portfolio, SYMBOL), 10)
        await PositionCache(client).write(portfolio, SYMBOL, -2, {**BREAKDOWN, "pos_long": 1})
        key = position_key(portfolio, SYMBOL)
        return await client.get(key), await client.ttl(key), await client.get(breakdown_key(portfolio, SYMBOL))

    net, left, parts = with_client(at(redis_url), use)
    assert (net, json.loads(parts)["pos_long"]) == (b"-2", 1)
    assert left > 3590


def test_an_account_is_there_for_an_hour(redis_url: str, portfolio: str) -> None:
    async def use(client: Redis) -> Any:
        await AccountCache(client).write(portfolio, ACCOUNT)
        return await client.get(account_key(portfolio)), await client.ttl(account_key(portfolio))

    value, left = with_client(at(redis_url), use)
    assert json.loads(value) == ACCOUNT
    assert 3590 < left <= 3600


def test_they_stand_in_the_database_that_is_named(redis_url: str, portfolio: str) -> None:
    async def use(client: Redis) -> None:
        await AccountCache(client).write(portfolio, ACCOUNT)

    with_client(at(redis_url), use)
    parts = urlsplit(redis_url)
    other = open_cache(parts.hostname or "", parts.port or 6379, 0, parts.password or "")
    assert with_client(other, lambda client: client.get(account_key(portfolio))) is None


def test_both_values_or_neither(redis_url: str, proxy: Server, portfolio: str) -> None:
    """Whoever reads while they are written sees a net position that its parts add up to."""

    async def use(client: Redis) -> list[tuple[int, int]]:
        reader = at(redis_url)
        writing = asyncio.create_task(_write_many(client, portfolio))
        seen: list[tuple[int, int]] = []
        while not writing.done():
            net, parts = await reader.mget(position_key(portfolio, SYMBOL), breakdown_key(portfolio, SYMBOL))
            if net is not None:
                seen.append((int(net), json.loads(parts)["pos_long"]))
        await writing
        await reader.aclose()
        return seen

    seen = with_client(at(redis_url, proxy.port), use)
    assert len(set(seen)) > 1
    assert all(net == parts for net, parts in seen)


async def _write_many(client: Redis, portfolio: str) -> None:
    for lots in range(100):
        await PositionCache(client).write(portfolio, SYMBOL, lots, {**BREAKDOWN, "pos_long": lots, "pos_short": 0})


def test_a_redis_that_fails_is_an_error_of_the_store_in_time(redis_url: str, proxy: Server, portfolio: str) -> None:
    async def use(client: Redis) -> Any:
        for kind in ("drop_before", "drop_after", "silent"):
            await PositionCache(client).write(portfolio, SYMBOL, 1, BREAKDOWN)
            proxy.fault(kind, operation="SET", times=None)
            for write in (
                PositionCache(client).write(portfolio, SYMBOL, 2, BREAKDOWN),
                AccountCache(client).write(portfolio, ACCOUNT),
            ):
                with pytest.raises(StoreError, match="cache, "):
                    await write
            proxy.clear()
        await PositionCache(client).write(portfolio, SYMBOL, 3, BREAKDOWN)
        return await client.get(position_key(portfolio, SYMBOL))

    begin = time.monotonic()
    assert with_client(at(redis_url, proxy.port, timeout_seconds=0.5), use) == b"3"
    assert time.monotonic() - begin < 6


def test_a_connection_that_was_lost_while_nothing_was_written_is_replaced(
    redis_url: str, proxy: Server, portfolio: str, start: Callable[..., Server]
) -> None:
    parts = urlsplit(redis_url)

    async def use(client: Redis) -> Any:
        await AccountCache(client).write(portfolio, ACCOUNT)
        proxy.kill()
        with pytest.raises(StoreError, match="cache, account: "):
            await AccountCache(client).write(portfolio, ACCOUNT)
        start("servers.fault_proxy", "--to", f"{parts.hostname}:{parts.port}", "--port", str(proxy.port))
        await AccountCache(client).write(portfolio, {**ACCOUNT, "margin": 1.0})
        return await client.get(account_key(portfolio))

    assert json.loads(with_client(at(redis_url, proxy.port), use))["margin"] == 1.0
