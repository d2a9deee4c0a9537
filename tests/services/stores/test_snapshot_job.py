"""The scheduled job of snapshots on Cloud Storage: published once, raced by itself, called again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.testing.synthetic import synthetic_prices
from venue_sandbox.servers.launch import Server

Start = Callable[..., Server]
STOCKS = tuple(f"S{number:02}" for number in range(60))
ROOT = "gs://snapshots/published"
CODE = """
import sys
from snapshot_pipelines.cli import main, run
run.code_version = lambda: "snapshot-pipelines 0.1.0+g1279be5"
main.main()
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Return a job over an invented market, which publishes to a bucket."""
    market = synthetic_prices((*STOCKS, "QQQ", "SPY"), load_calendar("XNYS"), date(2022, 9, 1), date(2023, 11, 30))
    days, names = np.datetime_as_string(market.days), np.array(market.symbols)[market.codes]
    rows = zip(days, names, market.columns["close"], market.columns["adj_close"], strict=True)
    lines = [f"{day},{name},{close},{adjusted},2000000" for day, name, close, adjusted in rows]
    (tmp_path / "prices.csv").write_text("\n".join(["date,symbol,close,adj_close,volume", *lines]))
    labels = [f"{stock},{stock},Energy,2022-09-01" for stock in STOCKS]
    (tmp_path / "sectors.csv").write_text("\n".join(["symbol,name,gics_sector,label_as_of", *labels]))
    path = tmp_path / "job.toml"
    path.write_text(
        f'profiles = ["mega_cap_leader_rotation"]\nroot = "{ROOT}"\nprices = ["prices.csv"]\nsectors = "sectors.csv"\n'
    )
    return path


def test_jobs_that_race_on_a_bucket_publish_once_and_find_it_done(job: Path, start: Start) -> None:
    server = start("cloud.storage", "--bucket", "snapshots")
    environment = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{server.port}", "PATH": ""}
    words = [sys.executable, "-c", CODE, "run", "--config", str(job), "--now", "2023-11-30T22:00:00Z", "--json"]

    def begun() -> subprocess.Popen[str]:
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    racing = [begun() for _ in range(3)]
    ended: list[Any] = []
    for one in racing:
        out, err = one.communicate()
        assert one.returncode == 0, err
        ended += json.loads(out)["results"]
    assert "published" in {one["outcome"] for one in ended} <= {"published", "already"}  # of one second they are one
    assert len({one["manifest_sha256"] for one in ended}) == 1

    before = server.requests()["insert"]
    again = begun()
    out, err = again.communicate()
    assert (again.returncode, json.loads(out)["results"][0]["outcome"]) == (0, "already"), err
    assert server.requests()["insert"] == before, "nothing was written"
