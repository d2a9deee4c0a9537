"""Serving an application until the process is told to stop."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

import uvicorn
from fastapi import FastAPI
from loguru import logger

from quant_platform_kit.adapters.logs import start_logging
from quant_platform_kit.domain.errors import InvalidInput, QuantError
from quant_platform_kit.runtime.service import Service
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.web.app import create_app
from quant_platform_kit.web.patience import PatientProtocol

__all__ = ["ListenSettings", "Serving", "listen", "main", "serve", "serve_process"]

STANDARD_INPUT = 0
GRACE_SECONDS, STOP_SECONDS = 6, 7.0
"""After SIGTERM, how long requests have to end, and when the process ends whatever hangs; Cloud Run waits 10 s."""


class _HardEnd:
    """Ends the process a while after it was told to stop, whatever its other threads do.

    The thread waits from the beginning, for a byte in a pipe: a handler of signals that starts a thread or takes a lock
    may wait for ever for the very code that it has interrupted.
    """

    def __init__(self) -> None:
        told, self._tell = os.pipe()
        threading.Thread(target=self._wait, args=(told,), daemon=True).start()

    def begin(self) -> None:
        """Let the time run."""
        os.write(self._tell, b".")

    def _wait(self, told: int) -> None:
        os.read(told, 1)
        time.sleep(STOP_SECONDS)
        _end()


class _Server(uvicorn.Server):
    """Tells runs to stop as soon as a signal comes, not when the last connection has gone.

    Its handler is installed before uvicorn's own, which afterwards repeats the signal to whoever had it before: so a
    service that was asked to stop ends with status 0.
    """

    def __init__(self, app: FastAPI, stop: StopSignal) -> None:
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            lifespan="off",
        )
        super().__init__(config)
        self._stop, self._hard_end = stop, _HardEnd()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        self._hard_end.begin()
        self._stop.set()
        super().handle_exit(sig, frame)


def _end() -> None:
    """End the process, whatever its threads do: a run that hangs is finished by the next trigger.

    Nothing is flushed here, which could hang too: every line of the log is flushed as it is written.
    """
    os._exit(0)


class ListenSettings(Protocol):
    """Where a service listens, and how it logs."""

    @property
    def host(self) -> str:
        """Address to listen on."""
        ...

    @property
    def port(self) -> int:
        """Port to listen on; 0 takes a free one."""
        ...

    @property
    def log_format(self) -> str:
        """``json`` or ``text``."""
        ...


def _nothing_more() -> None: ...


@dataclass(frozen=True, slots=True)
class Serving:
    """An application to be served.

    Attributes
    ----------
    says
        What the log says of it once it listens, before ``on port N``.
    make
        Makes it, with the signal that tells it to stop.
    ended
        Called when nothing is served any more, before the process ends.
    """

    settings: ListenSettings
    says: str
    make: Callable[[StopSignal], FastAPI]
    ended: Callable[[], None] = _nothing_more


def listen(settings: ListenSettings) -> socket.socket:
    """Return a socket that listens where the settings say; `InvalidInput` where nobody can."""
    try:
        return socket.create_server((settings.host, settings.port), backlog=128)
    except OSError as error:
        place = f"HOST is {settings.host} and PORT {settings.port}"
        raise InvalidInput(f"{place}: {error}; choose an address of this machine and a free port") from error


def serve(service: Service, listener: socket.socket) -> None:
    """Serve on a socket that listens, until SIGTERM or SIGINT."""
    _serve(_serving(service), listener)


def _serving(service: Service) -> Serving:
    says = f"{service.name} runs {service.strategy.manifest.display_name}"
    return Serving(service.settings, says, lambda stop: create_app(service, stop), service.tracer.close)


def _serve(serving: Serving, listener: socket.socket) -> None:
    stop = StopSignal()
    server = _Server(serving.make(stop), stop)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    server.run([listener])
    serving.ended()


def _stop_at_eof() -> None:
    while os.read(STANDARD_INPUT, 1 << 16):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main(compose: Callable[[], Service]) -> None:
    """Serve what an app composes; see `serve_process`."""
    serve_process(lambda: _serving(compose()))


def serve_process(compose: Callable[[], Serving]) -> None:
    """Serve an application until the process is told to stop, and print ``{"port": N}`` once it listens.

    Settings that cannot be meant end it with one line and status 1.

    With ``--stop-at-eof`` the end of standard input stops it too, as it does when the parent dies.
    """
    if arguments := sys.argv[1:]:
        if arguments != ["--stop-at-eof"]:
            sys.stderr.write("quant: a service takes its settings from the environment, and at most --stop-at-eof\n")
            sys.exit(2)
        threading.Thread(target=_stop_at_eof, daemon=True).start()
    try:
        serving = compose()
        start_logging(as_json=serving.settings.log_format == "json")
        gc.freeze()
        gc.enable()
        listener = listen(serving.settings)
        port = listener.getsockname()[1]
        logger.info("{} on port {}", serving.says, port)
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()
        _serve(serving, listener)
    except QuantError as error:
        sys.stderr.write(f"quant: {' '.join(str(error).split())}\n")
        sys.exit(1)
    _end()  # no thread keeps a process alive that has stopped, such as one of a notification that hangs
