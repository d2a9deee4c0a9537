"""One thread with one event loop, in which the client library lives and nothing else does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from quant_platform_kit.domain.errors import BrokerError

__all__ = ["LoopThread"]

_T = TypeVar("_T")
GRACE_SECONDS = 1.0


class LoopThread:
    """Runs coroutines for threads that wait for them, each within a time of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.call_soon(asyncio.set_event_loop, self._loop)
        self._thread = threading.Thread(target=self._loop.run_forever, name="ibkr", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _T], seconds: float, what: str) -> _T:
        """Await a coroutine in the loop's thread.

        Raises
        ------
        BrokerError
            It took longer, or the connection broke; ``what`` names it.
        """
        future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, seconds), self._loop)
        try:
            return future.result(seconds + GRACE_SECONDS)
        except TimeoutError as error:
            future.cancel()
            raise BrokerError(f"the Gateway did not answer {what} within {seconds:g} s") from error
        except OSError as error:
            raise BrokerError(f"the Gateway did not answer {what}: {error or type(error).__name__}") from error

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
