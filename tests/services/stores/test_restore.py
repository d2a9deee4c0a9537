"""A small part of ``python -m chaos.restore``, and what the scripts refuse; chaos/RESULTS.md has the whole of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
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

    def run(self, script: str, *words: Path) -> subprocess.CompletedProcess[str]:
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path())
        path = os.pathsep.join((str(Path(sys.executable).parent), str(programs), os.environ["PATH"]))
        environment = {**os.environ, "PATH": path, "PGPASSWORD": self.address.password or "", "LOGNAME": "drill"}
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
