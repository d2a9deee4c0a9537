"""Bad input to what is asked of back-tests, accounts, shortfalls, prices and new strategies: one line, nothing written.

More kinds stand with `quant prices` (`test_prices_made`), `quant new` (`test_new`) and `quant sandbox`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar

from ..command import Answer, Quant, assert_refused, call, halves

DAYS = load_calendar("XNYS").between(date(2022, 5, 2), date(2022, 5, 13))
PAID = DAYS[4]
Tree = Callable[[Path], dict[str, bytes | None]]


def prices(*, dividend: Callable[[str, date], object] = lambda symbol, day: 0, carried: str = "split") -> str:
    """Return a price file of two funds whose closes rise by the day."""
    rows = [
        f"{day},{symbol},{100 + at},{100 + at},{dividend(symbol, day)},{carried}"
        for at, day in enumerate(DAYS)
        for symbol in ("AGG", "SPY")
    ]
    return "\n".join(["date,symbol,close,open,dividend,adjustment", *rows, ""])


def of_spy(value: object) -> Callable[[str, date], object]:
    """Return dividends of SPY on one day only."""
    return lambda symbol, day: value if (symbol, day) == ("SPY", PAID) else 0


FILES = {
    "prices.csv": prices(dividend=of_spy(1)),
    "raw.csv": prices(carried="raw"),
    "silent.csv": prices(dividend=of_spy("")),
    "odd.csv": prices(dividend=of_spy(-1)),
    "text.csv": prices(dividend=of_spy("much")),
    "without.csv": prices().replace("dividend", "paid"),
    "twice.csv": prices(dividend=of_spy(1)).replace("open", "adj_close"),
    "adjusted.csv": prices().replace("open", "adj_close"),
    "late.csv": prices().replace("open", "adj_close") + f"{DAYS[5]},BIL,50,50,0,split\n{DAYS[6]},BIL,50,50,0,split\n",
    "halves.py": halves('return self.manifest.rebalance(ctx, {"SPY": 0.5, "AGG": 0.5})', cadence="SESSION"),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with price files, a strategy, and an account that ran once."""
    folder, silent = tmp_path_factory.mktemp("ran"), SimpleNamespace(readouterr=lambda: ("", ""))
    for name, text in FILES.items():
        (folder / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch, pytest.MonkeyPatch.context() as inside:
        patch.setattr("os.fsync", lambda handle: None)
        inside.chdir(folder)
        words = f"run {MINE} --price-field close --prices prices.csv --as-of {DAYS[1]} --book book --cash 100000"
        assert call(patch, silent, *words.split()).code == 0
    return folder


MINE = "--strategy halves.py:Halves"
WHERE = "give either --book FOLDER, or --store URL with --reports URL"
NOWHERE = ("nowhere/book.jsonl", "name the folder of --book of its runs")
PERIOD = f"--start {DAYS[0]} --end {DAYS[-1]} --out out"
CLOSES = f"backtest {MINE} {PERIOD} --fill next-close --price-field close --prices"
ADJUSTED = f"backtest {MINE} {PERIOD} --fill next-close --prices"
SHORTFALL = f"shortfall {MINE} --price-field close --fill next-close --prices prices.csv --out out"
RATE = "it is a rate between 0 and 0.25 a year, such as 0.02 for 2 %, or a symbol"

BAD: dict[str, tuple[str, int, tuple[str, ...]]] = {
    # command line, exit code, what is named and what to do
    "a yield in per cent": (f"{CLOSES} prices.csv --cash-yield 2", 1, ("--cash-yield is '2'", RATE)),
    "a yield below zero": (f"{CLOSES} prices.csv --cash-yield -0.01", 1, ("--cash-yield is '-0.01'", RATE)),
    "a yield that is no number": (f"{CLOSES} prices.csv --cash-yield 2%", 1, ("--cash-yield is '2%'", RATE)),
    "a yield without end": (f"{CLOSES} prices.csv --cash-yield inf", 1, ("--cash-yield is 'inf'", RATE)),
    "a yield of nothing there": (
        f"{CLOSES} prices.csv --cash-yield QQQ", 1, ("--cash-yield QQQ: prices.csv has no prices of it", "or a rate"),
    ),
    "a yield without total return": (
        f"{CLOSES} prices.csv --cash-yield SPY", 1, ("--cash-yield SPY: prices.csv has no adj_close", "name a rate"),
    ),
    "a yield that begins too late": (
        f"{ADJUSTED} late.csv --cash-yield BIL", 1,
        ("--cash-yield BIL: its prices run from 2022-05-09 to 2022-05-10", "choose another period, or name a rate"),
    ),
    "dividends by another name": (
        f"{CLOSES} prices.csv --dividends yes", 2, ("--dividends", "'yes' is not one of 'priced', 'cash'"),
    ),
    "dividends of adjusted closes": (
        f"{ADJUSTED} adjusted.csv --dividends cash", 1, ("--price-field adj_close", "use --price-field close"),
    ),
    "dividends of raw closes": (
        f"{CLOSES} raw.csv --dividends cash", 1, ("closes of raw.csv are raw", "it needs those of split"),
    ),
    "dividends of a file without": (
        f"{CLOSES} without.csv --dividends cash", 1, ("without.csv has no column dividend", "give a file that has one"),
    ),
    "dividends that are not supplied": (
        f"{CLOSES} silent.csv --dividends cash", 1,
        ("silent.csv does not supply the dividends of SPY", f"that of SPY on {PAID} is empty", "write 0 where none"),
    ),
    "a dividend below zero": (
        f"{CLOSES} odd.csv --dividends cash", 1, (f"dividend of SPY on {PAID} is -1", "correct the row"),
    ),
    "a dividend in words": (
        f"{CLOSES} text.csv --dividends cash", 1, ("column dividend", "row 10 has 'much'", "write 1234.5"),
    ),
    "dividends that closes have already": (
        f"{CLOSES} twice.csv --dividends cash", 1, ("closes of SPY in twice.csv have dividends", "use --price-field"),
    ),
    "a payment for each share": (
        f"{CLOSES} prices.csv --commission-per-share -0.01", 1,
        ("--commission-per-share is -0.01", "lies between 0 and 10 of the currency"),
    ),
    "a commission of a share's price": (
        f"{CLOSES} prices.csv --commission-per-share 11", 1, ("--commission-per-share is 11", "between 0 and 10"),
    ),
    "a least commission below zero": (
        f"{CLOSES} prices.csv --commission-minimum -1", 1, ("--commission-minimum is -1", "between 0 and 1000"),
    ),
    "a least commission in words": (
        f"{CLOSES} prices.csv --commission-minimum some", 2, ("'some' is not a number", "write it as 100000 or 0.5"),
    ),
    "a commission beyond the notional": (
        f"{CLOSES} prices.csv --commission-bps 1001", 1, ("--commission-bps is 1001", "between 0 and 1000 basis"),
    ),
    "lots of nothing": (f"{CLOSES} prices.csv --lots 0", 1, ("--lots is 0", "1 stands for whole shares")),
    "lots below zero": (f"{CLOSES} prices.csv --lots -100", 1, ("--lots is -100", "lies between 0.000000001 and")),
    "lots beyond any order": (f"{CLOSES} prices.csv --lots 1e9", 1, ("--lots is 1E+9", "and 1000000 units")),
    "lots in words": (f"{CLOSES} prices.csv --lots whole", 2, ("--lots", "'whole' is not a number", "write it as")),
    "a shortfall in lots of nothing": (f"{SHORTFALL} --book book --lots 0", 1, ("--lots is 0", "1 stands for")),
    "a shortfall at a cost below zero": (
        f"{SHORTFALL} --book book --commission-minimum -2", 1, ("--commission-minimum is -2", "between 0 and 1000"),
    ),
    "a shortfall of nobody": (
        f"{SHORTFALL} --book book --account NOBODY", 2, ("--book", "--account"),
    ),
    "a shortfall of no account": (f"{SHORTFALL} --book nowhere", 1, NOWHERE),
    "a shortfall of nowhere": (SHORTFALL, 2, (WHERE,)),
    "an account of nowhere": ("account", 2, (WHERE,)),
    "an account that is not there": ("account --book nowhere", 1, NOWHERE),
    "an account at two places": ("account --book book --store file:///x", 2, (WHERE,)),
    "a strategy without a name": ("new strategy", 2, ("Missing argument 'name'",)),
    "a strategy beside a file": ("new strategy my_trend --out prices.csv", 1, ("--out prices.csv", "name a folder")),
    "a check of no strategy": ("prices check prices.csv --strategy no.py:Mine", 1, ("no.py", "Python file")),
    "an import of no dividends": (
        "prices import prices.csv --out new.csv --force --column dividend=div", 1,
        ("--column dividend=div: prices.csv has 0 columns of it: date, symbol",),
    ),
    "a merge of other dividends": (
        "prices merge prices.csv silent.csv raw.csv --out new.csv", 1, ("close of prices.csv is split", "give files"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line_and_nothing_is_written(
    quant: Quant, ran: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    line, code, words = BAD[what]
    monkeypatch.chdir(ran)
    before = tree(ran)
    answer: Answer = quant(*line.split())
    assert_refused(answer, *words, code=code)
    assert tree(ran) == before
