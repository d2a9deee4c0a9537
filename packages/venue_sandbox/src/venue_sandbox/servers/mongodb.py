"""A private server that speaks MongoDB's protocol: FerretDB over SQLite files, built here from source.

It needs Go, which fetches the modules that ``ferretdb/go.sum`` names and builds the program once, in minutes; it stays
in ``.cache/servers`` of the checkout. It has no users, transactions or validators.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from venue_sandbox.servers.machine import HOST, CannotRun, Say, free_ports, search_path, system
from venue_sandbox.servers.private import Greeting, Private, Served, guarded_folder, started
from venue_sandbox.servers.signals import undisturbed
from venue_sandbox.servers.unpacked import cache_folder

__all__ = ["mongodb"]

SOURCE = Path(__file__).with_name("ferretdb")
GO_PLACES = ("/usr/local/go/bin/go",)
"""Where Go is beside the search path: its own installer puts it there."""
NO_GO = """\
MongoDB's protocol is served by a program that Go 1.23 builds, and Go is not on this machine. Do one of these and run
again:
  Debian, Ubuntu   sudo apt-get install golang-go
  Fedora           sudo dnf install golang
  macOS            brew install go
  Docker           docker compose --file tests/services/compose.yaml up --wait mongodb, and set
                   TEST_MONGODB_URL=mongodb://127.0.0.1:57017"""
CACHES = {"GOMODCACHE": "go-modules", "GOCACHE": "go-build"}
"""Where Go keeps what it fetches and builds, unless the environment says otherwise."""
START_SECONDS = 30.0
PING = (
    "\x33\0\0\0" "\x01\0\0\0" "\0\0\0\0" "\xdd\x07\0\0"  # length, id, answers nothing, OP_MSG
    "\0\0\0\0" "\0"  # no flags; one document follows
    "\x1e\0\0\0" "\x10ping\0\x01\0\0\0" "\x02$db\0\x06\0\0\0admin\0" "\0"
)  # fmt: skip
OK = "\x01ok\0\0\0\0\0\0\0\xf0\x3f"
"""The field that says it went well, the number 1."""


@contextmanager
def mongodb(say: Say = lambda line: None) -> Generator[Served]:
    """Run a server on a free port of 127.0.0.1 for as long as the context lasts.

    Parameters
    ----------
    say
        Is told what happens, a line at a time.

    Raises
    ------
    CannotRun
        There is no Go here, the program cannot be built, or it did not start.
    """
    program = _program(say)
    with guarded_folder() as folder:
        server = started(lambda: _made(folder, program))
        try:
            say(f"started on port {server.port}")
            yield Served(f"mongodb://{HOST}:{server.port}", server)
        finally:
            with undisturbed():
                server.stop()
                say("stopped")


def _made(folder: Path, program: Path) -> Private:
    (port,) = free_ports(1)
    data = folder / "data"
    data.mkdir(exist_ok=True)
    command = (str(program), f"{HOST}:{port}", str(data))
    return Private("ferretdb", folder, command, {"PATH": search_path()}, port, Greeting(PING, OK), START_SECONDS)


def _program(say: Say) -> Path:
    """Return the program, built where it has not been built from these sources before."""
    digest = sha256(b"".join(path.read_bytes() for path in sorted(SOURCE.iterdir()) if path.is_file())).hexdigest()
    program = cache_folder() / f"ferretdb-{digest[:16]}"
    if not program.is_file():
        go = system("go") or next((place for place in GO_PLACES if Path(place).is_file()), None)
        if go is None:
            raise CannotRun(NO_GO)
        program.parent.mkdir(parents=True, exist_ok=True)
        say("building FerretDB with Go; the first time that takes minutes")
        _build(go, program)
    return program


def _build(go: str, program: Path) -> None:
    """Build in a folder beside the program's place, and put it there once it is whole."""
    with tempfile.TemporaryDirectory(prefix=".ferretdb-", dir=program.parent) as folder:
        built = Path(folder) / "ferretdb"
        command = [go, "build", "-trimpath", "-mod=readonly", "-o", str(built), "."]
        environment = {**_environment(), "PATH": search_path()}
        done = subprocess.run(
            command, cwd=SOURCE, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotRun(f"Go could not build FerretDB:\n{done.stderr[-2000:]}\n{NO_GO}")
        built.replace(program)


def _environment() -> dict[str, str]:
    """Return what Go is told: everything of this process's, such as proxies; what it fetches stays in the checkout."""
    own = {name: str(cache_folder() / folder) for name, folder in CACHES.items()}
    flags = f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip()  # noqa: TID251 - so that it can be removed
    return {**own, **os.environ, "GOFLAGS": flags}  # noqa: TID251 - Go's own settings, handed on
