"""`quant playbook sweep`: every point is a back-test of DP20, and bad input is one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from quant_platform_kit.cli.main import main
from quant_platform_kit.domain.sessions import ExchangeCalendar
from trading_playbook.backtest import backtest
from trading_playbook.days import days_between
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.figures import figures
from trading_playbook.sources.files import FileSource

from .conftest import FIRST, LAST

Sweep = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sweep(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    real_files: Callable[[str], Path],
) -> Sweep:
    files = ["--bars", real_files("intraday_1min.parquet"), "--daily", real_files("intraday_warmup_daily.csv")]

    def call(*more: object) -> tuple[int, str, str]:
        words = [*files, "--start", FIRST, "--end", LAST, "--out", tmp_path / "deep" / "out", "--workers", 1, *more]
        monkeypatch.setattr(sys, "argv", ["quant", "playbook", "sweep", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0), *capsys.readouterr()

    return call


def test_every_point_is_a_back_test(
    sweep: Sweep, tmp_path: Path, dev_source: FileSource, calendar: ExchangeCalendar
) -> None:
    code, out, _ = sweep("--grid", "stop_atr=0.8", "--grid", "bar_minutes=2,5", "--split", "2025-11-03", "--json")
    assert code == 0
    rows = pq.read_table(tmp_path / "deep" / "out" / "results.parquet").to_pylist()
    assert [(row["config_stop_atr"], row["config_bar_minutes"]) for row in rows] == [(0.8, 2), (0.8, 5)]
    days = days_between(calendar, FIRST, LAST)
    for row in rows:
        numbers = Dp20Parameters(stop_atr=row["config_stop_atr"], bar_minutes=row["config_bar_minutes"])
        records = backtest(dev_source, days, calendar, numbers).records
        own = figures(records)
        assert (row["closed"], row["wins"], row["total"], row["expectancy"]) == (
            own.closed, own.wins, own.total, own.expectancy,
        )  # fmt: skip
        multiple = 1.0
        for record in records:
            multiple *= 1 + 0.01 * (record.r_multiple or 0.0)
        assert row["final_multiple"] == pytest.approx(multiple)
    document = json.loads(out)
    assert (document["profile"], document["trials"]["counted"]) == ("dp20", 2)
    assert document["best"]["out_sharpe"] is not None


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        (("--grid", "stop_atr=0,1"), 1, "config of dp20: stop_atr is '0'"),
        (("--grid", "bar_minutes=7"), 1, "bar_minutes is 7; it is one of"),
        (("--grid", "stop_atr=1", "--risk", "1"), 2, "'1' is no share to put at risk"),
        (("--grid", "stop_atr=1", "--symbol", "IWM"), 1, "IWM"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    sweep: Sweep, tmp_path: Path, more: tuple[object, ...], status: int, told: str
) -> None:
    code, out, err = sweep(*more)
    assert (code, out, err.count("\n")) == (status, "", 1)
    assert told in err
    assert not (tmp_path / "deep").exists()
