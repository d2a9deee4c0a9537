"""Price files: what is read, what is refused and how, and that reading one never loads pandas."""

from __future__ import annotations

import gzip
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.price_files import FileMarketData, price_table, read_prices
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment

NAN = float("nan")
DAYS = [date(2023, 11, 24), date(2023, 11, 24), date(2023, 11, 27), date(2023, 11, 27), date(2023, 11, 28)]
ROWS: dict[str, list[Any]] = {
    "date": DAYS,
    "symbol": ["BBB", "AAA", "AAA", "BBB", "AAA"],
    "close": [50.0, 10.0, 11.0, 51.0, 12.0],
    "adj_close": [25.0, 10.0, 11.0, 25.5, 6.0],
    "open": [48.0, 9.0, 10.5, 52.0, 11.0],
}
"""Three sessions; BBB has no bar in the last. BBB's adj_close is half its close, AAA's on the last session too."""

Write = Callable[..., Path]


@pytest.fixture(params=["parquet", "csv"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    """Return a writer of price files: `ROWS` with some columns replaced, or left out where the replacement is None."""

    def save(changes: Mapping[str, Any] | None = None) -> Path:
        columns = {name: values for name, values in {**ROWS, **(changes or {})}.items() if values is not None}
        path = tmp_path / f"prices.{request.param}"
        writer = pyarrow.parquet.write_table if request.param == "parquet" else pyarrow.csv.write_csv
        writer(pa.table(columns), path)
        return path

    return save


def read(path: Path, calendar: ExchangeCalendar, field: str = "close", *symbols: str) -> PriceTable:
    fields = dict.fromkeys(["close", field, "open"])
    return price_table(read_prices(path, list(fields)), symbols or ("AAA", "BBB"), field, calendar)


def changed(column: str, row: int, value: object) -> dict[str, list[Any]]:
    values = [*ROWS[column]]
    values[row] = value
    return {column: values}


def test_a_long_file_becomes_a_table_by_session_and_symbol(write: Write, calendar: ExchangeCalendar) -> None:
    table = read(write(), calendar)
    assert table.symbols == ("AAA", "BBB")
    assert table.sessions == (date(2023, 11, 24), date(2023, 11, 27), date(2023, 11, 28))
    np.testing.assert_array_equal(table.fields["close"], [[10, 50], [11, 51], [12, NAN]])
    np.testing.assert_array_equal(table.fields["open"], [[9, 48], [10.5, 52], [11, NAN]])


def test_adjusted_closes_scale_the_open_by_the_same_factor(write: Write, calendar: ExchangeCalendar) -> None:
    # BBB 48 x 25/50 = 24 and 52 x 25.5/51 = 26; AAA 11 x 6/12 = 5.5 in the last session.
    table = read(write(), calendar, "adj_close")
    np.testing.assert_array_equal(table.fields["close"], [[10, 25], [11, 25.5], [6, NAN]])
    np.testing.assert_allclose(table.fields["open"], [[9, 24], [10.5, 26], [5.5, NAN]], rtol=1e-15)


def test_rows_may_come_in_any_order(write: Write, calendar: ExchangeCalendar) -> None:
    shuffled = {name: [values[row] for row in (4, 1, 3, 0, 2)] for name, values in ROWS.items()}
    expected, table = read(write(), calendar), read(write(shuffled), calendar)
    for name in ("close", "open"):
        np.testing.assert_array_equal(table.fields[name], expected.fields[name])


def test_symbols_that_were_not_asked_for_are_not_looked_at(write: Write, calendar: ExchangeCalendar) -> None:
    broken = {**changed("close", 0, -1.0), "date": [date(2023, 11, 25), *DAYS[1:]]}
    table = read(write(broken), calendar, "close", "AAA")
    assert table.symbols == ("AAA",)
    assert table.fields["close"].ravel().tolist() == [10, 11, 12]


def test_sessions_without_any_row_are_rows_of_missing_bars(write: Write, calendar: ExchangeCalendar) -> None:
    later = [day if day < date(2023, 11, 28) else date(2023, 11, 30) for day in DAYS]
    table = read(write({"date": later}), calendar)
    assert table.sessions[-2:] == (date(2023, 11, 29), date(2023, 11, 30))
    assert np.isnan(table.fields["close"][2:4]).tolist() == [[True, True], [True, True]]
    assert table.fields["close"][4, 0] == 12


def at(hour: int, zone: str | None) -> list[datetime]:
    return [datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(zone) if zone else None) for day in DAYS]


@pytest.mark.parametrize(
    "dates",
    [
        [day.isoformat() for day in DAYS],
        pa.array(DAYS, pa.date32()),
        pa.array(DAYS, pa.date64()),
        pa.array(at(0, None), pa.timestamp("s")),
        pa.array(at(16, None), pa.timestamp("ns")),
        pa.array(at(0, "UTC"), pa.timestamp("us", "UTC")),
        pa.array(at(0, "America/New_York"), pa.timestamp("us", "America/New_York")),
        pa.array(at(0, "Asia/Hong_Kong"), pa.timestamp("us", "Asia/Hong_Kong")),
    ],
    ids=["string", "date32", "date64", "timestamp", "with a time", "UTC", "New York", "Hong Kong"],
)
def test_dates_may_be_iso_strings_dates_or_timestamps_of_any_zone(
    tmp_path: Path, calendar: ExchangeCalendar, dates: Any
) -> None:
    pyarrow.parquet.write_table(pa.table({**ROWS, "date": dates}), tmp_path / "prices.parquet")
    expected = (date(2023, 11, 24), date(2023, 11, 27), date(2023, 11, 28))
    assert read(tmp_path / "prices.parquet", calendar).sessions == expected


@pytest.mark.parametrize("dates", [["24/11/2023"] * 5, ["yesterday"] * 5, [True] * 5])
def test_dates_of_another_form_are_refused(write: Write, dates: list[Any]) -> None:
    with pytest.raises(InvalidInput, match=r"prices.*: column date is \w+; write ISO dates such as 2023-12-29"):
        read_prices(write({"date": dates}), ["close"])


def test_dates_written_as_numbers_are_refused(write: Write) -> None:
    with pytest.raises(InvalidInput, match=r"prices.*: column date is int64; write ISO dates such as 2023-12-29"):
        read_prices(write({"date": [20231124] * 5}), ["close"])


@pytest.mark.parametrize("symbol", ["0005", "TRUE", "1E5", "NA", "null", "2023-12-01"])
def test_a_symbol_in_a_csv_file_keeps_every_letter(tmp_path: Path, symbol: str) -> None:
    (tmp_path / "prices.csv").write_text(f"date,symbol,close\n2023-12-01,{symbol},1.5\n")
    assert read_prices(tmp_path / "prices.csv", ["close"]).symbols == (symbol,)


@pytest.mark.parametrize("column", ["date", "symbol", "close", "adj_close", "open"])
def test_a_file_without_a_column_is_refused_with_those_it_has(write: Write, column: str) -> None:
    path = write({column: None})
    present = ", ".join(name for name in ROWS if name != column)
    with pytest.raises(InvalidInput, match=f"{path} has no column {column}; it has {present}; a price file has date"):
        read_prices(path, ["close", "adj_close", "open"])


def test_columns_that_are_not_asked_for_may_be_anything(write: Write, calendar: ExchangeCalendar) -> None:
    path = write({"adj_close": ["no number"] * 5, "open": None, "volume": [1] * 5})
    assert read_prices(path, ["close"]).columns.keys() == {"close"}


def test_a_date_and_symbol_twice_are_refused_by_name(write: Write, calendar: ExchangeCalendar) -> None:
    twice = {name: [*values, values[2]] for name, values in ROWS.items()}
    path = write(twice)
    with pytest.raises(InvalidInput, match=f"{path} has AAA on 2023-11-27 twice; keep one row per date and symbol"):
        read(path, calendar)


def test_two_times_of_one_day_are_a_day_twice(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    rows = pa.table({"date": [*at(0, None)[:1], *at(16, None)[:1]], "symbol": ["AAA", "AAA"], "close": [1.0, 2.0]})
    pyarrow.parquet.write_table(rows, tmp_path / "prices.parquet")
    prices = read_prices(tmp_path / "prices.parquet", ["close"])
    with pytest.raises(InvalidInput, match="has AAA on 2023-11-24 twice"):
        price_table(prices, ["AAA"], "close", calendar)


@pytest.mark.parametrize("day", [date(2023, 11, 25), date(2023, 11, 23)])
def test_a_date_that_is_no_session_is_refused_by_name(write: Write, calendar: ExchangeCalendar, day: date) -> None:
    path = write(changed("date", 1, day))
    with pytest.raises(InvalidInput, match=f"{path} has prices on {day}, which is not a session of XNYS; remove"):
        read(path, calendar)


@pytest.mark.parametrize("day", [date(1980, 1, 2), date(2035, 1, 2)])
def test_a_date_outside_the_calendar_is_refused(write: Write, calendar: ExchangeCalendar, day: date) -> None:
    with pytest.raises(InvalidInput, match=f"{day} is outside the XNYS calendar"):
        read(write(changed("date", 1, day)), calendar)


@pytest.mark.parametrize(("price", "shown"), [(0.0, "0"), (-0.01, "-0.01"), (math.inf, "inf"), (-math.inf, "-inf")])
@pytest.mark.parametrize("column", ["close", "open"])
def test_a_price_that_is_not_positive_and_finite_is_refused_by_name(
    write: Write, calendar: ExchangeCalendar, column: str, price: float, shown: str
) -> None:
    path = write(changed(column, 3, price))
    with pytest.raises(InvalidInput, match=f"{path}: {column} of BBB on 2023-11-27 is {shown}; a price is positive"):
        read(path, calendar)


@pytest.mark.parametrize("close", [0.0, -51.0])
def test_a_bad_close_below_an_adjusted_one_is_refused(write: Write, calendar: ExchangeCalendar, close: float) -> None:
    with pytest.raises(InvalidInput, match="on 2023-11-27"):
        read(write(changed("close", 3, close)), calendar, "adj_close")


@pytest.mark.parametrize("empty", [None, NAN])
def test_an_empty_price_is_a_missing_bar(write: Write, calendar: ExchangeCalendar, empty: float | None) -> None:
    table = read(write(changed("close", 3, empty)), calendar)
    np.testing.assert_array_equal(table.fields["close"], [[10, 50], [11, NAN], [12, NAN]])


def test_a_column_of_nothing_but_empty_cells_is_all_missing(write: Write, calendar: ExchangeCalendar) -> None:
    table = read(write({"open": pa.array([None] * 5, pa.float64())}), calendar)
    assert np.isnan(table.fields["open"]).all()
    assert not np.isnan(table.fields["close"][0]).any()


@pytest.mark.parametrize("column", ["date", "symbol"])
def test_a_row_without_date_or_symbol_is_refused(write: Write, column: str, tmp_path: Path) -> None:
    rows = pa.table({**ROWS, **changed(column, 1, None), **changed("close", 0, 1.0)})
    pyarrow.parquet.write_table(rows, tmp_path / "empty.parquet")
    with pytest.raises(InvalidInput, match=f"1 rows have no {column}; remove or complete them"):
        read_prices(tmp_path / "empty.parquet", ["close"])


@pytest.mark.parametrize("cell", ["1,234.5", "-", "1.234,5", "$12", "1_000", "twelve"])
def test_a_cell_that_is_no_number_is_named_by_column_row_and_value(write: Write, cell: str) -> None:
    closes = ["50.0", "10.0", cell, "51.0", "12.0"]
    text = f"column close is string; prices are numbers: row 3 has '{re.escape(cell)}'"
    with pytest.raises(InvalidInput, match=text):
        read_prices(write({"close": closes}), ["close"])


def test_a_bad_cell_far_down_a_csv_file_is_named_too(tmp_path: Path) -> None:
    """The first block of the file, of a megabyte, is all numbers."""
    rows = [f"2023-11-24,S{number:05},100.0000000000000000000000000" for number in range(40_000)]
    rows[39_000] = "2023-11-24,S39000,1e"
    (tmp_path / "prices.csv").write_text("\n".join(["date,symbol,close", *rows]))
    with pytest.raises(InvalidInput, match="column close is string; prices are numbers: row 39001 has '1e'"):
        read_prices(tmp_path / "prices.csv", ["close"])


def test_empty_cells_are_missing_prices_however_they_are_written(tmp_path: Path) -> None:
    rows = [f"2023-11-24,{name},{cell}" for name, cell in zip("ABCDE", ["", "NA", "null", "NaN", "7"], strict=True)]
    (tmp_path / "prices.csv").write_text("\n".join(["date,symbol,close", *rows]))
    close = read_prices(tmp_path / "prices.csv", ["close"]).columns["close"]
    np.testing.assert_array_equal(close, [NAN, NAN, NAN, NAN, 7])


@pytest.mark.parametrize(
    ("header", "name"),
    [("date,symbol,close,close", "close"), ("date,symbol,close,Close ", "close"), ("date,date,symbol,close", "date")],
)
def test_two_columns_of_one_name_are_refused(tmp_path: Path, header: str, name: str) -> None:
    (tmp_path / "prices.csv").write_text(f"{header}\n2023-11-24,A,1,2\n")
    with pytest.raises(InvalidInput, match=f"two columns named {name}"):
        read_prices(tmp_path / "prices.csv", ["close"])


@pytest.mark.parametrize("cell", ["2023-13-45", "2023-02-30", "2023-11-27T00:00:00-05:00"])
def test_a_date_that_is_none_is_named_in_its_row(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(f"date,symbol,close\n2023-11-24,AAA,10\n{cell},AAA,11\n")
    with pytest.raises(InvalidInput, match=re.escape(f"row 2 has {cell!r}")):
        read_prices(path, ("close",))


def test_a_close_of_zero_disturbs_no_other_symbol(write: Write, calendar: ExchangeCalendar) -> None:
    path = write({"close": [0.0, 10.0, 11.0, 51.0, 12.0], "low": [1.0, 9.0, 10.0, 50.0, 11.0]})
    table = price_table(read_prices(path, ("close", "adj_close", "open"), ("low",)), ["AAA"], "adj_close", calendar)
    assert table.fields["low"][0, 0] == 9.0


def test_what_is_said_of_a_file_of_no_text_can_be_printed(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(gzip.compress(b"date,symbol,close\n" * 99) + bytes(range(256)) * 9)
    with pytest.raises(InvalidInput) as refused:
        read_prices(path, ("close",))
    assert str(refused.value).isprintable()


def test_a_negative_volume_is_refused_in_its_own_words(write: Write, calendar: ExchangeCalendar) -> None:
    prices = read_prices(write({"volume": [1.0, -5.0, 1.0, 1.0, 1.0]}), ("close",), ("volume",))
    with pytest.raises(InvalidInput, match="volume of AAA on 2023-11-24 is -5; volume is not negative, and finite"):
        price_table(prices, ["AAA"], "close", calendar)


def test_a_compressed_csv_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "small.csv.gz").write_bytes(gzip.compress(b"date,symbol,close\n2023-11-24,AAA,10\n"))
    assert read_prices(tmp_path / "small.csv.gz", ["close"]).columns["close"].tolist() == [10]


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (-1, "1 day(s) early, as dates of another time zone do"),
        (1, "1 day(s) late, as dates of another time zone do"),
        (-2, "2 day(s) early, as dates of another time zone do"),
        *((days, f"{days} day(s) late, as shifted ones do") for days in (3, 4, 5, 6, 7, 14)),
        *((-days, f"{days} day(s) early, as shifted ones do") for days in (3, 5, 6, 7, 30)),
    ],
)
def test_dates_that_are_all_off_are_called_shifted(
    tmp_path: Path, calendar: ExchangeCalendar, days: int, said: str
) -> None:
    sessions = calendar.between(date(2023, 1, 3), date(2023, 6, 30))
    rows = [f"{day + timedelta(days=days)},AAA,1" for day in sessions]
    (tmp_path / "prices.csv").write_text("\n".join(["date,symbol,close", *rows]))
    with pytest.raises(InvalidInput, match=re.escape(said)) as caught:
        price_table(read_prices(tmp_path / "prices.csv", ["close"]), ["AAA"], "close", calendar)
    assert "remove" not in str(caught.value)


def test_dates_of_which_some_are_off_are_called_shifted_and_rows_too_many_are_not(
    tmp_path: Path, calendar: ExchangeCalendar
) -> None:
    sessions = calendar.between(date(2023, 1, 3), date(2023, 6, 30))
    path = tmp_path / "prices.csv"

    def refused(days: Iterable[date]) -> str:
        path.write_text("\n".join(["date,symbol,close", *(f"{day},AAA,1" for day in days)]))
        with pytest.raises(InvalidInput) as caught:
            price_table(read_prices(path, ["close"]), ["AAA"], "close", calendar)
        return str(caught.value)

    half = len(sessions) // 2
    moved = refused([*(day - timedelta(days=1) for day in sessions[:half]), *sessions[half + 1 :]])
    assert "some of its dates are shifted, as by a time zone" in moved
    assert "remove" not in moved
    every_day = [sessions[0] + timedelta(days=n) for n in range((sessions[-1] - sessions[0]).days)]
    assert refused(every_day).endswith("remove these rows")


def test_local_midnights_written_in_utc_are_called_that(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    """Berlin's midnight is 23:00 of the day before in winter, and 22:00 in summer."""
    zone = ZoneInfo("Europe/Berlin")
    sessions = calendar.between(date(2023, 1, 3), date(2023, 6, 30))
    midnights = [datetime.combine(day, time(), zone).astimezone(UTC) for day in sessions]
    rows = [f"{at:%Y-%m-%d %H:%M:%S}+00:00,AAA,1" for at in midnights]
    (tmp_path / "prices.csv").write_text("\n".join(["date,symbol,close", *rows]))
    with pytest.raises(InvalidInput, match="time zone"):
        price_table(read_prices(tmp_path / "prices.csv", ["close"]), ["AAA"], "close", calendar)


def test_dates_of_which_most_are_no_sessions_are_of_another_exchange(
    tmp_path: Path, calendar: ExchangeCalendar
) -> None:
    weekends = [date(2023, 1, 7) + timedelta(days=7 * week) for week in range(20)]
    rows = [f"{day},AAA,1" for day in (*weekends, date(2023, 6, 1))]
    (tmp_path / "prices.csv").write_text("\n".join(["date,symbol,close", *rows]))
    with pytest.raises(InvalidInput, match="time zone"):
        price_table(read_prices(tmp_path / "prices.csv", ["close"]), ["AAA"], "close", calendar)


@pytest.mark.parametrize(
    ("said", "close", "adj_close"),
    [
        ({}, Adjustment.SPLIT, Adjustment.TOTAL_RETURN),
        ({"adjustment": "split"}, Adjustment.SPLIT, Adjustment.TOTAL_RETURN),
        ({"adjustment": "raw"}, Adjustment.RAW, Adjustment.RAW),
        ({"adjustment": "total_return"}, Adjustment.TOTAL_RETURN, Adjustment.TOTAL_RETURN),
        ({"adjustment": "raw", "adj_close_adjustment": "total_return"}, Adjustment.RAW, Adjustment.TOTAL_RETURN),
    ],
)
def test_a_file_is_taken_at_its_word(
    write: Write, calendar: ExchangeCalendar, said: Mapping[str, str], close: Adjustment, adj_close: Adjustment
) -> None:
    prices = read_prices(write({name: [text] * 5 for name, text in said.items()}), ["close", "adj_close"])
    assert (prices.carried("close"), prices.carried("adj_close")) == (close, adj_close)
    if adj_close is Adjustment.TOTAL_RETURN:
        assert price_table(prices, ["AAA"], "adj_close", calendar)
    else:
        with pytest.raises(
            InvalidInput, match="its column adjustment says raw, so adj_close is not taken as total ret"
        ):
            price_table(prices, ["AAA"], "adj_close", calendar)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["raw", "raw", "Raw!", "raw", "raw"], "column adjustment, row 3: 'Raw!' is none of total_return, split, raw"),
        (["raw", "split", "raw", "raw", "raw"], "column adjustment says raw and split; one file carries one"),
    ],
)
def test_what_a_file_says_of_itself_has_to_make_sense(write: Write, rows: list[str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_prices(write({"adjustment": rows}), ["close"])


def test_what_closes_are_judged_by_is_kept_beside_them(write: Write, calendar: ExchangeCalendar) -> None:
    path = write({"low": [47.0, 9.0, 10.0, 50.0, 11.0], "volume": [1, 2, 0, 4, 5]})
    prices = read_prices(path, ["close", "adj_close"], ["low", "high", "volume"])
    table = price_table(prices, ["AAA"], "adj_close", calendar, unadjusted=True).select(["AAA"])
    assert {name: grid.ravel().tolist() for name, grid in table.fields.items()} == {
        "close": [10, 11, 6],
        "unadjusted": [10, 11, 12],
        "low": [9, 10, 5.5],
        "volume": [2, 0, 5],
    }


def test_prices_that_are_no_numbers_are_refused(write: Write) -> None:
    with pytest.raises(InvalidInput, match=r"prices.*: column close is string; prices are numbers"):
        read_prices(write({"close": ["ten"] * 5}), ["close"])


def test_symbols_the_file_does_not_hold_are_refused_with_those_it_does(
    write: Write, calendar: ExchangeCalendar
) -> None:
    path = write()
    with pytest.raises(InvalidInput, match=f"{path} has no prices of CCC, aaa; it holds AAA, BBB"):
        read(path, calendar, "close", "AAA", "aaa", "CCC")


def test_a_file_of_no_rows_holds_no_symbols(write: Write, calendar: ExchangeCalendar) -> None:
    empty = {name: pa.array([], pa.string() if name == "symbol" else pa.float64()) for name in ROWS}
    with pytest.raises(InvalidInput, match="has no prices of AAA"):
        read(write({**empty, "date": pa.array([], pa.date32())}), calendar, "close", "AAA")


def test_a_categorical_symbol_without_rows_is_not_held(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 1, 1, 0, 1], pa.int8()), ["BBB", "AAA", "CCC"])
    pyarrow.parquet.write_table(pa.table({**ROWS, "symbol": codes}), tmp_path / "prices.parquet")
    np.testing.assert_array_equal(read(tmp_path / "prices.parquet", calendar).fields["close"][0], [10, 50])
    with pytest.raises(InvalidInput, match="has no prices of CCC; it holds AAA, BBB"):
        read(tmp_path / "prices.parquet", calendar, "close", "CCC")


@pytest.mark.parametrize("name", ["prices.parquet", "prices.csv", "prices.PARQUET"])
@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"PAR1garbagePAR1"])
def test_a_file_that_is_no_price_file_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=str(tmp_path / name)) as refused:
        read_prices(tmp_path / name, ["close"])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["absent.parquet", "absent.csv", "."])
def test_a_path_that_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=str(tmp_path)):
        read_prices(tmp_path / name, ["close"])


# --- market data ----------------------------------------------------------------------------------


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2023, 11, 27, 21, 0, tzinfo=UTC))


@pytest.fixture
def table(write: Write, calendar: ExchangeCalendar) -> PriceTable:
    return read(write({"close": [50.0, 10.0, 11.1234565, 51.0, 12.0]}), calendar)


def test_quotes_are_those_of_the_clocks_session_with_six_decimals(
    table: PriceTable, calendar: ExchangeCalendar, clock: FrozenClock
) -> None:
    market = FileMarketData(table, calendar, clock)
    assert market.quotes(["AAA", "BBB", "ZZZ"]) == {
        "AAA": Quote("AAA", Decimal("11.123456"), clock.instant),
        "BBB": Quote("BBB", Decimal("51.000000"), clock.instant),
    }
    clock.instant = datetime(2023, 11, 29, 1, 0, tzinfo=UTC)
    assert market.quotes(["AAA", "BBB"]) == {"AAA": Quote("AAA", Decimal(12), clock.instant)}


def test_quotes_may_be_opens(table: PriceTable, calendar: ExchangeCalendar, clock: FrozenClock) -> None:
    assert FileMarketData(table, calendar, clock, "open").quotes(["BBB"])["BBB"].price == 52


@pytest.mark.parametrize("instant", ["2023-11-25 15:00", "2023-11-22 15:00", "2023-12-04 15:00"])
def test_a_day_without_a_row_has_no_quotes(
    table: PriceTable, calendar: ExchangeCalendar, clock: FrozenClock, instant: str
) -> None:
    clock.instant = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert FileMarketData(table, calendar, clock).quotes(["AAA", "BBB"]) == {}


def test_history_ends_with_the_session_asked_for(
    table: PriceTable, calendar: ExchangeCalendar, clock: FrozenClock
) -> None:
    history = FileMarketData(table, calendar, clock).history(("BBB", "AAA"), date(2023, 11, 24), 1)
    assert (history.symbols, history.last_session) == (("BBB", "AAA"), date(2023, 11, 24))
    assert history.close[-1].tolist() == [50, 10]


# --- pandas ---------------------------------------------------------------------------------------

RUN_PATH = """
import pkgutil, sys
from importlib import import_module
import quant_platform_kit.domain
import quant_platform_kit.services.run.run_cycle
for module in pkgutil.walk_packages(quant_platform_kit.domain.__path__, "quant_platform_kit.domain."):
    import_module(module.name)
print(sorted(name for name in ("pandas", "pyarrow") if name in sys.modules))
"""
READING = """
import sys
from pathlib import Path
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import price_table, read_prices
prices = read_prices(Path(sys.argv[1]), ["close", "adj_close", "open"])
print(price_table(prices, ["AAA", "BBB"], "adj_close", load_calendar("XNYS")).fields["close"].shape)
print(sorted(name for name in ("pandas", "pyarrow") if name in sys.modules))
"""


def run(code: str, *arguments: object) -> list[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_run_path_loads_neither_pandas_nor_pyarrow() -> None:
    assert find_spec("pandas"), "without pandas installed this proves nothing"
    assert run(RUN_PATH) == ["[]"]


def test_reading_a_price_file_does_not_load_pandas(write: Write) -> None:
    assert find_spec("pandas"), "without pandas installed this proves nothing"
    assert run(READING, write()) == ["(3, 2)", "['pyarrow']"]
