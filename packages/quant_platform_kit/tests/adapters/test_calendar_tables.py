"""What a supplement adds to a calendar: closures nobody foresaw, and the sessions after the last that was known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import TABLES, load_calendar, read_calendar, with_closed_days
from quant_platform_kit.domain.errors import InvalidInput, UnknownSession
from quant_platform_kit.domain.sessions import ExchangeCalendar, Session
from quant_platform_kit.domain.trading_days import TradingHours, is_open, trading_day

SOURCE = {"added": "2026-12-01", "source": "https://exchange.example/notice", "reason": "announced"}
YEAR = {"last": "2027-12-31", "closed": ["2027-01-01", "2027-10-01"]}
"""An invented year: which days are closed is up to the exchange."""

Supplemented = Callable[..., ExchangeCalendar]


@pytest.fixture
def supplemented(tmp_path: Path) -> Supplemented:
    """Return a function that reads Shanghai's calendar with a supplement of these entries."""

    def read(*entries: dict[str, Any], calendar: str = "XSHG", **more: Any) -> ExchangeCalendar:
        shutil.copy(TABLES / "XSHG.json", tmp_path)
        document = {"calendar": calendar, "entries": [{**SOURCE, **entry} for entry in entries], **more}
        (tmp_path / "XSHG.supplement.json").write_text(json.dumps(document))
        return read_calendar("XSHG", tmp_path)

    return read


@pytest.mark.parametrize("day", [date(2023, 9, 1), date(2023, 9, 8)])
def test_hong_kong_did_not_trade_under_the_typhoon_and_the_black_rainstorm_of_2023(day: date) -> None:
    hong_kong = load_calendar("XHKG")
    assert not hong_kong.is_session(day)
    assert hong_kong.session(hong_kong.before(day)).next == hong_kong.after(day) == date(2023, 9, day.day + 3)
    assert not hong_kong.is_open(datetime(2023, 9, day.day, 2, tzinfo=UTC))


def test_every_entry_that_ships_is_dated_and_names_a_page_of_the_exchange() -> None:
    shipped = sorted(TABLES.glob("*.supplement.json"))
    assert [path.name for path in shipped] == ["XHKG.supplement.json"]
    for path in shipped:
        for entry in json.loads(path.read_text(encoding="utf-8"))["entries"]:
            assert date.fromisoformat(entry["added"]) <= date(2026, 11, 29)
            assert entry["source"].startswith("https://www.hkex.com.hk/")


def test_past_its_end_a_calendar_refuses_a_session_and_says_how_to_extend_it() -> None:
    shanghai = load_calendar("XSHG")
    with pytest.raises(
        UnknownSession,
        match=r"2027-01-04 is outside the XSHG calendar, which knows 2000-01-04 to 2026-12-31; "
        r"update quant-platform-kit, or add the exchange's own announcement to XSHG.supplement.json, as "
        r"docs/reference/operating.md says",
    ):
        shanghai.session(date(2027, 1, 4))


def test_a_supplement_extends_a_calendar_by_the_year_that_was_announced(supplemented: Supplemented) -> None:
    shanghai = supplemented(YEAR)
    assert shanghai.session(date(2026, 12, 31)) == Session(date(2026, 12, 31), date(2026, 12, 30), date(2027, 1, 4))
    assert shanghai.before(date(2027, 10, 4)) == date(2027, 9, 30)
    assert shanghai.hours(date(2027, 1, 4)).break_start == datetime(2027, 1, 4, 3, 30, tzinfo=UTC)
    with pytest.raises(UnknownSession, match="which knows 2000-01-04 to 2027-12-31"):
        shanghai.is_session(date(2028, 1, 3))


def test_entries_follow_one_another(supplemented: Supplemented) -> None:
    storm = {"added": "2027-07-05", "closed": ["2027-07-02"], "special_hours": {"2027-07-05": ["13:00", "15:00"]}}
    shanghai = supplemented(YEAR, storm, {"added": "2027-08-01", "weekend_sessions": ["2027-08-28"]})
    assert not shanghai.is_session(date(2027, 7, 2))
    assert shanghai.is_session(date(2027, 8, 28))
    late = shanghai.hours(date(2027, 7, 5))
    assert (late.open, late.close) == (datetime(2027, 7, 5, 5, tzinfo=UTC), datetime(2027, 7, 5, 7, tzinfo=UTC))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "it says nothing new; give last, closed, weekend_sessions or special_hours"),
        ({"last": "2026-12-31"}, "it says nothing new"),
        ({"last": "2026-12-30"}, "last 2026-12-30 is not after 2026-12-31, to which the calendar is known; remove it"),
        ({"last": "2027-01-02"}, "last 2027-01-02 is no session; give the last session that is announced"),
        ({"closed": ["2027-01-04"]}, "2027-01-04 is outside the calendar, 2000-01-04 to 2026-12-31; give a later last"),
        ({"closed": ["2026-10-01", "2026-11-27"]}, "closed 2026-10-01 is no session without it either; remove it"),
        ({"closed": ["2026-11-28"]}, "closed 2026-11-28 is no session without it either"),
        ({"weekend_sessions": ["2026-11-27"]}, "weekend session 2026-11-27 is no weekend or a session already"),
        ({"special_hours": {"2026-11-28": ["09:30", "11:30"]}}, "special hours 2026-11-28: no session"),
        ({"special_hours": {"2026-11-27": ["11:30", "09:30"]}}, "special hours 2026-11-27: .* not from earlier to lat"),
        ({"closed": ["2026-11-27"], "source": "hearsay"}, r"entries.0.source: Input should be a valid URL"),
        ({"closed": ["2026-11-27"], "reason": ""}, r"entries.0.reason: String should have at least 1 character"),
        ({"closed": ["2026-11-27"], "added": "soon"}, r"entries.0.added: "),
        ({"shut": ["2026-11-27"]}, r"entries.0.shut: Extra inputs are not permitted"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_named(supplemented: Supplemented, entry: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^XSHG\.supplement\.json: .*{words}"):
        supplemented(entry)


def test_a_supplement_of_another_calendar_or_out_of_order_is_refused(supplemented: Supplemented) -> None:
    with pytest.raises(InvalidInput, match="calendar is 'XHKG'; it is the supplement of XSHG"):
        supplemented(YEAR, calendar="XHKG")
    with pytest.raises(InvalidInput, match=r"entries\.1: added 2026-11-01 is before 2026-12-01; append to it"):
        supplemented(YEAR, {"added": "2026-11-01", "closed": ["2027-02-01"]})


def test_a_supplement_is_no_calendar() -> None:
    with pytest.raises(InvalidInput, match=r"calendar 'XHKG.supplement' is not known; known: XHKG, XNYS, XSHG"):
        load_calendar("XHKG.supplement")


# --- a file of one's own -------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes closed days of these entries into a file of any name."""

    def write(*entries: dict[str, Any], calendar: str = "XSHG") -> Path:
        path = tmp_path / "closed days.json"
        path.write_text(json.dumps({"calendar": calendar, "entries": [{**SOURCE, **entry} for entry in entries]}))
        return path

    return write


def test_a_file_of_ones_own_extends_a_calendar_without_a_release(own: Callable[..., Path]) -> None:
    shipped = load_calendar("XSHG")
    shanghai = with_closed_days(shipped, own(YEAR, {"closed": ["2026-12-30"]}))
    assert shanghai.after(date(2026, 12, 31)) == date(2027, 1, 4)
    assert not shanghai.is_session(date(2026, 12, 30))
    assert shipped.is_session(date(2026, 12, 30)), "what was given is as it was"


def test_the_night_of_the_last_session_is_known_once_the_file_says_what_follows(own: Callable[..., Path]) -> None:
    new_years_eve = datetime(2026, 12, 31, 13, 30, tzinfo=UTC)  # 21:30 in Shanghai
    shanghai = with_closed_days(load_calendar("XSHG"), own(YEAR))
    hours = TradingHours.parse({"day": [["09:00:00", "15:00:00"]], "night": [["21:00:00", "23:00:00"]]})
    assert trading_day(shanghai, new_years_eve) == date(2027, 1, 4)
    assert not is_open(shanghai, hours, new_years_eve)
    assert is_open(shanghai, hours, datetime(2027, 1, 4, 13, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("entry", "calendar", "message"),
    [
        ({"closed": ["2026-10-01"]}, "XSHG", r"entries\.0: it says nothing new"),
        ({"closed": ["2027-01-01"]}, "XSHG", r"entries\.0: 2027-01-01 is outside the calendar"),
        ({"last": "2026-12-31", "closed": ["2026-12-30"]}, "XSHG", "is not after 2026-12-31, to which the calendar is"),
        ({"closed": ["tomorrow"]}, "XSHG", r"entries\.0\.closed\.0: Input should be a valid date"),
        ({"shut": ["2026-12-30"]}, "XSHG", r"entries\.0\.shut: Extra inputs are not permitted"),
        ({"closed": ["2026-12-30"]}, "XHKG", "calendar is 'XHKG'; it is the supplement of XSHG"),
    ],
)
def test_closed_days_that_cannot_be_meant_are_refused_with_the_path(
    own: Callable[..., Path], entry: dict[str, Any], calendar: str, message: str
) -> None:
    path = own(entry, calendar=calendar)
    with pytest.raises(InvalidInput, match=message) as told:
        with_closed_days(load_calendar("XSHG"), path)
    assert str(told.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_or_no_json_is_told(tmp_path: Path) -> None:
    shanghai = load_calendar("XSHG")
    with pytest.raises(InvalidInput, match=r"absent\.json: the closed days cannot be read: No such file"):
        with_closed_days(shanghai, tmp_path / "absent.json")
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        with_closed_days(shanghai, tmp_path)
    (tmp_path / "torn.json").write_bytes(b'{"calendar": "XSHG", "ent\xff')
    with pytest.raises(InvalidInput, match=r"torn\.json: the file: Invalid JSON"):
        with_closed_days(shanghai, tmp_path / "torn.json")
