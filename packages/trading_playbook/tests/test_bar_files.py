"""Files of bars and daily closes: what is taken, what is refused, and what is only said."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from trading_playbook.backtest import Backtest, backtest
from trading_playbook.cli.backtest import main
from trading_playbook.days import days_between, sessions_before
from trading_playbook.dp20.outcome import Note
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.journal.csv_form import render
from trading_playbook.sources.files import FileSource

MONDAY, TUESDAY, THANKSGIVING, HALF_DAY = (date(2025, 11, day) for day in (24, 25, 27, 28))
Row = dict[str, Any]


def at(day: date, *clock: int) -> datetime:
    """Return a time of New York as files have it, without its zone."""
    return datetime.combine(day, time(*clock))


def session(day: date, *, minutes: int = 390, length: int = 1, price: float = 100.0, symbol: str = "QQQ") -> list[Row]:
    """Return the bars of a session, all alike."""
    opens = at(day, 9, 30)
    prices = {"open": price, "high": price + 1, "low": price - 1, "close": price}
    starts = range(0, minutes, length)
    return [{"symbol": symbol, "bar_start_et": opens + timedelta(minutes=minute), **prices} for minute in starts]


class Files:
    """A file of bars and one of daily closes, as they are written."""

    def __init__(self, folder: Path, calendar: ExchangeCalendar) -> None:
        self.calendar = calendar
        self.bars, self.daily = folder / "bars.parquet", folder / "daily.csv"
        self.closes = dict.fromkeys(sessions_before(calendar, MONDAY, 200), 50.0)
        self.closes |= dict.fromkeys((MONDAY, TUESDAY, date(2025, 11, 26), HALF_DAY), 50.0)

    def source(self, rows: Sequence[Row], symbol: str = "QQQ", daily_symbol: str = "QQQ") -> FileSource:
        pyarrow.parquet.write_table(pa.Table.from_pylist(list(rows)), self.bars)
        lines = [f"{day},{daily_symbol},{close}" for day, close in self.closes.items()]
        self.daily.write_text("\n".join(["date,symbol,close", *lines]) + "\n")
        return FileSource(self.bars, self.daily, symbol, self.calendar)

    def tested(self, rows: Sequence[Row], bar_minutes: int = 2) -> Backtest:
        days = days_between(self.calendar, MONDAY, HALF_DAY)
        return backtest(self.source(rows), days, self.calendar, Dp20Parameters(bar_minutes=bar_minutes))


@pytest.fixture
def files(tmp_path: Path, calendar: ExchangeCalendar) -> Files:
    """Return files of two symbols' own making."""
    return Files(tmp_path, calendar)


WEEK = [*session(MONDAY), *session(TUESDAY), *session(date(2025, 11, 26)), *session(HALF_DAY, minutes=210)]


def with_(changes: Row, at: int = 405) -> list[Row]:
    """Return the week with another bar on Tuesday, at 09:45."""
    return [*WEEK[:at], {**WEEK[at], **changes}, *WEEK[at + 1 :]]


def late(**by: int) -> list[Row]:
    """Return the week some time later."""
    return [{**row, "bar_start_et": row["bar_start_et"] + timedelta(**by)} for row in WEEK]


def test_a_good_week_says_nothing(files: Files) -> None:
    tested = files.tested(WEEK)
    assert [session.outcome.note for session in tested.sessions] == [Note.NO_PULLBACK] * 4
    assert tested.warnings == []


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"open": float("nan")}, "open", "nan"),
        ({"close": None}, "close", "nan"),
        ({"high": float("inf")}, "high", "inf"),
        ({"low": -1.0}, "low", "-1"),
        ({"close": 0.0}, "close", "0"),
        ({"high": 99.5}, "high", "99.5"),
        ({"low": 100.5}, "low", "100.5"),
    ],
)
def test_a_price_that_is_none_is_refused_with_symbol_time_and_column(
    files: Files, changes: Row, column: str, value: str
) -> None:
    with pytest.raises(InvalidInput, match=rf"bars\.parquet: {column} of QQQ at 2025-11-25 09:45 is {value}; "):
        files.source(with_(changes))


def test_two_bars_of_one_start_are_refused(files: Files) -> None:
    with pytest.raises(InvalidInput, match="bar_start_et: QQQ at 2025-11-25 09:45 is there twice"):
        files.source([*WEEK, WEEK[405]])


def test_a_bar_on_a_holiday_is_refused(files: Files) -> None:
    with pytest.raises(InvalidInput, match="bar_start_et: QQQ at 2025-11-27 09:30 is a bar on a day without session"):
        files.source([*WEEK, *session(THANKSGIVING, minutes=1)])


def test_what_is_not_of_regular_hours_is_dropped_unseen(files: Files) -> None:
    early = {**WEEK[0], "bar_start_et": at(MONDAY, 9, 29), "open": float("nan")}
    others = [
        {**early, "bar_start_et": at(day, hour)} for day, hour in ((MONDAY, 16), (THANKSGIVING, 8), (HALF_DAY, 13))
    ]
    tested = files.tested([*others, *WEEK, early])
    assert [len(session.bars) for session in tested.sessions] == [390, 390, 390, 210]


def test_rows_may_come_in_any_order_and_other_symbols_may_be_wrong(files: Files) -> None:
    other = [{**row, "symbol": "SPY", "open": -1.0} for row in WEEK[:5]]
    assert files.tested([*other, *reversed(WEEK)]).records == files.tested(WEEK).records


def test_bars_named_by_their_end_are_refused(files: Files) -> None:
    with pytest.raises(InvalidInput, match="named by their end: the last one of 2025-11-24 is 16:00"):
        files.source(late(minutes=1))


def test_utc_without_a_zone_is_refused(files: Files) -> None:
    for hours, day in ((4, date(2025, 9, 15)), (5, MONDAY)):
        shifted = [{**row, "bar_start_et": row["bar_start_et"] + timedelta(hours=hours)} for row in session(day)]
        with pytest.raises(InvalidInput, match=f"look shifted by {hours} h"):
            files.source(shifted)


def test_a_session_that_begins_late_is_not_taken_for_another_zone(files: Files) -> None:
    assert (
        files.tested([row for row in session(MONDAY) if row["bar_start_et"].hour >= 14]).records[0].notes == "no_data"
    )


def test_times_with_a_zone_are_converted(files: Files) -> None:
    zone = files.calendar.timezone
    aware = [{**row, "bar_start_et": row["bar_start_et"].replace(tzinfo=zone).astimezone(UTC)} for row in WEEK]
    assert files.tested(aware).records == files.tested(WEEK).records


def test_both_weeks_of_the_clock_change_are_converted(calendar: ExchangeCalendar, files: Files) -> None:
    days = (date(2025, 10, 31), date(2025, 11, 3))
    files.closes = dict.fromkeys(sessions_before(calendar, days[1], 201), 50.0)
    aware = [
        {**row, "bar_start_et": row["bar_start_et"].replace(tzinfo=calendar.timezone).astimezone(UTC)}
        for day in days
        for row in session(day)
    ]
    source = files.source(aware)
    assert [len(source.bars(day)) for day in days_between(calendar, *days)] == [390, 390]


@pytest.mark.parametrize("length", [5, 15])
def test_bars_that_no_multiple_makes_are_refused_with_both_lengths(files: Files, length: int) -> None:
    with pytest.raises(InvalidInput, match=f"2-minute bars cannot be made from the {length}-minute bars of QQQ"):
        files.tested(session(MONDAY, length=length))
    assert files.tested(session(MONDAY, length=length), bar_minutes=15).sessions[0].outcome.note is Note.NO_PULLBACK


def test_a_start_within_a_minute_is_refused(files: Files) -> None:
    with pytest.raises(InvalidInput, match="2025-11-25 09:45:30"):
        files.source(with_({"bar_start_et": at(TUESDAY, 9, 45, 30)}))


def test_a_gap_of_minutes_is_said_and_the_row_made(files: Files) -> None:
    tested = files.tested([row for row in WEEK if row["bar_start_et"] not in (WEEK[400]["bar_start_et"],)])
    assert tested.warnings == ["QQQ lacks bars within 1 sessions, most on 2025-11-25: 1"]
    assert len(tested.records) == 4


def test_a_session_without_bars_is_said_and_has_no_data(files: Files) -> None:
    tested = files.tested([*WEEK[:390], *WEEK[780:]])
    assert tested.warnings == ["QQQ has no bars on 2025-11-25"]
    assert [record.notes for record in tested.records][1] is Note.NO_DATA


def test_one_daily_close_too_few_leaves_the_mean_empty(files: Files) -> None:
    first = next(iter(files.closes))
    del files.closes[first]
    tested = files.tested(WEEK)
    assert [record.notes for record in tested.records] == [Note.NO_SMA200, *[Note.NO_PULLBACK] * 3]
    assert f"1 sessions from {MONDAY} on have no mean of 200; the first missing day is {first}" in tested.warnings[0]


def test_a_hole_among_the_daily_closes_leaves_the_mean_empty(files: Files) -> None:
    hole = list(files.closes)[100]
    del files.closes[hole]
    tested = files.tested(WEEK)
    assert [record.notes for record in tested.records] == [Note.NO_SMA200] * 4
    assert f"the first missing day is {hole}" in tested.warnings[0]


def test_daily_closes_that_end_before_the_range_leave_the_mean_empty(files: Files) -> None:
    del files.closes[TUESDAY], files.closes[date(2025, 11, 26)], files.closes[HALF_DAY]
    tested = files.tested(WEEK)
    assert [record.notes for record in tested.records] == [Note.NO_PULLBACK] * 2 + [Note.NO_SMA200] * 2
    assert f"the first missing day is {TUESDAY}" in tested.warnings[0]


def test_the_mean_is_of_the_closes_before_the_session(files: Files) -> None:
    files.closes[MONDAY] = 150.0
    first, second, *_ = files.tested(WEEK).records
    assert (first.sma200, second.sma200) == (50.0, 50.5)


def test_a_symbol_that_a_file_does_not_hold_is_refused_by_that_file(files: Files) -> None:
    with pytest.raises(InvalidInput, match=r"bars\.parquet has no bars of SPY; it holds QQQ"):
        files.source(WEEK, symbol="SPY", daily_symbol="SPY")
    with pytest.raises(InvalidInput, match=r"daily\.csv has no prices of QQQ; it holds SPY"):
        files.source(WEEK, daily_symbol="SPY")


def test_a_file_that_is_not_there_or_none_of_bars_is_refused(files: Files, tmp_path: Path) -> None:
    files.source(WEEK)
    with pytest.raises(InvalidInput, match=r"gone\.parquet.*No such file"):
        FileSource(tmp_path / "gone.parquet", files.daily, "QQQ", files.calendar)
    with pytest.raises(InvalidInput, match="has no column bar_start_et"):
        FileSource(files.daily, files.daily, "QQQ", files.calendar)
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(InvalidInput, match="not a readable price file"):
        FileSource(tmp_path / "text.parquet", files.daily, "QQQ", files.calendar)


def test_daily_closes_that_carry_dividends_are_refused(files: Files) -> None:
    files.source(WEEK)
    lines = files.daily.read_text().splitlines()
    files.daily.write_text("\n".join([f"{lines[0]},adjustment", *(f"{line},total_return" for line in lines[1:])]))
    with pytest.raises(InvalidInput, match="says total_return"):
        FileSource(files.bars, files.daily, "QQQ", files.calendar)


def test_real_minutes_in_utc_are_refused_and_with_their_zone_taken(
    files: Files, real_files: Callable[[str], Path], dev: Backtest, calendar: ExchangeCalendar
) -> None:
    table = pyarrow.parquet.ParquetFile(real_files("intraday_1min.parquet")).read()
    place = table.schema.get_field_index("bar_start_et")
    starts = table["bar_start_et"].combine_chunks()
    aware = pa.compute.assume_timezone(starts, "America/New_York").cast(pa.timestamp("us", "UTC"))
    daily = real_files("intraday_warmup_daily.csv")
    pyarrow.parquet.write_table(table.set_column(place, "bar_start_et", aware), files.bars)
    source = FileSource(files.bars, daily, "QQQ", calendar)
    days = [session.day for session in dev.sessions]
    assert backtest(source, days, calendar, Dp20Parameters()).records == dev.records
    naive = aware.cast(pa.timestamp("us"))
    pyarrow.parquet.write_table(table.set_column(place, "bar_start_et", naive), files.bars)
    with pytest.raises(InvalidInput, match="look shifted by 4 h"):
        FileSource(files.bars, daily, "QQQ", calendar)


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        pytest.param(with_({"open": float("nan")}), (), "open of QQQ at 2025-11-25 09:45 is nan", id="NaN"),
        pytest.param(with_({"high": 90.0}), (), "high of QQQ at 2025-11-25 09:45 is 90", id="high below low"),
        pytest.param([*WEEK, WEEK[405]], (), "QQQ at 2025-11-25 09:45 is there twice", id="duplicate"),
        pytest.param([*WEEK, *session(THANKSGIVING)], (), "a bar on a day without session", id="holiday"),
        pytest.param(late(minutes=1), (), "named by their end", id="named by their end"),
        pytest.param(late(hours=5), (), "look shifted by 5 h", id="UTC"),
        pytest.param(session(MONDAY, length=5), (), "2-minute bars cannot be made from the 5-minute", id="length"),
        pytest.param(WEEK, ("--symbol", "SPY"), "has no prices of SPY; it holds QQQ", id="symbol"),
        pytest.param(WEEK, ("--bars", "gone.parquet"), "gone.parquet", id="no file"),
        pytest.param(WEEK, ("--daily", "bars.parquet"), "has no column date", id="other file"),
    ],
)
def test_what_is_refused_is_one_line_and_leaves_all_files_as_they_are(
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rows: list[Row],
    options: tuple[str, ...],
    said: str,
) -> None:
    with contextlib.suppress(InvalidInput):
        files.source(rows)
    folder = files.bars.parent
    monkeypatch.chdir(folder)
    (folder / "trades.csv").write_bytes(render([]))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    named = ("--symbol", "QQQ", "--bars", "bars.parquet", "--daily", "daily.csv", "--output", "trades.csv")
    days = ("--start", str(MONDAY), "--end", str(HALF_DAY), "--html", "page.html")
    monkeypatch.setattr(sys, "argv", ["playbook", *named, *days, *options])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (1, "", 1)
    assert said in err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
