"""What is written to Redis, as far as it can be seen without one: keys, values, and errors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from tq_broker_app.cache.writing import (
    AccountCache,
    PositionCache,
    account_key,
    breakdown_key,
    open_cache,
    position_key,
)

BREAKDOWN = {
    "pos_long": 10,
    "pos_short": 0,
    "pos_long_today": 5,
    "pos_long_his": 5,
    "pos_short_today": 0,
    "pos_short_his": 0,
}
ACCOUNT = {"balance": 1000000.0, "available": 800000.0, "margin": 150000.0, "risk_ratio": 0.15}


class Sent:
    """Stands for a client of Redis: notes what is sent, each transaction a tuple, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.sent = error, list[Any]()

    async def set(self, *given: Any, **options: Any) -> None:
        self.send((given, options))

    def pipeline(self, transaction: bool) -> Transaction:
        assert transaction
        return Transaction(self)

    def send(self, what: Any) -> None:
        if self.error:
            raise self.error
        self.sent.append(what)


class Transaction:
    """Stands for a transaction, which is sent whole."""

    def __init__(self, client: Sent) -> None:
        self._client, self._queued = client, list[Any]()

    async def __aenter__(self) -> Transaction:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave."""

    def set(self, *given: Any, **options: Any) -> None:
        self._queued.append((given, options))

    async def execute(self) -> None:
        self._client.send(tuple(self._queued))


def test_the_keys_are_the_documented_ones() -> None:
    assert position_key("123", "SHFE.rb2505") == "TQ_Position_PortfolioId_123_Symbol_SHFE.rb2505"
    assert breakdown_key("123", "SHFE.rb2505") == "TQ_Position_Breakdown_PortfolioId_123_Symbol_SHFE.rb2505"
    assert account_key("123") == "TQ_Account_PortfolioId_123"


def test_a_position_is_one_transaction_of_two_values_for_an_hour() -> None:
    client = Sent()
    asyncio.run(PositionCache(client).write("123", "SHFE.rb2505", 10, BREAKDOWN))  # type: ignore[arg-type]
    (transaction,) = client.sent
    ((net_key, net), net_options), ((parts_key, parts), parts_options) = transaction
    assert (net_key, net) == (position_key("123", "SHFE.rb2505"), 10)
    assert (parts_key, json.loads(parts)) == (breakdown_key("123", "SHFE.rb2505"), BREAKDOWN)
    assert net_options == parts_options == {"ex": 3600}


def test_an_account_is_a_json_object_for_an_hour() -> None:
    client = Sent()
    asyncio.run(AccountCache(client).write("123", ACCOUNT))  # type: ignore[arg-type]
    (((key, value), options),) = client.sent
    assert (key, json.loads(value), options) == (account_key("123"), ACCOUNT, {"ex": 3600})


@pytest.mark.parametrize(
    "error", [RedisConnectionError("gone"), ResponseError("OOM command\nnot allowed"), TimeoutError(), OSError("no")]
)
def test_a_redis_that_cannot_do_it_is_an_error_of_the_store(error: Exception) -> None:
    with pytest.raises(StoreError, match=r"cache, position SHFE\.rb2505: "):
        asyncio.run(PositionCache(Sent(error)).write("1", "SHFE.rb2505", 1, BREAKDOWN))  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="cache, account: "):
        asyncio.run(AccountCache(Sent(error)).write("1", ACCOUNT))  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), {1, 2}])
def test_what_is_no_json_is_refused_and_nothing_is_sent(amount: object) -> None:
    client = Sent()
    with pytest.raises(InvalidInput, match="cache, account: "):
        asyncio.run(AccountCache(client).write("1", {"balance": amount}))  # type: ignore[arg-type]
    assert client.sent == []


def test_a_client_connects_to_the_database_that_is_named() -> None:
    client = open_cache("127.0.0.1", 6380, 1, "secret")
    given = client.connection_pool.connection_kwargs
    assert isinstance(client, Redis)
    assert (given["host"], given["port"], given["db"], given["password"]) == ("127.0.0.1", 6380, 1, "secret")
    assert open_cache("h", 1, 0).connection_pool.connection_kwargs["password"] is None
