"""A small part of ``python -m chaos.restore``, and what the scripts refuse; chaos/RESULTS.md has the whole of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient
from event_trading_app.cli.bus import ONLY_IN_THE_ARCHIVE
from event_trading_app.topics import declared
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.events.bus import Settings
from quant_platform_kit.events.topics import declare
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.switches import halts
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

ROOT = Path(__file__).parents[3]
LEDGER = """
import json, sys
from pathlib import Path
from quant_platform_kit.domain.boundaries import Boundary
from chaos.restore.daily import lose_daily

if __name__ == "__main__":
    stood = (Boundary.CLAIMED, Boundary.ORDER_SENT, Boundary.BUYS_DONE)
    print(json.dumps(lose_daily("file", Path(sys.argv[1]), 5, boundaries=stood).document()))
"""
NODE = """
import json, sys
from pathlib import Path
from chaos.restore.node_loss import CASES, lose_nodes

if __name__ == "__main__":
    print(json.dumps(lose_nodes(CASES[0], Path(sys.argv[1]), 5, 6).document()))
"""
FUTURES = """
import json, sys
from pathlib import Path
from chaos.restore.futures import lose_futures

if __name__ == "__main__":
    print(json.dumps(lose_futures(Path(sys.argv[1]), 5, 9).document()))
"""


def drill(program: str, folder: Path) -> dict[str, int]:
    (folder / "program.py").write_text(program)
    command = [sys.executable, str(folder / "program.py"), str(folder / "drill")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_ledger_that_is_lost_in_the_middle_of_runs_comes_back_halted_and_doubles_nothing(tmp_path: Path) -> None:
    found = drill(LEDGER, tmp_path)
    assert found["good"], found
    assert len(found["lost"]) == 3


def test_an_executor_that_has_lost_all_it_knew_answers_with_the_same_bytes(tmp_path: Path) -> None:
    found = drill(NODE, tmp_path)
    assert (found["open"], found["again"], found["second"]) == (6, 6, 0), found


def test_orders_that_tq_brokers_ledger_has_lost_reach_the_exchange_once_and_have_their_end(
    tmp_path: Path,
) -> None:
    found = drill(FUTURES, tmp_path)
    assert found["good"], found
    assert found["lost"], found


class Site:
    """Databases of this test's own on the server, and the two scripts."""

    def __init__(self, address: URL, folder: Path) -> None:
        self.address, self.folder, self.name = address, folder, f"Test_{uuid4().hex[:12]}"
        self.engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def plan(self, name: str) -> Path:
        address, plan = self.address, self.folder / f"{name}.plan"
        plan.write_text(
            f"database d postgresql://{address.username}@{address.host}:{address.port}/{self.name}_{name}\n"
        )
        return plan

    def run(self, script: str, *words: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path())
        path = os.pathsep.join((str(Path(sys.executable).parent), str(programs), os.environ["PATH"]))
        environment = {**os.environ, "PATH": path, "PGPASSWORD": self.address.password or "", "LOGNAME": "drill"}
        environment |= variables
        command = [str(ROOT / "scripts" / script), *map(str, words)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def ask(self, name: str, statement: str) -> list[tuple[object, ...]]:
        url = self.address.set(database=f"{self.name}_{name}", query={})
        with create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
            done = connection.execute(text(statement))
            return [tuple(row) for row in done] if done.returns_rows else []


@pytest.fixture
def site(database: URL, tmp_path: Path) -> Site:
    return Site(make_url(os.environ["TEST_POSTGRES_URL"]), tmp_path)


def test_a_database_comes_back_whole_and_halted_and_never_over_another_one(site: Site) -> None:
    with site.engine.connect() as connection:
        for name in ("old", "full"):
            connection.execute(text(f'CREATE DATABASE "{site.name}_{name}"'))
    try:
        site.ask("old", "CREATE TABLE order_history (id text)")
        site.ask("old", "INSERT INTO order_history VALUES ('one')")
        site.ask("full", "CREATE TABLE mine (id text)")
        store = str(site.address.set(database=f"{site.name}_old").render_as_string(hide_password=False))
        made = "from quant_platform_kit.adapters.stores import open_store; import sys; open_store(sys.argv[1])"
        subprocess.run([sys.executable, "-c", f"{made}.create('trades/x', b'{{}}')", store], check=True)
        backup = site.folder / "backup"
        kept = site.run("backup.sh", site.plan("old"), backup)
        assert kept.returncode == 0, kept.stderr
        refused = site.run("restore.sh", backup, site.plan("full"))
        assert (refused.returncode, "holds 1 tables and the like: use an empty one" in refused.stderr) == (2, True)
        assert site.ask("full", "SELECT count(*) FROM mine") == [(0,)]
        restored = site.run("restore.sh", backup, site.plan("new"))
        assert restored.returncode == 0, restored.stdout + restored.stderr
        assert site.ask("new", "SELECT id FROM order_history") == [("one",)]
        assert len(site.ask("new", "SELECT key FROM versioned_objects WHERE key LIKE 'halts/all/%-1-on'")) == 1
    finally:
        with site.engine.connect() as connection:
            for name in ("old", "full", "new"):
                connection.execute(text(f'DROP DATABASE IF EXISTS "{site.name}_{name}" WITH (FORCE)'))


class Bus:
    """Topics of this test's own, and the settings that name them with a ledger."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.admin, self.namespace = url, AdminClient({"bootstrap.servers": url}), f"t{uuid4().hex[:10]}."
        self.ledger = f"file://{folder}/ledger-of-the-bus"
        self.config = folder / "config.yaml"
        settings = {"kafka_url": url, "account": "dusbx.near", "namespace": self.namespace, "store_url": self.ledger}
        self.config.write_text(json.dumps(settings))

    def topics(self) -> list[str]:
        return [name for name in self.admin.list_topics(timeout=10).topics if name.startswith(self.namespace)]

    def make(self) -> None:
        declare(Settings(self.url), declared(3, self.namespace))

    def lose(self) -> None:
        for future in self.admin.delete_topics(self.topics()).values():
            future.result()
        until = time.monotonic() + 20
        while self.topics() and time.monotonic() < until:
            time.sleep(0.1)

    def halt(self) -> None:
        set_halt(Operator(open_store(self.ledger), SystemClock(), "drill"), "all", "the bus was lost", on=True)


@pytest.fixture
def bus(kafka_url: str, tmp_path: Path) -> Bus:
    return Bus(kafka_url, tmp_path)


def test_a_bus_alone_comes_back_only_where_the_ledger_is_halted(site: Site, bus: Bus) -> None:
    bus.make()
    plan, backup = site.folder / "bus.plan", site.folder / "backup"
    plan.write_text(f"bus trading {bus.config}\n")
    assert site.run("backup.sh", plan, backup).returncode == 0
    bus.lose()
    refused = site.run("restore.sh", backup, plan)
    assert (refused.returncode, bus.topics()) == (1, []), refused.stdout + refused.stderr
    assert "the ledger does not halt account dusbx.near" in " ".join(refused.stderr.split())
    operator = Operator(open_store(bus.ledger), SystemClock(), "drill")
    set_halt(operator, "release-event-trading", "a release lifts it by itself", on=True)
    assert site.run("restore.sh", backup, plan).returncode == 1
    bus.halt()
    restored = site.run("restore.sh", backup, plan)
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert bus.topics()


def test_stores_of_every_sort_that_hold_nothing_yet_go_out_and_in_again(site: Site, bus: Bus) -> None:
    """A ledger table without rows, topics without messages, a ledger and an archive without objects."""
    folder = site.folder
    (folder / "archive").mkdir()
    with site.engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{site.name}_old"'))
    try:
        open_store(site.address.set(database=f"{site.name}_old").render_as_string(hide_password=False)).keys("")
        bus.make()
        only_in_the_archive = {bus.namespace + name for name in ONLY_IN_THE_ARCHIVE}
        before = set(bus.topics()) - only_in_the_archive
        stores = {"old": ("ledger", "archive"), "new": ("ledger-again", "archive-again")}
        for name, (ledger, archive) in stores.items():
            with site.plan(name).open("a") as plan:
                plan.write(f"bus trading {bus.config}\narchive a {folder}/{archive}\n")
                plan.write(f"ledger daily file://{folder}/{ledger} file://{folder}/{ledger}-reports\n")
        refused = site.run("backup.sh", folder / "old.plan", folder / "refused")
        assert refused.returncode == 1
        assert "holds nothing; check its address, or add --empty" in " ".join(refused.stderr.split())
        kept = site.run("backup.sh", folder / "old.plan", folder / "backup", EMPTY="yes")
        assert kept.returncode == 0, kept.stdout + kept.stderr
        bus.lose()
        bus.halt()
        restored = site.run("restore.sh", folder / "backup", folder / "new.plan")
        assert restored.returncode == 0, restored.stdout + restored.stderr
        assert set(bus.topics()) == before
        assert list((folder / "archive-again").glob("*")) == []
        new = site.address.set(database=f"{site.name}_new").render_as_string(hide_password=False)
        for url in (new, f"file://{folder}/ledger-again"):
            assert halts(open_store(url)).on() == {"all"}
    finally:
        with site.engine.connect() as connection:
            for name in ("old", "new"):
                connection.execute(text(f'DROP DATABASE IF EXISTS "{site.name}_{name}" WITH (FORCE)'))
