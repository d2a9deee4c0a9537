"""A process per connection, so that a call which never returns ends with it and not with the run.

The client library blocks with the interpreter's lock held: no thread, no timer and no signal handler of Python runs
meanwhile. So the process that calls it does nothing else, and whoever waits for it kills it. Should nobody wait any
more, the kernel does: before each call the process arms an alarm that nothing in it handles.
"""

from __future__ import annotations

import pickle
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from quant_platform_kit.adapters.blocking_client import Deadline, Turns
from quant_platform_kit.domain.beliefs import Table
from quant_platform_kit.domain.errors import BrokerError, NeedsLogin
from quant_platform_kit.services.record.seen import Seen

from longbridge_app.beliefs import MEMBER, TABLES
from longbridge_app.pacing import Pace
from longbridge_app.rows import Credentials
from longbridge_app.wire import WIRE

__all__ = ["LongBridgeError", "NoTurn", "TokenEnded", "Worker", "member_of"]

GRACE_SECONDS = 2.0
FIRST_WAIT, LONGEST_WAIT = 0.25, 4.0
BUSY = (429, 500, 502, 503, 504)
REFUSING = (401, 403, 602, 603)
TOO_MANY = 301606
"""The answer of the websocket of quotes to more than 10 requests a second."""
NEW_TOKEN = "make a new access token at LongBridge, and put it where this one is"
PER_SYMBOL = "bars"
"""The method of the `Session` that asks LongBridge once for each symbol."""
CODE = "from longbridge_app.worker_process import run; run()"


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
    def unauthorized(self) -> bool:
        """Whether the access token is not taken."""
        return self._family == 401

    @property
    def refused(self) -> bool:
        """Whether the request certainly had no effect."""
        return self._family in REFUSING

    @property
    def passing(self) -> bool:
        """Whether asking again may help."""
        return self.code in (None, TOO_MANY) or self._family in BUSY


class TokenEnded(LongBridgeError, NeedsLogin):
    """LongBridge takes the access token no more."""


class NoTurn(LongBridgeError):
    """Nothing was asked: as many calls were made as LongBridge takes, and another one would have come too late."""

    @property
    def passing(self) -> bool:
        """False: the time that there was is over."""
        return False


def _error(what: str, message: str, code: int | None) -> LongBridgeError:
    """Return the error that LongBridge answered with."""
    said = f"LongBridge on {what}: {message}" + (f" ({code})" if code is not None else "")
    error = LongBridgeError(said, code)
    return TokenEnded(f"{said}; {NEW_TOKEN}", code) if error.unauthorized else error


class _Process:
    """A process that asks LongBridge, and what is said to it and by it."""

    def __init__(self, credentials: Credentials) -> None:
        command = (sys.executable, "-P", "-c", CODE)
        self._popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._popen.stdout is not None
        self.answers = self._popen.stdout
        self.poll = select.poll()
        self.poll.register(self.answers, select.POLLIN)
        self.keeps = False
        self.send(credentials)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    def send(self, message: object) -> None:
        assert self._popen.stdin is not None
        pickle.dump(message, self._popen.stdin)
        self._popen.stdin.flush()

    def kill(self) -> None:
        with suppress(OSError), self._popen:  # an error is about what it was not told any more
            self._popen.kill()


class Worker:
    """One connection in a process of its own, started when it is first needed and again after it was killed.

    Parameters
    ----------
    timeout
        Seconds that one call of the kit may take.
    pace
        How many calls LongBridge takes over this connection; None for that of quotes, which the library itself paces.

    Attributes
    ----------
    seen
        Handed every document before it is read.
    """

    def __init__(self, credentials: Credentials, timeout: float, pace: Pace | None = None) -> None:
        self.credentials, self.timeout = credentials, timeout
        self.seen = Seen(TABLES, WIRE)
        self._pace = pace or Pace(0)
        self.calls = 0
        self._process: _Process | None = None
        self._unheard = False
        self.turn = Turns(timeout, _silent).turn

    @property
    def pid(self) -> int | None:
        """The process, None while there is none."""
        return None if self._process is None else self._process.pid

    def call(self, method: str, *arguments: Any, what: str, deadline: Deadline) -> Any:
        """Call a method of the `Session` once, when it is this account's turn.

        Raises
        ------
        NoTurn
            It was not in time.
        LongBridgeError
            It failed, or did not return in time: then the process is killed.
        """
        self.take_turn(what, deadline)
        return self.call_now(method, *arguments, what=what, deadline=deadline)

    def take_turn(self, what: str, deadline: Deadline) -> None:
        """Wait until there may be a call; raises `NoTurn`."""
        if not self._pace.take(deadline.left()):
            raise NoTurn(f"not asked for {what}: LongBridge takes no more calls within {deadline.seconds:g} s")

    def has_room(self) -> bool:
        """Whether a call that can wait may be made now, and hold up nobody."""
        return self._pace.has_room()

    def call_now(self, method: str, *arguments: Any, what: str, deadline: Deadline) -> Any:
        """Call a method for which a turn was taken; raises as `call`."""
        self.calls += len(arguments[0]) if method == PER_SYMBOL else 1
        try:
            process = self._ready(deadline)
            if process is None:
                self.kill()
                raise _silent(what, deadline.seconds)
            asked: list[tuple[str, tuple[Any, ...]]] = [(method, arguments)]
            if self.seen.keeps:
                asked = [*([] if process.keeps else [("keep", ())]), *asked, ("overheard", ())]
                process.keeps = True
            said: dict[str, tuple[bool, Any]] = {}
            for name, given in asked:
                process.send((name, given, deadline.left() + GRACE_SECONDS))
                if not process.poll.poll(deadline.left() * 1000):
                    self.kill()
                    raise _silent(what, deadline.seconds)
                said[name] = pickle.load(process.answers)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self.kill()
            raise LongBridgeError(f"the process that asks LongBridge ended during {what}") from error
        for called, given, told in said["overheard"][1] if "overheard" in said else ():
            self.seen.overhear(f"call {called}", {"asked": given, "told": told})
        worked, value = said[method]
        if worked:
            return value
        raise _error(what, *value)

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

    def rows(self, table: Table, method: str, *arguments: Any, what: str, deadline: Deadline) -> Sequence[Any]:
        """Look something up that is told in rows, and hold them against a table; raises as `look`."""
        return self.seen.take_all(table.subject, self.look(method, *arguments, what=what, deadline=deadline))

    def start(self, method: str) -> None:
        """Start the process and have it call a method that changes nothing, and do not wait for it.

        Without this, the first call starts it. What the method says is passed over: a call after it fails likewise.
        """
        with self.turn("a start"):
            if self._process is None:
                self._process = _Process(self.credentials)
                self._process.send((method, (), self.timeout + GRACE_SECONDS))
                self._unheard = True

    def kill(self) -> None:
        """End the process at once; nothing it was about to do takes place."""
        process, self._process, self._unheard = self._process, None, False
        if process is not None:
            process.kill()

    def _ready(self, deadline: Deadline) -> _Process | None:
        """Return the process when it has answered what `start` asked, None if it does not in time."""
        if self._process is None:
            self._process = _Process(self.credentials)
        if self._unheard:
            if not self._process.poll.poll(deadline.left() * 1000):
                return None
            pickle.load(self._process.answers)
            self._unheard = False
        return self._process


def member_of(worker: Worker) -> int:
    """Return whose the login is, as LongBridge numbers its members; raises as `Worker.look`."""
    what = "whose the login is"
    with worker.turn(what) as deadline:
        member = worker.look("member_id", what=what, deadline=deadline)
    worker.seen.take(MEMBER.subject, {"member_id": member})
    return member


def _silent(what: str, seconds: float) -> LongBridgeError:
    return LongBridgeError(f"LongBridge did not answer {what} within {seconds:g} s")
