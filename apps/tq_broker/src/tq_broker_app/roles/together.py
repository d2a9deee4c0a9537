"""Work side by side that ends together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

__all__ = ["until_first"]


async def until_first(*works: Coroutine[None, None, None]) -> None:
    """Run some work until the first of it ends; the rest is cancelled, and an error is raised again."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
