"""The calendar tables of the kit are what the library says, session by session and byte by byte."""

from __future__ import annotations

import importlib.util
import json
import shutil
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts/generate_calendars.py"
SPEC = importlib.util.spec_from_file_location("generate_calendars", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
generate_calendars = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate_calendars)

EXCHANGES = ["XNYS", "XHKG", "XSHG"]

Times = tuple[datetime | None, ...]


def stored(code: str) -> dict[str, Any]:
    return json.loads((generate_calendars.TABLES / f"{code}.json").read_text(encoding="utf-8"))


def rebuild(table: dict[str, Any]) -> dict[date, Times]:
    """Return open, break start, break end and close of every session, from the table alone."""
    first, last = date.fromisoformat(table["first"]), date.fromisoformat(table["last"])
    every = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    closed, weekend = set(table["closed"]), set(table["weekend_sessions"])
    sessions = [
        day for day in every if (day.weekday() < 5 and day.isoformat() not in closed) or day.isoformat() in weekend
    ]
    return {day: times_of(table, day) for day in sessions}


def times_of(table: dict[str, Any], day: date) -> Times:
    open_, close = table["special_hours"].get(day.isoformat()) or last_row(table["hours"], day)
    start, end = last_row(table["breaks"], day)
    if end is not None and end >= close:
        start = end = None
    zone = ZoneInfo(table["timezone"])
    return tuple(
        None if text is None else datetime.combine(day, time.fromisoformat(text), zone).astimezone(UTC)
        for text in (open_, start, end, close)
    )


def last_row(rows: list[list[Any]], day: date) -> list[Any]:
    known = [row for row in rows if row[0] <= day.isoformat()]
    return known[-1][1:] if known else [None, None]


def library_sessions(code: str) -> dict[date, Times]:
    schedule = generate_calendars.library_calendar(code).schedule[["open", "break_start", "break_end", "close"]]
    return {
        session.date(): tuple(None if pd.isna(moment) else moment.to_pydatetime() for moment in moments)
        for session, *moments in schedule.itertuples()
    }


LIBRARY = generate_calendars.library_calendar
KNOWN = cache(LIBRARY)
"""The library makes a calendar in a third of a second: once is enough."""


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(generate_calendars, "library_calendar", KNOWN)
    folder = tmp_path / "calendars"
    shutil.copytree(generate_calendars.TABLES, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return folder


@pytest.mark.parametrize("code", EXCHANGES)
def test_every_session_rebuilt_from_the_table_has_the_librarys_open_break_and_close(code: str) -> None:
    assert rebuild(stored(code)) == library_sessions(code)


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [("XNYS", "1990-01-02", "2027-12-31"), ("XHKG", "2000-01-03", "2027-12-31"), ("XSHG", "2000-01-04", "2026-12-31")],
)
def test_a_table_names_the_sessions_that_bound_it(code: str, first: str, last: str) -> None:
    table = stored(code)

    assert (table["calendar"], table["first"], table["last"]) == (code, first, last)


def test_days_everyone_knows_are_in_the_new_york_table() -> None:
    table = stored("XNYS")

    assert {"2001-09-11", "2012-10-29", "2018-12-05", "2025-01-09", "2022-06-20"} <= set(table["closed"])
    assert table["special_hours"]["2023-11-24"] == ["09:30", "13:00"]


def test_hong_kong_opens_earlier_since_march_2011_and_has_no_break_on_a_half_day() -> None:
    sessions = rebuild(stored("XHKG"))
    zone = ZoneInfo("Asia/Hong_Kong")

    assert sessions[date(2011, 3, 4)][0] == datetime(2011, 3, 4, 10, 0, tzinfo=zone)
    assert sessions[date(2011, 3, 7)][0] == datetime(2011, 3, 7, 9, 30, tzinfo=zone)
    assert sessions[date(2024, 12, 24)][1:3] == (None, None)


def test_the_tables_of_the_repository_pass_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate_calendars.main(["--check"]) == 0
    assert "XNYS, XHKG, XSHG" in capsys.readouterr().out


def test_regenerating_gives_the_same_bytes_but_for_the_version_of_the_library(tables: Path) -> None:
    before = lines_without_source(tables)

    assert generate_calendars.main([], tables) == 0

    assert sorted(path.name for path in tables.iterdir()) == [
        "XHKG.json",
        "XHKG.supplement.json",
        "XNYS.json",
        "XSHG.json",
    ]
    assert lines_without_source(tables) == before


def lines_without_source(folder: Path) -> dict[str, list[bytes]]:
    return {
        code: [line for line in (folder / f"{code}.json").read_bytes().splitlines(True) if b'"source"' not in line]
        for code in EXCHANGES
    }


def test_the_tables_do_not_follow_the_librarys_default_range(monkeypatch: pytest.MonkeyPatch, tables: Path) -> None:
    library = generate_calendars.exchange_calendars.exchange_calendar
    monkeypatch.setattr(generate_calendars, "library_calendar", LIBRARY)
    monkeypatch.setattr(library, "GLOBAL_DEFAULT_START", pd.Timestamp("2031-01-01"))
    monkeypatch.setattr(library, "GLOBAL_DEFAULT_END", pd.Timestamp("2033-01-01"))

    assert generate_calendars.main(["--check"], tables) == 0


@pytest.mark.parametrize(
    ("code", "old", "new", "finding"),
    [
        ("XNYS", '    "1990-02-19",\n', "", 'XNYS: closed[0]: the table has "1990-04-13", the library "1990-02-19"'),
        (
            "XNYS",
            '"2023-11-24": ["09:30", "13:00"]',
            '"2023-11-24": ["09:30", "14:00"]',
            "XNYS: special_hours[2023-11-24]",
        ),
        ("XHKG", '["2011-03-07", "09:30"', '["2011-03-08", "09:30"', "XHKG: hours[1]"),
        ("XHKG", '"12:00", "13:00"]\n', '"12:00", "13:30"]\n', "XHKG: breaks[0]"),
        ("XSHG", '"last": "2026-12-31"', '"last": "2027-12-31"', "XSHG: last"),
        ("XSHG", '"special_hours": {}', '"special_hours": {},\n  "more": 1', "XSHG: more"),
        ("XSHG", '"special_hours": {}', '"special_hours":{}', "XSHG: the values are equal but the text"),
        ("XSHG", '"special_hours": {}\n}', '"special_hours": {}', "is not JSON"),
    ],
    ids=[
        "day lost",
        "close moved",
        "hours changed late",
        "break moved",
        "last moved",
        "key added",
        "layout",
        "cut off",
    ],
)
def test_a_corrupted_table_is_found_and_its_first_difference_named(
    code: str, old: str, new: str, finding: str, tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tables / f"{code}.json"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")

    assert generate_calendars.main(["--check"], tables) == 1

    error = capsys.readouterr().err
    assert finding in error
    assert error.count("\n") == 2


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('"2023-09-08"', '"2023-10-23"', "entries.1: it says nothing new; give last, closed, weekend_sessions"),
        ('"source": "https', '"sauce": "https', "entries.0.source: Field required"),
        ('"calendar": "XHKG"', '"calendar": "XSHG"', "calendar is 'XSHG'; it is the supplement of XHKG"),
    ],
    ids=["known to the library", "no source", "of another exchange"],
)
def test_a_supplement_that_says_nothing_new_or_has_no_source_is_found(
    old: str, new: str, finding: str, tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tables / "XHKG.supplement.json"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")

    assert generate_calendars.main(["--check"], tables) == 1
    assert f"XHKG: XHKG.supplement.json: {finding}" in capsys.readouterr().err


def test_a_file_that_belongs_to_no_table_is_found(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tables / "XSGH.supplement.json").write_text("{}")

    assert generate_calendars.main(["--check"], tables) == 1
    assert "XSGH.supplement.json belongs to no table; remove it" in capsys.readouterr().err


def test_a_missing_table_is_found(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tables / "XHKG.json").unlink()

    assert generate_calendars.main(["--check"], tables) == 1
    assert "XHKG.json is missing" in capsys.readouterr().err


def test_another_version_of_the_library_alone_is_no_difference(tables: Path) -> None:
    path = tables / "XNYS.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(generate_calendars.render({**table, "source": "exchange_calendars 99.0"}), encoding="utf-8")

    assert generate_calendars.main(["--check"], tables) == 0


def test_a_break_the_table_cannot_express_is_refused(monkeypatch: pytest.MonkeyPatch, tables: Path) -> None:
    monkeypatch.setattr(generate_calendars, "changes", lambda *_: [["2000-01-03", "09:30", "15:00"]])

    before = (tables / "XHKG.json").read_bytes()

    assert generate_calendars.main([], tables) == 1
    assert (tables / "XHKG.json").read_bytes() == before
