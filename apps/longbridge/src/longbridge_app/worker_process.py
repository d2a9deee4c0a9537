"""What a worker process does: calls of the client library, one after another, until nobody is left to ask.

The process starts with every run, so it imports next to nothing beside the library. Its first message are the
credentials; each one after that is a method of the `Session`, its arguments, and the seconds it may take.
"""

from __future__ import annotations

import os
import pickle
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longbridge_app.rows import Credentials
    from longbridge_app.session import Session

__all__ = ["run"]


def run() -> None:
    """Answer calls that come in on stdin, on what was stdout, until nobody is left to ask."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the library prints is no answer
    _forget_surroundings()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        credentials = pickle.load(requests)
        session = None
        while True:
            method, arguments, seconds = pickle.load(requests)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                session = session or _session(credentials)
                answer = True, getattr(session, method)(*arguments)
            except Exception as error:  # noqa: BLE001 - whoever asked gets it
                answer = False, _told(error)
            signal.setitimer(signal.ITIMER_REAL, 0)
            pickle.dump(answer, answers)
            answers.flush()
    except (EOFError, OSError):
        return


def _session(credentials: Credentials) -> Session:
    """Load the client library, or say why it cannot be loaded."""
    from longbridge_app.session import Session

    return Session(credentials)


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
