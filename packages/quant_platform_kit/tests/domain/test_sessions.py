"""Sessions and trading hours against what the exchanges published."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.errors import InvalidInput, UnknownSession
from quant_platform_kit.domain.sessions import ExchangeCalendar, Session, SessionHours


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("session", "opens", "closes"),
    [
        (date(2023, 3, 10), "14:30", "21:00"),
        (date(2023, 3, 13), "13:30", "20:00"),
        (date(2023, 11, 3), "13:30", "20:00"),
        (date(2023, 11, 6), "14:30", "21:00"),
        (date(2006, 4, 3), "13:30", "20:00"),
        (date(2006, 3, 31), "14:30", "21:00"),
    ],
)
def test_new_york_keeps_its_local_hours_across_daylight_saving(
    calendar: ExchangeCalendar, session: date, opens: str, closes: str
) -> None:
    assert calendar.hours(session) == SessionHours(utc(f"{session} {opens}"), utc(f"{session} {closes}"))


def test_the_day_after_thanksgiving_ends_at_one(calendar: ExchangeCalendar) -> None:
    half = calendar.hours(date(2023, 11, 24))
    assert (half.open, half.close) == (utc("2023-11-24 14:30"), utc("2023-11-24 18:00"))
    assert calendar.is_open(utc("2023-11-24 18:00"))
    assert not calendar.is_open(utc("2023-11-24 18:01"))
    assert not calendar.is_session(date(2023, 11, 23))


def test_the_storm_of_2012_closed_new_york_for_two_days(calendar: ExchangeCalendar) -> None:
    assert not calendar.is_session(date(2012, 10, 29))
    assert not calendar.is_session(date(2012, 10, 30))
    assert calendar.session(date(2012, 10, 31)) == Session(date(2012, 10, 31), date(2012, 10, 26), date(2012, 11, 1))
    with pytest.raises(UnknownSession, match=r"2012-10-29 is not a session of XNYS; .* 2012-10-26 and 2012-10-31"):
        calendar.session(date(2012, 10, 29))


def test_the_opening_and_the_closing_instant_trade_and_a_moment_outside_does_not(calendar: ExchangeCalendar) -> None:
    moment = timedelta(microseconds=1)
    opens, closes = utc("2023-12-01 14:30"), utc("2023-12-01 21:00")
    assert calendar.is_open(opens)
    assert calendar.is_open(closes)
    assert not calendar.is_open(opens - moment)
    assert not calendar.is_open(closes + moment)


def test_a_local_date_is_that_of_the_exchange(calendar: ExchangeCalendar) -> None:
    assert calendar.local_date(utc("2023-12-02 04:59")) == date(2023, 12, 1)
    assert calendar.local_date(utc("2023-12-02 05:00")) == date(2023, 12, 2)
    assert load_calendar("XHKG").local_date(utc("2023-12-01 16:00")) == date(2023, 12, 2)


def test_hong_kong_rests_at_noon() -> None:
    hong_kong = load_calendar("XHKG")
    hours = hong_kong.hours(date(2023, 12, 1))
    assert hours == SessionHours(*(utc(f"2023-12-01 {at}") for at in ("01:30", "08:00", "04:00", "05:00")))
    moment = timedelta(microseconds=1)
    assert hong_kong.is_open(utc("2023-12-01 04:00"))
    assert not hong_kong.is_open(utc("2023-12-01 04:00") + moment)
    assert not hong_kong.is_open(utc("2023-12-01 05:00") - moment)
    assert hong_kong.is_open(utc("2023-12-01 05:00"))


def test_a_half_day_in_hong_kong_that_ends_inside_the_rest_has_none() -> None:
    # 24 December 2008: 10:00 to 12:30 without a rest, though the rest of those years began at 12:00.
    hong_kong = load_calendar("XHKG")
    assert hong_kong.hours(date(2008, 12, 24)) == SessionHours(utc("2008-12-24 02:00"), utc("2008-12-24 04:30"))
    assert hong_kong.is_open(utc("2008-12-24 04:15"))
    assert hong_kong.hours(date(2008, 12, 23)).break_start == utc("2008-12-23 04:00")


def test_a_half_day_in_hong_kong_that_ends_with_the_morning_has_no_rest() -> None:
    assert load_calendar("XHKG").hours(date(2024, 12, 24)) == SessionHours(
        utc("2024-12-24 01:30"), utc("2024-12-24 04:00")
    )


def test_hong_kong_opens_earlier_since_march_2011() -> None:
    hong_kong = load_calendar("XHKG")
    assert hong_kong.hours(date(2011, 3, 4)).open == utc("2011-03-04 02:00")
    assert hong_kong.hours(date(2011, 3, 7)).open == utc("2011-03-07 01:30")


@pytest.mark.parametrize(
    ("day", "starts_month", "ends_month", "ends_quarter"),
    [
        (date(2023, 3, 31), False, True, True),
        (date(2023, 4, 3), True, False, False),
        (date(2023, 4, 28), False, True, False),
        (date(2023, 5, 1), True, False, False),
        (date(2023, 12, 29), False, True, True),
        (date(2023, 12, 28), False, False, False),
        (date(2024, 1, 2), True, False, False),
    ],
)
def test_month_and_quarter_ends_follow_from_the_calendar(
    calendar: ExchangeCalendar, day: date, starts_month: bool, ends_month: bool, ends_quarter: bool
) -> None:
    session = calendar.session(day)
    assert (session.starts_month, session.ends_month, session.ends_quarter) == (starts_month, ends_month, ends_quarter)


def test_neighbours_skip_weekends_and_holidays(calendar: ExchangeCalendar) -> None:
    assert calendar.before(date(2023, 12, 26)) == date(2023, 12, 22)
    assert calendar.after(date(2023, 12, 22)) == date(2023, 12, 26)
    assert calendar.before(date(2023, 12, 24)) == date(2023, 12, 22)
    assert calendar.after(date(2023, 12, 24)) == date(2023, 12, 26)


def test_between_includes_both_ends_and_only_sessions(calendar: ExchangeCalendar) -> None:
    assert calendar.between(date(2023, 12, 22), date(2023, 12, 27)) == (
        date(2023, 12, 22),
        date(2023, 12, 26),
        date(2023, 12, 27),
    )
    assert calendar.between(date(2023, 12, 23), date(2023, 12, 25)) == ()
    assert len(calendar.between(date(2023, 1, 1), date(2023, 12, 31))) == 250


BEYOND = date(2028, 1, 3)
LONG_AGO = date(1989, 12, 29)


@pytest.mark.parametrize("day", [BEYOND, LONG_AGO])
@pytest.mark.parametrize("ask", ["is_session", "session", "before", "after"])
def test_outside_its_bounds_a_calendar_says_so_and_guesses_nothing(
    calendar: ExchangeCalendar, ask: str, day: date
) -> None:
    with pytest.raises(
        UnknownSession, match=f"{day} is outside the XNYS calendar, which knows 1990-01-02 to 2027-12-31"
    ):
        getattr(calendar, ask)(day)


@pytest.mark.parametrize("day", [BEYOND, LONG_AGO])
def test_hours_outside_the_bounds_are_not_guessed(calendar: ExchangeCalendar, day: date) -> None:
    with pytest.raises(UnknownSession, match=f"{day} is outside the XNYS calendar"):
        calendar.hours(day)


def test_a_range_that_leaves_the_bounds_is_refused(calendar: ExchangeCalendar) -> None:
    inside = date(2023, 12, 1)
    for first, last in ((LONG_AGO, inside), (inside, BEYOND)):
        with pytest.raises(UnknownSession, match="outside the XNYS calendar"):
            calendar.between(first, last)


def test_the_first_and_the_last_session_have_no_known_neighbour(calendar: ExchangeCalendar) -> None:
    for day in (date(1990, 1, 2), date(2027, 12, 31)):
        assert calendar.is_session(day)
        with pytest.raises(UnknownSession, match="update quant-platform-kit"):
            calendar.session(day)


def test_an_exchange_without_a_table_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="calendar 'XLON' is not known; known: XHKG, XNYS, XSHG"):
        load_calendar("XLON")
