"""Trading days of China's futures exchanges: several spells each, and the night before belongs to the day after.

A trading day begins at 20:00 exchange-local time, before the auctions of its night session, and ends with its day
session; between the close of the day session and 20:00 it is still the old one. A night session belongs to the next
trading day: that of Friday, and what of it lies on Saturday, to Monday. There is none on the eve of a holiday, which is
a closure of more than Saturday and Sunday, nor are there any during one.

Which days are trading days is what the calendar says; hours are those of a contract. Nights that exchanges called off
for other reasons, as from 2020-02-03 to 2020-05-05, are not known. (Bars of tqsdk change their day at 18:00; nothing
trades between the two.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self, cast

from quant_platform_kit.domain.errors import InvalidInput, UnknownSession
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = ["BEGINS", "TradingHours", "is_open", "spells", "trading_day"]

BEGINS = timedelta(hours=20)
"""When a trading day begins: so long after midnight of the session before it, exchange-local time."""

Spell = tuple[timedelta, timedelta]
"""Opening and close, each as time since midnight of the date on which the session begins; past 24 hours after it."""

_BOUNDS = {"day": (timedelta(hours=8), BEGINS), "night": (BEGINS, timedelta(hours=32))}
"""Between which times the spells of a session lie, so that no two sessions can overlap."""

_TIME = re.compile(r"([0-9]{2}):([0-5][0-9]):([0-5][0-9])")
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class TradingHours:
    """When a contract trades on a trading day, in exchange-local time.

    Attributes
    ----------
    day
        Spells of the day session, ascending; between 08:00 and 20:00, at least one.
    night
        Spells of the night session before it, ascending; between 20:00 and 08:00 (32:00); none for contracts that
        have no night session.

    Raises
    ------
    InvalidInput
        A spell is out of these bounds, begins before the one before it ends, or ends no later than it begins.
    """

    day: tuple[Spell, ...]
    night: tuple[Spell, ...] = ()

    def __post_init__(self) -> None:
        if not self.day:
            raise InvalidInput("trading_time.day is empty: every contract has a day session")
        for name in _BOUNDS:
            _check(name, getattr(self, name))

    @classmethod
    def parse(cls, trading_time: object) -> Self:
        """Return the hours that ``trading_time`` of a quote says, as tqsdk delivers it.

        Parameters
        ----------
        trading_time
            ``{"day": [["09:00:00", "10:15:00"], ...], "night": [["21:00:00", "26:30:00"]]}``; hours past 24 are those
            after midnight. ``night`` may be absent or empty; other members are passed over.

        Raises
        ------
        InvalidInput
            Naming the value that cannot be meant.
        """
        if not isinstance(trading_time, Mapping):
            raise InvalidInput(f"trading_time {trading_time!r} has no spells; expected day and night")
        document = cast(Mapping[str, object], trading_time)
        day, night = (_spells(name, document.get(name)) for name in _BOUNDS)
        return cls(day, night)


def trading_day(calendar: ExchangeCalendar, instant: datetime) -> date:
    """Return the trading day of an aware instant: from 20:00 on, and on days without a session, the next one.

    Raises
    ------
    UnknownSession
        The calendar does not know it; the message says how to extend it.
    """
    if instant.tzinfo is None:
        raise InvalidInput(f"{instant} has no time zone; a trading day is that of an aware instant")
    local = instant.astimezone(calendar.timezone)
    day = local.date()
    is_evening = timedelta(hours=local.hour) >= BEGINS
    last = calendar.table.last
    if day > last or (day == last and is_evening):
        raise UnknownSession(
            f"the trading day of {local:%Y-%m-%d %H:%M} is after {last}, the last that the {calendar.name} calendar "
            f"knows; {calendar.how_to_extend}, or add it to a file of closed days of your own"
        )
    return day if calendar.is_session(day) and not is_evening else calendar.after(day)


def spells(calendar: ExchangeCalendar, hours: TradingHours, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """Return when a contract trades on a trading day: (opening, close), aware UTC, ascending, so the night first.

    Raises
    ------
    UnknownSession
        It is no trading day, or it or the session before it is not in the calendar.
    """
    if not calendar.is_session(day):
        raise UnknownSession(f"{day} is no trading day of {calendar.name}: the exchange is closed")
    before = calendar.before(day)
    found = [_utc(calendar, before, spell) for spell in hours.night if _has_night(before, day)]
    found += [_utc(calendar, day, spell) for spell in hours.day]
    return tuple(found)


def is_open(calendar: ExchangeCalendar, hours: TradingHours, instant: datetime) -> bool:
    """Whether a contract trades at an aware instant; the opening instant of a spell counts, its close does not.

    Raises
    ------
    UnknownSession
        The calendar does not know the trading day; the message says how to extend it.
    """
    day = trading_day(calendar, instant)
    return any(opens <= instant < closes for opens, closes in spells(calendar, hours, day))


def _has_night(before: date, day: date) -> bool:
    """Whether a night session leads from one session to the next: nothing but a weekend lies between them."""
    between = (before + timedelta(n) for n in range(1, (day - before).days))
    return all(each.weekday() >= SATURDAY for each in between)


def _utc(calendar: ExchangeCalendar, day: date, spell: Spell) -> tuple[datetime, datetime]:
    midnight = datetime.combine(day, time.min, calendar.timezone)
    opens, closes = ((midnight + offset).astimezone(UTC) for offset in spell)
    return opens, closes


def _spells(name: str, given: object) -> tuple[Spell, ...]:
    """Return the spells of a session; none where nothing is given."""
    if given is None:
        return ()
    return tuple(_spell(name, each) for each in _listed(f"trading_time.{name}", given))


def _spell(name: str, given: object) -> Spell:
    times = _listed(f"a spell of trading_time.{name}", given)
    if len(times) != 2:
        raise InvalidInput(f"trading_time.{name}: {given!r} is no spell; expected its opening and its close")
    opens, closes = (_since_midnight(name, each) for each in times)
    return opens, closes


def _listed(what: str, given: object) -> Sequence[object]:
    if not isinstance(given, list | tuple):
        raise InvalidInput(f"{what} is {given!r}; expected a list")
    return cast(Sequence[object], given)


def _since_midnight(name: str, given: object) -> timedelta:
    found = _TIME.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise InvalidInput(f"trading_time.{name}: {given!r} is no time; expected one as 21:00:00, or 25:00:00 for 1:00")
    hours, minutes, seconds = map(int, found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _check(name: str, found: tuple[Spell, ...]) -> None:
    """Raise `InvalidInput` unless spells ascend within the bounds of their session."""
    first, last = _BOUNDS[name]
    earliest = first
    for opens, closes in found:
        if not earliest <= opens < closes <= last:
            raise InvalidInput(
                f"trading_time.{name}: {_text(opens)} to {_text(closes)}; spells of the {name} session ascend from "
                f"{_text(first)} to {_text(last)}, hours after midnight as 25:00:00"
            )
        earliest = closes


def _text(offset: timedelta) -> str:
    minutes, seconds = divmod(int(offset.total_seconds()), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
