"""A service started from its image, as its user and by its entry point, with the network of this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from venue_sandbox.servers.loopback import ask

from .machine import Failed, free_port, run

__all__ = ["SETTINGS", "Running", "answered", "container_of", "started"]

EVERY: Mapping[str, str] = {
    "HOST": "127.0.0.1",
    "STRATEGY_PROFILE": "global_etf_rotation",
    "STORE_URL": "file:///tmp/store",
    "REPORT_STORE_URL": "file:///tmp/reports",
}
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "ibkr": {},
    "schwab": {
        "SCHWAB_APP_KEY": "invented",
        "SCHWAB_APP_SECRET": "invented-secret",
        "SCHWAB_TOKEN_PATH": "/tmp/token.json",
        "PRICE_HISTORY_PATH": "/tmp/prices.csv",
    },
    "longbridge": {
        "ACCOUNT_PREFIX": "HK",
        "ACCOUNT_REGION": "HK",
        "LONGPORT_APP_KEY": "invented",
        "LONGPORT_APP_SECRET": "invented-secret",
        "LONGPORT_ACCESS_TOKEN": "invented-token",
    },
}
"""What each app needs to start; every switch of trading is off as long as nothing turns it on."""
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers.

    Attributes
    ----------
    seconds
        From the start of its process to the first good answer on ``/health``.
    user
        The user id of its process.
    version
        Its ``/version``.
    """

    seconds: float
    user: int
    version: Any


@contextmanager
def container_of(image: str) -> Generator[str]:
    """Make a container of an image in a registry on this machine."""
    container = run("buildah", "from", "--quiet", "--tls-verify=false", f"docker://{image}").strip()
    try:
        yield container
    finally:
        run("buildah", "rm", container)


def started(container: str, settings: Mapping[str, str], log: Path) -> Running:
    """Start a service, ask it, and end it with SIGTERM.

    Raises
    ------
    Failed
        It does not answer within a minute, or does not end with status 0.
    """
    port = free_port()
    entry = json.loads(run("buildah", "inspect", container))["OCIv1"]["config"]["Entrypoint"]
    variables = {**EVERY, **settings, "PORT": str(port)}
    options = [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
    with log.open("w") as output:
        begun = time.monotonic()
        process = subprocess.Popen(
            ["buildah", "run", *options, container, "--", *entry],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for_health(port, process, begun + START_SECONDS, log)
            seconds = time.monotonic() - begun
            service = _service_below(process.pid, entry)
            found = Running(seconds, _user_of(service), ask(port, "GET", "/version").document)
            os.kill(service, signal.SIGTERM)
            if (status := process.wait(START_SECONDS)) != 0:
                raise Failed(f"the service ended with {status} on SIGTERM: {_end_of(log)}")
            return found
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


def answered(container: str) -> float:
    """Ask a job for its help, by its entry point; return the seconds it took.

    Raises
    ------
    Failed
        It does not end with status 0.
    """
    entry = json.loads(run("buildah", "inspect", container))["OCIv1"]["config"]["Entrypoint"]
    begun = time.monotonic()
    run("buildah", "run", container, "--", *entry, "--help")
    return time.monotonic() - begun


def _wait_for_health(port: int, process: subprocess.Popen[bytes], deadline: float, log: Path) -> None:
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if ask(port, "GET", "/health", timeout=2).good:
                return
        except (OSError, HTTPException):
            time.sleep(0.05)
    raise Failed(f"the service does not answer on /health: {_end_of(log)}")


def _service_below(pid: int, entry: list[str]) -> int:
    """Return the process that runs an entry point, below the one that started it; its program was looked up on PATH."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(text.rpartition(")")[2].split()[1])
    for one in parents:
        if _line_of(one)[1:] == entry[1:] and pid in _above(one, parents):
            return one
    raise Failed(f"no process {' '.join(entry)} below {pid}")


def _above(pid: int, parents: Mapping[int, int]) -> list[int]:
    found: list[int] = []
    while pid in parents and len(found) < len(parents):
        pid = parents[pid]
        found.append(pid)
    return found


def _line_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        return []


def _user_of(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Uid:")).split()[1])


def _end_of(log: Path) -> str:
    return " | ".join(log.read_text("utf-8", "replace").strip().splitlines()[-12:]) or "it said nothing"
