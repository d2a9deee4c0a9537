"""A process per connection, so that a call which never returns ends with it and not with the run.

The client library blocks with the interpreter's lock held: no thread, no timer and no signal handler of Python runs
meanwhile. So the process that calls it does nothing else, and whoever waits for it kills it. Should nobody wait any
more, the kernel does: before each call the process arms an alarm that nothing in it handles.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from typing import Any

from quant_platform_kit.domain.errors import BrokerError

from longbridge_app.rows import Credentials

__all__ = ["Deadline", "LongBridgeError", "Worker"]

GRACE_SECONDS = 2.0
FIRST_WAIT, LONGEST_WAIT = 0.25, 4.0
BUSY = (429, 500, 502, 503, 504)
REFUSING = (401, 403, 602, 603)
TOO_MANY = 301606
"""The answer of the websocket of quotes to more than 10 requests a second."""


class LongBridgeError(BrokerError):
    """LongBridge answered with an error, or not at all.

    Attributes
    ----------
    code
        As LongBridge numbers it: three digits of HTTP or of a service, and three more; None when nothing was answered.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code

    @property
    def _family(self) -> int | None:
        return None if self.code is None else self.code // 1000 if self.code >= 1000 else self.code

    @property
    def refused(self) -> bool:
        """Whether the request certainly had no effect."""
        return self._family in REFUSING

    @property
    def passing(self) -> bool:
        """Whether asking again may help."""
        return self.code in (None, TOO_MANY) or self._family in BUSY


class Deadline:
    """Seconds that several calls have together."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, zero if none are."""
        return max(0.0, self._end - time.monotonic())


class Worker:
    """One connection in a process of its own, started when it is first needed and again after it was killed.

    Parameters
    ----------
    name
        What to call it.
    timeout
        Seconds that one call of the kit may take.
    """

    def __init__(self, credentials: Credentials, name: str, timeout: float) -> None:
        self._credentials, self._name, self.timeout = credentials, name, timeout
        self._process: BaseProcess | None = None
        self._pipe: Pipe | None = None
        self._turn = threading.RLock()

    @property
    def library(self) -> str:
        """The client library that it loads."""
        return self._credentials.library

    @property
    def pid(self) -> int | None:
        """The process, None while there is none."""
        return None if self._process is None else self._process.pid

    @contextmanager
    def turn(self, what: str) -> Generator[Deadline]:
        """Be the only one that asks, for as long as one call of the kit may take."""
        deadline = Deadline(self.timeout)
        if not self._turn.acquire(timeout=self.timeout):
            raise self._silent(what, deadline)
        try:
            yield deadline
        finally:
            self._turn.release()

    def call(self, method: str, *arguments: Any, what: str, deadline: Deadline) -> Any:
        """Call a method of the `Session` once.

        Raises
        ------
        LongBridgeError
            It failed, or did not return in time: then the process is killed.
        """
        pipe = self._ready()
        seconds = deadline.left()
        try:
            pipe.send((method, arguments, seconds + GRACE_SECONDS))
            if not pipe.poll(seconds):
                raise self._silent(what, deadline)
            worked, value = pipe.recv()
        except LongBridgeError:
            self.kill()
            raise
        except (OSError, EOFError) as error:
            self.kill()
            raise LongBridgeError(f"the process that asks LongBridge ended during {what}") from error
        if worked:
            return value
        message, code = value
        raise LongBridgeError(f"LongBridge on {what}: {message}" + (f" ({code})" if code is not None else ""), code)

    def look(self, method: str, *arguments: Any, what: str, deadline: Deadline) -> Any:
        """Call a method that changes nothing, again and again while LongBridge is busy or the connection breaks."""
        wait = FIRST_WAIT
        while True:
            try:
                return self.call(method, *arguments, what=what, deadline=deadline)
            except LongBridgeError as error:
                if not error.passing or wait >= deadline.left():
                    raise
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def start(self) -> None:
        """Start the process, and do not wait for it; without this, the first call does."""
        with self._turn:
            self._ready()

    def kill(self) -> None:
        """End the process at once; nothing it was about to do takes place."""
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.kill()
            process.join()
            process.close()

    def _ready(self) -> Pipe:
        if self._pipe is None:
            context = multiprocessing.get_context("spawn")
            mine, other = context.Pipe()
            process = context.Process(target=_work, args=(other, self._credentials), name=self._name, daemon=True)
            process.start()
            other.close()
            self._process, self._pipe = process, mine
        return self._pipe

    def _silent(self, what: str, deadline: Deadline) -> LongBridgeError:
        return LongBridgeError(f"LongBridge did not answer {what} within {deadline.seconds:g} s")


def _work(pipe: Pipe, credentials: Credentials) -> None:
    """Answer calls until the other end is closed."""
    _forget_surroundings()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    from longbridge_app.session import Session

    session: Session | None = None
    with suppress(EOFError, OSError):
        while True:
            method, arguments, seconds = pipe.recv()
            signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                session = session or Session(credentials)
                answer: tuple[bool, Any] = True, _called(getattr(session, method), arguments)
            except Exception as error:  # noqa: BLE001 - whoever asked gets it
                answer = False, _told(error)
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send(answer)


def _called(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments)


def _told(error: Exception) -> tuple[str, int | None]:
    """Return message and code of an error; one that is not LongBridge's says what it is."""
    message = " ".join(str(getattr(error, "message", "") or error).split())[:300]
    code = getattr(error, "code", None)
    known = type(error).__name__ == "OpenApiException"
    return (message if known else f"{type(error).__name__}: {message}"), code if isinstance(code, int) else None


def _forget_surroundings() -> None:
    """Make the library see its arguments only: it reads variables and ``.env``, and tells times in the local zone."""
    os.chdir("/")
    for name in list(os.environ):  # noqa: TID251 - removed, not read
        if name.startswith(("LONGBRIDGE_", "LONGPORT_")):
            del os.environ[name]  # noqa: TID251
    os.environ["TZ"] = "UTC"  # noqa: TID251
    time.tzset()
