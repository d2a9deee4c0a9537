"""Asking Redis whether it is there."""

from __future__ import annotations

from typing import Any

from quant_platform_kit.domain.errors import StoreError
from redis.exceptions import RedisError

from tq_broker_app.cache.writing import open_cache

__all__ = ["ask_cache"]


async def ask_cache(host: str, port: int, db: int, password: str) -> None:
    """Return if Redis answers; raises `StoreError` if it does not, or refuses the password."""
    client: Any = open_cache(host, port, db, password)
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        raise StoreError(f"Redis at {host}:{port}: {' '.join(str(error).split())}") from error
    finally:
        await client.aclose()
