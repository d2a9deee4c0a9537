"""Connections to the solver bus, for whoever listens and for whoever answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from quant_platform_kit.domain.redaction import hide
from websockets.asyncio.client import ClientConnection, connect

__all__ = ["Open", "bus_at"]

LARGEST_FRAME = 16 * 1024 * 1024

Open = Callable[[], AbstractAsyncContextManager[ClientConnection]]
"""Opens a connection to the bus."""


def bus_at(url: str, token: str, timeout: float = 5.0) -> Open:
    """Return what opens connections to a solver bus; the token is in their header and nowhere else.

    Messages are small and every millisecond counts: they are not compressed.
    """
    hide((token,))
    headers = {"Authorization": f"Bearer {token}"}
    return lambda: connect(
        url,
        additional_headers=headers,
        open_timeout=timeout,
        close_timeout=1.0,
        compression=None,
        max_size=LARGEST_FRAME,
        proxy=None,
    )
