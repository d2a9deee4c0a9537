"""A service whose snapshot fails a check is BLOCKED with that check's words and sends nothing; cured, it trades."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sysconfig
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.feature_loader import FeatureLoader
from quant_platform_kit.adapters.snapshot_places import SnapshotSettings
from quant_platform_kit.adapters.snapshot_reading import latest_key
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.testing.published_snapshot import SESSION, Draft, faults
from quant_platform_kit.testing.synthetic import synthetic_prices
from venue_sandbox.stands.ibkr import IbkrPlatform
from venue_sandbox.stands.paper import PaperPlatform
from venue_sandbox.stands.platform import Delivered, Platform

CALENDAR = load_calendar("XNYS")
PROFILE = "russell_1000_multi_factor_defensive"
STOCKS = tuple(f"S{number:02}" for number in range(12))
SYMBOLS = tuple(sorted((*STOCKS, "SPY")))
CONFIG = "holdings=10,keep_rank=10,max_per_sector=10,name_cap=0.2,sector_cap=1"
STRATEGY = bind(find_strategy(PROFILE), dict(item.split("=") for item in CONFIG.split(",")))
FAULTS = faults(PROFILE, SYMBOLS)
MONDAY = datetime(2018, 12, 3, 20, 0, tzinfo=UTC)
"""In the session after the month end."""


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an invented market in a file."""
    file = tmp_path_factory.mktemp("market") / "prices.csv"
    market = synthetic_prices((*STOCKS, "BIL", "SPY"), CALENDAR, date(2018, 10, 1), date(2018, 12, 14))
    names = ("open", "close", "adj_close")
    with file.open("w", newline="", encoding="utf-8") as opened:
        rows = csv.writer(opened)
        rows.writerow(("date", "symbol", *names))
        symbols = (market.symbols[code] for code in market.codes.tolist())
        rows.writerows(
            zip(market.days.tolist(), symbols, *(market.columns[name].tolist() for name in names), strict=True)
        )
    return file


def report(delivered: Delivered) -> dict[str, Any]:
    """Return the report that a trigger ended with."""
    last = delivered.attempts[-1]
    assert last.status == 200, last.body
    return json.loads(last.body)["runs"][0]["report"]


def refused(name: str, manifest: Path) -> str:
    """Return what the loader says of a snapshot."""
    loader = FeatureLoader(SnapshotSettings(name.upper(), str(manifest)), CALENDAR)
    return loader.read(STRATEGY, [SESSION])[0].refused


@pytest.mark.parametrize("kind", [PaperPlatform, IbkrPlatform])
def test_each_check_blocks_the_run_and_the_next_session_executes_what_was_cured(
    kind: type[Platform], prices: Path, tmp_path: Path
) -> None:
    root, name = tmp_path / "snapshots", kind.name.upper()
    manifest = root / latest_key(PROFILE)
    settings = {"STRATEGY_CONFIG": CONFIG, f"{name}_FEATURE_SNAPSHOT_MANIFEST_PATH": str(manifest)}
    with kind(tmp_path / "platform", prices, PROFILE, settings=settings, opens_at="2018-12-03T19:00:00+00:00") as one:
        for number, (damage, said) in FAULTS.items():
            if number == 1:
                continue
            draft = Draft(strategy=STRATEGY, symbols=SYMBOLS)
            damage(draft)
            draft.write(root)
            told = report(one.fire(MONDAY + timedelta(minutes=number)))
            assert (told["outcome"], told["orders"], told["input_mode"]) == ("blocked", [], "snapshot"), number
            assert told["reasons"] == [refused(kind.name, manifest)], number
            assert said in told["reasons"][0]
            shutil.rmtree(root)
        assert one.sent() == []

        Draft(strategy=STRATEGY, symbols=SYMBOLS).write(root)
        cured = report(one.fire(MONDAY + timedelta(days=1)))
        assert (cured["outcome"], cured["executes"]) == ("completed", str(SESSION)), cured["reasons"]
        assert len(one.sent()) == len(cured["orders"]) == 10
        features = cured["reasoning"]["inputs"]["features"]
        assert (features["as_of"], features["age"]) == (str(SESSION), 1)


def test_without_the_setting_the_run_is_blocked_and_says_which(prices: Path, tmp_path: Path) -> None:
    settings = {"STRATEGY_CONFIG": CONFIG}
    with IbkrPlatform(tmp_path, prices, PROFILE, settings=settings, opens_at="2018-12-03T19:00:00+00:00") as one:
        (reason,) = report(one.fire(MONDAY))["reasons"]
        assert "IBKR_FEATURE_SNAPSHOT_MANIFEST_PATH is not set" in reason
        assert one.sent() == []


def test_a_run_by_hand_of_a_service_is_blocked_in_one_line_and_then_completes(prices: Path, tmp_path: Path) -> None:
    root = tmp_path / "snapshots"
    settings = {
        "STRATEGY_CONFIG": CONFIG,
        "ENTER_NOW": "true",
        "IBKR_FEATURE_SNAPSHOT_MANIFEST_PATH": str(root / latest_key(PROFILE)),
    }
    with IbkrPlatform(tmp_path / "p", prices, PROFILE, settings=settings, opens_at="2018-12-03T19:00:00+00:00") as one:
        one.set_clock(MONDAY)
        command = [str(Path(sysconfig.get_path("scripts")) / "quant"), "run", "--platform", "ibkr"]

        def by_hand(minute: int, *more: str) -> subprocess.CompletedProcess[str]:
            due = f"{MONDAY + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"
            return subprocess.run(
                [*command, "--due", due, *more], env=one.environment(), capture_output=True, text=True, check=False
            )

        blocked = by_hand(0)
        assert blocked.returncode == 1
        assert blocked.stderr.count("\n") == 1
        assert f"no manifest at {root / latest_key(PROFILE)}" in blocked.stderr
        Draft(strategy=STRATEGY, symbols=SYMBOLS).write(root)
        (result,) = json.loads(by_hand(1, "--json").stdout)
        assert result["report"]["outcome"] == "completed"
        assert len(one.sent()) == 10
        assert json.loads(by_hand(1, "--json").stdout) == [result]
        assert len(one.sent()) == 10
