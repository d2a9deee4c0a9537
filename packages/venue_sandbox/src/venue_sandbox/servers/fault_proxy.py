"""A TCP proxy that loses, delays and cuts what passes through it, for servers that cannot be told to fail.

Run it with ``python -m venue_sandbox.servers.fault_proxy --to HOST:PORT``. Its control endpoint has a port of its own.
The operation of a fault is a text within what a client sends at once, such as ``INSERT INTO orders``:

``drop_before``
    The connection is reset before the text reaches the server.
``drop_after``
    The server gets the text; instead of its answer, the client's connection is reset.
``silent``
    The server gets the text; its answer, and all that follows it, never reaches the client.
``slow``
    The server gets the text after a while, also when the client has gone away by then.

The counts are ``connection``, and ``turn``: how often a client spoke at the start or after an answer, in other words
the round trips.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import Enum, auto

from aiohttp import web

from venue_sandbox.servers.control import control_routes, reset_on_close
from venue_sandbox.servers.faults import FaultBook, FaultKind
from venue_sandbox.servers.serving import HOST, Ports, arguments, listening, run

__all__ = ["main", "proxying"]

KINDS = (FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.SILENT, FaultKind.SLOW)
CHUNK_BYTES = 1 << 16

Target = tuple[str, int]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Answers(Enum):
    PASS = auto()
    CUT = auto()
    SWALLOW = auto()


class _Passage:
    """One connection of a client, and the connection to the server that belongs to it."""

    def __init__(self, book: FaultBook, client: Streams, server: Streams) -> None:
        self._book = book
        self._client_reader, self._client = client
        self._server_reader, self._server = server
        self._answers = _Answers.PASS
        self._answered = True

    async def run(self) -> None:
        """Pass on what both sides say until the server or the proxy ends the connection."""
        book, asking = self._book, asyncio.create_task(self._ask())
        book.requests["connection"] += 1
        try:
            await self._answer()
        finally:
            asking.cancel()
            self._client.close()
            self._server.close()

    async def _ask(self) -> None:
        while data := await _read(self._client_reader):
            self._book.requests["turn"] += self._answered
            self._answered = False
            fault = self._book.take(data.decode("latin-1"))
            match fault.kind if fault else None:
                case FaultKind.DROP_BEFORE:
                    return self._cut()
                case FaultKind.DROP_AFTER:
                    self._answers = _Answers.CUT
                case FaultKind.SILENT:
                    self._answers = _Answers.SWALLOW
                case _:
                    await asyncio.sleep(fault.seconds if fault else 0)
            self._server.write(data)
        if not self._server.is_closing():
            self._server.write_eof()

    async def _answer(self) -> None:
        while data := await _read(self._server_reader):
            self._answered = True
            if self._answers is _Answers.CUT:
                return self._cut()
            if self._answers is _Answers.PASS:
                self._client.write(data)
        return None

    def _cut(self) -> None:
        """Reset the client's connection, and close the server's in order."""
        reset_on_close(self._client.transport)
        self._client.transport.abort()
        self._server.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Return what comes next; nothing at the end of a connection, however it ended."""
    try:
        return await reader.read(CHUNK_BYTES)
    except OSError:
        return b""


@asynccontextmanager
async def proxying(target: Target, port: int) -> AsyncGenerator[Ports]:
    """Pass connections on to a target; yield the ports of the proxy and of its control endpoint."""
    book = FaultBook(lambda wanted, sent: wanted in sent)
    passages: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_connection(*target)
        except OSError:
            reset_on_close(writer.transport)
            writer.transport.abort()
            return
        passage = asyncio.create_task(_Passage(book, (reader, writer), server).run())
        passages.add(passage)
        passage.add_done_callback(passages.discard)

    control = web.Application()
    control.add_routes(control_routes(book, KINDS))
    async with listening(control, 0) as control_port:
        server = await asyncio.start_server(accept, HOST, port)
        try:
            yield {"port": server.sockets[0].getsockname()[1], "control_port": control_port}
        finally:
            server.close()
            for passage in passages:
                passage.cancel()
            await asyncio.gather(*passages, return_exceptions=True)


def main() -> None:
    """Read the command line and pass connections on."""
    parser = arguments("A TCP proxy on 127.0.0.1 that injects faults.")
    parser.add_argument("--to", type=_target, required=True, metavar="HOST:PORT", help="the server behind the proxy")
    options = parser.parse_args()
    run(lambda: proxying(options.to, options.port), stop_at_eof=options.stop_at_eof)


def _target(text: str) -> Target:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


if __name__ == "__main__":
    main()
