"""The demo, as it is typed: every step is shown and checked by itself, and nothing of anybody else's is touched."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import LongPrices
from quant_platform_kit.testing.synthetic import LABEL, synthetic_prices

NEEDED = ("AGG", "BIL", "EFA", "SPY")
LONGEST_SECONDS = 300
STEPS = (
    "1  Back-test",
    "2  The same decision, triggered by a scheduler over HTTP",
    "3  The same decision at three brokers, through their own client libraries",
    "4  kill -9 between an order and its acknowledgement, at Interactive Brokers",
    "5  A lost acknowledgement at Schwab, and two orders that could be it",
    "6  An order whose fate nobody knows",
    "7  Replay: every decision again, from recorded inputs, with sockets denied",
    "8  A feature snapshot: built, published, checked, decided on",
)
SAID = (
    "one decision: the back-test of ",
    "the scheduler fires the trigger again: the same report, and no other order at the venue",
    "one decision: back-test, paper and three brokers have the same digest, and one book",
    "kill -9   the service dies and has not heard of it",
    "RECORDED -> SENT -> FILLED, found at the venue and not sent again",
    "orders planned 2, orders at the venue 2",
    "may be any of these at Schwab: ",
    "nothing is sent again, and nothing more for this account until a person has looked",
    "nothing is sent for this account until a person has looked",
    '--as "filled|not-sent|cancelled" --evidence TEXT --account DUSBX000001 --store "$STORE_URL"',
    "was still due, and is carried out",
    " replayed runs decide the same",
    "is flipped",
    "was changed after it was recorded: its content does not fit its name",
    "stale: as_of 2023-10-31 is 21 sessions before 2023-11-30, the newest month end; build and publish it",
    "the file was changed or cut; publish it again",
    "completed, the REBALANCE of 2023-11-30: BUY ",
)


def demo(folder: Path, *options: object) -> subprocess.CompletedProcess[str]:
    """Run the demo in a folder, with room for long lines."""
    command = [str(Path(sys.executable).with_name("quant")), "demo", *map(str, options)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
    )


def picture(folder: Path) -> dict[str, bytes | None]:
    """Return every path below a folder with its content, None for folders."""
    found = sorted(folder.rglob("*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in found}


def write(
    prices: LongPrices, path: Path, *, without: str = "", columns: tuple[str, ...] = ("close", "adj_close")
) -> Path:
    """Write prices as somebody's own file, without one symbol, with some columns."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "symbol", *columns])
        for day, code, close in zip(prices.days.astype(str), prices.codes, prices.columns["close"], strict=True):
            if prices.symbols[code] != without:
                writer.writerow([day, prices.symbols[code], *[f"{close:.4f}"] * len(columns)])
    return path


def own(first: date, last: date = date(2022, 6, 30)) -> LongPrices:
    """Return the prices of somebody's own file."""
    return synthetic_prices(NEEDED, load_calendar("XNYS"), first, last)


def assert_told(ran: subprocess.CompletedProcess[str], folder: Path) -> None:
    """Check for every step and what it has to show, in this order, and for no sign of a place on the machine."""
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    headings = re.findall(r"^─+ (\d  .+?) ─+$", ran.stdout, re.MULTILINE)
    assert tuple(headings) == STEPS
    place = 0
    for words in SAID:
        found = ran.stdout.find(words, place)
        assert found >= 0, words
        place = found
    assert "Traceback" not in ran.stdout
    assert str(folder.parent) not in ran.stdout


def test_the_demo_shows_every_step_in_time_and_leaves_foreign_files_alone(tmp_path: Path) -> None:
    mine = tmp_path / "tour" / "notes" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("keep")
    old = tmp_path / "tour" / "account" / "of-an-earlier-demo"
    old.parent.mkdir()
    old.write_text("gone")
    begun = time.monotonic()
    ran = demo(tmp_path, "--out", "tour")
    assert time.monotonic() - begun < LONGEST_SECONDS
    assert_told(ran, tmp_path)
    assert ran.stdout.startswith(LABEL)
    assert LABEL in (tmp_path / "tour" / "backtest" / "report.html").read_text("utf-8")
    assert (mine.read_text(), old.exists()) == ("keep", False)
    made = {"account", "backtest", "features", "ibkr", "longbridge", "prices.csv", "schwab"}
    assert {path.name for path in (tmp_path / "tour").iterdir()} == {*made, "notes"}
    assert {path.name for path in tmp_path.iterdir()} == {"tour"}


def test_the_demo_on_ones_own_prices_is_not_labelled_as_invented(tmp_path: Path) -> None:
    path = write(own(date(2019, 1, 2)), tmp_path / "own.csv")
    before = path.read_bytes()
    ran = demo(tmp_path, "--prices", "own.csv", "--out", "tour")
    assert_told(ran, tmp_path)
    assert LABEL not in ran.stdout
    assert LABEL not in (tmp_path / "tour" / "backtest" / "report.html").read_text("utf-8")
    assert path.read_bytes() == before


def garbage(path: Path) -> Path:
    """Write a file that holds no prices."""
    path.write_bytes(b"\x00\xff" * 500)
    return path


UNFIT: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a symbol is missing": (lambda path: write(own(date(2019, 1, 2)), path, without="EFA"), "no prices of EFA"),
    "too short": (lambda path: write(own(date(2021, 1, 4)), path), "common sessions; the demo needs 600"),
    "no adjusted closes": (lambda path: write(own(date(2019, 1, 2)), path, columns=("close",)), "adj_close"),
    "absent": (lambda path: path, "No such file"),
    "no text": (garbage, "own.csv"),
}


@pytest.mark.parametrize(("make", "words"), UNFIT.values(), ids=UNFIT)
def test_the_demo_on_prices_that_do_not_fit_says_so_and_leaves_an_earlier_one_as_it_is(
    tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    make(tmp_path / "own.csv")
    for name in ("account", "backtest", "ibkr"):
        (tmp_path / "tour" / name).mkdir(parents=True)
        (tmp_path / "tour" / name / "file").write_text("of an earlier demo")
    before = picture(tmp_path / "tour")
    ran = demo(tmp_path, "--prices", "own.csv", "--out", "tour")
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1), ran
    assert ran.stderr.startswith("quant: ")
    assert words in ran.stderr
    assert picture(tmp_path / "tour") == before
