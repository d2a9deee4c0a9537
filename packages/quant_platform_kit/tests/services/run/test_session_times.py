"""When a run may decide and trade: clock changes, half days, closures, and retries that come too late.

Every session has a decision to trade: the one of the session before, for 60 % AAA at 100 and 40 % BBB at 50 of
10,000 USD.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import UnknownSession
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.services.run.execution import ExecutionTimes
from quant_platform_kit.services.run.request import RunTerms

from ...exactly_once import AT_ONCE, CALENDAR, Way, World, following, moment, prices

WEIGHTS = {"AAA": 0.6, "BBB": 0.4}
FULL = {"AAA": 60, "BBB": 80}
TUE, WED, THU = date(2023, 11, 28), date(2023, 11, 29), date(2023, 11, 30)
CANCELLED, FILLED, UNKNOWN = OrderState.CANCELLED, OrderState.FILLED, OrderState.UNKNOWN


def desk_for(session: date, **manifest: Any) -> World:
    """Return an account whose strategy decided in the session before, on a market of some days around it."""
    before = CALENDAR.before(CALENDAR.before(session))
    table = prices(before, AAA=[100.0] * 8, BBB=[50.0] * 8)
    return World(table, following({CALENDAR.before(session): WEIGHTS}, **{"cadence": Cadence.MONTH_END, **manifest}))


def run_at(session: date, at: str, slot: str = "cli", **request: Any) -> tuple[World, RunReport]:
    """Run in a session at an instant, and return what came of it."""
    world = desk_for(session)
    world.clock.instant = moment(at)
    return world, world.run_now(session, slot, **request)


def orders(report: RunReport | None) -> list[tuple[str, OrderState]]:
    assert report is not None
    return [(order.symbol, order.state) for order in report.orders]


# --- clock changes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("session", "opens", "closes"),
    [
        (date(2023, 3, 10), "2023-03-10 14:30", "2023-03-10 21:00"),
        (date(2023, 3, 13), "2023-03-13 13:30", "2023-03-13 20:00"),
        (date(2023, 11, 3), "2023-11-03 13:30", "2023-11-03 20:00"),
        (date(2023, 11, 6), "2023-11-06 14:30", "2023-11-06 21:00"),
        (date(2023, 11, 24), "2023-11-24 14:30", "2023-11-24 18:00"),
        (date(2023, 7, 3), "2023-07-03 13:30", "2023-07-03 17:00"),
        (date(2023, 12, 29), "2023-12-29 14:30", "2023-12-29 21:00"),
    ],
    ids=["before DST", "first of DST", "last of DST", "after DST", "day after Thanksgiving", "3 July", "usual"],
)
def test_a_run_trades_from_the_opening_to_the_closing_instant_of_new_york(
    session: date, opens: str, closes: str
) -> None:
    for at in (moment(opens), moment(opens) + timedelta(hours=3), moment(closes)):
        world = desk_for(session)
        world.clock.instant = at
        report = world.run_now(session)
        assert (report.outcome, world.held) == (Outcome.COMPLETED, FULL), f"at {at}"
        assert report.as_of == CALENDAR.before(session)
    for at in (moment(opens) - timedelta(seconds=1), moment(closes) + timedelta(seconds=1)):
        world = desk_for(session)
        world.clock.instant = at
        report = world.run_now(session)
        assert (report.outcome, world.desk.received) == (Outcome.SKIPPED, []), f"at {at}"
        assert report.reasons == (f"XNYS is closed at {at:%Y-%m-%d %H:%M} UTC; it trades {opens} to {closes[-5:]} UTC",)


def test_the_same_time_of_day_in_utc_is_too_early_on_friday_and_right_on_monday() -> None:
    """New York went to summer time on Sunday, 12 March 2023."""
    assert run_at(date(2023, 3, 10), "2023-03-10 13:45")[1].outcome is Outcome.SKIPPED
    assert run_at(date(2023, 3, 13), "2023-03-13 13:45")[1].outcome is Outcome.COMPLETED


def test_the_same_time_of_day_in_utc_is_too_late_on_friday_and_right_on_monday() -> None:
    """And back to standard time on Sunday, 5 November 2023."""
    assert run_at(date(2023, 11, 3), "2023-11-03 20:30")[1].outcome is Outcome.SKIPPED
    assert run_at(date(2023, 11, 6), "2023-11-06 20:30")[1].outcome is Outcome.COMPLETED


@pytest.mark.parametrize(("friday", "monday"), [("2023-03-10", "2023-03-13"), ("2023-11-03", "2023-11-06")])
def test_over_a_clock_change_a_decision_is_carried_by_sessions_and_not_by_hours(friday: str, monday: str) -> None:
    world = desk_for(date.fromisoformat(friday))
    world.desk.ways = {"BBB": [Way.REJECT]}
    for day in (friday, monday):
        world.clock.instant = moment(f"{day} 15:00")
        report = world.run_now(date.fromisoformat(day))
        assert report.executes == CALENDAR.before(date.fromisoformat(friday))
    assert (report.outcome, world.held) == (Outcome.COMPLETED, FULL)


# --- days without a session ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "following_session"),
    [
        ("2012-10-29", "2012-10-31"),
        ("2012-10-30", "2012-10-31"),
        ("2023-11-23", "2023-11-24"),
        ("2023-11-25", "2023-11-27"),
        ("2023-12-25", "2023-12-26"),
    ],
    ids=["hurricane Sandy", "its second day", "Thanksgiving", "a Saturday", "Christmas"],
)
def test_a_day_without_a_session_is_skipped_and_says_when_the_next_is(day: str, following_session: str) -> None:
    world = World(prices(date(2012, 10, 24), AAA=[100.0] * 8, BBB=[50.0] * 8), following({}))
    world.clock.instant = moment(f"{day} 15:00")
    report = world.run_now(date.fromisoformat(day))
    assert report.outcome is Outcome.SKIPPED
    assert report.reasons == (f"{day} is not a session of XNYS; the next is {following_session}",)
    assert world.decisions().history() == []


def test_a_decision_waits_over_an_unforeseen_closure() -> None:
    """Decided on Friday, 26 October 2012; the exchange was closed on Monday and Tuesday."""
    friday = date(2012, 10, 26)
    world = World(prices(date(2012, 10, 24), AAA=[100.0] * 8, BBB=[50.0] * 8), following({friday: WEIGHTS}))
    for day in (29, 30):
        world.clock.instant = moment(f"2012-10-{day} 15:00")
        assert world.run_now(date(2012, 10, day)).outcome is Outcome.SKIPPED
    world.clock.instant = moment("2012-10-31 15:00")
    report = world.run_now(date(2012, 10, 31))
    assert (report.outcome, report.executes, report.as_of) == (Outcome.COMPLETED, friday, friday)


def test_a_day_outside_the_calendar_is_refused_and_nothing_is_sent() -> None:
    world = desk_for(TUE)
    last = CALENDAR.table.last
    with pytest.raises(UnknownSession, match=r"is outside the XNYS calendar, .*update quant-platform-kit"):
        world.run(last + timedelta(days=3))
    assert world.desk.received == []


# --- which session an instant belongs to --------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "session"),
    [
        ("2023-11-28T22:45:00+08:00", TUE),
        ("2023-11-29T04:30:00+08:00", TUE),
        ("2023-11-29T12:59:59+08:00", TUE),
        ("2023-11-29T13:00:00+08:00", WED),
        ("2023-07-12T03:30:00+08:00", date(2023, 7, 11)),
        ("2023-07-12T12:00:00+08:00", date(2023, 7, 12)),
        ("2023-11-28T20:00:00+00:00", TUE),
        ("2023-11-28T09:30:00-05:00", TUE),
    ],
)
def test_an_instant_in_any_offset_belongs_to_the_date_it_has_in_new_york(instant: str, session: date) -> None:
    """The half of "the session containing the schedule time" that the kit has; nothing maps a trigger to a key yet."""
    assert CALENDAR.local_date(datetime.fromisoformat(instant)) == session


@pytest.mark.parametrize("offset", [timedelta(hours=8), timedelta(hours=-5), timedelta(0)])
def test_a_triggers_age_does_not_depend_on_the_offset_it_is_written_in(offset: timedelta) -> None:
    world = desk_for(TUE)
    world.clock.instant = moment("2023-11-28 15:00")
    due = (world.clock.instant - timedelta(minutes=29)).astimezone(timezone(offset))
    assert world.run_now(TUE, due.isoformat(), scheduled_at=due).outcome is Outcome.COMPLETED
    assert world.held == FULL


# --- triggers that come late --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "outcome"), [(0, "completed"), (30, "completed"), (31, "skipped"), (300, "skipped")]
)
def test_a_trigger_decides_for_half_an_hour(minutes: int, outcome: str) -> None:
    at = moment("2023-11-28 20:00")
    world, report = run_at(TUE, "2023-11-28 20:00", scheduled_at=at - timedelta(minutes=minutes))
    assert report.outcome.value == outcome
    assert bool(world.desk.received) is (outcome == "completed")
    if minutes == 31:
        assert report.reasons == ("the trigger was due at 2023-11-28 19:29 UTC, more than 0:30:00 ago",)


def test_a_trigger_that_is_too_old_still_recovers_what_is_open() -> None:
    world = desk_for(TUE)
    world.clock.instant = moment("2023-11-28 20:00")
    due = world.clock.instant
    world.die_at(Boundary.PLAN_COMMITTED, TUE, "first", scheduled_at=due)
    world.clock.sleep(31 * 60)
    late = world.run_now(TUE, "second", scheduled_at=due)
    assert (late.outcome, late.orders) == (Outcome.SKIPPED, ())
    first = world.reports.find(world.key(TUE, "first").run_id)
    assert orders(first) == [("AAA", FILLED), ("BBB", FILLED)]
    assert world.desk.sent == {"AAA": 1, "BBB": 1}


def test_the_same_trigger_repeated_too_late_finishes_what_it_had_planned() -> None:
    world = desk_for(TUE)
    world.clock.instant = moment("2023-11-28 20:00")
    due = world.clock.instant
    world.die_at(Boundary.PLAN_COMMITTED, TUE, scheduled_at=due)
    world.clock.sleep(45 * 60)
    report = world.run_now(TUE, scheduled_at=due)
    assert (report.outcome, world.held) == (Outcome.COMPLETED, FULL)


@pytest.mark.parametrize("boundary", [Boundary.CLAIMED, Boundary.DECISION_RECORDED])
def test_a_run_that_had_not_planned_when_its_trigger_grew_too_old_is_closed_as_failed(boundary: Boundary) -> None:
    """It was missed, which a person has to hear of; skipped would count as good. Its decision stays due."""
    world = desk_for(TUE)
    world.clock.instant = moment("2023-11-28 20:00")
    due = world.clock.instant
    world.die_at(boundary, TUE, scheduled_at=due)
    world.clock.sleep(31 * 60)
    report = world.run_now(TUE, scheduled_at=due)
    assert world.desk.received == []
    assert (report.outcome, report.outcome.good) == (Outcome.FAILED, False)


def test_a_run_that_had_not_planned_goes_on_while_its_trigger_is_young() -> None:
    world = desk_for(TUE)
    world.clock.instant = moment("2023-11-28 20:00")
    due = world.clock.instant
    world.die_at(Boundary.CLAIMED, TUE, scheduled_at=due)
    world.clock.sleep(5 * 60)
    assert world.run_now(TUE, scheduled_at=due).outcome is Outcome.COMPLETED


def test_a_run_of_another_slot_that_had_not_planned_is_closed_as_failed_and_its_session_decided() -> None:
    world = desk_for(TUE)
    world.die_at(Boundary.CLAIMED, TUE, "first")
    world.clock.sleep(5 * 60)
    assert world.run_now(TUE, "second").outcome is Outcome.COMPLETED
    first = world.reports.find(world.key(TUE, "first").run_id)
    assert first is not None
    assert (first.outcome, first.orders) == (Outcome.FAILED, ())
    assert world.held == FULL


# --- retried after the close --------------------------------------------------------------------------


def interrupted(boundary: Boundary, occurrence: int = 1, **ways: list[Way]) -> World:
    """Return an account whose run died ten minutes before the close."""
    world = desk_for(TUE)
    world.desk.ways = dict(ways)
    world.clock.instant = moment("2023-11-28 20:50")
    with world.dying(boundary, occurrence):
        world.run_now(TUE)
    return world


def test_orders_not_sent_by_the_close_are_cancelled_and_the_decision_carries() -> None:
    world = interrupted(Boundary.PLAN_COMMITTED)
    world.clock.instant = moment("2023-11-28 21:05")
    report = world.run_now(TUE)
    assert (report.outcome, orders(report)) == (Outcome.INCOMPLETE, [("AAA", CANCELLED), ("BBB", CANCELLED)])
    assert "not sent: XNYS is closed at 2023-11-28 21:05 UTC" in report.reasons[-1]
    assert world.desk.received == []
    after = world.run(WED)
    assert (after.executes, world.held) == (CALENDAR.before(TUE), FULL)


@pytest.mark.parametrize("way", [Way.FILL, Way.LOST])
def test_an_order_sent_before_the_close_is_looked_up_after_it(way: Way) -> None:
    """The worker died after AAA was sent and before it knew the answer."""
    boundary = Boundary.ORDER_SENT if way is Way.FILL else Boundary.SENT_RECORDED
    occurrence = 1 if way is Way.FILL else 2
    world = interrupted(boundary, occurrence, AAA=[way])
    world.clock.instant = moment("2023-11-28 21:05")
    report = world.run_now(TUE)
    assert orders(report) == [("AAA", FILLED), ("BBB", CANCELLED)]
    assert world.desk.sent["AAA"] == 1
    assert world.held == {"AAA": 60}
    assert world.run(WED).executes == CALENDAR.before(TUE)
    assert world.held == FULL


def test_an_order_that_never_arrived_is_not_sent_again_after_the_close() -> None:
    world = interrupted(Boundary.SENT_RECORDED)
    world.clock.instant = moment("2023-11-28 21:05")
    report = world.run_now(TUE)
    assert orders(report) == [("AAA", CANCELLED), ("BBB", CANCELLED)]
    assert world.desk.received == []


def test_an_order_still_working_is_cancelled_after_the_close() -> None:
    world = interrupted(Boundary.ANSWER_RECORDED, AAA=[Way.WORK])
    world.clock.instant = moment("2023-11-28 21:05")
    report = world.run_now(TUE)
    assert orders(report) == [("AAA", CANCELLED), ("BBB", CANCELLED)]
    assert world.desk.open_orders() == ()


# --- retried the next day -----------------------------------------------------------------------------


def test_orders_of_yesterday_that_were_not_sent_are_cancelled_and_today_carries_the_decision() -> None:
    world = interrupted(Boundary.PLAN_COMMITTED)
    report = world.run(WED)
    yesterday = world.reports.find(world.key(TUE).run_id)
    assert yesterday is not None
    assert (yesterday.outcome, orders(yesterday)) == (Outcome.INCOMPLETE, [("AAA", CANCELLED), ("BBB", CANCELLED)])
    assert "not sent: its session is over: the decision carries" in yesterday.reasons[-1]
    assert (report.outcome, report.executes, world.held) == (Outcome.COMPLETED, CALENDAR.before(TUE), FULL)
    assert world.desk.sent == {"AAA": 1, "BBB": 1}


def test_an_order_of_yesterday_that_was_filled_is_found_and_only_the_rest_carries() -> None:
    world = interrupted(Boundary.ORDER_SENT)
    report = world.run(WED)
    assert orders(world.reports.find(world.key(TUE).run_id)) == [("AAA", FILLED), ("BBB", CANCELLED)]
    assert [(o.symbol, o.filled) for o in report.orders] == [("BBB", 80)]
    assert world.held == FULL


def test_an_order_of_yesterday_still_working_is_cancelled() -> None:
    world = interrupted(Boundary.ANSWER_RECORDED, AAA=[Way.WORK])
    report = world.run(WED)
    assert orders(world.reports.find(world.key(TUE).run_id)) == [("AAA", CANCELLED), ("BBB", CANCELLED)]
    assert (report.outcome, world.held) == (Outcome.COMPLETED, FULL)


@pytest.mark.parametrize("rule", AfterSilence)
def test_an_order_of_yesterday_that_cannot_be_found_blocks_whatever_the_broker_allows(rule: AfterSilence) -> None:
    world = desk_for(TUE)
    world.desk.traits = BrokerTraits(rule, AT_ONCE.visibility_window)
    world.clock.instant = moment("2023-11-28 20:50")
    with world.dying(Boundary.SENT_RECORDED):
        world.run_now(TUE)
    for session, slot in ((WED, "cli"), (WED, "again"), (THU, "cli")):
        report = world.run(session, slot)
        assert (report.outcome, report.orders) == (Outcome.BLOCKED, ())
        assert report.reasons[-1] == (
            f"run {world.key(TUE).run_id} has UNKNOWN orders: settle them with `quant resolve` first"
        )
    yesterday = world.reports.find(world.key(TUE).run_id)
    assert yesterday is not None
    assert (yesterday.outcome, orders(yesterday)) == (Outcome.BLOCKED, [("AAA", UNKNOWN), ("BBB", CANCELLED)])
    assert world.desk.received == []


def test_the_key_of_yesterday_asked_for_today_recovers_and_decides_nothing() -> None:
    world = desk_for(TUE)
    assert world.run(CALENDAR.before(TUE)).outcome is Outcome.NO_ACTION
    world.die_at(Boundary.CLAIMED, TUE)
    world.clock.instant = moment("2023-11-29 15:00")
    report = world.run_now(TUE)
    assert report.outcome in (Outcome.SKIPPED, Outcome.FAILED)
    assert world.desk.received == []
    assert len(world.decisions().history()) == 1
    assert world.run_now(WED).executes == CALENDAR.before(TUE)


def test_the_sells_of_yesterday_bind_no_buys_of_today() -> None:
    """Tuesday's run sold AAA and died before it bought BBB; on Wednesday only BBB is bought, at Wednesday's prices."""
    table = prices(date(2023, 11, 24), AAA=[100.0] * 8, BBB=[50.0, 50.0, 50.0, 50.0, 40.0, 40.0, 40.0, 40.0])
    monday, friday = date(2023, 11, 27), date(2023, 11, 24)
    world = World(table, following({friday: {"AAA": 1}, TUE: {"BBB": 1}}, cadence=Cadence.MONTH_END))
    assert (world.run(monday).outcome, world.held) == (Outcome.COMPLETED, {"AAA": 100})
    with world.dying(Boundary.SELLS_DONE):
        world.run(WED)
    report = world.run(THU)
    assert (report.outcome, report.executes, world.held) == (Outcome.COMPLETED, TUE, {"BBB": 250})
    assert world.desk.sent == {"AAA": 2, "BBB": 1}


# --- a run over the close -----------------------------------------------------------------------------


def test_a_run_that_reaches_the_close_buys_nothing_after_it() -> None:
    """The sale works until its cancel at 21:01, when the exchange is closed."""
    monday, friday = date(2023, 11, 27), date(2023, 11, 24)
    table = prices(friday, AAA=[100.0] * 8, BBB=[50.0] * 8)
    world = World(table, following({friday: {"AAA": 1}, monday: {"BBB": 1}}))
    world.terms = RunTerms(ExecutionTimes(poll=timedelta(seconds=10)))
    world.run(monday)
    world.desk.ways = {"AAA": [Way.RACE]}
    world.clock.instant = moment("2023-11-28 20:59")
    report = world.run_now(TUE)
    assert orders(report) == [("AAA", FILLED), ("BBB", CANCELLED)]
    assert report.outcome is Outcome.INCOMPLETE
    assert world.held == {}
    assert world.run(WED).executes == monday
    assert world.held == {"BBB": 200}
