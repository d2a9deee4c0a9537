"""A private PostgreSQL server: a cluster of its own in a temporary folder, never run by root.

The programs are those of this machine. As root on Debian or Ubuntu, a missing PostgreSQL is installed from the
distribution: only its files, no cluster.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from venue_sandbox.servers.machine import CannotRun, Say, apt_get, free_ports, in_order, system
from venue_sandbox.servers.private import guarded_folder
from venue_sandbox.servers.signals import undisturbed

__all__ = ["RunningPostgresql", "postgresql"]

PROGRAMS = ("initdb", "pg_ctl", "postgres")
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/pgsql/bin")
CLUSTER_SETTINGS = Path("/etc/postgresql-common/createcluster.d")
NO_POSTGRESQL = """\
PostgreSQL is not on this machine, and cannot be installed from here. Do one of these and run again:
  Debian, Ubuntu   sudo apt-get install postgresql
  Fedora           sudo dnf install postgresql-server
  macOS            brew install postgresql@17
  Docker           docker compose --file tests/services/compose.yaml up --wait postgres, and set
                   TEST_POSTGRES_URL=postgresql+psycopg://quant:quant@127.0.0.1:55432/quant"""
START_ATTEMPTS = 3
START_SECONDS = 60
STOP_SECONDS = 30
LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class RunningPostgresql:
    """A server that runs, until it is stopped or killed.

    Attributes
    ----------
    url
        Address of its first database, with the superuser and his password.
    restart
        Command line that restarts it as after a crash.
    cluster
        The server itself.
    """

    url: str
    restart: str
    cluster: Cluster

    def start(self) -> None:
        """Start it again, on the same port with what was committed, and wait until it takes connections."""
        self.cluster.start_again()

    def stop(self) -> None:
        """Have it end in order, whoever is connected, and wait until it has."""
        self.cluster.stop()

    def kill(self) -> None:
        """End it as a crash would, and wait until it has ended."""
        self.cluster.stop("immediate")


@contextmanager
def postgresql(say: Say = lambda line: None) -> Generator[RunningPostgresql]:
    """Run a server on a free port of 127.0.0.1 for as long as the context lasts.

    Parameters
    ----------
    say
        Is told what happens, a line at a time.

    Raises
    ------
    CannotRun
        There is no PostgreSQL here, or it did not start.
    """
    programs, user = _find_programs() or _install_programs(say), _owner()
    with guarded_folder() as folder:
        cluster = Cluster(programs, folder, user, secrets.token_hex(16))
        try:
            say(f"making a cluster with {programs} in {folder}")
            cluster.make()
            port = cluster.start()
            say(f"started on port {port}")
            yield RunningPostgresql(
                f"postgresql+psycopg://quant:{cluster.password}@127.0.0.1:{port}/postgres",
                shlex.join(cluster.command("pg_ctl", "restart", "-w", "-m", "immediate")),
                cluster,
            )
        finally:
            with undisturbed():
                if not cluster.stop():
                    say(f"pg_ctl could not stop the server of {cluster.data}")
                say("stopped")


@dataclass(frozen=True)
class Cluster:
    """A cluster of this run alone.

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
        prefix = [system("runuser") or "runuser", "-u", self.owner, "--"] if self.owner else []
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
            (port,) = free_ports(1)
            settings.write_text(
                f"{as_made}\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n"
                f"external_pid_file = '{self.folder / 'postgresql.pid'}'\n",
                encoding="utf-8",
            )
            try:
                self.start_again()
            except CannotRun:
                # Somebody else may have taken the port since it was found free.
                if attempt == START_ATTEMPTS or "Address already in use" not in self.log_end():
                    raise
            else:
                return port
        raise AssertionError("the last attempt returned or raised")

    def start_again(self) -> None:
        """Start the server on the port it has been given, and wait until it takes connections."""
        self.run("pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-l", str(self.log))

    def stop(self, *modes: str) -> bool:
        """Stop the server, if it runs; whether it does not run any more."""
        if not (self.data / "postmaster.pid").exists():
            return True
        for mode in modes or ("fast", "immediate"):
            stopping = self.command("pg_ctl", "stop", "-w", "-t", str(STOP_SECONDS), "-m", mode)
            if subprocess.run(stopping, cwd="/", capture_output=True, check=False).returncode == 0:
                return True
        return False

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


def _find_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest version where there are several."""
    found = [path for place in PLACES for path in Path("/").glob(place.lstrip("/"))]
    found.sort(key=lambda path: [int(number) for number in re.findall(r"\d+", str(path))], reverse=True)
    on_path = shutil.which("pg_ctl")
    if on_path:
        found.insert(0, Path(on_path).resolve().parent)
    return next((path for path in found if all(os.access(path / name, os.X_OK) for name in PROGRAMS)), None)


def _owner() -> str | None:
    """Return who runs the server: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    if system("runuser") is None:
        raise CannotRun("root needs runuser (package util-linux) to run PostgreSQL as another user; or run as a user")
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


def _install_programs(say: Say) -> Path:
    """Install PostgreSQL from the distribution, without making or starting a cluster; return its folder."""
    if os.geteuid() != 0 or system("apt-get") is None:
        raise CannotRun(NO_POSTGRESQL)
    say("not on this machine; installing the package postgresql with apt-get")
    with in_order, _without_main_cluster():
        if not apt_get("install", "--no-install-recommends", "postgresql"):
            say("the list of packages may be old; fetching it")
            if not (apt_get("update") and apt_get("install", "--no-install-recommends", "postgresql")):
                raise CannotRun(f"apt-get failed, see above.\n{NO_POSTGRESQL}")
    programs = _find_programs()
    if programs is None:
        raise CannotRun(f"the package postgresql is installed, but {', '.join(PROGRAMS)} are not in {PLACES[0]}")
    return programs


@contextmanager
def _without_main_cluster() -> Generator[None]:
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
