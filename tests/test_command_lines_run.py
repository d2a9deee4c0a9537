"""Command lines of README and docs that need no server and no account are run, page by page, on an invented market.

They run in this process, in a temporary folder: a price file, an account of paper with a run, and what the lines before
have made. What a line leaves open, such as FILE, stands for something there. The others are marked with the reason.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import chdir
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.testing.synthetic import synthetic_prices
from typer.testing import CliRunner
from venue_sandbox.demo.market import write_prices

from .test_command_lines import FOUND, OURS, Line, app_of, program

FIRST, LAST = date(2007, 1, 3), date(2023, 12, 29)
SYMBOLS = ("AGG", "BIL", "EFA", "SPY")
PROFILE = "dual_momentum"

TESTED = {
    "docs/start/from-file-to-service.md": "is run by the test of its page",
    "docs/start/first-strategy.md": "is run by the test of its page",
    "docs/start/own-features.md": "is run by the test of its page",
}
NOT_RUN: Mapping[tuple[str, ...], str] = {
    ("event-trading",): "needs a bus",
    ("quant", "believe"): "needs an account with a doubt",
    ("quant", "cancel"): "needs a venue",
    ("quant", "contact"): "needs a broker",
    ("quant", "halt", "--reason", "everything stops", "--cancel-open"): "needs a venue",
    ("quant", "ledger", "import", "cut.jsonl.gz"): "needs what the page has damaged before",
    ("quant", "login"): "needs an account",
    ("quant", "playbook"): "needs an account",
    ("quant", "prices", "check", "FILE", "--strategy"): "needs a strategy of the reader's own",
    ("quant", "prices", "pull"): "needs an account",
    ("quant", "ready"): "needs an account of a broker",
    ("quant", "replay", "--all", "--book", "spoiled"): "needs what the page has damaged before",
    ("quant", "replay", "2023"): "needs the run of its page",
    ("quant", "rerun"): "needs a run that stopped",
    ("quant", "resolve"): "needs an order whose fate nobody knows",
    ("quant", "sandbox"): "serves until it is told to stop",
    ("quant", "shortfall"): "needs sessions of live runs",
    ("quant", "status", "--store", "file://$PWD/rehearsal/store"): "is run by the test of rehearsals",
    ("quant", "sweep"): "needs prices of other funds",
    ("release",): "needs an origin and an account",
    ("snapshots", "publish"): "needs snapshots of months",
    ("snapshots", "run", "--config"): "needs the sources of a job",
    ("tq-broker",): "needs servers",
}
FINDS = {("quant", "status"), ("quant", "watchdog")}
"""Commands that end with 1 where they find something: there is an account that has not run today."""


def why_not(line: Line) -> str:
    """Return why a line is not run; empty if it is."""
    words = (program(line), *line.words[1:])
    if "gs://" in shlex.join(words):
        return "needs an account"
    marked = (why for start, why in NOT_RUN.items() if _begins(words, start))
    return next(marked, TESTED.get(line.where.partition(":")[0], ""))


def _begins(words: tuple[str, ...], start: tuple[str, ...]) -> bool:
    """Whether words begin so; of the last one the beginning is enough."""
    *whole, part = start
    found = words[: len(start)]
    return len(found) == len(start) and found[:-1] == tuple(whole) and found[-1].startswith(part)


MINE = [line for line in FOUND if program(line) in OURS]
RUN = [line for line in MINE if not why_not(line)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """Return a folder with prices and two accounts."""
    folder = tmp_path_factory.mktemp("lines")
    prices = write_prices(synthetic_prices(SYMBOLS, load_calendar("XNYS"), FIRST, LAST), folder / "prices.csv")
    heading, *rows = prices.read_text().splitlines()
    prices.write_text("\n".join([f"{heading},dividend", *(f"{row},0" for row in rows), ""]))
    write_sources(folder)
    with chdir(folder):
        for book in ("book", "other"):
            words = f"run --profile {PROFILE} --prices prices.csv --as-of 2023-11-30 --book {book} --cash 100000"
            ended(("quant", *words.split()))
        yield folder


def write_sources(folder: Path) -> None:
    """Write price files as other sources do, and another one of our own."""
    (folder / "stooq").mkdir()
    sources = {
        "SPY.csv": "Date,Open,High,Low,Close,Adj Close,Volume\n2023-11-27,9,12,8,10,5,700\n",
        "yfinance.csv": "Price,Close,Close\nTicker,SPY,BIL\nDate,,\n2023-11-27,10,91\n",
        "stooq/spy.us.txt": "Date,Open,High,Low,Close,Volume\n2023-11-27,9,12,8,10,700\n",
        "wide.csv": "Date,SPY,BIL\n11/27/2023,10,91\n",
        "long.csv": "date,ticker,px_last\n2023-11-27,SPY,10\n",
        "other.csv": (folder / "prices.csv").read_text(),
    }
    for name, text in sources.items():
        (folder / name).write_text(text)


def ended(words: tuple[str, ...]) -> int:
    """Run a command in this process; return its status."""
    result = CliRunner().invoke(app_of(words[0]), list(words[1:]))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise AssertionError(f"{shlex.join(words)}: {result.exception!r}\n{result.output}") from result.exception
    assert result.exit_code in ({0, 1} if words[:2] in FINDS else {0}), f"{shlex.join(words)}: {result.output}"
    return result.exit_code


def filled(line: Line, folder: Path) -> tuple[str, ...]:
    """Return the words of a line with what it leaves open."""
    store, reports = (folder / "book" / "store").as_uri(), (folder / "book" / "reports").as_uri()
    stands_for: Mapping[str, Any] = {
        "FILE": "prices.csv",
        "$STORE": store,
        "LEDGER": store,
        "$STORE_URL": store,
        "$REPORT_STORE_URL": reports,
        "$ACCOUNT": account_in(folder),
    }
    words = (stands_for.get(word, word.replace("file:///srv", folder.as_uri())) for word in line.words[1:])
    return program(line), *words


def account_in(folder: Path) -> str:
    """Return the account of the book."""
    return next(each.name for each in (folder / "book" / "store" / "accounts").iterdir())


@pytest.mark.parametrize("page", sorted({line.where.partition(":")[0] for line in RUN}))
def test_lines_that_need_nothing_are_run(page: str, place: Path) -> None:
    for line in RUN:
        if line.where.partition(":")[0] == page:
            ended(filled(line, place))


def test_lines_that_are_not_run_are_marked_and_each_mark_has_a_line() -> None:
    marks = Counter(why_not(line) for line in MINE)
    assert marks.keys() - {""} == {*NOT_RUN.values(), *TESTED.values()}
    assert marks[""] == len(RUN) >= 35, marks
