"""A range that ends with the session of today: its last row is made by the rules of the daily run, or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from trading_playbook.cli import backtest as command
from trading_playbook.config import Config
from trading_playbook.days import sessions_before

from .daily_frame import CALENDAR, MONDAY, at

FRIDAY = date(2025, 9, 12)
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return how Friday and Monday are asked for at an instant: exit code and errors."""
    monkeypatch.chdir(tmp_path)
    for name in Config.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    def ran(now: str, *options: str) -> tuple[int, str]:
        words = ("--start", str(FRIDAY), "--end", str(MONDAY), "--bars", "bars.parquet", "--daily", "daily.csv")
        monkeypatch.setattr(command, "SystemClock", lambda: FrozenClock(at(now)))
        monkeypatch.setattr(sys, "argv", ["playbook", "--symbol", "QQQ", *words, *options])
        with pytest.raises(SystemExit) as ended:
            command.main()
        return int(ended.value.code or 0), capsys.readouterr().err

    return ran


def files(minutes: int) -> None:
    """Write all of Friday, and the first minutes of Monday."""
    starts = [
        datetime.combine(day, time(9, 30)) + timedelta(minutes=minute)
        for day, end in ((FRIDAY, 390), (MONDAY, minutes))
        for minute in range(end)
    ]
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    rows = [{"symbol": "QQQ", "bar_start_et": start, **prices} for start in starts]
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), "bars.parquet")
    closes = [f"{day},QQQ,90.0" for day in sessions_before(CALENDAR, MONDAY, 201)]
    Path("daily.csv").write_text("\n".join(["date,symbol,close", *closes]) + "\n")


def rows() -> int:
    journal = Path("output/trades.csv")
    return len(journal.read_text().splitlines()) - 1 if journal.exists() else 0


@pytest.mark.parametrize("now", ["2025-09-15T12:00", "2025-09-15T17:00", "2025-09-15T20:15:59"])
def test_before_the_bars_are_there_it_is_refused_and_no_file_is_read(run: Run, now: str) -> None:
    code, err = run(now)
    assert (code, err.count("\n"), rows()) == (1, 1, 0)
    assert "the bars of 2025-09-15 are there from 2025-09-15 20:16 UTC on; nothing was written" in err


@pytest.mark.parametrize(
    ("now", "minutes", "written"),
    [
        ("2025-09-15T20:16", 390, 2),
        ("2025-09-15T20:16", 376, 2),
        ("2025-09-15T20:16", 375, 0),
        ("2025-09-15T20:16", 0, 0),
        ("2025-09-16T13:29:59", 375, 0),
        ("2025-09-16T13:30", 375, 2),
    ],
)
def test_bars_that_end_too_early_are_refused_until_the_next_session_opens(
    run: Run, now: str, minutes: int, written: int
) -> None:
    files(minutes)
    code, err = run(now, "--html", "page.html")
    assert (code, rows(), Path("page.html").exists()) == (int(not written), written, bool(written))
    said = "the bars of 2025-09-15 are not all there yet; nothing was written; try again; from 2025-09-16 13:30 UTC on"
    assert (said in err) is not bool(written)
