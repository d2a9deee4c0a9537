#!/usr/bin/env python3
"""Run the flows of clients that nobody here wrote against the venues, and tell what works, is refused or is wrong.

Every client is installed in an environment of its own under .cache/foreign, outside the lock file, and runs against a
venue that is started for it. A client that cannot be installed is told, and fails.

Exit status 0: no call is wrong and none hangs; 1: one is, or a client could not run; 2: the command was not understood.

Usage
-----
``python scripts/foreign_clients.py``; ``--client NAME`` (repeatable) runs only these, ``--json`` prints one document.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from checkout import ROOT
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from venue_sandbox.servers.launch import Server

CACHE = ROOT / ".cache" / "foreign"
FLOWS = ROOT / "scripts" / "foreign"
VERDICTS = ("works", "refused", "wrong", "hangs")
GOOD = ("works", "refused")
FLOW_SECONDS = 900.0
ACCOUNT = "DUSBX1"
KEY, SECRET = "sandbox-key-of-some-length", "sandbox-secret-of-some-length0"
"""schwabdev takes keys of an even length only, and not too short ones."""


@dataclass(frozen=True)
class Client:
    """A client.

    Attributes
    ----------
    packages
        What its environment holds.
    python
        The interpreters that it runs on; empty for this one.
    """

    name: str
    venue: str
    flow: str
    packages: tuple[str, ...]
    python: str = ""


CLIENTS = (
    Client("ibapi 10.46", "tws", "flow_ibapi", ("nautilus-ibapi==10.46.1", "protobuf")),
    Client("ib_async 2.1", "tws", "flow_ib_async", ("ib_async==2.1.0", "tzdata")),
    Client(
        "nautilus_trader 1.231", "tws", "flow_nautilus", ("nautilus_trader[ib]==1.231.0", "protobuf"), ">=3.12,<3.15"
    ),
    Client("nautilus_trader 1.221", "tws", "flow_nautilus", ("nautilus_trader[ib]==1.221.0", "protobuf")),
    Client("schwabdev 4.0", "schwab", "flow_schwabdev", ("schwabdev==4.0.0",)),
    Client("schwab-py 1.5", "schwab", "flow_schwab_py", ("schwab-py==1.5.1",)),
    Client("longbridge 5.3", "longbridge", "flow_longbridge", ("longbridge==5.3.0",)),
)


@dataclass
class Result:
    """What became of a client's calls; ``failed`` says why it could not run, or not to the end."""

    client: str
    calls: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    failed: str = ""

    @property
    def counts(self) -> Counter[str]:
        """How many calls had each verdict."""
        return Counter(call["verdict"] for call in self.calls)

    @property
    def is_good(self) -> bool:
        """Whether it ran to its end, and nothing is wrong or hangs."""
        return not self.failed and bool(self.calls) and all(call["verdict"] in GOOD for call in self.calls)


class NotInstalled(RuntimeError):
    """A client's environment could not be made."""


def environment(client: Client) -> Path:
    """Make a client's environment if it is not there yet; return its interpreter.

    Raises
    ------
    NotInstalled
        There is no interpreter for it, or the index has not got it.
    """
    folder = CACHE / client.name.replace(" ", "-")
    done = folder / "packages.json"
    python = folder / "bin" / "python"
    if done.is_file() and json.loads(done.read_text()) == list(client.packages):
        return python
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _uv("venv", "-q", "--python", client.python or sys.executable, str(folder))
    except NotInstalled as error:
        raise NotInstalled(
            f"it needs Python {client.python or sys.version.split()[0]}, and uv has none: {error}"
        ) from None
    _uv("pip", "install", "-q", "--python", str(python), *client.packages)
    done.write_text(json.dumps(client.packages))
    return python


def _uv(*words: str) -> None:
    tool = ROOT / ".tools" / "uv"
    uv = str(tool) if tool.is_file() else shutil.which("uv")
    if uv is None:
        raise NotInstalled("uv is not there: run make setup")
    # What names this checkout's own environment and folders must not decide about the client's.
    env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")}
    made = subprocess.run([uv, *words], capture_output=True, text=True, env=env, cwd=CACHE, check=False)
    if made.returncode:
        raise NotInstalled(" ".join(made.stderr.split()) or f"uv {words[0]} ended with status {made.returncode}")


def started(client: Client, folder: Path) -> Server:
    """Start the venue of a client, on a Friday noon that is a session."""
    cash = "HKD:780000,USD:100000" if client.venue == "longbridge" else "100000"
    keys = ("--key", KEY, "--secret", SECRET) if client.venue == "schwab" else ()
    clock = ("--clock", "2023-06-02T16:00:00+00:00", "--account", f"{ACCOUNT}={cash}")
    return Server(f"venue_sandbox.venues.{client.venue}", "--folder", str(folder), *clock, *keys)


def told(client: Client, server: Server) -> dict[str, Any]:
    """Return what the flow has to know of its venue."""
    known: dict[str, Any] = {"port": server.port, "control_port": server.control_port, "key": KEY, "secret": SECRET}
    if client.venue == "schwab":
        known["login"] = server.control("POST", "login")
    if client.venue == "longbridge":
        login, address = server.control("GET", "login"), f"127.0.0.1:{server.port}"
        keys = {"app_key": login["key"], "app_secret": login["secret"], "access_token": login["tokens"][ACCOUNT]}
        sockets = {f"{kind}_ws_url": f"ws://{address}/ws/{kind}" for kind in ("quote", "trade")}
        known["login"] = {**keys, "http_url": f"http://{address}", **sockets}
    return known


def lines(client: Client, python: Path, server: Server, errors: Path) -> Iterator[str]:
    """Yield what the flow tells, line by line; it is ended when its time is over."""
    env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and name != "PYTHONPATH"}
    command = [str(python), str(FLOWS / f"{client.flow}.py"), json.dumps(told(client, server))]
    with errors.open("w") as complaints:
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True, env=env)
        ending = threading.Timer(FLOW_SECONDS, running.kill)
        ending.start()
        try:
            assert running.stdout is not None
            yield from running.stdout
            if status := running.wait():
                raise RuntimeError(f"the flow ended with status {status}: {_last_line(errors)}")
        finally:
            ending.cancel()
            running.kill()
            running.wait()


def _last_line(errors: Path) -> str:
    return (errors.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]


def run(client: Client, console: Console) -> Result:
    """Install a client, run its flow, and tell of every call as it ends."""
    result = Result(client.name)
    console.print(f"[bold]{client.name}[/] {escape(' '.join(client.packages))}")
    try:
        python = environment(client)
    except NotInstalled as error:
        result.failed = f"it cannot be installed here: {error}"
        console.print(f"  [red]failed[/] {escape(result.failed)}", soft_wrap=True)
        return result
    with tempfile.TemporaryDirectory() as folder, started(client, Path(folder) / "venue") as server:
        try:
            for line in lines(client, python, server, Path(folder) / "errors"):
                _take(result, line, console)
        except RuntimeError as error:
            result.failed = str(error)
            console.print(f"  [red]failed[/] {escape(result.failed)}", soft_wrap=True)
    return result


def _take(result: Result, line: str, console: Console) -> None:
    """Take note of a line of the flow, unless the client has printed it."""
    if not line.startswith('{"call"'):
        return
    call = json.loads(line)
    result.calls.append(call)
    colour = {"works": "green", "refused": "cyan"}.get(call["verdict"], "red")
    console.print(
        f"  [{colour}]{call['verdict']:8}[/] {call['call']}  [dim]{escape(repr(call['detail'][:90]))}[/]",
        soft_wrap=True,
    )


def summary(results: Sequence[Result]) -> Table:
    """Return the totals of every client."""
    shown = Table("client", *VERDICTS, "ran")
    for result in results:
        counts = [str(result.counts[verdict]) for verdict in VERDICTS]
        shown.add_row(result.client, *counts, "to its end" if not result.failed else "[red]failed[/]")
    total = sum((result.counts for result in results), Counter[str]())
    shown.add_row("total", *(str(total[verdict]) for verdict in VERDICTS), "")
    return shown


def main(
    client: Annotated[list[str] | None, typer.Option(help="Run this one only; may be given several times.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")] = False,
) -> None:
    """Run the flows of clients that nobody here wrote against the venues."""
    names = [one.name for one in CLIENTS]
    unknown = [name for name in client or () if not any(one.startswith(name) for one in names)]
    if unknown:
        typer.echo(f"client {unknown[0]!r} is none of: {', '.join(names)}", err=True)
        raise typer.Exit(2)
    CACHE.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    chosen = [one for one in CLIENTS if not client or any(one.name.startswith(name) for name in client)]
    results = [run(one, console) for one in chosen]
    if as_json:
        rows = [{"client": r.client, "failed": r.failed, "totals": dict(r.counts), "calls": r.calls} for r in results]
        typer.echo(json.dumps({"clients": rows}, indent=1))
    else:
        Console().print(summary(results))
    raise typer.Exit(0 if all(result.is_good for result in results) else 1)


if __name__ == "__main__":
    typer.run(main)
