#!/usr/bin/env python3
"""Write the calendar tables that ship with the kit, or check that they are what the library says.

A table holds what differs from the rule "every weekday is a session with the regular hours":

====================  ============================================================================
``first``, ``last``   the sessions that bound the table; nothing is known outside of them
``closed``            the weekdays in between without a session
``weekend_sessions``  the Saturdays and Sundays in between with a session
``hours``             ``[from, open, close]``: the regular hours from that date on, exchange time
``breaks``            ``[from, start, end]``: the regular break from that date on; null, null: none
``special_hours``     date -> ``[open, close]`` of a session with other hours; the regular break is
                      held if it ends before that close, and otherwise falls away
====================  ============================================================================

The bounds are written here, never taken from the clock, so the tables are the same on any day.

What the library does not know stands in ``<CODE>.supplement.json`` beside the table, written by hand: closures that no
rule foresees, and the sessions after ``last`` once the exchange has announced its holidays. It holds ``calendar`` and
``entries``, oldest first, each with ``added`` (the day), ``source`` (the exchange's own page) and ``reason``, and any
of ``last``, ``closed``, ``weekend_sessions`` and ``special_hours``, as above. An entry that the library has come to
know is found by ``--check`` too, and removed by hand.

Usage
-----
``python scripts/generate_calendars.py`` writes the tables, with ``--check`` it only compares.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from datetime import date, timedelta
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import exchange_calendars
import pandas as pd
from exchange_calendars import ExchangeCalendar
from exchange_calendars.exchange_calendar_xhkg import XHKGExchangeCalendar
from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar
from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar
from quant_platform_kit.adapters.calendar_tables import TABLES, read_calendar, supplement_path
from quant_platform_kit.domain.errors import InvalidInput

CALENDARS: dict[str, tuple[type[ExchangeCalendar], str, str]] = {
    "XNYS": (XNYSExchangeCalendar, "1990-01-01", "2027-12-31"),
    "XHKG": (XHKGExchangeCalendar, "2000-01-01", "2027-12-31"),
    "XSHG": (XSHGExchangeCalendar, "2000-01-01", "2027-12-31"),
}
LIBRARY_WARNINGS = (
    r"Series\.values returning an ndarray that drops timezone information",
    r"DatetimeIndex\.weekday is deprecated",
    r"The 'generic' unit for NumPy timedelta is deprecated",
)
SATURDAY = 5

Table = dict[str, Any]


class CalendarError(Exception):
    """A calendar of the library cannot be written as a table."""


@cache
def library_calendar(code: str) -> ExchangeCalendar:
    """Return the library's calendar within our bounds, or as much of them as its data supports.

    Parameters
    ----------
    code : str
        Market identifier code of the exchange, a key of ``CALENDARS``.

    Returns
    -------
    exchange_calendars.ExchangeCalendar
        The calendar with explicit bounds.
    """
    factory, start, end = CALENDARS[code]
    earliest, latest = factory.bound_min(), factory.bound_max()
    start = start if earliest is None else max(start, earliest.date().isoformat())
    end = end if latest is None else min(end, latest.date().isoformat())
    with warnings.catch_warnings():
        for message in LIBRARY_WARNINGS:
            warnings.filterwarnings("ignore", message=message, category=DeprecationWarning)
        return factory(start=start, end=end)


def build_table(code: str) -> Table:
    """Build the table of an exchange from the library.

    Parameters
    ----------
    code : str
        Market identifier code of the exchange.

    Returns
    -------
    dict
        The table, as described at the top of this file.

    Raises
    ------
    CalendarError
        If a session's break cannot be expressed in the table.
    """
    calendar = library_calendar(code)
    local = local_schedule(calendar)
    sessions = list(local)
    hours = changes(calendar.open_times, calendar.close_times, sessions[0])
    breaks = changes(calendar.break_start_times, calendar.break_end_times, sessions[0])
    check_breaks(code, local, breaks)
    weekdays = (day for day in days(sessions[0], sessions[-1]) if day.weekday() < SATURDAY)
    return {
        "calendar": code,
        "source": f"exchange_calendars {exchange_calendars.__version__}",
        "timezone": str(calendar.tz),
        "first": sessions[0].isoformat(),
        "last": sessions[-1].isoformat(),
        "closed": [day.isoformat() for day in weekdays if day not in local],
        "weekend_sessions": [day.isoformat() for day in sessions if day.weekday() >= SATURDAY],
        "hours": hours,
        "breaks": breaks,
        "special_hours": {
            day.isoformat(): [times[0], times[3]]
            for day, times in local.items()
            if [times[0], times[3]] != in_force(hours, day)
        },
    }


def local_schedule(calendar: ExchangeCalendar) -> dict[date, list[str | None]]:
    """Return open, break start, break end and close of every session as exchange-local ``HH:MM``."""
    columns = [local_times(calendar, name) for name in ("open", "break_start", "break_end", "close")]
    return {session.date(): list(times) for session, *times in zip(calendar.sessions, *columns, strict=True)}


def local_times(calendar: ExchangeCalendar, column: str) -> list[str | None]:
    """Return one column of the library's schedule as exchange-local ``HH:MM``, None where it is empty."""
    moments = calendar.schedule[column].dt.tz_convert(calendar.tz)
    return [None if pd.isna(moment) else moment.strftime("%H:%M") for moment in moments]


def changes(starts: Any, ends: Any, first: date) -> list[list[str | None]]:
    """Merge the library's change points of two times into ``[from, start, end]`` rows.

    Parameters
    ----------
    starts, ends : tuple of (pandas.Timestamp or None, datetime.time) or None
        The change points of each time; None as a date is the beginning, None as a whole is no such time.
    first : datetime.date
        The first session, which stands for the beginning.

    Returns
    -------
    list of [str, str or None, str or None]
        One row for each date at which either time changes, from ``first`` on.
    """
    if starts is None or ends is None:
        return []
    rows = [[(since.date() if since is not None else date.min, at) for since, at in times] for times in (starts, ends)]
    dates = sorted({max(since, first) for times in rows for since, _ in times})
    return [[day.isoformat(), *(time_at(times, day) for times in rows)] for day in dates]


def time_at(times: list[tuple[date, Any]], day: date) -> str | None:
    """Return the time in force on a day as ``HH:MM``, or None where there is none."""
    _, at = max((row for row in times if row[0] <= day), key=lambda row: row[0])
    return None if at is None else at.strftime("%H:%M")


def in_force(rows: list[list[str | None]], day: date) -> list[str | None]:
    """Return the two times of the last row that starts on or before a day; two None if there is no row."""
    known = [row for row in rows if str(row[0]) <= day.isoformat()]
    return known[-1][1:] if known else [None, None]


def check_breaks(code: str, local: dict[date, list[str | None]], breaks: list[list[str | None]]) -> None:
    """Refuse a calendar in which a break does not follow from the regular breaks and the close."""
    for day, (_, start, end, close) in local.items():
        expected = in_force(breaks, day)
        if expected[1] is not None and expected[1] >= str(close):
            expected = [None, None]
        if [start, end] != expected:
            raise CalendarError(
                f"{code} {day}: the break {start}-{end} is not the regular {expected}; extend the table"
            )


def days(first: date, last: date) -> list[date]:
    """Return every calendar day from first to last, both included."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def render(table: Table) -> str:
    """Render a table as JSON with one list or mapping element per line."""
    return "{\n" + ",\n".join(f"  {json.dumps(key)}: {render_value(value)}" for key, value in table.items()) + "\n}\n"


def render_value(value: Any) -> str:
    """Render one value of a table; the elements of a list or a mapping stand on lines of their own."""
    if isinstance(value, dict):
        elements = [f"{json.dumps(key)}: {json.dumps(element)}" for key, element in value.items()]
    elif isinstance(value, list):
        elements = [json.dumps(element) for element in value]
    else:
        return json.dumps(value)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    body = ",\n".join(f"    {element}" for element in elements)
    return f"{opening}\n{body}\n  {closing}" if elements else opening + closing


def difference(stored: Table, fresh: Table) -> str | None:
    """Name the first entry in which a stored table differs from the library, whatever their ``source``.

    Parameters
    ----------
    stored : dict
        The table in the repository.
    fresh : dict
        The table the library gives.

    Returns
    -------
    str or None
        The entry and both values, or None if there is no difference.
    """
    for key in [*fresh, *(key for key in stored if key not in fresh)]:
        ours, theirs = stored.get(key), fresh.get(key)
        if key != "source" and ours != theirs:
            where, left, right = first_difference(key, ours, theirs)
            return f"{where}: the table has {describe(left)}, the library {describe(right)}"
    return None


def first_difference(key: str, ours: Any, theirs: Any) -> tuple[str, Any, Any]:
    """Return the place and both values of the first difference inside an entry."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        name = min(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
        return f"{key}[{name}]", ours.get(name), theirs.get(name)
    if isinstance(ours, list) and isinstance(theirs, list):
        pairs = enumerate(zip_longest(ours, theirs))
        index, (left, right) = next((index, pair) for index, pair in pairs if pair[0] != pair[1])
        return f"{key}[{index}]", left, right
    return key, ours, theirs


def describe(value: Any) -> str:
    """Return a value as JSON, or the word nothing."""
    return "nothing" if value is None else json.dumps(value)


def check(code: str, folder: Path) -> str | None:
    """Compare the stored table of an exchange with the library.

    Parameters
    ----------
    code : str
        Market identifier code of the exchange.
    folder : pathlib.Path
        Where the tables are.

    Returns
    -------
    str or None
        What is wrong, or None if the table is what would be written (but for its ``source``).
    """
    path = folder / f"{code}.json"
    if not path.is_file():
        return f"{code}: {path} is missing"
    try:
        text = path.read_bytes().decode("utf-8")
        stored = json.loads(text)
    except ValueError as error:
        return f"{code}: {path} is not JSON: {error}"
    if not isinstance(stored, dict):
        return f"{code}: {path} does not hold a table"
    fresh = build_table(code)
    found = difference(stored, fresh)
    if found is None:
        found = supplement_error(code, folder)
    if found is None and text != render({**fresh, "source": stored.get("source")}):
        found = "the values are equal but the text of the file is not"
    return found and f"{code}: {found}"


def supplement_error(code: str, folder: Path) -> str | None:
    """Return what is wrong with the supplement of a table that is right, None if nothing is or there is none."""
    try:
        read_calendar(code, folder)
    except InvalidInput as error:
        return str(error)
    return None


def strangers(folder: Path) -> list[str | None]:
    """Name the files that are neither a table nor the supplement of one."""
    known = {path for code in CALENDARS for path in (folder / f"{code}.json", supplement_path(code, folder))}
    return [f"{path} belongs to no table; remove it" for path in sorted(folder.iterdir()) if path not in known]


def write_all(folder: Path) -> int:
    """Write every table and return the exit status."""
    for code in CALENDARS:
        write(code, folder)
        print(f"wrote {folder / code}.json")
    return 0


def write(code: str, folder: Path) -> None:
    """Write the table of an exchange in one step."""
    path = folder / f"{code}.json"
    partial = path.with_suffix(".partial")
    partial.write_bytes(render(build_table(code)).encode("utf-8"))
    partial.replace(path)


def main(arguments: list[str] | None = None, folder: Path = TABLES) -> int:
    """Write or check every table.

    Parameters
    ----------
    arguments : list of str, optional
        The command line, without the program's name.
    folder : pathlib.Path
        Where the tables are.

    Returns
    -------
    int
        0, or 1 if ``--check`` found a difference or a calendar does not fit the schema.
    """
    parser = argparse.ArgumentParser(description="Write the kit's calendar tables from exchange_calendars.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a table is not what the library says"
    )
    only_check = parser.parse_args(arguments).check
    try:
        if not only_check:
            return write_all(folder)
        return report([*(check(code, folder) for code in CALENDARS), *strangers(folder)])
    except CalendarError as error:
        print(error, file=sys.stderr)
        return 1


def report(findings: list[str | None]) -> int:
    """Print what the check found and return the exit status."""
    wrong = [finding for finding in findings if finding is not None]
    for finding in wrong:
        print(finding, file=sys.stderr)
    if wrong:
        print("run: .venv/bin/python scripts/generate_calendars.py, and review the difference", file=sys.stderr)
        return 1
    print(f"calendar tables equal exchange_calendars {exchange_calendars.__version__}: {', '.join(CALENDARS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
