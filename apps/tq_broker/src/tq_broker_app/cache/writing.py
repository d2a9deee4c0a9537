"""Writing positions and the account to Redis."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from quant_platform_kit.domain.errors import InvalidInput, StoreError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

__all__ = ["TTL_SECONDS", "AccountCache", "PositionCache", "account_key", "breakdown_key", "open_cache", "position_key"]

TTL_SECONDS = 3600
"""How long a value stays that nobody writes again: that of a monitor that is gone disappears."""


def open_cache(host: str, port: int, db: int, password: str = "", *, timeout_seconds: float = 4.0) -> Redis:
    """Return a client of Redis, which connects with the first command.

    Parameters
    ----------
    timeout_seconds
        How long connecting, or one answer, may take. What fails is tried once more, at once.
    """
    return Redis(
        host=host,
        port=port,
        db=db,
        password=password or None,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1),
    )


def position_key(portfolio_id: str, symbol: str) -> str:
    """Return the key of a net position, in lots: long less short, as a number."""
    return f"TQ_Position_PortfolioId_{portfolio_id}_Symbol_{symbol}"


def breakdown_key(portfolio_id: str, symbol: str) -> str:
    """Return the key of the parts of a position, a JSON object of lots."""
    return f"TQ_Position_Breakdown_PortfolioId_{portfolio_id}_Symbol_{symbol}"


def account_key(portfolio_id: str) -> str:
    """Return the key of an account, a JSON object of amounts in CNY."""
    return f"TQ_Account_PortfolioId_{portfolio_id}"


class PositionCache:
    """Positions of portfolios."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def write(self, portfolio_id: str, symbol: str, net_position: int, breakdown: Mapping[str, int]) -> None:
        """Write a position and its parts, both or neither, for an hour.

        Raises
        ------
        StoreError
            Redis could not do it, or it is not known whether it did: another try does no harm.
        """
        parts = _json(f"position {symbol}", breakdown)
        with _store_errors(f"position {symbol}"):
            async with self._client.pipeline(transaction=True) as both:
                both.set(position_key(portfolio_id, symbol), net_position, ex=TTL_SECONDS)
                both.set(breakdown_key(portfolio_id, symbol), parts, ex=TTL_SECONDS)
                await both.execute()


class AccountCache:
    """Accounts of portfolios."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def write(self, portfolio_id: str, account: Mapping[str, object]) -> None:
        """Write an account for an hour.

        Raises
        ------
        InvalidInput
            It is no JSON, as an amount that is not finite.
        StoreError
            Redis could not do it, or it is not known whether it did: another try does no harm.
        """
        value = _json("account", account)
        with _store_errors("account"):
            await self._client.set(account_key(portfolio_id), value, ex=TTL_SECONDS)


def _json(what: str, value: Mapping[str, object]) -> str:
    try:
        return json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"cache, {what}: {error}") from None


@contextmanager
def _store_errors(what: str) -> Generator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreError(f"cache, {what}: {' '.join(str(error).split())}") from error
