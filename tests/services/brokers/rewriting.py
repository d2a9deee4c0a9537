"""Proxies in front of a venue that rewrite what it says, as long as a test wants them to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from venue_sandbox.servers.launch import Server

__all__ = ["FrameRewriter", "HttpRewriter", "Rewriter", "rewriting"]

DocumentRule = Callable[[str, Any], Any]
"""Given the path of a request and the document of its answer; returns another, or bytes to be answered as they are."""
FrameRule = Callable[[list[bytes]], list[bytes]]
"""Given the fields of a message to the client; returns others."""
PASSED_ON = frozenset({"accept-encoding", "connection", "content-length", "transfer-encoding"})


class HttpRewriter:
    """Passes requests on to a venue that speaks JSON over HTTP.

    Attributes
    ----------
    rule
        None passes every answer on as it is.
    """

    def __init__(self, target: int) -> None:
        self.rule: DocumentRule | None = None
        rewriter = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16

            def handle_one_request(self) -> None:
                with suppress(ConnectionError):
                    super().handle_one_request()

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                venue = HTTPConnection("127.0.0.1", target, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in PASSED_ON}
                venue.request(self.command, self.path, body or None, headers)
                answer = venue.getresponse()
                said = answer.read()
                if rewriter.rule is not None and said and "json" in answer.headers.get("Content-Type", ""):
                    document = rewriter.rule(self.path, json.loads(said))
                    said = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in PASSED_ON:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(said)
                venue.close()

            do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


class FrameRewriter:
    """Passes on what a Gateway says, message by message.

    Attributes
    ----------
    rule
        None passes every message on as it is.
    """

    def __init__(self, target: int) -> None:
        self.rule: FrameRule | None = None
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                venue = socket.create_connection(("127.0.0.1", self._target))
                threading.Thread(target=self._ask, args=(client, venue), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, venue), daemon=True).start()

    def _ask(self, client: socket.socket, venue: socket.socket) -> None:
        with suppress(OSError):
            while said := client.recv(1 << 16):
                venue.sendall(said)
        with suppress(OSError):
            venue.shutdown(socket.SHUT_WR)

    def _answer(self, client: socket.socket, venue: socket.socket) -> None:
        with suppress(OSError), client, venue, venue.makefile("rb") as told:
            while length := told.read(4):
                message = told.read(int.from_bytes(length, "big"))
                if self.rule is not None:
                    message = b"".join(field + b"\0" for field in self.rule(message.split(b"\0")[:-1]))
                client.sendall(len(message).to_bytes(4, "big") + message)


Rewriter = HttpRewriter | FrameRewriter


@contextmanager
def rewriting(kind: type[HttpRewriter] | type[FrameRewriter], target: int) -> Generator[Rewriter]:
    """Open a proxy in front of a port of this run, which tests may connect to."""
    proxy = kind(target)
    Server.opened.add(proxy.port)
    try:
        yield proxy
    finally:
        proxy.close()
