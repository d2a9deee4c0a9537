"""What this machine gives to private servers: its programs, its packages, and ports that nobody listens on."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

__all__ = ["HOST", "CannotRun", "Say", "apt_get", "free_ports", "in_order", "search_path", "system"]

HOST = "127.0.0.1"
SYSTEM_PLACES = ("/usr/sbin", "/sbin")
"""Where runuser and apt-get's helpers are, also for a root whose path leaves them out."""
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST_PORT = 10_000
PORT_ATTEMPTS = 50

Say = Callable[[str], None]

in_order = threading.Lock()
"""Held while packages are installed or fetched: of two that do so, apt-get would have one fail."""


class CannotRun(Exception):
    """A server cannot be had here, and what to do about it."""


def search_path() -> str:
    """Return the folders of programs, those of the system last."""
    return os.pathsep.join((*os.get_exec_path(), *SYSTEM_PLACES))


def system(program: str) -> str | None:
    """Return where a program is; None if it is not on this machine."""
    return shutil.which(program, path=search_path())


def apt_get(*arguments: str) -> bool:
    """Run apt-get without questions and without restarting services; return whether it succeeded."""
    command = ["apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments]
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "PATH": search_path()}
    assignments = [f"{name}={value}" for name, value in quiet.items()]
    return subprocess.run(["env", *assignments, *command], stdin=subprocess.DEVNULL, check=False).returncode == 0


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on.

    They are below those that the kernel gives to connections. While a server on such a port is down, a connection of
    somebody else could take its port; a client that tries again and again could even be connected to itself.
    """
    with ExitStack() as probing:
        return [_free_port(probing) for _ in range(count)]


def _free_port(probing: ExitStack) -> int:
    """Return a port, which is bound for as long as the probing lasts."""
    highest = int(RANGE.read_text("ascii").split()[0]) if RANGE.exists() else LOWEST_PORT
    for _ in range(PORT_ATTEMPTS if highest > LOWEST_PORT else 0):
        port = LOWEST_PORT + secrets.randbelow(highest - LOWEST_PORT)
        probe = socket.socket()
        try:
            probe.bind((HOST, port))
        except OSError:
            probe.close()
        else:
            probing.enter_context(probe)
            return port
    probe = probing.enter_context(socket.socket())
    probe.bind((HOST, 0))
    return probe.getsockname()[1]
