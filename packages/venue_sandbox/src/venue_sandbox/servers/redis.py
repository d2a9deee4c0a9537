"""A private Redis: what it has answered survives any crash.

The program is that of this machine. On Debian or Ubuntu, a missing one is unpacked from the distribution's packages,
not installed.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from venue_sandbox.servers.machine import HOST, Say, free_ports, search_path, system
from venue_sandbox.servers.private import Greeting, Private, Served, guarded_folder, started
from venue_sandbox.servers.signals import undisturbed
from venue_sandbox.servers.unpacked import unpacked

__all__ = ["configuration", "redis"]

PROGRAM = "redis-server"
NO_REDIS = """\
Redis is not on this machine, and cannot be had from here. Do one of these and run again:
  Debian, Ubuntu   sudo apt-get update
  Fedora           sudo dnf install redis
  macOS            brew install redis
  Docker           docker compose --file tests/services/compose.yaml up --wait redis, and set
                   TEST_REDIS_URL=redis://:quant@127.0.0.1:56379/0"""
START_SECONDS = 30.0


@contextmanager
def redis(say: Say = lambda line: None) -> Generator[Served]:
    """Run a server on a free port of 127.0.0.1 for as long as the context lasts.

    Parameters
    ----------
    say
        Is told what happens, a line at a time.

    Raises
    ------
    CannotRun
        There is no Redis here, or it did not start.
    """
    program, environment = _program(say)
    password = secrets.token_hex(16)
    with guarded_folder() as folder:
        server = started(lambda: _made(folder, program, environment, password))
        try:
            say(f"started {program} on port {server.port}")
            yield Served(f"redis://:{password}@{HOST}:{server.port}/0", server)
        finally:
            with undisturbed():
                server.stop()
                say("stopped")


def configuration(folder: Path, port: int, password: str) -> str:
    """Return what the file of settings says.

    Every write is on the disk before it is answered, as a commit of PostgreSQL is. With ``everysec``, Redis puts off
    writing while the disk is slow, and a kill then loses what clients were told is done.
    """
    return f"""\
bind {HOST}
port {port}
protected-mode yes
requirepass {password}
daemonize no
dir "{folder}"
save ""
appendonly yes
appendfsync always
"""


def _made(folder: Path, program: str, environment: dict[str, str], password: str) -> Private:
    (port,) = free_ports(1)
    settings = folder / "redis.conf"
    settings.write_text(configuration(folder, port, password), encoding="utf-8")
    greeting = Greeting(f"AUTH {password}\r\nPING\r\n", "+OK\r\n+PONG\r\n")
    return Private("redis", folder, (program, str(settings)), environment, port, greeting, START_SECONDS)


def _program(say: Say) -> tuple[str, dict[str, str]]:
    """Return where the program is, and the variables it needs."""
    if installed := system(PROGRAM):
        return installed, {"PATH": search_path()}
    tree = unpacked(PROGRAM, ("redis-",), lambda root: None, say, otherwise=NO_REDIS)
    return str(tree.root / "usr" / "bin" / PROGRAM), tree.environment
