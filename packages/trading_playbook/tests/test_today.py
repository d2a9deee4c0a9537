"""`--today` on the command line: exit codes, one line for a mistake, no secret, and a journal that stays as it is."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from loguru import logger
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.command_line import run_command_line
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from quant_platform_kit.domain.redaction import hide
from trading_playbook.cli import backtest as command
from trading_playbook.cli import watchdog
from trading_playbook.cli.main import app
from trading_playbook.config import Config
from trading_playbook.journal.csv_form import render
from trading_playbook.testing.writer_contract import row

from .daily_frame import QuietSource, at

CANARY = "canary-31337"
FILES = ("--bars", "bars.parquet", "--daily", "daily.csv")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def clock() -> FrozenClock:
    """Return the clock of the commands: the evening of 2025-09-15."""
    return FrozenClock(at("2025-09-15T21:00"))


@pytest.fixture
def source() -> QuietSource:
    return QuietSource()


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    clock: FrozenClock,
    source: QuietSource,
) -> Run:
    """Return how a command below `quant playbook` is run in a folder of its own: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    for name in Config.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(command, "SystemClock", lambda: clock)
    monkeypatch.setattr(watchdog, "SystemClock", lambda: clock)
    monkeypatch.setattr(command, "FileSource", lambda *_: source)

    def ran(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["playbook", *words])
        with pytest.raises(SystemExit) as ended:
            run_command_line(typer.main.get_command(app), "playbook")  # type: ignore[arg-type]
        logger.remove()
        logging.getLogger().handlers.clear()
        out = capsys.readouterr()
        return int(ended.value.code or 0), out.out, out.err

    return ran


def today(run: Run, *options: str) -> tuple[int, str, str]:
    return run("backtest", "--today", *FILES, *options)


def test_today_writes_its_row_and_again_finds_it(run: Run, tmp_path: Path) -> None:
    code, out, _ = today(run, "--metrics-file", "text/playbook.prom")
    assert (code, out) == (0, "QQQ 2025-09-15: written, 1 row written\n")
    journal = (tmp_path / "output" / "trades.csv").read_bytes()
    assert journal.count(b"\n") == 2
    assert 'playbook_error_rate{strategy="dp20",symbol="QQQ"} 0.0' in Path("text/playbook.prom").read_text()
    code, out, _ = today(run, "--json")
    assert (code, json.loads(out)["outcome"]) == (0, "unchanged")
    assert (tmp_path / "output" / "trades.csv").read_bytes() == journal


def test_a_holiday_ends_with_0_and_nothing_written(run: Run, clock: FrozenClock) -> None:
    clock.instant = at("2025-11-27T22:00")
    code, out, _ = today(run)
    assert (code, out, Path("output/trades.csv").exists()) == (0, "QQQ 2025-11-27: skipped, 0 rows written\n", False)


@pytest.mark.parametrize(("now", "attempts"), [("2025-09-15T20:59:59", 0), ("2025-09-15T21:00", 1)])
def test_not_before_is_not_even_an_attempt(run: Run, clock: FrozenClock, now: str, attempts: int) -> None:
    clock.instant = at(now)
    code, out, err = today(run, "--not-before", "17:00")
    assert (code, bool(out)) == (0, bool(attempts))
    assert len(list(Path("output").glob("store/playbook/QQQ/attempts/*/*"))) == attempts
    assert err == "" or attempts


def test_not_before_follows_new_york_when_its_clocks_change(run: Run, clock: FrozenClock) -> None:
    clock.instant = at("2025-11-03T21:59:59")
    assert today(run, "--not-before", "17:00")[1] == ""
    clock.instant = at("2025-11-03T22:00")
    assert "written" in today(run, "--not-before", "17:00")[1]


def test_too_early_ends_with_1_and_one_line(run: Run, clock: FrozenClock) -> None:
    clock.instant = at("2025-09-15T20:15")
    code, _, err = today(run)
    assert (code, err.count("\n")) == (1, 1)
    assert "are there from 2025-09-15 20:16 UTC on" in err
    assert not Path("output/trades.csv").exists()


@pytest.mark.parametrize(
    "fault", [StoreError(f"504 from GET /bars?key={CANARY}"), InvalidInput("bars.parquet: low of QQQ is -1")]
)
def test_a_failing_source_ends_with_1_and_one_line_without_secrets(
    run: Run, clock: FrozenClock, source: QuietSource, fault: Exception
) -> None:
    hide([CANARY])
    today(run)
    journal = Path("output/trades.csv")
    before, source.fails = journal.read_bytes(), fault  # type: ignore[assignment]
    clock.instant = at("2025-09-16T21:00")
    code, out, err = today(run)
    assert (code, journal.read_bytes()) == (1, before)
    assert [line for line in err.splitlines() if "error: " in line] == [err.splitlines()[0]]
    assert CANARY not in out + err
    assert "Traceback" not in err


@pytest.mark.parametrize("data", [b"date,r\n", render([row(3)])[:-1], b"\xef\xbb\xbf" + render([row(3)])])
def test_a_journal_that_is_none_ends_with_1_and_stays(run: Run, data: bytes) -> None:
    Path("output").mkdir()
    Path("output/trades.csv").write_bytes(data)
    code, _, err = today(run)
    assert (code, Path("output/trades.csv").read_bytes()) == (1, data)
    assert "output/trades.csv" in err.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--today", "--start", "2025-09-15", *FILES), "--start does not go with --today"),
        (("--today", "--end", "2025-09-15", *FILES), "--end does not go with --today"),
        (("--today", "--replace", "why", *FILES), "--replace does not go with --today"),
        (
            ("--today", "--bars", "bars.parquet"),
            "give --bars FILE and --daily FILE, both and without --feed, or neither",
        ),
        (("--today", "--not-before", "5pm", *FILES), "'5pm' is no time of the day; write it as 17:00"),
        (("--today", "--not-before", "25:00", *FILES), "'25:00' is no time of the day"),
        (("--start", "2025-09-15", *FILES), "give --start and --end, both, or --today"),
        (("--start", "2025-09-15", "--end", "2025-09-15", "--not-before", "17:00", *FILES), "--not-before goes with"),
        (
            ("--start", "2025-09-15", "--end", "2025-09-15", "--metrics-file", "a.prom", *FILES),
            "--metrics-file goes with --today",
        ),
        (("--today", "--commission-bps", "0", *FILES), "--commission-bps does not go with --today"),
        (("--today", "--slippage-bps", "1", *FILES), "--slippage-bps does not go with --today"),
    ],
)
def test_options_that_do_not_go_together_are_usage(run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run("backtest", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not Path("output").exists()


@pytest.mark.parametrize(
    ("setting", "value", "code", "said"),
    [
        ("WRITER_TYPE", "excel", 2, "WRITER_TYPE has 'excel'; it is csv, gcs, mongodb"),
        ("OUTPUT_LOCATION", f"mongodb://me:{CANARY}@db", 1, "OUTPUT_LOCATION holds a password"),
        ("WRITER_TYPE", "gcs", 1, "GCS_BUCKET is not set"),
        ("STORE_URL", "ftp://x", 1, "no store has a URL that starts with 'ftp'"),
    ],
)
def test_settings_that_cannot_be_meant_are_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, code: int, said: str
) -> None:
    monkeypatch.setenv(setting, value)
    ended, out, err = today(run)
    assert (ended, out, err.count("\n")) == (code, "", 1)
    assert said in err
    assert CANARY not in err


def test_output_with_a_password_is_refused_too(run: Run) -> None:
    code, _, err = today(run, "--output", f"mongodb://me:{CANARY}@db")
    assert (code, err.count("\n"), CANARY in err) == (1, 1, False)
    assert "--output holds a password" in err


@pytest.mark.parametrize("place", ["", f"mongodb://me:{CANARY}@db"])
def test_an_output_that_cannot_be_meant_is_refused_before_bars_are_asked_for(
    run: Run, source: QuietSource, place: str
) -> None:
    code, _, err = run("backtest", "--start", "2025-09-15", "--end", "2025-09-15", *FILES, "--output", place)
    assert (code, err.count("\n"), source.usage.calls) == (1, 1, 0)
    assert "--output" in err
    assert CANARY not in err


def test_an_export_has_the_bytes_of_the_journal(run: Run) -> None:
    Path("mine.csv").write_bytes(render([row(3), row(4)]))
    assert run("journal", "export", "--from", "mine.csv")[:2] == (0, render([row(3), row(4)]).decode())
    assert run("journal", "export", "--from", "mine.csv", "--to", "copy.csv")[0] == 0
    assert Path("copy.csv").read_bytes() == Path("mine.csv").read_bytes()


def test_the_watchdog_is_quiet_within_the_bounds_and_ends_with_1_above(run: Run, clock: FrozenClock) -> None:
    today(run)
    clock.instant = at("2025-09-18T23:00")
    assert run("watchdog")[:2] == (0, "all is well\n")
    clock.instant = at("2025-09-19T23:00")
    code, out, _ = run("watchdog", "--json", "--metrics-file", "late.prom")
    assert 'playbook_sessions_without_entry{strategy="dp20",symbol="QQQ"} 5.0' in Path("late.prom").read_text()
    assert (code, len(json.loads(out)["findings"])) == (1, 1)
    assert "5 sessions, at most 4 sessions" in out
