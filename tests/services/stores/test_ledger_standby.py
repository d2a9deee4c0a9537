"""The ledger's standby of the overlay for three nodes: its scripts, on two private servers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from venue_sandbox.servers.machine import free_ports
from venue_sandbox.servers.postgresql import RunningPostgresql, postgresql
from venue_sandbox.servers.private import guarded_folder

SCRIPTS = Path(__file__).resolve().parents[3] / "deploy" / "k8s" / "overlays" / "hetzner-cluster"
PASSWORD = "of the replicator"
SECONDS = 60.0


class Ledger:
    """A server with the scripts of the overlay run on it."""

    def __init__(self, server: RunningPostgresql) -> None:
        parts = urlsplit(server.url)
        self.server, self.port = server, parts.port or 0
        self.programs = server.cluster.programs
        self.environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGUSER": "quant",
            "PGDATABASE": "postgres",
            "PGPASSWORD": parts.password or "",
        }

    def psql(self, words: str, port: int = 0) -> subprocess.Popen[str]:
        """Start psql; what it says is to be read."""
        command = [
            "psql",
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            f"--port={port or self.port}",
            f"--command={words}",
        ]
        environment = self.environment
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def said(self, words: str, port: int = 0) -> str:
        """Return what psql says."""
        said, trouble = self.psql(words, port).communicate(timeout=SECONDS)
        return said.strip() or trouble.strip()

    def replicate(self) -> None:
        """Run what the image runs when the ledger is made, and start anew, as the image does."""
        own = {"POSTGRES_USER": "quant", "POSTGRES_DB": "postgres", "PGDATA": str(self.server.cluster.data)}
        environment = {**self.environment, **own, "PGPORT": str(self.port), "REPLICATION_PASSWORD": PASSWORD}
        subprocess.run(["bash", SCRIPTS / "replication.sh"], env=environment, check=True, timeout=SECONDS)
        self.server.stop()
        self.server.start()

    @contextmanager
    def standby(self, folder: Path) -> Generator[int]:
        """Run the standby, its data in a folder of its owner; yield its port."""
        (port,) = free_ports(1)
        script = folder / "standby.sh"
        script.write_text((SCRIPTS / "standby.sh").read_text())
        folder.chmod(0o755)
        script.chmod(0o644)
        data = folder / "standby" / "data"
        variables = {
            "PGDATA": str(data),
            "PRIMARY": "127.0.0.1",
            "PRIMARY_PORT": str(self.port),
            "PGPASSWORD": PASSWORD,
        }
        as_owner = self.server.cluster.command("postgres")[:-3]
        options = (f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "external_pid_file=")
        command = [*as_owner, "bash", str(script), *(word for each in options for word in ("-c", each))]
        with subprocess.Popen(
            command, env={"PATH": self.environment["PATH"], **variables}, cwd="/", stderr=subprocess.DEVNULL
        ) as process:
            try:
                yield port
            finally:
                stop = self.server.cluster.command("pg_ctl", "stop", "-m", "immediate", "-D", str(data))
                subprocess.run(stop, cwd="/", check=False, capture_output=True)
                process.wait(SECONDS)


def until(ask: object, wanted: str) -> None:
    end = time.monotonic() + SECONDS
    while (said := ask()) != wanted:  # type: ignore[operator]
        assert time.monotonic() < end, said
        time.sleep(0.2)


def test_a_commit_waits_for_the_standby_and_survives_the_ledger_in_it() -> None:
    with postgresql() as server, guarded_folder() as folder:
        ledger = Ledger(server)
        assert ledger.said("CREATE TABLE answers (id int)") == "CREATE TABLE"
        assert ledger.said("INSERT INTO answers VALUES (1)") == "INSERT 0 1"
        ledger.replicate()
        waiting = ledger.psql("INSERT INTO answers VALUES (2)")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(2)
        own = folder / "standby"
        own.mkdir()
        if server.cluster.owner:
            subprocess.run(["chown", server.cluster.owner, own], check=True)
        with ledger.standby(folder) as port:
            assert waiting.communicate(timeout=SECONDS)[0].strip() == "INSERT 0 1"
            assert ledger.said("INSERT INTO answers VALUES (3)") == "INSERT 0 1"
            assert "read-only transaction" in ledger.said("INSERT INTO answers VALUES (4)", port)
            server.kill()
            readme = (SCRIPTS.parents[2] / "hetzner" / "README.md").read_text()
            for words in ("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_promote()"):
                assert f'--command="{words}"' in readme
                ledger.said(words, port)
            ledger.said("SELECT pg_reload_conf()", port)
            until(lambda: ledger.said("SELECT pg_is_in_recovery()", port), "f")
            assert ledger.said("SELECT string_agg(id::text, ',' ORDER BY id) FROM answers", port) == "1,2,3"
            assert ledger.said("INSERT INTO answers VALUES (5)", port) == "INSERT 0 1"
