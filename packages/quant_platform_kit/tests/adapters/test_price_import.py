"""Price files of other sources: what each is taken for, what is refused by row and value, and the line that imports."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from quant_platform_kit.adapters.foreign_prices.options import DateOrder, ImportOptions
from quant_platform_kit.adapters.price_files import LongPrices, read_prices
from quant_platform_kit.adapters.price_import.importing import Imported, import_prices
from quant_platform_kit.adapters.price_writer import write_long
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment

SPLIT, RAW, TOTAL = Adjustment.SPLIT, Adjustment.RAW, Adjustment.TOTAL_RETURN
OF_SPY = {"SPY": {"2023-11-27": 10.0, "2023-11-28": 11.0}}
OF_BOTH = {**OF_SPY, "BIL": {"2023-11-27": 91.0}}

YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume\n2023-11-27,9,12,8,10,5,700\n2023-11-28,null,null,null,11,5.5,0\n"
HISTORY = (
    "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
    "2023-11-27 00:00:00-05:00,9,12,8,10,700,0,0\n2023-11-28 00:00:00-05:00,9,12,8,11,700,0,0\n"
)
STOOQ = (
    "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
    "SPY.US,D,20231127,000000,9,12,8,10,700,0\nSPY.US,D,20231128,000000,9,12,8,11,700,0\n"
    "BIL.US,D,20231127,000000,91,91,91,91,1,0\n"
)
STOOQ_ONE = "Date,Open,High,Low,Close,Volume\n2023-11-27,9,12,8,10,700\n2023-11-28,9,12,8,11,700\n"
YFINANCE = "Price,Close,Close,High\nTicker,SPY,BIL,SPY\nDate,,,\n2023-11-27,10,91,12\n2023-11-28,11,,13\n"
YFINANCE_ONE = "Price,Close,High\nTicker,SPY,SPY\nDate,,\n2023-11-27,10,12\n2023-11-28,11,13\n"
BY_TICKER = "Ticker,SPY,BIL,SPY\nPrice,Close,Close,High\nDate,,,\n2023-11-27,10,91,12\n2023-11-28,11,,13\n"
STACKED = "Date,Ticker,Adj Close,Close\n2023-11-27,BIL,90,91\n2023-11-27,SPY,5,10\n2023-11-28,SPY,5.5,11\n"
TIINGO = (
    "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor\n"
    "2023-11-27T00:00:00.000Z,10,12,8,9,7,5,6,4,4,7,0,1\n2023-11-28T00:00:00.000Z,11,12,8,9,7,5.5,6,4,4,7,0,1\n"
)
WIDE = ",spy,bil\n2023-11-27,10,91\n2023-11-28,11,\n"
LONG = "trade_date,ticker,px\n2023-11-27,SPY,10\n2023-11-28,SPY,11\n2023-11-27,BIL,91\n"
OURS = "date,symbol,close\n2023-11-27,SPY,10\n2023-11-28,SPY,11\n2023-11-27,BIL,91\n"
BARS = "time,o,h,l,c,v\n1701043200,9,12,8,10,700\n1701129600,9,12,8,11,700\n"

Import = Callable[..., Imported]


@pytest.fixture
def imported(tmp_path: Path, calendar: ExchangeCalendar) -> Import:
    """Return what imports a text, saved as a file of a name."""

    def act(text: str | bytes, name: str = "theirs.csv", **options: Any) -> Imported:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return import_prices([path], ImportOptions(**options), calendar)

    return act


def closes(prices: LongPrices, field: str = "close") -> dict[str, dict[str, float]]:
    """Return prices by symbol and day; rows have to come by date and symbol."""
    assert sorted(zip(prices.days, prices.codes, strict=True)) == list(zip(prices.days, prices.codes, strict=True))
    found: dict[str, dict[str, float]] = {}
    for day, code, value in zip(prices.days, prices.codes, prices.columns[field], strict=True):
        found.setdefault(prices.symbols[code], {})[str(day)] = float(value)
    return found


FORMATS: dict[str, tuple[str | bytes, dict[str, Any], str, Any, Adjustment]] = {
    "Yahoo Finance": (YAHOO, {"symbol": "SPY"}, "Yahoo Finance", OF_SPY, SPLIT),
    "yfinance, history": (HISTORY, {"symbol": "SPY", "adjustment": TOTAL}, "yfinance", OF_SPY, TOTAL),
    "yfinance, one symbol": (YFINANCE_ONE, {"adjustment": TOTAL}, "yfinance, two lines of headings", OF_SPY, TOTAL),
    "yfinance": (YFINANCE, {"adjustment": TOTAL}, "yfinance, two lines of headings", OF_BOTH, TOTAL),
    "yfinance by ticker": (BY_TICKER, {"adjustment": SPLIT}, "yfinance, two lines of headings", OF_BOTH, SPLIT),
    "yfinance, stacked": (STACKED, {}, "yfinance, stacked", OF_BOTH, SPLIT),
    "Stooq": (STOOQ, {"adjustment": SPLIT}, "Stooq", OF_BOTH, SPLIT),
    "Stooq, one symbol": (STOOQ_ONE, {"symbol": "SPY", "adjustment": SPLIT}, "daily bars of one symbol", OF_SPY, SPLIT),
    "Tiingo": (TIINGO, {"symbol": "SPY"}, "Tiingo", OF_SPY, RAW),
    "wide": (WIDE, {"adjustment": TOTAL}, "a table of closes, one column per symbol", OF_BOTH, TOTAL),
    "other names": (
        LONG,
        {"adjustment": RAW, "columns": {"close": "px"}},
        "the long format with other column names",
        OF_BOTH,
        RAW,
    ),
    "our own": (OURS, {"adjustment": SPLIT}, "the long format", OF_BOTH, SPLIT),
    "our own with its word": (
        OURS.replace("\n", ",raw\n").replace("close,raw", "close,adjustment"),
        {},
        "the long format",
        OF_BOTH,
        RAW,
    ),
    "bars with letters, seconds": (
        BARS,
        {"symbol": "SPY", "adjustment": SPLIT},
        "daily bars of one symbol",
        OF_SPY,
        SPLIT,
    ),
    "semicolons": (OURS.replace(",", ";"), {"adjustment": SPLIT}, "the long format", OF_BOTH, SPLIT),
    "tabs": (OURS.replace(",", "\t"), {"adjustment": SPLIT}, "the long format", OF_BOTH, SPLIT),
    "UTF-16": (OURS.encode("utf-16"), {"adjustment": SPLIT}, "the long format", OF_BOTH, SPLIT),
    "UTF-16 without a mark": (OURS.encode("utf-16-le"), {"adjustment": SPLIT}, "the long format", OF_BOTH, SPLIT),
    "UTF-8 with a mark": (OURS.encode("utf-8-sig"), {"adjustment": SPLIT}, "the long format", OF_BOTH, SPLIT),
    "compressed": (gzip.compress(OURS.encode()), {"adjustment": SPLIT}, "the long format", OF_BOTH, SPLIT),
    "decimal commas that are meant": (
        OURS.replace(",", ";").replace("11\n", "11,0\n"),
        {"adjustment": SPLIT, "decimal_comma": True},
        "the long format",
        OF_BOTH,
        SPLIT,
    ),
    "thousands and a currency": (
        OURS.replace("2023-11-27,BIL,91", '2023-11-27,BIL,"$1,091.00"'),
        {"adjustment": SPLIT, "thousands": True, "currency": True},
        "the long format",
        {**OF_SPY, "BIL": {"2023-11-27": 1091.0}},
        SPLIT,
    ),
    "a dash for a missing price": (
        OURS + "2023-11-28,BIL,-\n",
        {"adjustment": SPLIT, "missing": ("-",)},
        "the long format",
        OF_BOTH,
        SPLIT,
    ),
}


@pytest.mark.parametrize("what", FORMATS)
def test_a_source_is_taken_for_what_it_is_and_read_whole(imported: Import, what: str) -> None:
    text, options, source, prices, carried = FORMATS[what]
    made = imported(text, **options)
    assert closes(made.prices) == prices
    assert made.taken[0].source == source
    assert made.prices.carried("close") is carried


@pytest.mark.parametrize(
    ("first", "second", "order", "form"),
    [
        ("20231127", "20231128", None, "20231229"),
        ("2023/11/27", "2023/11/28", None, "2023/12/29"),
        ("11/27/2023", "11/28/2023", DateOrder.MONTH_FIRST, "12/29/2023"),
        ("27.11.2023", "28.11.2023", DateOrder.DAY_FIRST, "29/12/2023"),
        ("1701043200", "1701129600", None, "seconds since 1970, UTC"),
        ("1701043200000", "1701129600000", None, "milliseconds since 1970, UTC"),
        ("1701043200000000000", "1701129600000000000", None, "nanoseconds since 1970, UTC"),
        ("2023-11-27T00:00:00+09:00", "2023-11-28T00:00:00+09:00", None, "2023-12-29"),
    ],
)
def test_dates_are_read_as_they_are_written(
    imported: Import, first: str, second: str, order: DateOrder | None, form: str
) -> None:
    text = OURS.replace("2023-11-27", first).replace("2023-11-28", second)
    made = imported(text, adjustment=SPLIT, dates=order)
    assert (closes(made.prices), made.taken[0].dates) == (OF_BOTH, form)


def test_adjusted_closes_carry_what_their_source_documents(imported: Import) -> None:
    yahoo, tiingo = imported(YAHOO, symbol="SPY").prices, imported(TIINGO, symbol="SPY").prices
    assert (yahoo.carried("close"), yahoo.carried("adj_close")) == (SPLIT, TOTAL)
    assert (tiingo.carried("close"), tiingo.carried("adj_close")) == (RAW, TOTAL)
    assert closes(tiingo, "adj_close") == {"SPY": {"2023-11-27": 5.0, "2023-11-28": 5.5}}
    unknown = YAHOO.replace("Adj Close", "adjusted_close")
    assert imported(unknown, symbol="SPY", adjustment=RAW).prices.carried("adj_close") is RAW
    said = imported(unknown, symbol="SPY", adjustment=RAW, adj_close_adjustment=TOTAL)
    assert said.prices.carried("adj_close") is TOTAL


def test_every_field_comes_with_its_row_whatever_the_order(imported: Import) -> None:
    rows = "2023-11-28,SPY,5.5,11,3\n2023-11-27,SPY,5,10,2\n2023-11-27,BIL,90,91,1\n"
    prices = imported("Date,Ticker,Adj Close,Close,Volume\n" + rows).prices
    assert closes(prices) == OF_BOTH
    assert closes(prices, "adj_close") == {"SPY": {"2023-11-27": 5.0, "2023-11-28": 5.5}, "BIL": {"2023-11-27": 90.0}}
    assert closes(prices, "volume") == {"SPY": {"2023-11-27": 2.0, "2023-11-28": 3.0}, "BIL": {"2023-11-27": 1.0}}


def test_what_was_left_out_is_counted_and_the_first_of_it_named(imported: Import) -> None:
    (taken,) = imported(WIDE + "2023-11-25,9,\n2005-01-03,1,1\n", adjustment=SPLIT, sessions_only=True,
                        since=date(2010, 1, 1)).taken  # fmt: skip
    assert taken.dropped == (
        "2 prices without a close, the first is row 2 (BIL on 2023-11-28)",
        "2 prices before 2010-01-01, the first is row 4 (BIL on 2005-01-03)",
        "1 prices of days without a session of XNYS, the first is row 3 (SPY on 2023-11-25)",
    )
    assert imported(HISTORY, symbol="SPY", adjustment=TOTAL).taken[0].unused == ("Stock Splits",)


PAYING = HISTORY.replace("11,700,0,0", "11,700,0.5,0")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (PAYING, {"symbol": "SPY", "adjustment": SPLIT}),
        (TIINGO.replace("11,12,8,9,7,5.5,6,4,4,7,0,1", "11,12,8,9,7,5.5,6,4,4,7,.5,1"), {"symbol": "SPY"}),
        ("Price,Close,Dividends\nTicker,SPY,SPY\nDate,,\n2023-11-27,10,0\n2023-11-28,11,0.5\n", {"adjustment": SPLIT}),
        ("date,symbol,close,dividend\n2023-11-27,SPY,10,0\n2023-11-28,SPY,11,0.5\n", {"adjustment": SPLIT}),
    ],
    ids=["yfinance", "Tiingo", "yfinance, two lines of headings", "our own"],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_dividends_are_kept_in_the_file_that_is_written(
    imported: Import, tmp_path: Path, text: str, options: dict[str, Any], suffix: str
) -> None:
    out = tmp_path / f"prices.{suffix}"
    write_long(out, imported(text, **options).prices)
    assert closes(read_prices(out, ["close", "dividend"]), "dividend") == {"SPY": {"2023-11-27": 0, "2023-11-28": 0.5}}


@pytest.mark.parametrize(
    ("paid", "words"),
    [
        ("-0.5", "dividend in row 2 (SPY on 2023-11-28) is -0.5; a dividend is not negative"),
        ("much", "column Dividends, row 2: 'much' is no number"),
    ],
)
def test_a_dividend_that_is_none_is_refused(imported: Import, paid: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        imported(PAYING.replace("0.5", paid), symbol="SPY", adjustment=SPLIT)
    assert words in str(refused.value)


def test_files_with_and_without_dividends_are_two_imports(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    (tmp_path / "SPY.csv").write_text(PAYING)
    (tmp_path / "AGG.csv").write_text(STOOQ_ONE)
    with pytest.raises(InvalidInput, match=r"SPY\.csv has dividends and .*AGG\.csv has none; import them as two files"):
        import_prices([tmp_path], ImportOptions(adjustment=SPLIT), calendar)


def test_a_dividend_of_a_row_that_would_be_left_out_is_not_lost(imported: Import) -> None:
    with pytest.raises(InvalidInput, match=r"row 2 .SPY on 2023-11-28. has dividend 0\.5 and no close"):
        imported(PAYING.replace("8,11,", "8,,"), symbol="SPY", adjustment=SPLIT)


def test_a_folder_has_one_file_per_symbol_which_their_names_say(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    (tmp_path / "us").mkdir()
    (tmp_path / "SPY.csv").write_text(STOOQ_ONE)
    (tmp_path / "us" / "bil.us.txt").write_text("Date,Close\n2023-11-27,91\n")
    (tmp_path / "README.md").write_text("not prices")
    made = import_prices([tmp_path], ImportOptions(adjustment=SPLIT), calendar)
    assert closes(made.prices) == OF_BOTH
    assert list(made.prices.columns) == ["close"], "what only some files have is left out"
    assert [path.name for path in made.passed_over] == ["README.md"]


@pytest.mark.parametrize("index", [True, False])
def test_a_parquet_file_of_other_names_is_imported(tmp_path: Path, calendar: ExchangeCalendar, index: bool) -> None:
    days = pa.array([date(2023, 11, 27), date(2023, 11, 28)]).cast(pa.timestamp("ns"))
    table = pa.table({"SPY": [10.0, 11.0], "BIL": [91.0, None], "Date": days})
    pyarrow.parquet.write_table(table if index else table.select(["Date", "BIL", "SPY"]), tmp_path / "wide.parquet")
    made = import_prices([tmp_path / "wide.parquet"], ImportOptions(adjustment=TOTAL), calendar)
    assert closes(made.prices) == OF_BOTH


NEAR_MISSES: dict[str, tuple[str, dict[str, Any], str]] = {
    "two symbols in one column": (
        "Date,Close\n2023-11-27,10\n2023-11-28,11\n2023-11-27,91\n",
        {"symbol": "SPY"},
        "has SPY on 2023-11-27 twice: row 1 has close 10 and row 3 has 91; are two symbols in one column",
    ),
    "two symbols in one cell": (OURS.replace("BIL", "BIL/SPY"), {}, "column symbol, row 3 has 'BIL/SPY': it is no sym"),
    "a symbol in two ways": (OURS.replace("8,SPY", "8,spy"), {}, "column symbol, row 2 has 'spy': it would be SPY"),
    "day and month both fit": (
        OURS.replace("2023-11-27", "11/10/2023"),
        {},
        "row 1 and 1 more rows have '11/10/2023': day and month both fit; add --dates month-first or --dates day-first",
    ),
    "one of them fits": (OURS.replace("2023-11-27", "27.11.2023"), {}, "'27.11.2023': only day-first fits here"),
    "an order that one row denies": (
        OURS.replace("2023-11-27", "11/27/2023").replace("2023-11-28", "28/11/2023"),
        {"dates": DateOrder.MONTH_FIRST},
        r"row 2 has '28/11/2023': there is no such date \(12/29/2023\)",
    ),
    "dates in two ways": (OURS.replace("2023-11-28", "20231128"), {}, "row 2 has '20231128': it is written in another"),
    "a decimal comma": (
        OURS.replace(",", ";").replace("11\n", "11,5\n"),
        {},
        "column close, row 2: '11,5' is no number; write 1234.5, or add --decimal-comma, if it is meant so",
    ),
    "a comma that may be either": (
        OURS.replace(",", ";").replace("11\n", "1,100\n"),
        {},
        "row 2: '1,100' is no number; write 1234.5, or add --thousands or --decimal-comma, if",
    ),
    "thousands": (OURS.replace("11\n", '"1,100.5"\n'), {}, "row 2: '1,100.5' is no number; .*--thousands,"),
    "a currency": (OURS.replace("11\n", "$11\n"), {}, r"column close, row 2: '\$11' is no number; .*--currency,"),
    "a dash": (OURS.replace("11\n", "-\n"), {}, "column close, row 2: '-' is no number; .*--missing '-'"),
    "adjusted and raw by symbol": (
        STACKED.replace("90,", ","),
        {"adjustment": None},
        r"SPY have adjusted closes and BIL have none: row 1 \(BIL on 2023-11-27\) has close 91 and no adj_close",
    ),
    "adjusted and raw by row": (
        "date,symbol,close,adjustment\n2023-11-27,SPY,10,raw\n2023-11-28,SPY,11,split\n",
        {"adjustment": None},
        "column adjustment says raw and split; .*: row 2 has 'split'",
    ),
    "adjusted and raw side by side": (
        "Date,SPY,SPY Adj\n2023-11-27,10,5\n",
        {},
        "column 3, 'SPY Adj', is no symbol; .*keep one series of each symbol",
    ),
    "two closes": ("date,symbol,close,price\n2023-11-27,SPY,1,2\n", {}, "has close and price; which one is the close"),
    "only adjusted closes": ("date,symbol,Adj Close\n2023-11-27,SPY,1\n", {}, "has Adj Close and no close; to take it"),
    "a price of nought": (OURS.replace("11\n", "0\n"), {}, r"close in row 2 \(SPY on 2023-11-28\) is 0; a price"),
    "a price without end": (OURS.replace("11\n", "inf\n"), {}, r"close in row 2 \(SPY on 2023-11-28\) is inf"),
    "a day twice": (OURS + "2023-11-27,SPY,12\n", {}, "SPY on 2023-11-27 twice: row 1 has close 10 and row 4 has 12"),
    "a weekend": (OURS.replace("2023-11-28", "2023-11-25"), {}, "or add --sessions-only; the first is row 2"),
    "before the calendar": (OURS.replace("2023-11-28", "1985-01-02"), {}, "begins on 1985-01-02.* add --since 1990-01"),
    "no header": ("2023-11-27,SPY,10\n2023-11-28,SPY,11\n", {}, "no header, its first line is '2023-11-27, SPY, 10'"),
    "a row that is cut": (OURS + "2023-11-28\n", {}, "row 4 has 1 cells, and its header has 3: '2023-11-28'"),
    "no symbol at all": (STOOQ_ONE, {}, "does not say of which symbol it is: add --symbol, as in --symbol THEIRS"),
    "bars of five minutes": (STOOQ.replace("BIL.US,D", "BIL.US,5"), {}, "column <PER>, row 3 has '5': only D is daily"),
    "what closes carry is not known": (OURS, {"adjustment": None}, "does not show what its closes carry: add --adjust"),
    "what is said is not so": (YAHOO, {"symbol": "SPY", "adjustment": RAW}, "--adjustment raw: closes of Yahoo"),
    "a symbol for a file that names them": (OURS, {"symbol": "SPY"}, "--symbol SPY: .* names its symbols itself"),
    "two columns of a symbol": ("Date,SPY,spy\n2023-11-27,1,2\n", {}, "two columns of SPY; which one is meant"),
    "two closes of a symbol": (YFINANCE.replace("High\nTicker", "Close\nTicker"), {}, "columns named Close of SPY"),
    "a symbol without a close": (WIDE.replace("91", ""), {}, "there is no close of BIL"),
    "a shift": (
        "date,symbol,close\n" + "".join(f"2023-{month:02}-{day:02},SPY,1\n" for month, day in
                                        [(11, 26), (11, 27), (11, 28), (11, 29), (11, 30), (12, 3), (12, 4)]),
        {"sessions_only": True},
        "they lie 1 day.s. early, as dates of another time zone do; .*; the first is row 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", NEAR_MISSES)
def test_what_is_ambiguous_or_wrong_is_refused_by_row_and_value(imported: Import, what: str) -> None:
    text, options, said = NEAR_MISSES[what]
    with pytest.raises(InvalidInput, match=said) as refused:
        imported(text, **{"adjustment": SPLIT, **options})
    assert "\n" not in str(refused.value)


def test_sources_that_cannot_be_one_file_are_refused(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    def refused(said: str, adjustment: Adjustment | None = SPLIT, **files: str) -> None:
        for name, text in files.items():
            (tmp_path / f"{name}.csv").write_text(text)
        paths, options = [tmp_path / f"{name}.csv" for name in files], ImportOptions(adjustment=adjustment)
        with pytest.raises(InvalidInput, match=said):
            import_prices(paths, options, calendar)

    refused("SPY.csv has adjusted closes and .*BIL.csv has none", SPY=YAHOO, BIL=STOOQ_ONE)
    refused("SPY is in .*SPY.csv and in .*all.csv; .*`quant prices merge`", SPY=STOOQ_ONE, all=OURS)
    raw = "date,symbol,close,adjustment\n2023-11-27,EFA,10,raw\n"
    with_adjusted = "Date,Close,Adj Close\n2023-11-27,10,10\n"
    refused("closes of .*SPY.csv are split and those of .*raw.csv are raw", None, SPY=with_adjusted, raw=raw)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (YAHOO, "Yahoo Finance; import it first: quant prices import .* --out prices.parquet --symbol SPY$"),
        (STOOQ, r"Stooq; .*\(split, total_return or raw\): quant prices import .*prices.parquet --adjustment split$"),
        (YFINANCE, "two lines of headings; .*: quant prices import .* --out prices.parquet --adjustment split$"),
        (WIDE, "a table of closes, one column per symbol; .*: quant prices import .* --adjustment split$"),
        (OURS.replace(",", ";"), "quant prices import"),
        (OURS.encode("utf-16"), "quant prices import"),
        (OURS.replace("2023-11-27", "11/27/2023"), "quant prices import .* --adjustment split --dates month-first$"),
        (OURS.replace("2023-11-27", "1701043200").replace("2023-11-28", "1701129600"), "quant prices import"),
        (OURS.replace("11\n", '"1,100.5"\n'), "row 2 has '1,100.5'.*quant prices import"),
    ],
)
def test_a_command_that_needs_prices_names_the_line_that_imports(tmp_path: Path, text: str | bytes, line: str) -> None:
    path = tmp_path / "theirs.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidInput, match=line):
        read_prices(path, ("close",))


def test_a_folder_is_refused_with_that_line_and_a_file_of_no_prices_without(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f"it is a folder; import its files first: quant prices import {tmp_path}"):
        read_prices(tmp_path, ("close",))
    (tmp_path / "text.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInput) as refused:
        read_prices(tmp_path / "text.csv", ("close",))
    assert "import" not in str(refused.value)


def test_numbers_are_those_of_the_text_to_the_last_bit(imported: Import) -> None:
    values = np.random.default_rng(3).uniform(1, 1e4, 200)
    sessions = [day for day in np.arange("2023-01-03", "2023-12-29", dtype="datetime64[D]") if np.is_busday(day)][:200]
    rows = "".join(f"{day},SPY,{value!r}\n" for day, value in zip(sessions, values.tolist(), strict=True))
    plain = imported("date,symbol,close\n" + rows, adjustment=SPLIT, sessions_only=True).prices
    texts = imported("date,symbol,close\n" + rows, adjustment=SPLIT, sessions_only=True, currency=True).prices
    kept = np.isin(np.array(sessions), plain.days)
    np.testing.assert_array_equal(plain.columns["close"], values[kept])
    np.testing.assert_array_equal(texts.columns["close"], values[kept])
