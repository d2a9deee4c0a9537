"""A process that has imported tqsdk and plays scenes with it, each in a fork of its own.

Every line on a connection names a scene, and is answered with what the scene has returned, what it has written and how
its process has ended.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.loopback import ask
from venue_sandbox.stands.tqsdk import environment

PACKAGE = "venue_scenes"
"""Under this name the process knows the modules of this folder."""
USER = "DUSBX1"
REBAR = "SHFE.rb2505"
SECONDS = 10.0
PAUSE = 0.2


class Blocked(Exception):
    """The library has not returned."""


@dataclass
class Scene:
    """What a scene plays with: the venue of a test, and clients of the library."""

    port: int
    control_port: int
    clients: list[Any] = field(default_factory=list)

    def client(self, user: str = USER, password: str = "pw", **options: Any) -> Any:
        """Return a client that has logged in."""
        from tqsdk import TqAccount

        return self.client_of(TqAccount("sandbox", user, password), **options)

    def client_of(self, account: Any, **options: Any) -> Any:
        """Return a client of an account of the library."""
        from tqsdk import TqApi, TqAuth

        made = TqApi(account, auth=TqAuth("demo", "pw"), debug=False, **options)
        self.clients.append(made)
        return made

    def do(self, path: str, **fields: Any) -> Any:
        """Ask the control endpoint to do something."""
        answer = ask(self.control_port, "POST", f"/_control/{path}", fields)
        assert answer.good, answer.body
        return answer.document if answer.body else None

    def fault(self, kind: str, **fields: Any) -> None:
        """Arm a fault."""
        self.do("faults", kind=kind, **fields)

    def look(self, path: str) -> Any:
        """Ask the control endpoint what there is."""
        return ask(self.control_port, "GET", f"/_control/{path}").document

    def filled(self) -> dict[str, int]:
        """Return how many lots have traded by the client's id."""
        return {row["client_order_id"]: row["volume"] for row in self.look("filled")}

    def outcomes(self, what: str = "inserts") -> dict[str, str]:
        """Return what became of inserts or cancels, by id."""
        return {row["order_id"]: row["outcome"] for row in self.look(what)}


def until(api: Any, condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Wait for updates until something is true; return it, or what it is after so many seconds."""
    end = time.time() + seconds
    while not (found := condition()) and time.time() < end:
        api.wait_update(deadline=min(end, time.time() + 0.1))
    return found


def finished(api: Any, order: Any) -> Any:
    """Wait until an order has ended; return it."""
    assert until(api, lambda: order.status == "FINISHED"), dict(order)
    return order


def rest(api: Any, seconds: float = 0.3) -> None:
    """Let a client hear what there is to hear."""
    until(api, lambda: False, seconds)


def codes(api: Any, connection: str = "td") -> list[int]:
    """Return the codes of what a client was told of a connection, in sequence."""
    notices = [it for key, it in api._data.get("notify", {}).items() if not key.startswith("_")]
    return [it["code"] for it in notices if str(it.get("conn_id", "")).startswith(connection)]


def answer(call: Callable[[], Any]) -> str:
    """Return what a call returns, or what is said of the error that it raises."""
    try:
        return str(call())
    except Exception as error:  # noqa: BLE001 - the library raises nothing more precise
        return str(error)


@contextmanager
def at_most(seconds: float, since: Callable[[], Any] = lambda: True) -> Iterator[None]:
    """Raise `Blocked` in the library when it has not returned so many seconds after something has become true."""
    left = [seconds]

    def stop(*_: Any) -> None:
        left[0] -= PAUSE if since() else 0.0
        if left[0] <= 0:
            raise Blocked

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, PAUSE, PAUSE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass(frozen=True)
class Played:
    """What a scene has returned, what was written, and how its process has ended."""

    result: Any
    output: str
    status: int


class Player:
    """The process, as tests see it: the workers of a run share one, as the library takes seconds to import.

    Parameters
    ----------
    folder
        Of all workers.
    """

    def __init__(self, folder: Path) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        address = str(folder / "player")
        self._socket = socket.socket(socket.AF_UNIX)
        with (folder / "player.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                self._socket.connect(address)
            except OSError:
                self._start(address)
                self._socket.connect(address)
        self._stream = self._socket.makefile("rw")

    def _start(self, address: str) -> None:
        command = [sys.executable, "-W", "ignore", __file__, address]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "the player has not started"

    def play(self, scene: Callable[[Scene], Any], venue: Server, **env: str) -> Any:
        """Play a scene; return what it has returned, once it has ended well."""
        played = self.run(scene, venue, **env)
        assert played.status == 0, played.output
        return played.result

    def run(self, scene: Callable[[Scene], Any], venue: Server, **env: str) -> Played:
        """Play a scene."""
        wish = {
            "module": f"{PACKAGE}.{Path(scene.__code__.co_filename).stem}",
            "scene": scene.__name__,
            "ports": [venue.port, venue.control_port],
            "env": env,
        }
        self._stream.write(json.dumps(wish) + "\n")
        self._stream.flush()
        return Played(**json.loads(self._stream.readline()))

    def close(self) -> None:
        """Let go of the process; it ends when everybody has."""
        self._stream.close()
        self._socket.close()
        if self._process is not None:
            self._process.communicate()
            self._process = None


def playing(factory: pytest.TempPathFactory) -> Generator[Player]:
    """Yield a player; tests make a fixture of it that lasts as long as they do."""
    own = factory.getbasetemp()
    player = Player(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)
    yield player
    player.close()


# --- the process itself ------------------------------------------------------------------------------


def main(address: str) -> None:
    """Play what is asked for on connections, each in a fork, until the last one has ended."""
    ready = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import_module("tqsdk")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    ready.write("ready\n")
    ready.close()
    children: set[int] = set()
    while True:
        if select.select([listener], [], [], PAUSE)[0]:
            connection, _ = listener.accept()
            child = os.fork()
            if not child:
                listener.close()
                _serve(connection)
                os._exit(0)
            connection.close()
            children.add(child)
        children -= {child for child in children if os.waitpid(child, os.WNOHANG)[0]}
        if not children:
            os.unlink(address)
            return


def _serve(connection: socket.socket) -> None:
    """Play one scene after another."""
    stream = connection.makefile("rw")
    for line in stream:
        wish = json.loads(line)
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as result:
            child = os.fork()
            if not child:
                for number in (1, 2):
                    os.dup2(output.fileno(), number)
                _act(wish, result)
            _, status = os.waitpid(child, 0)
            played = {"result": None, "output": _read(output), "status": os.waitstatus_to_exitcode(status)}
            if text := _read(result):
                played["result"] = json.loads(text)
        stream.write(json.dumps(played) + "\n")
        stream.flush()


def _act(wish: dict[str, Any], result: Any) -> None:
    """Play a scene in this process, and end it as an interpreter does that has come to the end of its program."""
    status = 1
    try:
        os.environ.update({**environment(wish["ports"][0]), **wish["env"]})
        scene = Scene(*wish["ports"])
        returned = getattr(import_module(wish["module"]), wish["scene"])(scene)
        for client in scene.clients:
            client.close()
        json.dump(returned, result)
        status = 0
    except BaseException:  # noqa: BLE001 - it is written
        traceback.print_exc()
    finally:
        for stream in (result, sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _read(stream: Any) -> str:
    stream.seek(0)
    return stream.read()


if __name__ == "__main__":
    package = ModuleType(PACKAGE)
    package.__path__ = [str(Path(__file__).parent)]
    sys.modules[PACKAGE] = package
    import_module(f"{PACKAGE}.{Path(__file__).stem}").main(sys.argv[1])
