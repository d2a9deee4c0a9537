"""The first strategy of the documentation does what the page says, with the page's own file and commands."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sysconfig
from datetime import date
from pathlib import Path

import pytest
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.testing.synthetic import synthetic_prices

SCRIPT = Path(sysconfig.get_path("scripts")) / "quant"
MOST_LINES = 40


@pytest.fixture(scope="module")
def page(checkout: Path) -> str:
    """Return the text of the page."""
    return (checkout / "docs" / "start" / "first-strategy.md").read_text("utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def strategy(page: str) -> str:
    """Return the strategy as the page prints it."""
    return blocks(page, "python")[0]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, strategy: str, calendar: ExchangeCalendar) -> Path:
    """Return a folder outside the repository with the strategy and an invented price file."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "my.py").write_text(strategy, "utf-8")
    market = synthetic_prices(("SPY", "BIL"), calendar, date(2013, 1, 2), date(2023, 12, 29))
    names = ("open", "close", "adj_close")
    with (folder / "prices.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("date", "symbol", *names))
        columns = (market.columns[name].tolist() for name in names)
        symbols = (market.symbols[code] for code in market.codes.tolist())
        rows.writerows(zip(market.days.tolist(), symbols, *columns, strict=True))
    return folder


def quant(folder: Path, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the page in a folder."""
    words = command.split()
    assert words[0] == "quant"
    return subprocess.run(
        [str(SCRIPT), *words[1:], *more], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_strategy_has_fewer_than_forty_lines(strategy: str) -> None:
    assert len(strategy.splitlines()) < MOST_LINES


@pytest.fixture(scope="module")
def followed(page: str, workplace: Path) -> Path:
    """Return the folder after every command of the page was run there as it stands."""
    for command in (line for block in blocks(page, "sh") for line in block.splitlines()):
        done = quant(workplace, command)
        assert (done.returncode, done.stderr.strip()) == (0, ""), command
    return workplace


def test_the_page_back_tests_twice_and_runs_once_and_every_command_works(page: str, followed: Path) -> None:
    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]
    assert [command.split()[1] for command in commands] == ["backtest", "backtest", "compare", "run"]
    for folder in ("my-output", "my-output-100"):
        assert (followed / folder / "report.html").stat().st_size > 10_000
    first, second = (
        json.loads((followed / name / "summary.json").read_text()) for name in ("my-output", "my-output-100")
    )
    assert first["decisions_digest"] != second["decisions_digest"]
    compared = json.loads((followed / "my-comparison" / "comparison.json").read_text())
    assert list(compared["results"]) == ["my-output", "my-output-100"]
    assert compared["differences"]


def test_the_back_test_rebalances_at_month_ends_and_at_no_other_time(
    followed: Path, calendar: ExchangeCalendar
) -> None:
    decisions = [json.loads(line) for line in (followed / "my-output" / "decisions.jsonl").read_text().splitlines()]
    assert {line["action"] for line in decisions} == {"REBALANCE", "HOLD"}
    for line in decisions:
        session = calendar.session(date.fromisoformat(line["as_of"]))
        assert (line["action"] == "REBALANCE") == session.ends_month
    chosen = [line["targets"] for line in decisions if line["targets"]]
    assert {"BIL": "0", "SPY": "1"} in chosen
    assert {"BIL": "1", "SPY": "0"} in chosen


def test_the_run_asked_for_again_reports_the_same_and_orders_nothing(page: str, followed: Path) -> None:
    again = quant(followed, blocks(page, "sh")[3].strip(), "--json")
    report = json.loads(again.stdout)
    assert (again.returncode, report["outcome"]) == (0, "completed")
    book = json.loads(quant(followed, "quant paper show --book my-account", "--json").stdout)
    assert [fill["client_order_id"] for fill in book["fills"]] == [o["client_order_id"] for o in report["orders"]]
    assert len(book["fills"]) == 1


def test_a_setting_out_of_bounds_is_refused_as_the_page_says(page: str, workplace: Path) -> None:
    done = quant(workplace, blocks(page, "sh")[0].strip(), "--config", "sessions=5")
    assert done.returncode == 1
    assert done.stderr.strip().startswith("quant: config of my_trend: sessions is '5': ")
