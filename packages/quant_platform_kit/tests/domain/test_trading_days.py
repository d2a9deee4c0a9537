"""Trading days of China's futures exchanges, against the days and nights that the exchanges announced."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.errors import InvalidInput, UnknownSession
from quant_platform_kit.domain.trading_days import BEGINS, TradingHours, is_open, spells, trading_day

XSHG = load_calendar("XSHG")
BEIJING = ZoneInfo("Asia/Shanghai")
DAY = [["09:00:00", "10:15:00"], ["10:30:00", "11:30:00"], ["13:30:00", "15:00:00"]]
REBAR = TradingHours.parse({"day": DAY, "night": [["21:00:00", "23:00:00"]]})
COPPER = TradingHours.parse({"day": DAY, "night": [["21:00:00", "25:00:00"]]})
GOLD = TradingHours.parse({"day": DAY, "night": [["21:00:00", "26:30:00"]]})
INDEX = TradingHours.parse({"day": [["09:30:00", "11:30:00"], ["13:00:00", "15:00:00"]], "night": []})

NO_NIGHT = """
2023-12-29 2024-02-08 2024-04-03 2024-04-30 2024-06-07 2024-09-13 2024-09-30 2024-12-31
2025-01-27 2025-04-03 2025-04-30 2025-05-30 2025-09-30 2025-12-31
2026-02-13 2026-04-03 2026-04-30 2026-06-18 2026-09-24 2026-09-30
""".split()
"""The sessions of three years after which the exchanges have no night session."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


def days(text: str) -> date:
    return date.fromisoformat(text)


# --- which trading day it is ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2025-03-11 09:00", "2025-03-11"),  # Tuesday
        ("2025-03-11 12:00", "2025-03-11"),
        ("2025-03-11 15:00", "2025-03-11"),
        ("2025-03-11 19:59:59.999999", "2025-03-11"),
        ("2025-03-11 20:00", "2025-03-12"),
        ("2025-03-11 21:00", "2025-03-12"),
        ("2025-03-12 00:00", "2025-03-12"),
        ("2025-03-12 02:29", "2025-03-12"),
        ("2025-03-14 19:59", "2025-03-14"),  # Friday
        ("2025-03-14 21:00", "2025-03-17"),
        ("2025-03-15 01:00", "2025-03-17"),
        ("2025-03-15 12:00", "2025-03-17"),
        ("2025-03-16 23:00", "2025-03-17"),
        ("2025-03-17 00:30", "2025-03-17"),
        ("2025-04-03 21:00", "2025-04-07"),  # Qingming is Friday
        ("2025-04-04 10:00", "2025-04-07"),
        ("2024-09-30 20:00", "2024-10-08"),
        ("2024-02-08 19:00", "2024-02-08"),
        ("2024-02-08 20:00", "2024-02-19"),
        ("2026-12-31 19:59", "2026-12-31"),
    ],
)
def test_an_instant_belongs_to_a_trading_day(moment: str, expected: str) -> None:
    assert trading_day(XSHG, at(moment)) == days(expected)
    assert trading_day(XSHG, at(moment).astimezone(UTC)) == days(expected)


def test_an_instant_without_a_time_zone_has_no_trading_day() -> None:
    with pytest.raises(InvalidInput, match="2025-03-11 09:00:00 has no time zone"):
        trading_day(XSHG, datetime(2025, 3, 11, 9))  # noqa: DTZ001  what is refused


@pytest.mark.parametrize("moment", ["2026-12-31 20:00", "2026-12-31 21:30", "2027-01-01 10:00", "2027-01-04 09:30"])
def test_a_trading_day_after_the_calendar_is_refused_and_not_guessed(moment: str) -> None:
    for ask in (lambda: trading_day(XSHG, at(moment)), lambda: is_open(XSHG, INDEX, at(moment))):
        with pytest.raises(UnknownSession, match=r"is after 2026-12-31, the last that the XSHG calendar knows") as told:
            ask()
        assert "update quant-platform-kit, or add" in str(told.value)
        assert "XSHG.supplement.json" in str(told.value)
        assert str(told.value).endswith("or add it to a file of closed days of your own")


def test_before_the_calendar_nothing_is_known_either() -> None:
    with pytest.raises(UnknownSession, match="1999-12-30 is outside the XSHG calendar"):
        trading_day(XSHG, at("1999-12-30 10:00"))
    with pytest.raises(UnknownSession, match="2000-01-04 is outside"):
        spells(XSHG, INDEX, XSHG.table.first)


# --- when a contract trades -----------------------------------------------------------------------


def test_the_night_before_is_the_first_spell_of_a_trading_day() -> None:
    assert spells(XSHG, GOLD, days("2025-03-12")) == (
        (at("2025-03-11 21:00"), at("2025-03-12 02:30")),
        (at("2025-03-12 09:00"), at("2025-03-12 10:15")),
        (at("2025-03-12 10:30"), at("2025-03-12 11:30")),
        (at("2025-03-12 13:30"), at("2025-03-12 15:00")),
    )
    assert all(each.tzinfo is UTC for spell in spells(XSHG, GOLD, days("2025-03-12")) for each in spell)


def test_fridays_night_and_its_part_on_saturday_are_mondays() -> None:
    (night, *_) = spells(XSHG, COPPER, days("2025-03-17"))
    assert night == (at("2025-03-14 21:00"), at("2025-03-15 01:00"))
    assert is_open(XSHG, COPPER, at("2025-03-15 00:59:59"))
    assert not is_open(XSHG, COPPER, at("2025-03-15 01:00"))
    assert not is_open(XSHG, COPPER, at("2025-03-17 00:30"))


@pytest.mark.parametrize("eve", NO_NIGHT)
def test_there_is_no_night_session_on_the_eve_of_a_holiday_nor_during_one(eve: str) -> None:
    after = XSHG.after(days(eve))
    assert [opens.astimezone(BEIJING).date() for opens, _ in spells(XSHG, REBAR, after)] == [after] * 3
    for day in range((after - days(eve)).days):
        assert not is_open(XSHG, REBAR, at(f"{days(eve) + timedelta(day)} 22:00"))


def test_on_every_other_session_of_three_years_there_is_one() -> None:
    sessions = XSHG.between(days("2023-12-29"), days("2026-12-31"))
    without = [str(eve) for eve, day in pairwise(sessions) if len(spells(XSHG, REBAR, day)) == 3]
    assert without == NO_NIGHT
    assert all(is_open(XSHG, REBAR, at(f"{eve} 21:00")) for eve in sessions[:-1] if str(eve) not in NO_NIGHT)


def test_a_contract_without_a_night_session_trades_by_day_only() -> None:
    assert len(spells(XSHG, INDEX, days("2025-03-12"))) == 2
    assert not is_open(XSHG, INDEX, at("2025-03-11 21:30"))
    assert TradingHours.parse({"day": DAY}).night == ()
    assert TradingHours.parse({"day": DAY, "night": None}).night == ()


def test_a_spell_is_open_from_its_opening_until_before_its_close() -> None:
    assert is_open(XSHG, REBAR, at("2025-03-11 09:00"))
    assert is_open(XSHG, REBAR, at("2025-03-11 10:14:59.999999"))
    assert not is_open(XSHG, REBAR, at("2025-03-11 10:15"))
    assert not is_open(XSHG, REBAR, at("2025-03-11 10:29"))
    assert not is_open(XSHG, REBAR, at("2025-03-11 15:00"))


def test_a_day_without_a_session_has_no_spells() -> None:
    with pytest.raises(UnknownSession, match="2025-03-15 is no trading day of XSHG"):
        spells(XSHG, REBAR, days("2025-03-15"))


# --- hours as tqsdk delivers them ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("09:00-15:00", "trading_time '09:00-15:00' has no spells"),
        (None, "trading_time None has no spells"),
        ({}, r"trading_time\.day is empty"),
        ({"day": []}, r"trading_time\.day is empty"),
        ({"day": "09:00:00"}, r"trading_time\.day is '09:00:00'; expected a list"),
        ({"day": ["09:00:00", "15:00:00"]}, r"a spell of trading_time\.day is '09:00:00'; expected a list"),
        ({"day": [["09:00:00"]]}, r"\['09:00:00'\] is no spell"),
        ({"day": [["09:00:00", "10:00:00", "11:00:00"]]}, "is no spell"),
        ({"day": [["9:00", "15:00:00"]]}, "'9:00' is no time"),
        ({"day": [["09:00:00", "14:60:00"]]}, "'14:60:00' is no time"),
        ({"day": [[9, 15]]}, "9 is no time"),
        ({"day": [["15:00:00", "09:00:00"]]}, "15:00:00 to 09:00:00; spells of the day session ascend"),
        ({"day": [["09:00:00", "09:00:00"]]}, "09:00:00 to 09:00:00; spells"),
        ({"day": [["13:00:00", "15:00:00"], ["09:00:00", "11:30:00"]]}, "09:00:00 to 11:30:00; spells"),
        ({"day": [["09:00:00", "11:00:00"], ["10:59:59", "15:00:00"]]}, "10:59:59 to 15:00:00; spells"),
        ({"day": [["07:59:59", "15:00:00"]]}, "07:59:59 to 15:00:00; spells"),
        ({"day": [["09:00:00", "20:00:01"]]}, "09:00:00 to 20:00:01; spells"),
        ({"day": DAY, "night": [["21:00:00", "02:30:00"]]}, "21:00:00 to 02:30:00; spells of the night session"),
        ({"day": DAY, "night": [["19:59:59", "23:00:00"]]}, "19:59:59 to 23:00:00; spells"),
        ({"day": DAY, "night": [["21:00:00", "32:00:01"]]}, "21:00:00 to 32:00:01; spells"),
        ({"day": DAY, "night": [["21:00:00", 25]]}, r"trading_time\.night: 25 is no time"),
    ],
)
def test_hours_that_cannot_be_meant_are_refused_by_name(document: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        TradingHours.parse(document)


def test_other_members_of_the_document_are_passed_over() -> None:
    assert TradingHours.parse({"day": DAY, "night": [("21:00:00", "25:00:00")], "noon": 1}) == COPPER


# --- whatever the hours ----------------------------------------------------------------------------


def _ascending(
    draw: st.DrawFn, first: int, last: int, most: int, least: int
) -> tuple[tuple[timedelta, timedelta], ...]:
    count = draw(st.integers(least, most))
    seconds = draw(st.lists(st.integers(first, last), min_size=2 * count, max_size=2 * count, unique=True))
    times = [timedelta(seconds=each) for each in sorted(seconds)]
    return tuple(zip(times[::2], times[1::2], strict=True))


@st.composite
def trading_hours(draw: st.DrawFn) -> TradingHours:
    day = _ascending(draw, 8 * 3600, 20 * 3600, 4, 1)
    return TradingHours(day, _ascending(draw, 20 * 3600, 32 * 3600, 2, 0))


sessions = st.sampled_from(XSHG.sessions[1:-1])
instants = st.datetimes(datetime(2000, 1, 7), datetime(2026, 12, 31, 19, 59), timezones=st.just(BEIJING))  # noqa: DTZ001


@settings(max_examples=80)
@given(sessions, trading_hours(), st.floats(0, 1, exclude_max=True))
def test_every_instant_of_a_spell_is_of_the_trading_day_that_the_spell_is_of(
    day: date, hours: TradingHours, part: float
) -> None:
    for opens, closes in spells(XSHG, hours, day):
        moment = min(opens + part * (closes - opens), closes - timedelta(microseconds=1))
        assert trading_day(XSHG, moment) == day
        assert is_open(XSHG, hours, moment)


@settings(max_examples=80)
@given(sessions, trading_hours())
def test_spells_ascend_and_those_of_two_trading_days_do_not_overlap(day: date, hours: TradingHours) -> None:
    both = (*spells(XSHG, hours, day), *spells(XSHG, hours, XSHG.after(day)))
    edges = [edge for spell in both for edge in spell]
    assert edges == sorted(edges)


@settings(max_examples=80)
@given(instants, trading_hours())
def test_it_is_open_within_spells_of_the_trading_day_and_at_no_other_time(
    moment: datetime, hours: TradingHours
) -> None:
    day = trading_day(XSHG, moment)
    around = [XSHG.before(day), day, *([XSHG.after(day)] if day < XSHG.table.last else [])]
    within = [each for each in around if _holds(hours, each, moment)]
    assert within == ([day] if is_open(XSHG, hours, moment) else [])


def _holds(hours: TradingHours, day: date, moment: datetime) -> bool:
    return any(opens <= moment < closes for opens, closes in spells(XSHG, hours, day))


@settings(max_examples=80)
@given(instants, st.timedeltas(timedelta(0), timedelta(days=20)))
def test_trading_days_never_go_back_and_are_sessions(moment: datetime, later: timedelta) -> None:
    day = trading_day(XSHG, moment)
    assert XSHG.is_session(day)
    if (other := moment + later) < at("2026-12-31 19:59"):
        assert trading_day(XSHG, other) >= day
    midnight = datetime.combine(XSHG.before(day), datetime.min.time(), BEIJING)
    assert midnight + BEGINS <= moment < datetime.combine(day, datetime.min.time(), BEIJING) + BEGINS


@settings(max_examples=80)
@given(trading_hours())
def test_hours_are_read_back_from_how_tqsdk_writes_them(hours: TradingHours) -> None:
    def text(offset: timedelta) -> str:
        seconds = int(offset.total_seconds())
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    document: Mapping[str, object] = {
        name: [[text(edge) for edge in spell] for spell in getattr(hours, name)] for name in ("day", "night")
    }
    assert TradingHours.parse(document) == hours
