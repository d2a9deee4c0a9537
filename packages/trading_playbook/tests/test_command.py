"""The command, by itself and below `quant`: what it writes, what it prints, how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from trading_playbook.cli import backtest as command

RANGE = ("--start", "2025-09-15", "--end", "2025-11-28")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return how the command is run on 2025-12-01 in a folder of its own: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "SystemClock", lambda: FrozenClock(datetime(2025, 12, 1, 15, 0, tzinfo=UTC)))

    def ran(*options: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["playbook", *options])
        with pytest.raises(SystemExit) as ended:
            command.main()
        out = capsys.readouterr()
        return int(ended.value.code or 0), out.out, out.err

    return ran


@pytest.fixture
def files(real_files: Callable[[str], Path]) -> tuple[str, ...]:
    """Return the options that name the real files."""
    bars, daily = real_files("intraday_1min.parquet"), real_files("intraday_warmup_daily.csv")
    return "--bars", str(bars), "--daily", str(daily)


def test_as_a_module_it_writes_the_dev_journal_without_pandas(
    files: tuple[str, ...], dev_journal: bytes, tmp_path: Path
) -> None:
    output = tmp_path / "out" / "trades.csv"
    options = ["--symbol", "QQQ", *RANGE, *files, "--output", str(output)]
    code = (
        "import runpy, sys\n"
        f"sys.argv = {['playbook', *options]!r}\n"
        "try:\n    runpy.run_module('trading_playbook.cli.backtest', run_name='__main__')\n"
        "finally:\n    assert 'pandas' not in sys.modules, 'pandas'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert output.read_bytes() == dev_journal
    assert "expectancy" in done.stdout
    assert "0.046120 R" in done.stdout


def test_quant_has_it_as_a_sub_command() -> None:
    (entry,) = entry_points(group="quant.commands", name="playbook")
    names = [each.name for each in entry.load().registered_commands]
    assert names == ["backtest", "sweep", "watchdog", "shortfall", "replay"]


def test_again_it_changes_nothing_and_says_so(run: Run, files: tuple[str, ...], dev_journal: bytes) -> None:
    options = ("--symbol", "qqq", *RANGE, *files)
    assert run(*options, "--json")[0] == 0
    code, out, err = run(*options, "--json")
    document = json.loads(out)
    assert (code, document["journals"][0]["rows"]) == (0, {"written": 0, "unchanged": 54, "conflict": 0, "replaced": 0})
    assert document["figures"]["trailing_wins"] == 4
    assert document["figures"]["notes"]["stop_gap"] == 4
    assert "--symbol qqq is taken as QQQ" in err
    assert "WARN QQQ lacks bars within 39 sessions" in err
    assert Path("output/trades.csv").read_bytes() == dev_journal


def test_a_conflict_ends_with_1_and_a_reason_replaces(run: Run, files: tuple[str, ...], tmp_path: Path) -> None:
    options = ("--symbol", "QQQ", "--start", "2025-09-15", "--end", "2025-09-16", *files)
    run(*options)
    journal = tmp_path / "output" / "trades.csv"
    before = journal.read_bytes()
    code, out, err = run(*options, "--bar-minutes", "5")
    assert (code, journal.read_bytes()) == (1, before)
    assert "2 conflict" in out
    assert "2025-09-15 QQQ kept, not replaced: journal / new: reversal_time 10:26 / empty" in err
    code, out, _ = run(*options, "--bar-minutes", "5", "--replace", "other bars")
    assert (code, journal.read_bytes() != before) == (0, True)
    assert "2 replaced" in out
    assert len((tmp_path / "output" / "trades.csv.replaced.jsonl").read_text().splitlines()) == 2


def test_costs_are_told_beside_the_figures(run: Run, files: tuple[str, ...], dev_journal: bytes) -> None:
    code, out, _ = run("--symbol", "QQQ", *RANGE, *files, "--commission-bps", "0.5", "--slippage-bps", "0.5")
    assert code == 0
    assert "costs of a trade" in out
    assert Path("output/trades.csv").read_bytes() == dev_journal


def test_a_range_of_holidays_writes_nothing(run: Run) -> None:
    code, _, err = run("--symbol", "QQQ", "--start", "2025-11-27", "--end", "2025-11-27")
    assert (code, err) == (0, "playbook: note: no session between 2025-11-27 and 2025-11-27; nothing was written\n")
    assert not Path("output").exists()


FILES = ("--bars", "bars.parquet", "--daily", "daily.csv")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--start", "2025-11-28", "--end", "2025-11-27"), "--start is after --end"),
        (("--start", "2025-11-31", "--end", "2025-12-01"), "--start is not a date"),
        (("--start", "2025-11-28", "--end", "soon"), "--end is not a date"),
        (("--start", "1950-01-03", "--end", "2025-11-28"), "--start is before the calendar"),
        (("--start", "2025-11-28", "--end", "2025-12-02"), "--end is in the future, today is 2025-12-01"),
    ],
)
def test_a_range_that_cannot_be_is_usage_and_names_both_days_and_the_calendar(
    run: Run, options: tuple[str, ...], said: str
) -> None:
    code, out, err = run("--symbol", "QQQ", *options, *FILES)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"--start {options[1]} --end {options[3]}: {said}" in err
    assert "the XNYS calendar knows 19" in err or "the XNYS calendar knows 20" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--symbol", "", *FILES), "'' is not one symbol"),
        (("--symbol", "QQQ,SPY", *FILES), "'QQQ,SPY' is not one symbol"),
        (("--symbol", "QQQ", "--bars", "bars.parquet"), "give --bars FILE and --daily FILE, both"),
        (("--symbol", "QQQ", "--daily", "daily.csv"), "give --bars FILE and --daily FILE, both"),
        *(
            (("--symbol", "QQQ", *FILES, "--bar-minutes", length), f"'{length}' is no divisor of 30")
            for length in ("0", "-1", "7", "2.5", "60")
        ),
        (("--symbol", "QQQ", *FILES, "--replace", " "), "a reason is asked for"),
        *(
            (
                ("--symbol", "QQQ", *FILES, "--commission-bps", cost),
                f"'{cost}' is no cost in basis points; give 0 to 1000",
            )
            for cost in ("-1", "nan", "1e4", "much")
        ),
        (("--symbol", "QQQ", *FILES, "--html", "."), "is a directory"),
        (("--symbol", "QQQ", *FILES, "--today-too"), "No such option"),
    ],
)
def test_options_that_cannot_be_meant_are_usage(run: Run, options: tuple[str, ...], said: str) -> None:
    code, out, err = run(*options, *RANGE)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not Path("output").exists()


def test_what_is_refused_is_one_line_and_leaves_the_journal(run: Run, files: tuple[str, ...], tmp_path: Path) -> None:
    journal = tmp_path / "output" / "trades.csv"
    journal.parent.mkdir()
    journal.write_bytes(b"date,r\n")
    for symbol, said in (("QQQ", "has another header"), ("IWM", "it holds QQQ, SPY")):
        code, out, err = run("--symbol", symbol, *RANGE, *files, "--html", "page.html")
        assert (code, out) == (1, "")
        assert [line for line in err.splitlines() if said in line] == err.splitlines()[-1:]
    assert (journal.read_bytes(), Path("page.html").exists()) == (b"date,r\n", False)


def test_two_minute_bars_of_a_five_minute_file_name_both(
    run: Run, real_files: Callable[[str], Path], files: tuple[str, ...]
) -> None:
    code, _, err = run("--symbol", "QQQ", *RANGE, *files, "--bars", str(real_files("intraday_5min.parquet")))
    assert code == 1
    assert "2-minute bars cannot be made from the 5-minute bars of QQQ" in err
