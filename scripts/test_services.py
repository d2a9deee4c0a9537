#!/usr/bin/env python3
"""Run the tests that need real servers, against private servers that live no longer than the tests.

Started are, each on a free port of 127.0.0.1:

PostgreSQL
    from the binaries of this machine, in a temporary folder, never as root; unless TEST_POSTGRES_URL names a server.
    As root on Debian or Ubuntu, a missing PostgreSQL is installed from the distribution: only its files, no cluster.
Cloud Storage emulator
    of the package venue-sandbox; unless TEST_GS_ENDPOINT names a server.

The tests learn of them by TEST_POSTGRES_URL, TEST_POSTGRES_RESTART (a command, only for the private server) and
TEST_GS_ENDPOINT. Nothing that was running before is touched; whatever was started is stopped, on Ctrl-C too.

Usage
-----
``python scripts/test_services.py [arguments of pytest]``; the exit status is that of pytest.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from venue_sandbox.servers.launch import Server

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("initdb", "pg_ctl", "postgres")
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/pgsql/bin")
SYSTEM_PLACES = ("/usr/sbin", "/sbin")
"""Where runuser and apt-get's helpers are, also for a root whose path leaves them out."""
CLUSTER_SETTINGS = Path("/etc/postgresql-common/createcluster.d")
NO_POSTGRESQL = """\
PostgreSQL is not on this machine, and cannot be installed from here. Do one of these and run again:
  Debian, Ubuntu   sudo apt-get install postgresql
  Fedora           sudo dnf install postgresql-server
  macOS            brew install postgresql@17
  Docker           docker compose up --wait postgres, and set
                   TEST_POSTGRES_URL=postgresql+psycopg://quant:quant@127.0.0.1:55432/quant"""
PR_SET_CHILD_SUBREAPER = 36
START_ATTEMPTS = 3
START_SECONDS = 60
STOP_SECONDS = 30
BURIAL_SECONDS = 2
LOG_LINES = 20


class CannotRun(Exception):
    """A server that the tests need cannot be had, and what to do about it."""


def main(arguments: list[str]) -> int:
    """Start the servers, run the tests, stop the servers; return the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_run)
    os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_PLACES))
    environment = dict(os.environ)
    try:
        with no_orphans(), ExitStack() as servers:
            environment |= servers.enter_context(postgresql(environment.get("TEST_POSTGRES_URL")))
            environment |= servers.enter_context(cloud_storage(environment.get("TEST_GS_ENDPOINT")))
            return run_tests(arguments, environment)
    except CannotRun as error:
        print(f"test-services: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("test-services: interrupted; all that was started is stopped", file=sys.stderr)
        return 130


def say(line: str) -> None:
    """Print a line of progress at once."""
    print(f"test-services: {line}", flush=True)


def stop_run(number: int, frame: FrameType | None) -> None:
    """Leave by way of all clean-ups when asked to end."""
    raise SystemExit(128 + number)


@contextmanager
def no_orphans() -> Generator[None]:
    """Be the parent of what pg_ctl leaves running, and take note of its end: in a container, process 1 may not."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        deadline = time.monotonic() + BURIAL_SECONDS
        with undisturbed(), suppress(ChildProcessError):
            while time.monotonic() < deadline:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.02)


def run_tests(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Run pytest and return its exit status; it has ended when this returns, in whatever way."""
    side_by_side = ("-n", "3", "--dist", "loadfile")
    command = [sys.executable, "-m", "pytest", "-m", "services", *side_by_side, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        return process.wait()
    except SystemExit:
        # Ctrl-C reaches pytest by itself; other signals came to this process only.
        process.send_signal(signal.SIGINT)
        raise
    finally:
        with undisturbed():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def undisturbed() -> Generator[None]:
    """Finish a clean-up whatever signals come."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


# --- Cloud Storage -------------------------------------------------------------------------------


@contextmanager
def cloud_storage(given: str | None) -> Generator[dict[str, str]]:
    """Yield the environment that tells the tests of a Cloud Storage emulator."""
    if given:
        say(f"Cloud Storage emulator: {given}, of TEST_GS_ENDPOINT")
        yield {"TEST_GS_ENDPOINT": given}
        return
    server = Server("venue_sandbox.cloud.storage", "--write-interval", "0")
    try:
        say(f"Cloud Storage emulator: started on port {server.port}")
        yield {"TEST_GS_ENDPOINT": f"http://127.0.0.1:{server.port}"}
    finally:
        with undisturbed():
            server.stop()
            say("Cloud Storage emulator: stopped")


# --- PostgreSQL ----------------------------------------------------------------------------------


@contextmanager
def postgresql(given: str | None) -> Generator[dict[str, str]]:
    """Yield the environment that tells the tests of a PostgreSQL server."""
    if given:
        parts = urlsplit(given)
        say(f"PostgreSQL: {parts.hostname}:{parts.port or 5432}, of TEST_POSTGRES_URL")
        yield {"TEST_POSTGRES_URL": given}
        return
    programs, user = find_programs() or install_programs(), owner()
    folder = Path(tempfile.mkdtemp(prefix="quant-services-"))
    cluster = Cluster(programs, folder, user, secrets.token_hex(16))
    try:
        say(f"PostgreSQL: making a cluster with {programs} in {folder}")
        cluster.make()
        port = cluster.start()
        say(f"PostgreSQL: started on port {port}")
        yield {
            "TEST_POSTGRES_URL": f"postgresql+psycopg://quant:{cluster.password}@127.0.0.1:{port}/postgres",
            "TEST_POSTGRES_RESTART": shlex.join(cluster.command("pg_ctl", "restart", "-w", "-m", "immediate")),
        }
    finally:
        with undisturbed():
            cluster.stop()
            shutil.rmtree(folder)
            say(f"PostgreSQL: stopped, {folder} removed")


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL cluster of this run alone.

    Attributes
    ----------
    programs
        The folder of initdb, pg_ctl and postgres.
    folder
        Where the cluster, its password and its log are.
    owner
        The user who runs it; None is the user of this process.
    password
        Of its superuser, quant: other users of this machine reach the port too.
    """

    programs: Path
    folder: Path
    owner: str | None
    password: str

    @property
    def data(self) -> Path:
        """The cluster's own folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server said."""
        return self.folder / "log"

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line of one of the programs, run by the owner."""
        prefix = ["runuser", "-u", self.owner, "--"] if self.owner else []
        return [*prefix, str(self.programs / program), "-D", str(self.data), *arguments]

    def make(self) -> None:
        """Make the cluster; its commits reach the disk, as everywhere."""
        secret = self.folder / "password"
        secret.write_text(self.password, encoding="ascii")
        if self.owner:
            for path in (self.folder, secret):
                shutil.chown(path, self.owner)
        self.run("initdb", "-U", "quant", "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", f"--pwfile={secret}")

    def start(self) -> int:
        """Start the server on a free port and wait until it takes connections; return the port."""
        settings = self.data / "postgresql.conf"
        as_made = settings.read_text(encoding="utf-8")
        for attempt in range(1, START_ATTEMPTS + 1):
            port = free_port()
            settings.write_text(
                f"{as_made}\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n",
                encoding="utf-8",
            )
            try:
                self.run("pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-l", str(self.log))
            except CannotRun:
                # Somebody else may have taken the port since it was found free.
                if attempt == START_ATTEMPTS or "Address already in use" not in self.log_end():
                    raise
            else:
                return port
        raise AssertionError("the last attempt returned or raised")

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if not (self.data / "postmaster.pid").exists():
            return
        for mode in ("fast", "immediate"):
            stopping = self.command("pg_ctl", "stop", "-w", "-t", str(STOP_SECONDS), "-m", mode)
            if subprocess.run(stopping, cwd="/", capture_output=True, check=False).returncode == 0:
                return
        say(f"PostgreSQL: pg_ctl could not stop the server of {self.data}")

    def run(self, program: str, *arguments: str) -> None:
        """Run one of the programs; fail with what it said."""
        command = self.command(program, *arguments)
        # The server inherits these streams: a pipe would stay open as long as it runs.
        with (self.folder / f"{program}.out").open("w+b") as out:
            done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
            out.seek(0)
            said = out.read().decode("utf-8", "replace")
        if done.returncode:
            raise CannotRun(f"{shlex.join(command)} failed with status {done.returncode}:\n{said}{self.log_end()}")

    def log_end(self) -> str:
        """Return the last lines of the server's log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])


def find_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest version where there are several."""
    found = [path for place in PLACES for path in Path("/").glob(place.lstrip("/"))]
    found.sort(key=lambda path: [int(number) for number in re.findall(r"\d+", str(path))], reverse=True)
    on_path = shutil.which("pg_ctl")
    if on_path:
        found.insert(0, Path(on_path).resolve().parent)
    return next((path for path in found if all(os.access(path / name, os.X_OK) for name in PROGRAMS)), None)


def owner() -> str | None:
    """Return who runs the server: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    if shutil.which("runuser") is None:
        raise CannotRun("root needs runuser (package util-linux) to run PostgreSQL as another user; or run as a user")
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def install_programs() -> Path:
    """Install PostgreSQL from the distribution, without making or starting a cluster; return its folder."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CannotRun(NO_POSTGRESQL)
    say("PostgreSQL: not on this machine; installing the package postgresql with apt-get")
    with without_main_cluster():
        if not apt_get("install", "--no-install-recommends", "postgresql"):
            say("PostgreSQL: the list of packages may be old; fetching it")
            if not (apt_get("update") and apt_get("install", "--no-install-recommends", "postgresql")):
                raise CannotRun(f"apt-get failed, see above.\n{NO_POSTGRESQL}")
    programs = find_programs()
    if programs is None:
        raise CannotRun(f"the package postgresql is installed, but {', '.join(PROGRAMS)} are not in {PLACES[0]}")
    return programs


@contextmanager
def without_main_cluster() -> Generator[None]:
    """Have the package make no cluster of its own, and so start none, while it is installed."""
    folders = [path for path in (CLUSTER_SETTINGS, CLUSTER_SETTINGS.parent) if not path.exists()]
    setting = CLUSTER_SETTINGS / f"quant-test-services-{os.getpid()}.conf"
    CLUSTER_SETTINGS.mkdir(parents=True, exist_ok=True)
    setting.write_text("create_main_cluster = false\n", encoding="ascii")
    try:
        yield
    finally:
        setting.unlink()
        for folder in folders:
            if not any(folder.iterdir()):
                folder.rmdir()


def apt_get(*arguments: str) -> bool:
    """Run apt-get without questions and without restarting services; return whether it succeeded."""
    command = ["apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
