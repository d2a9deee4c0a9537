"""Exchange calendars out of the package's own tables, and what has become known beside them.

``XHKG.json`` is generated; ``XHKG.supplement.json`` beside it, where there is one, holds what its generator does not
know, each entry with the day it was added and its source: closures that no rule foresees, and the sessions after the
table's last, once the exchange has announced its holidays. `with_closed_days` takes such a file from anywhere.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, ValidationError

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import CalendarTable, ExchangeCalendar

__all__ = ["TABLES", "load_calendar", "read_calendar", "supplement_path", "with_closed_days"]

TABLES = Path(__file__).with_name("calendars")
SATURDAY = 5


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _CalendarFile(_Model):
    calendar: str
    source: str
    timezone: str
    first: date
    last: date
    closed: frozenset[date]
    weekend_sessions: frozenset[date]
    hours: tuple[tuple[date, time, time], ...]
    breaks: tuple[tuple[date, time | None, time | None], ...]
    special_hours: dict[date, tuple[time, time]]


class _Entry(_Model):
    """What a source says, as far as the calendar did not know it.

    ``last`` is a later end of the calendar: every weekday up to it that is not ``closed`` becomes a session.
    """

    added: date
    source: HttpUrl
    reason: str = Field(min_length=1)
    last: date | None = None
    closed: tuple[date, ...] = ()
    weekend_sessions: tuple[date, ...] = ()
    special_hours: dict[date, tuple[time, time]] = {}


class _Supplement(_Model):
    calendar: str
    entries: tuple[_Entry, ...] = Field(min_length=1)


@cache
def load_calendar(name: str) -> ExchangeCalendar:
    """Return the calendar of an exchange by its ISO 10383 market code, such as ``XNYS``.

    Raises
    ------
    InvalidInput
        The package has no table of that name.
    """
    return read_calendar(name, TABLES)


def read_calendar(name: str, folder: Path) -> ExchangeCalendar:
    """Return the calendar of an exchange from the tables in a folder.

    Raises
    ------
    InvalidInput
        There is no table of that name, or its supplement says nothing new, contradicts it, or cannot be read.
    """
    table = folder / f"{name}.json"
    if "." in name or not table.is_file():
        known = ", ".join(sorted(entry.stem for entry in folder.glob("*.json") if "." not in entry.stem))
        raise InvalidInput(f"calendar {name!r} is not known; known: {known}")
    content = _CalendarFile.model_validate_json(table.read_bytes())
    values = content.model_dump(exclude={"calendar", "source"})
    known_table = CalendarTable(name=content.calendar, **values)
    supplement = supplement_path(name, folder)
    if supplement.is_file():
        known_table = _supplemented(known_table, supplement, supplement.name)
    return ExchangeCalendar(known_table)


def supplement_path(name: str, folder: Path) -> Path:
    """Return where the supplement of a calendar is, if it has one."""
    return folder / f"{name}.supplement.json"


def with_closed_days(calendar: ExchangeCalendar, path: Path) -> ExchangeCalendar:
    """Return a calendar that knows what a file of one's own says too, without another release of this package.

    Parameters
    ----------
    path
        A supplement, as ``XHKG.supplement.json`` is one: closures, and with a later ``last`` the sessions up to it.

    Raises
    ------
    InvalidInput
        The file is not there, cannot be read, is another exchange's, says nothing new or contradicts the calendar.
    """
    return ExchangeCalendar(_supplemented(calendar.table, path, str(path)))


def _supplemented(table: CalendarTable, path: Path, name: str) -> CalendarTable:
    """Return a table that knows what a supplement says; errors call the file by a name."""
    try:
        supplement = _Supplement.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{name}: the closed days cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InvalidInput(f"{name}: {where}: {first['msg']}") from None
    if supplement.calendar != table.name:
        raise InvalidInput(f"{name}: calendar is {supplement.calendar!r}; it is the supplement of {table.name}")
    newest = date.min
    for number, entry in enumerate(supplement.entries):
        if entry.added < newest:
            raise InvalidInput(f"{name}: entries.{number}: added {entry.added} is before {newest}; append to it")
        newest = entry.added
        try:
            table = _with(table, entry)
        except InvalidInput as error:
            raise InvalidInput(f"{name}: entries.{number}: {error}") from None
    return table


def _with(table: CalendarTable, entry: _Entry) -> CalendarTable:
    """Return a table that knows what an entry says; `InvalidInput` where that is known already, or cannot be."""
    wider = replace(
        table,
        last=entry.last or table.last,
        closed=table.closed.union(entry.closed),
        weekend_sessions=table.weekend_sessions.union(entry.weekend_sessions),
        special_hours={**table.special_hours, **entry.special_hours},
    )
    if wider == table:
        raise InvalidInput("it says nothing new; give last, closed, weekend_sessions or special_hours, or remove it")
    _check_days(table, entry, wider.last)
    _check_sessions(table, entry, ExchangeCalendar(wider))
    return wider


def _check_days(table: CalendarTable, entry: _Entry, last: date) -> None:
    if entry.last is not None and entry.last <= table.last:
        raise InvalidInput(f"last {last} is not after {table.last}, to which the calendar is known; remove it")
    for day in (*entry.closed, *entry.weekend_sessions, *entry.special_hours):
        if not table.first <= day <= last:
            raise InvalidInput(f"{day} is outside the calendar, {table.first} to {last}; give a later last with it")
    for day in entry.closed:
        if day.weekday() >= SATURDAY or day in table.closed:
            raise InvalidInput(f"closed {day} is no session without it either; remove it")
    for day in entry.weekend_sessions:
        if day.weekday() < SATURDAY or day in table.weekend_sessions:
            raise InvalidInput(f"weekend session {day} is no weekend or a session already; remove it")


def _check_sessions(table: CalendarTable, entry: _Entry, wider: ExchangeCalendar) -> None:
    for day, (opens, closes) in entry.special_hours.items():
        if not wider.is_session(day) or opens >= closes or table.special_hours.get(day) == (opens, closes):
            raise InvalidInput(f"special hours {day}: no session, known already, or not from earlier to later")
    if not wider.is_session(wider.table.last):
        raise InvalidInput(f"last {wider.table.last} is no session; give the last session that is announced")
