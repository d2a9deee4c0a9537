"""A TqApi in a thread of its own, asked from an event loop of another.

Commands go over with ``call_soon_threadsafe`` into a coroutine of the TqApi: it takes milliseconds, where a thread that
polls ``wait_update`` takes as long as it waits. Everything that ends the login ends the session, once and for all.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from loguru import logger

from tq_broker_app.errors import SessionOver
from tq_broker_app.settings import TqSettings
from tq_broker_app.tq.login import Connections, log_in
from tq_broker_app.tq.reading import View

__all__ = ["TqSession"]

T = TypeVar("T")
Command = Callable[[View], T]
CLOSE_SECONDS = 5.0


class TqSession:
    """A login at the exchange.

    Parameters
    ----------
    settings
        Who logs in.
    lists_symbols
        Whether it has to know which contracts are listed: to send orders.

    Attributes
    ----------
    account_id, trading_day
        Of the login, once `start` has returned.
    asked_at
        When it was asked for (aware UTC), just as long: what the exchange had by then, the login shows. What came
        later may be told to another login first.
    """

    def __init__(self, settings: TqSettings, *, lists_symbols: bool = False) -> None:
        self._settings, self._lists = settings, lists_symbols
        self._thread = threading.Thread(target=self._own, name="tqapi", daemon=True)
        self._ready: Future[View] = Future()
        self._over: Future[str] = Future()
        self._open: set[Future[Any]] = set()
        self._looks: dict[Future[Any], Callable[[], None]] = {}
        self._watchers: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._commands: asyncio.Queue[Callable[[], None]] | None = None
        self.account_id = ""
        self.trading_day = ""
        self.asked_at: datetime

    async def start(self, now: datetime) -> None:
        """Log in.

        Raises
        ------
        SessionOver
            It failed.
        """
        self.asked_at = now
        self._thread.start()
        view = await asyncio.wrap_future(self._ready)
        self.account_id, self.trading_day = view.account_id, view.trading_day

    def on_change(self, watcher: Callable[[], None]) -> None:
        """Call something, in the thread of the TqApi, whenever anything of the account or of prices has changed."""
        self._watchers.append(watcher)

    @property
    def is_over(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._over.done()

    async def over(self) -> str:
        """Wait for the end of the session; return why it ended."""
        return await asyncio.shield(asyncio.wrap_future(self._over))

    async def ask(self, command: Command[T]) -> T:
        """Run something with the TqApi, in its thread; raises `SessionOver` when there is none any more."""
        answer: Future[T] = Future()
        view = self._ready.result()

        def run() -> None:
            with suppress(InvalidStateError):
                try:
                    answer.set_result(command(view))
                except Exception as error:  # noqa: BLE001 - it is raised again where the answer is waited for
                    answer.set_exception(error)

        self._put(run, answer)
        return await asyncio.wrap_future(answer)

    async def ask_async(self, command: Callable[[View], Awaitable[T]]) -> T:
        """Run a coroutine beside the TqApi, in its thread; see `ask`."""
        answer: Future[T] = Future()
        view = self._ready.result()

        async def run() -> None:
            with suppress(InvalidStateError):
                try:
                    answer.set_result(await command(view))
                except Exception as error:  # noqa: BLE001 - it is raised again where the answer is waited for
                    answer.set_exception(error)

        self._put(lambda: view.api.create_task(run()), answer)
        return await asyncio.wrap_future(answer)

    async def until(self, found: Callable[[View], T | None]) -> T:
        """Return what is found, as soon as it is: looked for at once, and whenever anything has changed; see `ask`."""
        answer: Future[T] = Future()
        view = self._ready.result()

        def look() -> None:
            with suppress(InvalidStateError):
                try:
                    if (seen := found(view)) is not None:
                        answer.set_result(seen)
                except Exception as error:  # noqa: BLE001 - it is raised again where the answer is waited for
                    answer.set_exception(error)

        def begin() -> None:
            self._looks[answer] = look
            answer.add_done_callback(self._looks.pop)
            look()

        self._put(begin, answer)
        return await asyncio.wrap_future(answer)

    async def close(self) -> None:
        """Close the TqApi; what was to be sent has left."""
        if self._loop is not None and not self._over.done():
            self._put(lambda: self._end("closed"), Future())
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(self._thread.join, CLOSE_SECONDS), CLOSE_SECONDS + 1)

    def _put(self, call: Callable[[], None], answer: Future[Any]) -> None:
        if self._over.done() or self._loop is None or self._commands is None:
            answer.set_exception(SessionOver(self._over.result() if self._over.done() else "not logged in"))
            return
        self._open.add(answer)
        answer.add_done_callback(self._open.discard)
        try:
            self._loop.call_soon_threadsafe(self._commands.put_nowait, call)
        except RuntimeError:  # its loop was closed a moment ago
            pass
        if self._over.done():  # it ended a moment ago, and perhaps nobody saw this answer
            with suppress(InvalidStateError):
                answer.set_exception(SessionOver(self._over.result()))

    # --- in the thread of the TqApi ---------------------------------------------------------------

    def _own(self) -> None:
        try:
            api = log_in(self._settings)
            view = View(api)
            if self._lists:
                view.list_symbols()
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no login
            told = error if isinstance(error, SessionOver) else SessionOver(f"login failed: {error!r}")
            self._ready.set_exception(told)
            self._over.set_result(str(told))
            return
        try:
            api.create_task(self._serve(view))
            api.create_task(self._watch(view))
            while True:
                api.wait_update()
        except SessionOver:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the login is of no use any more
            self._end(f"the client library failed: {error!r}")
        finally:
            with suppress(Exception):
                api.close()

    async def _serve(self, view: View) -> None:
        self._loop, self._commands = asyncio.get_running_loop(), asyncio.Queue()
        self._ready.set_result(view)
        while True:
            (await self._commands.get())()

    async def _watch(self, view: View) -> None:
        connections = Connections(view.api)
        async with view.api.register_update_notify() as changes:
            self._look(view, connections)
            async for _ in changes:
                self._look(view, connections)

    def _look(self, view: View, connections: Connections) -> None:
        if (why := connections.end() or self._rolled(view)) is not None:
            self._end(why)
        for watcher in (*self._watchers, *self._looks.values()):
            watcher()

    def _rolled(self, view: View) -> str | None:
        day = view.present_day()
        return None if day == view.trading_day else f"trading day {view.trading_day} is over, now it is {day}"

    def _end(self, why: str) -> None:
        if self._over.done():
            return
        logger.info("the login at the exchange is over: {}", why)
        self._over.set_result(why)
        for answer in tuple(self._open):
            with suppress(InvalidStateError):
                answer.set_exception(SessionOver(why))
        for watcher in self._watchers:
            watcher()
        if self._commands is not None:
            self._commands.put_nowait(_leave)


def _leave() -> None:
    """Leave ``wait_update``: it raises what a task of the TqApi raises."""
    raise SessionOver("closed")
