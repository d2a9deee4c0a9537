"""The page on one's own features does what it says, with its own file and commands."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sysconfig
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.testing.synthetic import synthetic_prices

pytestmark = pytest.mark.services

SCRIPTS = Path(sysconfig.get_path("scripts"))
PAGE = Path(__file__).resolve().parents[2] / "docs" / "start" / "own-features.md"
STOCKS = tuple(f"S{number:02}" for number in range(12))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def run(folder: Path, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the page in a folder."""
    program, *words = command.split()
    return subprocess.run(
        [str(SCRIPTS / program), *words, *more], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory, calendar: ExchangeCalendar) -> Path:
    """Return a folder outside the repository in which every command of the page was run as it stands."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (code,) = blocks("python")
    (folder / "my.py").write_text(code, "utf-8")
    market = synthetic_prices((*STOCKS, "SPY", "QQQ", "BIL"), calendar, date(2020, 6, 1), date(2023, 12, 29))
    with (folder / "prices.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        names = ("open", "close", "adj_close")
        rows.writerow(("date", "symbol", *names, "volume"))
        columns = (market.columns[name].tolist() for name in names)
        symbols = (market.symbols[code] for code in market.codes.tolist())
        volume = np.full(len(market.days), 1_000_000).tolist()
        rows.writerows(zip(market.days.tolist(), symbols, *columns, volume, strict=True))
    with (folder / "sectors.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("symbol", "name", "gics_sector", "label_as_of"))
        rows.writerows((symbol, f"Stock {symbol}", "Industrials", "2020-01-02") for symbol in STOCKS)
    for command in (line for block in blocks("sh") for line in block.splitlines()):
        done = run(folder, command)
        assert (done.returncode, done.stderr.strip()) == (0, ""), command
    return folder


def test_every_command_of_the_page_works(followed: Path) -> None:
    assert [block.split()[1] for block in blocks("sh")] == ["build", "verify", "backtest", "run"]
    assert len(list((followed / "my-snapshots").glob("versions/*/*.parquet"))) == 24
    decisions = [json.loads(line) for line in (followed / "my-output" / "decisions.jsonl").read_text().splitlines()]
    assert sum(line["action"] == "REBALANCE" for line in decisions) == 23
    assert {line["action"] for line in decisions} == {"REBALANCE", "HOLD"}


def test_the_run_again_orders_nothing_and_one_without_a_snapshot_is_blocked_as_the_page_says(followed: Path) -> None:
    command = blocks("sh")[3].strip()
    again = json.loads(run(followed, command, "--json").stdout)
    assert (again["outcome"], again["input_mode"]) == ("completed", "snapshot")
    assert again["reasoning"]["inputs"]["features"]["as_of"] == "2023-11-30"
    to_october, elsewhere = re.findall(r"(?s)See a snapshot that is late.*?`(.*?)`.*?`(.*?)`", PAGE.read_text("utf-8"))[
        0
    ]
    built = run(followed, re.sub(r"--month-ends .*", to_october, blocks("sh")[0].strip()))
    assert (built.returncode, built.stderr) == (0, "")
    late = run(followed, f"{command} {elsewhere} --json")
    (reason,) = json.loads(late.stdout)["reasons"]
    assert late.returncode == 1
    assert reason.startswith("feature snapshot steady: stale: as_of 2023-10-31 is 21 sessions before 2023-11-30")


def test_built_on_the_way_the_same_is_decided(followed: Path) -> None:
    command = (
        blocks("sh")[2].strip().replace("--snapshots my-snapshots", "--build --sectors sectors.csv --features my.py")
    )
    built = json.loads(run(followed, command.replace("my-output", "my-output-built"), "--json").stdout)
    published = json.loads((followed / "my-output" / "summary.json").read_text())
    assert built["decisions_digest"] == published["decisions_digest"]
