"""What stands around a client library that blocks: a deadline for each call of the kit, one caller at a time, a thread.

Every call to a broker has a hard limit, but few libraries keep one. A caller therefore has a `Deadline` from the moment
it asks for its turn, and what may hang runs in a thread or a process that nobody has to wait for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from quant_platform_kit.domain.errors import BrokerError

__all__ = ["CallThread", "Deadline", "Turns"]


class Deadline:
    """Seconds that several requests have together."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, zero if none are."""
        return max(0.0, self._end - time.monotonic())


class Turns:
    """One caller at a time, which may ask within its turn again.

    Parameters
    ----------
    timeout
        Seconds that a turn may take, waiting for it included.
    silent
        Returns the error of one that did not come in time: given what was asked for, and the seconds.
    """

    def __init__(self, timeout: float, silent: Callable[[str, float], BrokerError]) -> None:
        self._timeout, self._silent = timeout, silent
        self._lock = threading.RLock()

    @contextmanager
    def turn(self, what: str) -> Generator[Deadline]:
        """Be the only one that asks, for as long as one call of the kit may take."""
        deadline = Deadline(self._timeout)
        if not self._lock.acquire(timeout=self._timeout):
            raise self._silent(what, self._timeout)
        try:
            yield deadline
        finally:
            self._lock.release()


class CallThread:
    """A thread that makes one call after another, started with the first; nobody has to wait for it to end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls = SimpleQueue[tuple[Callable[[Any], Any], Any, Future[Any]] | None]()
        self._started = False

    def call(self, action: Callable[[Any], Any], client: Any, seconds: float, late: Callable[[], None]) -> Any:
        """Return what an action on a client returns.

        Raises
        ------
        TimeoutError
            It takes longer: this is the last call, and ``late`` is called when it has ended.
        """
        if not self._started:
            self._started = True
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        future: Future[Any] = Future()
        self._calls.put((action, client, future))
        try:
            future.exception(seconds)
        except TimeoutError:
            future.add_done_callback(lambda _: late())
            self.end()
            raise
        return future.result()

    def end(self) -> None:
        """End the thread when its call has ended."""
        self._calls.put(None)

    def _work(self) -> None:
        while (asked := self._calls.get()) is not None:
            action, client, future = asked
            try:
                future.set_result(action(client))
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                future.set_exception(error)
