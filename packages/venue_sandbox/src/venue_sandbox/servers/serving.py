"""How every server of the sandbox is run: loopback only, one JSON line with its ports, an end within two seconds."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiohttp import web
from yarl import URL

__all__ = ["HOST", "Ports", "arguments", "listening", "loopback", "run"]

HOST = "127.0.0.1"
STANDARD_INPUT = 0
SHUTDOWN_SECONDS = 0.2

Ports = dict[str, int]


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser of the options that every server has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, takes a free one")
    parser.add_argument(
        "--stop-at-eof", action="store_true", help="stop when standard input ends, as it does when the parent dies"
    )
    return parser


def loopback(text: str) -> str:
    """Read an option that is the address of another server of this machine."""
    try:
        url = URL(text)
        fits = url.scheme == "http" and url.host in (HOST, "localhost") and url.path in ("", "/")
    except ValueError:
        fits = False
    if not fits:
        raise argparse.ArgumentTypeError(f"{text} is not http://{HOST}:PORT")
    return text.rstrip("/")


@asynccontextmanager
async def listening(application: web.Application, port: int) -> AsyncGenerator[int]:
    """Serve an application on 127.0.0.1; yield its port. Connections still open at the end are closed."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port)
        await site.start()
        assert site.port is not None
        yield site.port
    finally:
        await runner.cleanup()


def run(serve: Callable[[], AbstractAsyncContextManager[Ports]], *, stop_at_eof: bool) -> None:
    """Serve until SIGTERM or SIGINT.

    Parameters
    ----------
    serve
        Opens the server; its value names the ports, which are printed as one JSON line.
    stop_at_eof
        Whether the end of standard input stops the server too.
    """
    asyncio.run(_run(serve, stop_at_eof))


async def _run(serve: Callable[[], AbstractAsyncContextManager[Ports]], stop_at_eof: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if stop_at_eof:
        loop.add_reader(STANDARD_INPUT, _at_end, stop)
    async with serve() as ports:
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _at_end(stop: asyncio.Event) -> None:
    if not os.read(STANDARD_INPUT, 1 << 16):
        stop.set()
        asyncio.get_running_loop().remove_reader(STANDARD_INPUT)
