"""A server of recorded answers over HTTP, in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from venue_sandbox.servers.launch import Server

__all__ = ["NO_ANSWER", "Told", "answering"]


@dataclass(frozen=True, slots=True)
class Told:
    """A status and a body: a text that is JSON, or any other."""

    status: int
    body: str
    is_json: bool = True


NO_ANSWER = Told(404, '{"message": "the capture has no such answer"}')
Find = Callable[[str, str, str], Told]
"""Given the method, the path and the query of a request."""


@contextmanager
def answering(find: Find, now: datetime) -> Generator[int]:
    """Serve what is found for each request, on a port of 127.0.0.1, which is yielded.

    Parameters
    ----------
    now
        What time every answer bears, aware.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path, _, query = self.path.partition("?")
            try:
                told = find(self.command, path, query)
            except Exception as error:  # noqa: BLE001 - an exchange of an unknown make may break what looks for it
                told = Told(500, f"the capture's answer cannot be told ({type(error).__name__})", is_json=False)
            body = told.body.encode()
            self.send_response_only(told.status)
            self.send_header("Date", format_datetime(now.astimezone(UTC), usegmt=True))
            self.send_header("Content-Type", "application/json" if told.is_json else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port = server.server_address[1]
    Server.opened.add(port)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()
