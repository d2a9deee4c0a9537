"""The commands with Alpaca's bars, as processes, at a venue that has the dev days."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from quant_platform_kit.adapters.price_files import read_prices
from quant_platform_kit.domain.strategy import Adjustment
from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.alpaca import AlpacaPriceStand

from .conftest import DATA_DIR

RANGE = ("--symbol", "QQQ", "--start", "2025-09-01", "--end", "2025-11-04")
QUANT = "from quant_platform_kit.cli.main import main; main()"
CANARY = "canary-51d2-never-shown"


def run(stand: AlpacaPriceStand, folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    settings = {"PATH": os.environ["PATH"], **stand.settings(), **more}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=settings, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_range_is_fetched_once_and_a_split_in_between_changes_no_row(
    stand: AlpacaPriceStand, tmp_path: Path
) -> None:
    backtest, output = ("-m", "trading_playbook.cli.backtest", *RANGE), tmp_path / "output" / "trades.csv"
    first = run(stand, tmp_path, *backtest, "--output", "./output/trades.csv")
    assert first.returncode == 0, first.stderr
    rows = output.read_text().splitlines()
    assert len(rows) == 1 + 46
    assert [row.split(",")[10] for row in rows[1:10]] == ["no_data"] * 9
    dev = (DATA_DIR.parent / "playbook" / "dp20_dev.csv").read_text().splitlines()
    assert rows[10:] == [row for row in dev[1:] if row < "2025-11-05"]
    before = output.read_bytes()
    stand.server.forget_requests()
    again = run(stand, tmp_path, "-X", "importtime", *backtest, "--output", "./output/trades.csv")
    assert (again.returncode, output.read_bytes(), stand.requests()) == (0, before, {})
    assert " alpaca_app.source\n" in again.stderr
    assert not [name for name in ("alpaca.data", "pandas", "requests") if f" {name}\n" in again.stderr]
    stand.split("QQQ", "2", date(2025, 12, 1))
    for settings in ({}, {"DATA_CACHE_DIR": "elsewhere"}):
        other = run(stand, tmp_path, "-m", "alpaca_app.playbook", *RANGE, "--output", "other.csv", **settings)
        assert other.returncode == 0, other.stderr
        assert (tmp_path / "other.csv").read_bytes() == before
    assert stand.requests()["bars"] > 0


def test_a_bucket_keeps_sessions_as_a_folder_does(stand: AlpacaPriceStand, tmp_path: Path) -> None:
    with Server("venue_sandbox.cloud.storage", "--bucket", "playbook") as storage:
        settings = {
            "DATA_CACHE_DIR": "gs://playbook/data/cache",
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{storage.port}",
        }
        words = ("-m", "alpaca_app.playbook", *RANGE[:2], "--start", "2025-10-01", "--end", "2025-10-03")
        first = run(stand, tmp_path, *words, "--output", "trades.csv", **settings)
        assert first.returncode == 0, first.stderr
        stand.server.forget_requests()
        again = run(stand, tmp_path, *words, "--output", "trades.csv", **settings)
        assert (again.returncode, stand.requests()) == (0, {}), again.stderr
    assert [path.name for path in tmp_path.glob("data*")] == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ALPACA_SECRET_KEY": ""}, "playbook: ALPACA_SECRET_KEY is not set"),
        ({"ALPACA_SECRET_KEY": CANARY}, "playbook: keys refused by 127.0.0.1:"),
        ({"ALPACA_DATA_URL": "http://192.0.2.1:80"}, "playbook: ALPACA_DATA_URL is 'http://192.0.2.1:80'"),
    ],
)
def test_what_is_refused_is_one_line_and_writes_nothing(
    stand: AlpacaPriceStand, tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    ended = run(stand, tmp_path, "-m", "alpaca_app.playbook", *RANGE, "--output", "trades.csv", **settings)
    assert (ended.returncode, ended.stdout, list(tmp_path.iterdir())) == (1, "", [])
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == 1
    assert CANARY not in ended.stderr


def test_prices_are_pulled_into_a_file(stand: AlpacaPriceStand, tmp_path: Path) -> None:
    words = ("--platform", "alpaca", "--symbols", "QQQ,SPY", "--years", "5", "--out", "prices.parquet", "--adjusted")
    pulled = run(stand, tmp_path, "-c", QUANT, "prices", "pull", *words)
    assert pulled.returncode == 0, pulled.stderr
    prices = read_prices(tmp_path / "prices.parquet", ("close", "adj_close"))
    assert prices.carried("close") is Adjustment.SPLIT
    assert set(prices.symbols) == {"QQQ", "SPY"}
    assert len(prices.days) == 2 * 356
