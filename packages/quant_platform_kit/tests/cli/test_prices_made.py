"""`quant prices import`, `merge`, `show` and `check`: what they print, what they write, and what they refuse whole."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters import price_check
from quant_platform_kit.adapters.price_check import check_prices
from quant_platform_kit.adapters.price_files import read_prices
from quant_platform_kit.domain.sessions import ExchangeCalendar

from ..command import Quant

DAYS = ("2023-11-27", "2023-11-28", "2023-11-29", "2023-11-30")
YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume\n2023-11-27,9,12,8,10,5,700\n2023-11-28,9,12,8,11,5.5,0\n"


def long(name: str, rows: Sequence[tuple[str, str, float]], carried: str = "split") -> Path:
    """Write a price file with the words of an adjustment."""
    lines = [f"{day},{symbol},{close},{carried}\n" for day, symbol, close in rows]
    Path(name).write_text("date,symbol,close,adjustment\n" + "".join(lines))
    return Path(name)


def days_of(symbol: str, *closes: float, first: int = 0) -> list[tuple[str, str, float]]:
    return [(DAYS[first + row], symbol, close) for row, close in enumerate(closes)]


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


# --- import ----------------------------------------------------------------------------------------


def test_an_import_says_what_it_understood_and_can_be_repeated_from_its_sidecar(quant: Quant) -> None:
    Path("SPY.csv").write_text(YAHOO + "2023-11-29,null,null,null,null,null,null\n")
    done = quant("prices", "import", "SPY.csv", "--out", "made/prices.parquet", "--symbol", "SPY")
    assert (done.code, done.err) == (0, "")
    for said in (
        "SPY.csv for Yahoo Finance, dates as 2023-12-29; close from Close, adj_close from Adj Close",
        "SPY.csv: 1 prices without a close, the first is row 3 (SPY on 2023-11-29)",
        "first    2023-11-27 SPY close 10 adj_close 5 open 9 high 12 low 8 volume 700",
        "last     2023-11-28 SPY close 11",
        "made/prices.parquet: 2 rows of 1 symbols; close is split, adj_close is total_return",
    ):
        assert said in done.out
    sidecar = Path("made/prices.parquet.import.json")
    written = json.loads(sidecar.read_text())
    assert written["sources"][0]["sha256"] == hashlib.sha256(Path("SPY.csv").read_bytes()).hexdigest()
    assert written["sha256"] == hashlib.sha256(Path("made/prices.parquet").read_bytes()).hexdigest()
    before = sidecar.read_bytes()
    again = quant(*shlex.split(written["command"])[1:], "--force")
    assert again.code == 0
    assert sidecar.read_bytes() == before
    prices = read_prices(Path("made/prices.parquet"), ("close", "adj_close", "open", "volume"))
    assert {name: values.tolist() for name, values in prices.columns.items()} == {
        "close": [10, 11], "adj_close": [5, 5.5], "open": [9, 9], "volume": [700, 0],
    }  # fmt: skip


def test_an_import_as_json_has_the_same(quant: Quant) -> None:
    Path("wide.csv").write_text("Date,SPY,BIL\n11/27/2023,10,91\n11/28/2023,11,\n")
    line = ("prices", "import", "wide.csv", "--out", "p.csv", "--adjustment", "total_return", "--dates", "month-first")
    document = json.loads(quant(*line, "--json").out)
    assert document["first"] == {"date": "2023-11-27", "symbol": "BIL", "close": 91.0}
    assert (document["rows"], document["adjustment"]) == (3, {"close": "total_return"})
    assert document["taken"][0]["dropped"] == ["1 prices without a close, the first is row 2 (BIL on 2023-11-28)"]
    assert read_prices(Path("p.csv"), ("close",)).columns["close"].tolist() == [91, 10, 11]


# --- merge -----------------------------------------------------------------------------------------


def test_files_that_agree_where_they_overlap_become_one(quant: Quant) -> None:
    long("a.csv", [*days_of("SPY", 10, 11, 12), *days_of("AGG", 99, first=0)])
    long("b.csv", [*days_of("SPY", 12.0011, 13, first=2), *days_of("AGG", 98, first=3)])
    done = quant("prices", "merge", "a.csv", "b.csv", "--out", "all.parquet")
    assert done.code == 0
    assert "overlap  1 rows that agree to 0.0001; those of the first file are kept" in done.out
    assert done.err == "quant: note: nothing to compare in AGG: the files have no day of it in common\n"
    made = read_prices(Path("all.parquet"), ("close",))
    assert made.columns["close"].tolist() == [99, 10, 11, 12, 98, 13]
    assert [made.symbols[code] for code in made.codes] == ["AGG", "SPY", "SPY", "SPY", "AGG", "SPY"]


def test_dividends_are_kept_by_a_merge(quant: Quant) -> None:
    for name, day, paid in (("a.csv", DAYS[0], 0.5), ("b.csv", DAYS[1], 0.25)):
        Path(name).write_text(f"date,symbol,close,dividend\n{day},SPY,10,{paid}\n")
    assert quant("prices", "merge", "a.csv", "b.csv", "--out", "all.csv").code == 0
    assert read_prices(Path("all.csv"), ("dividend",)).columns["dividend"].tolist() == [0.5, 0.25]


# --- show ------------------------------------------------------------------------------------------


def test_a_symbol_is_shown_with_its_first_and_last_rows_and_what_is_doubted(quant: Quant) -> None:
    long("p.csv", [*days_of("SPY", 10, 11, 30, 30.5), *days_of("AGG", 99)])
    done = quant("prices", "show", "SPY", "--prices", "p.csv", "--rows", "1")
    assert done.code == 0
    assert "2023-11-27" in done.out
    assert "30.5" in done.out
    assert "2023-11-28 │" not in done.out
    assert "4 bars from 2023-11-27 to 2023-11-30, 0 sessions missing" in done.out
    assert "SPY closes at 30 on 2023-11-29 after 11" in done.out
    document = json.loads(quant("prices", "show", "SPY", "--prices", "p.csv", "--rows", "1", "--json").out)
    assert [row["close"] for row in document["rows"]] == [10, 30.5]
    assert document["count"] == 4


# --- check -----------------------------------------------------------------------------------------


def damaged() -> Path:
    """Return a file in which every sort of fault is there of several symbols, and some symbols are right."""
    faults = {
        "GOOD": days_of("GOOD", 10, 10.1, 10.2, 10.3),
        "LATE": days_of("LATE", 20, 20.1, first=2),
        "NIL": days_of("NIL", 10, 0, 10),
        "MINUS": days_of("MINUS", 10, -1),
        "TWICE": [*days_of("TWICE", 5, 6), *days_of("TWICE", 5)],
        "AGAIN": [*days_of("AGAIN", 7), *days_of("AGAIN", 7)],
        "CLOSED": [*days_of("CLOSED", 5), ("2023-11-26", "CLOSED", 6)],
        "EARLY": [*days_of("EARLY", 5), ("1980-01-02", "EARLY", 6)],
        "JUMP": days_of("JUMP", 10, 11, 30, 30),
        "LEAP": days_of("LEAP", 10, 11, 5, 5),
        "HOLES": [(DAYS[0], "HOLES", 5), (DAYS[3], "HOLES", 5)],
    }
    return long("damaged.csv", [row for rows in faults.values() for row in rows])


def test_symbols_are_judged_together_as_they_are_alone(
    quant: Quant, calendar: ExchangeCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = damaged()
    together = check_prices(path, calendar)
    monkeypatch.setattr(price_check, "TOGETHER", 1)
    assert check_prices(path, calendar) == together
    assert {one.symbol: one.kind for one in together.problems} == {
        "AGAIN": "a date twice",
        "TWICE": "a date twice",
        "CLOSED": "dates that are no sessions",
        "EARLY": "dates outside the calendar",
        "MINUS": "prices that are not positive and finite",
        "NIL": "prices that are not positive and finite",
    }
    assert {one.symbol: (str(one.first), one.bars, one.missing) for one in together.series} == {
        "GOOD": (DAYS[0], 4, 0),
        "HOLES": (DAYS[0], 2, 2),
        "JUMP": (DAYS[0], 4, 0),
        "LATE": (DAYS[2], 2, 0),
        "LEAP": (DAYS[0], 4, 0),
    }
    assert [doubt.symbol for doubt in together.doubts] == ["JUMP", "LEAP"]


def test_each_kind_of_finding_is_one_line(quant: Quant) -> None:
    lines = quant("prices", "check", damaged()).out.splitlines()
    of = {mark: [line for line in lines if line.startswith(mark)] for mark in ("problem", "doubt", "remark")}
    assert [len(found) for found in of.values()] == [4, 1, 1]
    assert any(line.endswith("has AGAIN on 2023-11-27 twice; keep one row per date and symbol; also of TWICE")
               for line in of["problem"])  # fmt: skip
    assert of["doubt"][0].endswith("a wrong price; also of LEAP on 2023-11-29")


def test_many_symbols_that_are_alike_are_one_row(quant: Quant) -> None:
    long("many.csv", [row for number in range(50) for row in days_of(f"S{number:02}", 10, 11)])
    out = quant("prices", "check", "many.csv").out
    assert "S00, S01, S02 and 47 more" in out
    assert len([line for line in out.splitlines() if line.startswith("│")]) == 1


# --- what is refused -------------------------------------------------------------------------------

OUT = ("--out", "out.parquet")
SPLIT = ("--adjustment", "split")
BAD: dict[str, tuple[int, tuple[Any, ...], str]] = {
    "a source that is not there": (1, ("import", "none.csv", *OUT, *SPLIT), "none.csv cannot be read: No such file"),
    "an empty source": (1, ("import", "empty.csv", *OUT, *SPLIT), "empty.csv is empty"),
    "a source of headings": (1, ("import", "headings.csv", *OUT, *SPLIT), "headings.csv has headings and no row"),
    "a source of one column": (1, ("import", "column.csv", *OUT, *SPLIT), "none is in its first line: 'close'"),
    "a source that is no text": (1, ("import", "noise.csv", *OUT, *SPLIT), "noise.csv"),
    "a parquet file that is none": (1, ("import", "noise.parquet", *OUT, *SPLIT), "not a readable parquet file"),
    "a gzip file that is cut": (1, ("import", "cut.csv.gz", *OUT, *SPLIT), "cut.csv.gz cannot be read"),
    "a zip archive": (1, ("import", "a.zip", *OUT, *SPLIT), "a.zip is a zip archive; unpack it"),
    "a folder without files": (1, ("import", "folder", *OUT, *SPLIT), "folder holds no file that ends in .csv"),
    "a source named twice": (1, ("import", "a.csv", "a.csv", *OUT), "a.csv is named twice"),
    "a symbol for two sources": (1, ("import", "a.csv", "b.csv", *OUT, "--symbol", "SPY"), "is for one file, and 2"),
    "no source": (2, ("import", *OUT), "Missing argument 'SOURCE...'"),
    "no target": (2, ("import", "a.csv"), "Missing option '--out'"),
    "a target of another sort": (1, ("import", "a.csv", "--out", "out.xlsx"), "ends in .csv or .parquet"),
    "a target that is a folder": (1, ("import", "a.csv", "--out", "folder.csv"), "folder.csv is a folder"),
    "a target that exists": (1, ("import", "a.csv", "--out", "b.csv"), "b.csv exists; choose another name, or"),
    "a target below a file": (1, ("import", "a.csv", "--out", "b.csv/x.csv"), "b.csv/x.csv cannot be written"),
    "an adjustment nobody knows": (2, ("import", "a.csv", *OUT, "--adjustment", "full"), "'full' is not one of"),
    "an order of dates nobody knows": (2, ("import", "a.csv", *OUT, "--dates", "mdy"), "'mdy' is not one of"),
    "a symbol that is none": (2, ("import", "a.csv", *OUT, "--symbol", "s/p"), "'s/p' is not a symbol"),
    "a column without a name": (2, ("import", "a.csv", *OUT, "--column", "close"), "'close': write FIELD=NAME"),
    "a column of no field": (2, ("import", "a.csv", *OUT, "--column", "bid=x"), "--column 'bid=x': write FIELD=NAME"),
    "a column that is not there": (1, ("import", "a.csv", *OUT, "--column", "close=px"), "has 0 columns of it"),
    "a day that is none": (2, ("import", "a.csv", *OUT, "--since", "1.1.2020"), "'1.1.2020' is not a date"),
    "a day after all rows": (1, ("import", "a.csv", *OUT, "--since", "2024-01-02"), "no row with a close that is kept"),
    "an order that dates do not have": (1, ("import", "a.csv", *OUT, "--dates", "day-first"), "leave it out"),
    "adjusted closes that are none": (
        1,
        ("import", "a.csv", *OUT, "--adj-close-adjustment", "split"),
        "has no such closes; leave it out",
    ),
    "one file to merge": (1, ("merge", "a.csv", *OUT), "name two files or more, each once"),
    "a file to merge twice": (1, ("merge", "a.csv", "a.csv", *OUT), "name two files or more, each once"),
    "files that differ": (
        1,
        ("merge", "a.csv", "b.csv", *OUT),
        "close of SPY on 2023-11-28 is 11 in a.csv and 11.01 in b.csv: 1 of 2 rows that both have differ by more than "
        "0.0001; they are of other adjustments, or one is wrong",
    ),
    "files of other adjustments": (1, ("merge", "a.csv", "raw.csv", *OUT), "close of a.csv is split and that of"),
    "adjusted closes in one of them": (1, ("merge", "a.csv", "adjusted.csv", *OUT), "has a column adj_close and a.csv"),
    "a date twice in one of them": (1, ("merge", "a.csv", "twice.csv", *OUT), "twice.csv has EFA on 2023-11-27 twice"),
    "dividends that differ": (1, ("merge", "paid.csv", "unpaid.csv", *OUT), "dividend of SPY on 2023-11-27 is 0.5 in"),
    "a file of others to merge": (1, ("merge", "a.csv", "yahoo.csv", *OUT), "quant prices import yahoo.csv --out"),
    "a symbol that is not held": (1, ("show", "QQQ", "--prices", "a.csv"), "a.csv has no prices of QQQ; it holds SPY"),
    "a symbol of no form": (2, ("show", "s/p", "--prices", "a.csv"), "'s/p' is not a symbol"),
    "no rows to show": (2, ("show", "SPY", "--prices", "a.csv", "--rows", "0"), "Invalid value for '--rows'"),
    "a file of others to show": (1, ("show", "SPY", "--prices", "yahoo.csv"), "quant prices import yahoo.csv --out"),
    "a folder to check": (1, ("check", "folder"), "it is a folder; import its files first: quant prices import folder"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_refused_in_one_line_and_nothing_is_written(quant: Quant, what: str) -> None:
    code, words, said = BAD[what]
    long("a.csv", days_of("SPY", 10, 11))
    long("b.csv", days_of("SPY", 10, 11.01))
    long("raw.csv", days_of("SPY", 10, 11), "raw")
    long("twice.csv", [*days_of("EFA", 10), *days_of("EFA", 10)])
    Path("adjusted.csv").write_text("date,symbol,close,adj_close,adjustment\n2023-11-27,SPY,10,9,split\n")
    for name, paid in (("paid.csv", 0.5), ("unpaid.csv", 0)):
        Path(name).write_text(f"date,symbol,close,dividend\n2023-11-27,SPY,10,{paid}\n")
    Path("yahoo.csv").write_text(YAHOO)
    Path("empty.csv").write_text("")
    Path("headings.csv").write_text("date,symbol,close\n")
    Path("column.csv").write_text("close\n1\n")
    for name in ("noise.csv", "noise.parquet"):
        Path(name).write_bytes(b"PAR1" * name.endswith("parquet") + bytes(range(128, 256)) * 9)
    Path("cut.csv.gz").write_bytes(b"\x1f\x8b\x08\x00")
    Path("a.zip").write_bytes(b"PK\x03\x04")
    for name in ("folder", "folder.csv"):
        Path(name).mkdir()
    before = files()
    answer = quant("prices", *words)
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith("quant: ")
    assert answer.err.count("\n") == 1
    assert said in answer.err
    assert files() == before
