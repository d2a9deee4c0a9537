"""Files by role and digest, the universe's calendar, and the code that built."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from snapshot_pipelines.build import bars, code_version
from snapshot_pipelines.build.code_version import code_version as code
from snapshot_pipelines.build.rows import Market, rows_at
from snapshot_pipelines.build.sources import Inputs, read_market

AS_OF = date(2017, 11, 30)


def test_files_give_the_market_that_they_were_written_from(
    files: Any, market: Market, calendar: ExchangeCalendar
) -> None:
    read, _ = read_market(files.inputs, calendar)

    expected, found = rows_at(market, AS_OF), rows_at(read, AS_OF)

    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(expected[name]), err_msg=name)


def test_a_csv_file_gives_the_same_as_a_parquet_file(
    files: Any, market: Market, calendar: ExchangeCalendar, tmp_path: Path
) -> None:
    table = market.grid.table
    lines = ["date,symbol,close,adj_close,volume"]
    for symbol in ("QQQ", "SPY"):
        at = table.column[symbol]
        cells = zip(table.sessions, *(table.fields[f][:, at] for f in ("unadjusted", "close", "volume")), strict=True)
        lines += [
            f"{day},{symbol},{close!r},{adjusted!r},{volume}"
            for day, close, adjusted, volume in ((d, float(c), float(a), float(v)) for d, c, a, v in cells)
        ]
    (tmp_path / "funds.csv").write_text("\n".join(lines), "utf-8")

    read, found = read_market(replace(files.inputs, prices=[files.inputs.prices[0], tmp_path / "funds.csv"]), calendar)

    assert [source.role for source in found] == ["prices", "benchmarks", "sectors", "membership"]
    np.testing.assert_array_equal(rows_at(read, AS_OF)["beta_252"], rows_at(market, AS_OF)["beta_252"])


def lines(market: Market, symbol: str, rows: slice) -> list[str]:
    """Return some bars of a symbol as lines of a CSV file."""
    table, at = market.grid.table, market.grid.table.column[symbol]
    closes = table.fields["close"][rows, at].tolist()
    return [f"{day},{symbol},10,{close!r},1000" for day, close in zip(table.sessions[rows], closes, strict=True)]


@pytest.mark.parametrize("funds_in", ["early.csv", "late.csv", "funds.csv"])
def test_the_grid_spans_the_bars_of_the_stocks_and_every_session_between(
    market: Market, calendar: ExchangeCalendar, tmp_path: Path, files: Any, funds_in: str
) -> None:
    """Stocks in two files with a year between them: benchmarks fill it and reach beyond both ends."""
    content = {"early.csv": lines(market, "AAA", slice(20, 60)), "late.csv": lines(market, "HHH", slice(300, 400))}
    content[funds_in] = [
        *content.get(funds_in, ()),
        *(line for s in ("QQQ", "SPY") for line in lines(market, s, slice(500))),
    ]
    for name, found in content.items():
        (tmp_path / name).write_text("\n".join(["date,symbol,close,adj_close,volume", *found]), "utf-8")

    grid = read_market(Inputs([tmp_path / name for name in content], files.inputs.sectors), calendar)[0].grid

    sessions = market.grid.table.sessions
    assert grid.table.sessions == sessions[20:400]
    window = grid.until(sessions[399])
    assert dict(zip(window.symbols, window.history.tolist(), strict=True)) == {
        "AAA": 0,
        "HHH": 100,
        "QQQ": 380,
        "SPY": 380,
    }


def test_a_file_that_changes_while_it_is_read_is_refused(
    files: Any, calendar: ExchangeCalendar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocks = tmp_path / "stocks.parquet"
    stocks.write_bytes(files.inputs.prices[0].read_bytes())
    right = bars.read_prices

    def read(path: Path, fields: Any) -> Any:
        found = right(path, fields)
        if path == stocks:
            path.write_bytes(path.read_bytes() + b"x")
        return found

    monkeypatch.setattr(bars, "read_prices", read)
    with pytest.raises(InvalidInput, match=r"stocks\.parquet was changed while it was read; try again"):
        read_market(replace(files.inputs, prices=[stocks, files.inputs.prices[1]]), calendar)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs git in a checkout that the module believes to stand in."""
    monkeypatch.setattr(code_version, "HERE", tmp_path / "code.py")
    monkeypatch.setattr(code_version, "code_version", code.__wrapped__)

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", str(tmp_path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    return git


def test_the_code_version_names_the_commit_and_whether_files_were_changed(
    checkout: Callable[..., str], tmp_path: Path
) -> None:
    assert code_version.code_version() == "snapshot-pipelines 0.1.0"
    checkout("init", "-q")
    (tmp_path / "other.py").write_text("1\n")
    checkout("add", "other.py")
    checkout("commit", "-q", "-m", "one", "--no-verify")
    (tmp_path / "code.py").write_text("1\n")
    assert code_version.code_version() == "snapshot-pipelines 0.1.0"  # it lies in a checkout that does not know it
    checkout("add", "code.py")
    checkout("commit", "-q", "-m", "two", "--no-verify")
    commit = checkout("rev-parse", "--short=7", "HEAD")
    assert code_version.code_version() == f"snapshot-pipelines 0.1.0+g{commit}"
    (tmp_path / "code.py").write_text("2\n")
    assert code_version.code_version() == f"snapshot-pipelines 0.1.0+g{commit}-dirty"


@pytest.mark.parametrize(
    ("baked", "shown"), [("1279be5" + "0" * 33, "+g1279be5"), ("unknown", ""), ("", ""), ("main; rm", "")]
)
def test_in_an_image_the_code_version_names_the_commit_that_it_was_built_from(
    checkout: Callable[..., str], monkeypatch: pytest.MonkeyPatch, baked: str, shown: str
) -> None:
    assert checkout("--version")
    monkeypatch.setenv("COMMIT_SHA", baked)
    assert code_version.code_version() == f"snapshot-pipelines 0.1.0{shown}"
