"""A private origin on this machine: a bare repository over HTTP, as ``git http-backend`` serves it, behind a login."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

__all__ = ["PrivateOrigin", "private_origin"]

_HEADERS = {"Content-Type": "CONTENT_TYPE", "Content-Encoding": "HTTP_CONTENT_ENCODING", "Git-Protocol": "GIT_PROTOCOL"}


@dataclass(frozen=True, slots=True)
class PrivateOrigin:
    """A repository that only a login opens.

    Attributes
    ----------
    url
        Its address, without the login.
    login
        The line of a git credential store.
    """

    url: str
    login: str


@contextmanager
def private_origin(repository: Path, user: str, token: str) -> Generator[PrivateOrigin]:
    """Serve a bare repository on a free port of 127.0.0.1, to read only."""

    class Handler(_Handler):
        root = repository.parent
        wanted = "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        host = f"127.0.0.1:{server.server_port}"
        try:
            yield PrivateOrigin(f"http://{host}/{repository.name}", f"http://{user}:{token}@{host}")
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    root: ClassVar[Path]
    wanted: ClassVar[str]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the path of a request is no news."""

    def _answer(self, body: bytes) -> None:
        if self.headers.get("Authorization") != self.wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="origin"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=self._variables(), capture_output=True, check=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _variables(self) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        sent = {variable: self.headers[name] for name, variable in _HEADERS.items() if name in self.headers}
        return sent | {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "REMOTE_ADDR": "127.0.0.1",
        }
