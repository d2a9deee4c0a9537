"""What should have happened and did not is told in one sentence each; when all is well, nothing is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.cli import place as place_module
from quant_platform_kit.cli import watchdog
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import Conflict, InvalidInput, NotifyError, StoreError
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.runs import Outcome, RunClaim
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.ports.notifier import Notification, Severity
from quant_platform_kit.services.observe.status import StatusSources
from quant_platform_kit.services.observe.watchdog import Alert, Kind, Schedule, Watch, Watched, cron, slot_of, watch
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.owners import Owner, hand_over
from quant_platform_kit.services.operate.switches import FlagEntry, halts
from quant_platform_kit.services.record.ledger import RunLedger
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.report_building import undecided_report

from ...command import Answer, assert_refused, call
from ...lossy_account import CLOSE, MON, TUE, WED, Market, Scripted, Tree, World

pytestmark = pytest.mark.usefixtures("no_power_cuts")

XNYS = load_calendar("XNYS")
AFTERNOON = "45 15 * * 1-5"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- when a run is due ------------------------------------------------------------------------------

DUE = {
    "an ordinary week": (AFTERNOON, "2023-11-27", "2023-12-02", "27T20:45 28T20:45 29T20:45 30T20:45 01T20:45"),
    "Thanksgiving, then a half day that is over": (AFTERNOON, "2023-11-22", "2023-11-26", "22T20:45"),
    "a half day at its close, and after it": ("0,1 13 * * *", "2023-11-24", "2023-11-25", "24T18:00"),
    "a half day before its close": ("30 12 * * 1-5", "2023-11-23", "2023-11-25", "24T17:30"),
    "a holiday on a Monday": (AFTERNOON, "2024-01-13", "2024-01-17", "16T20:45"),
    "a weekend that the schedule does not spare": ("45 15 * * *", "2023-12-02", "2023-12-05", "04T20:45"),
    "the opening and the minute before it": ("29,30 9 * * *", "2023-11-28", "2023-11-29", "28T14:30"),
    "the clocks go forward on 10 March": (AFTERNOON, "2024-03-08", "2024-03-13", "08T20:45 11T19:45 12T19:45"),
    "the clocks go back on 3 November": (AFTERNOON, "2024-11-01", "2024-11-06", "01T19:45 04T20:45 05T20:45"),
    "twice a day across a change": ("0 */5 * * *", "2024-03-08", "2024-03-12", "08T15:00 08T20:00 11T14:00 11T19:00"),
}


@pytest.mark.parametrize(("expression", "first", "last", "expected"), DUE.values(), ids=DUE)
def test_a_run_is_due_on_sessions_and_inside_their_hours(expression: str, first: str, last: str, expected: str) -> None:
    due = Schedule(cron(expression), XNYS).due(utc(first), utc(last))
    assert " ".join(f"{time:%dT%H:%M}" for time in due) == expected


def test_both_ends_of_a_period_count() -> None:
    schedule, time = Schedule(AFTERNOON, XNYS), utc("2023-11-28T20:45")
    assert list(schedule.due(time, time)) == [time]
    assert list(schedule.due(time + MINUTE, time + HOUR)) == []
    assert list(schedule.due(time - HOUR, time - timedelta(seconds=1))) == []


def test_a_lunch_break_is_not_due() -> None:
    hong_kong = Schedule("30 11,12,13 * * *", load_calendar("XHKG"))
    assert [f"{due:%H:%M}" for due in hong_kong.due(utc("2023-11-28"), utc("2023-11-29"))] == ["03:30", "05:30"]


def test_the_next_due_time_is_after_the_present_one() -> None:
    schedule, time = Schedule(AFTERNOON, XNYS), utc("2023-11-22T20:45")
    assert schedule.next(time - timedelta(seconds=1)) == time
    assert schedule.next(time) == utc("2023-11-27T20:45")
    assert schedule.next(utc("2027-12-31T23:00")) is None


def test_the_slot_is_the_time_as_the_scheduler_writes_it() -> None:
    assert slot_of(utc("2023-11-28T20:45")) == "2023-11-28T20:45:00Z"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("60 15 * * 1-5", "the minute is wrong"),
        ("45 25 * * 1-5", "the hour is wrong"),
        ("45 15 0 * *", "the day-of-month is wrong"),
        ("45 15 31 2 *", "the day-of-month is wrong"),
        ("45 15 * 13 *", "the month is wrong"),
        ("45 15 * * MO", "the day-of-week is wrong"),
        ("45 15 * *", "has 4 fields; five are needed: minute, hour, day-of-month, month, day-of-week"),
        ("0 45 15 * * 1-5", "has 6 fields"),
        ("", "has 0 fields"),
    ],
)
def test_an_expression_that_is_wrong_names_the_field(expression: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        cron(expression)


# --- runs that left no report -------------------------------------------------------------------------


class Office:
    """A store and its reports, in which accounts have run."""

    def __init__(self, folder: Path) -> None:
        self.store = FileStore(folder / "store")
        self.reports = ReportStore(FileStore(folder / "reports"))

    def ran(self, account: str, slot: str, mode: Mode = Mode.PAPER, session: date | None = None) -> None:
        """Leave the claim and the report of a run; the account belongs to a service since its first."""
        day = session or XNYS.local_date(datetime.fromisoformat(slot))
        with suppress(Conflict):
            self.store.create(f"owners/{account}", canonical_json(Owner("api", XNYS.hours(day).open)))
        key = RunKey(account, day, slot, mode)
        claim = RunClaim(key, "scripted", "Scripted", "direct", {}, XNYS.before(day), "api", utc("2023-11-28T20:45"))
        RunLedger(self.store, account, key.run_id).claim(claim)
        clock = FrozenClock(utc("2023-11-28T20:46"))
        self.reports.publish(undecided_report(claim, Outcome.SKIPPED, [], None, clock, None))

    def sources(self, **changes: Any) -> StatusSources:
        """Return what is watched."""
        return replace(StatusSources(self.store, self.reports, XNYS, {}, None), **changes)

    def watch(self, now: str, account: str | None = None, **asked: Any) -> tuple[Alert, ...]:
        """Watch at an instant, after an afternoon schedule."""
        return self.watched(now, account, **asked).alerts

    def watched(self, now: str, account: str | None = None, **asked: Any) -> Watched:
        """Watch, and tell what was counted too."""
        given = {"schedule": Schedule(AFTERNOON, XNYS), "now": datetime.fromisoformat(now), **asked}
        return watch(Watch(**given), self.sources(), account)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Return a place where an account ran on Monday, 27 November 2023."""
    office = Office(tmp_path)
    office.ran("A", "2023-11-27T20:45:00Z")
    return office


TUESDAY = "2023-11-28T20:45:00Z"

RAN: dict[str, tuple[Sequence[tuple[str, Mode]], str, int]] = {
    "in time": ([(TUESDAY, Mode.PAPER)], "2023-11-28T22:00:00Z", 0),
    "live": ([(TUESDAY, Mode.LIVE)], "2023-11-28T22:00:00Z", 0),
    "in a dry run": ([(TUESDAY, Mode.DRY_RUN)], "2023-11-28T22:00:00Z", 0),
    "twice, in two modes": ([(TUESDAY, Mode.LIVE), (TUESDAY, Mode.PAPER)], "2023-11-28T22:00:00Z", 0),
    "as a probe only": ([(TUESDAY, Mode.PROBE)], "2023-11-28T22:00:00Z", 1),
    "by hand only": ([("cli", Mode.PAPER)], "2023-11-28T22:00:00Z", 1),
    "a minute off": ([("2023-11-28T20:46:00Z", Mode.PAPER)], "2023-11-28T22:00:00Z", 1),
    "in another zone's words": ([("2023-11-28T15:45:00-05:00", Mode.PAPER)], "2023-11-28T22:00:00Z", 1),
    "not at all": ([], "2023-11-28T22:00:00Z", 1),
    "not yet due": ([], "2023-11-28T20:44:59Z", 0),
    "within the grace": ([], "2023-11-28T21:14:59Z", 0),
    "when the grace is over": ([], "2023-11-28T21:15:00Z", 1),
}


@pytest.mark.parametrize(("runs", "now", "alerts"), RAN.values(), ids=RAN)
def test_a_due_run_must_leave_a_report_of_its_slot(
    office: Office, runs: Sequence[tuple[str, Mode]], now: str, alerts: int
) -> None:
    for slot, mode in runs:
        office.ran("A", slot, mode, TUE)
    found = office.watch(now)
    assert [alert.kind for alert in found] == [Kind.MISSING] * alerts
    assert all(TUESDAY in alert.text for alert in found)


@pytest.mark.parametrize(
    ("last", "now"),
    [
        ("2023-11-22T20:45:00Z", "2023-11-27T14:00:00Z"),  # Thanksgiving, a half day, a weekend
        ("2023-12-29T20:45:00Z", "2024-01-02T14:00:00Z"),  # New Year on a Monday
        ("2024-03-08T20:45:00Z", "2024-03-11T19:44:00Z"),  # the clocks went forward
        ("2024-11-01T19:45:00Z", "2024-11-04T20:44:00Z"),  # the clocks went back
    ],
)
def test_holidays_half_days_and_weekends_are_quiet(tmp_path: Path, last: str, now: str) -> None:
    office = Office(tmp_path)
    office.ran("A", last)
    assert office.watch(now) == ()


@pytest.mark.parametrize(
    ("kept", "an_hour_off", "now"),
    [
        ("2024-03-11T19:45:00Z", "2024-03-11T20:45:00Z", "2024-03-11T22:00:00Z"),
        ("2024-11-04T20:45:00Z", "2024-11-04T19:45:00Z", "2024-11-04T22:00:00Z"),
    ],
)
def test_a_scheduler_that_did_not_change_its_clock_is_found(
    tmp_path: Path, kept: str, an_hour_off: str, now: str
) -> None:
    office = Office(tmp_path)
    office.ran("A", an_hour_off)
    (alert,) = office.watch(now, "A", since=DAY)
    assert f"no run of slot {kept} left a report" in alert.text
    office.ran("A", kept)
    assert office.watch(now, "A", since=DAY) == ()


def test_a_missing_run_is_looked_for_as_far_back_as_asked(office: Office) -> None:
    office.ran("A", "2023-11-30T20:45:00Z")
    (alert,) = office.watch("2023-11-30T22:00:00Z")
    assert "no run of slot 2023-11-28T20:45:00Z, 2023-11-29T20:45:00Z left a report" in alert.text
    (alert,) = office.watch("2023-11-30T22:00:00Z", since=timedelta(hours=26))
    assert "no run of slot 2023-11-29T20:45:00Z left a report" in alert.text
    assert office.watch("2023-11-30T22:00:00Z", since=DAY) == ()


def test_many_missing_runs_of_an_account_are_one_alert(office: Office) -> None:
    (alert,) = office.watch("2023-12-15T22:00:00Z", since=timedelta(days=30))
    assert alert.text.count("Z,") == 4
    assert "2023-12-04T20:45:00Z and 9 more left a report" in alert.text


def test_every_account_is_watched_since_it_has_an_owner_and_one_that_is_named_throughout(office: Office) -> None:
    office.ran("A", TUESDAY)
    office.ran("B", "2023-11-29T20:45:00Z")
    (alert,) = office.watch("2023-11-29T22:00:00Z")
    assert (alert.kind, alert.account_id) == (Kind.MISSING, "A")
    (alert,) = office.watch("2023-11-29T22:00:00Z", "B", since=2 * DAY)
    assert (alert.account_id, "no run of slot 2023-11-28T20:45:00Z left" in alert.text) == ("B", True)


def test_an_account_that_has_never_run_is_told_with_those_that_have(office: Office, tmp_path: Path) -> None:
    (alert,) = office.watch("2023-11-27T22:00:00Z", "TYPO")
    assert (alert.kind, alert.account_id) == (Kind.MISSING, "TYPO")
    assert alert.text.startswith("account TYPO has never run; the store knows A:")
    (alert,) = Office(tmp_path / "empty").watch("2023-11-27T22:00:00Z")
    assert alert.text.startswith("no account has ever run; the store knows none:")


def test_an_alert_says_what_to_do_without_the_addresses_of_the_stores(office: Office) -> None:
    (alert,) = office.watch("2023-11-28T22:00:00Z")
    assert alert.text.endswith(
        '`quant status --account A --store "$STORE_URL" --reports "$REPORT_STORE_URL"` shows where it stands'
    )


def test_what_was_due_is_counted_by_account_and_only_as_far_as_it_was_looked_for(office: Office) -> None:
    for slot in (TUESDAY, "2023-11-29T20:45:00Z"):
        office.ran("A", slot)
    office.ran("B", "2023-11-29T20:45:00Z")
    found = office.watched("2023-11-29T22:00:00Z", since=3 * DAY)
    assert (found.alerts, found.runs, found.accounts) == ((), 4, 2)
    found = office.watched("2023-11-29T22:00:00Z", "A", since=3 * DAY)
    assert (found.alerts, found.runs, found.accounts) == ((), 3, 1)
    found = office.watched("2023-11-29T22:00:00Z", since=2 * HOUR)
    assert (found.alerts, found.runs, found.accounts) == ((), 2, 2)
    assert office.watched("2023-12-03T22:00:00Z", since=DAY).runs == 0


def own(office: Office, account: str, service: str, since: str) -> None:
    """Let an account belong to a service since an instant, whatever was before."""
    key = f"owners/{account}"
    stored = office.store.get(key)
    assert stored is not None
    office.store.replace(key, canonical_json(Owner(service, utc(since))), stored.generation)


@pytest.mark.parametrize("since", ["2023-11-29T21:00", "2026-11-29T12:00"])
def test_an_account_is_watched_since_its_first_run_whoever_it_belongs_to_and_whatever_the_stores_clock_says(
    office: Office, since: str
) -> None:
    """It was handed over after two runs were missed; or it runs under a clock of its own, years before the store's."""
    own(office, "A", "other", since)
    found = office.watched("2023-11-29T22:00:00Z", since=3 * DAY)
    (alert,) = found.alerts
    assert (alert.kind, alert.account_id) == (Kind.MISSING, "A")
    assert "no run of slot 2023-11-28T20:45:00Z, 2023-11-29T20:45:00Z left a report" in alert.text
    assert found.runs == 3


def test_an_account_whose_owner_was_lost_is_told_and_watched(world: World) -> None:
    world.broker.rejected = {"BBB"}
    world.run(TUE)
    (world.folder / "store" / "owners" / world.account_id).unlink()
    asked = Watch(Schedule("0 15 * * 1-5", XNYS), world.clock.now(), since=timedelta(hours=1))
    sources = StatusSources(world.store, world.reports, XNYS, {}, asked.now)
    found = watch(asked, sources, world.account_id).alerts
    assert kinds(found) == [Kind.STORE, Kind.DUE, Kind.LAST_RUN]
    assert f"object owners/{world.account_id} is missing, and the account has had runs" in found[0].text
    assert f"`quant owner --to SERVICE --reason TEXT --account {world.account_id} --store" in found[0].text


def test_an_account_whose_first_run_cannot_be_read_does_not_hide_the_others(office: Office) -> None:
    office.ran("B", "2023-11-27T20:45:00Z")
    claim = next(key for key in office.store.keys("accounts/A/runs/") if key.endswith("/claim"))
    stored = office.store.get(claim)
    assert stored is not None
    office.store.replace(claim, b"{", stored.generation)
    found = office.watch("2023-11-28T22:00:00Z")
    assert [(alert.kind, alert.account_id) for alert in found] == [(Kind.STORE, "A"), (Kind.MISSING, "B")]


# --- the end of the calendar --------------------------------------------------------------------------


def test_the_end_of_the_calendar_is_told_beside_what_was_due_before_it(office: Office) -> None:
    """On Monday, 3 January 2028; the Friday before was a session that nobody ran in."""
    ended, missing = office.watch("2028-01-03T22:00:00Z")
    assert (ended.kind, missing.kind) == (Kind.CALENDAR, Kind.MISSING)
    assert "it is not known which runs were due: 2028-01-03 is outside the XNYS calendar" in ended.text
    assert "no run of slot 2027-12-31T20:45:00Z left a report" in missing.text


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("2026-10-01T15:00:00Z", None),
        ("2026-10-01T17:00:00Z", "ends on 2026-12-31, in 90 days"),
        ("2026-11-29T12:00:00Z", "ends on 2026-12-31, in 32 days"),
        ("2026-12-31T08:00:00Z", "ends on 2026-12-31, in 0 days"),
        ("2027-01-01T01:00:00Z", "has ended"),
    ],
)
def test_a_calendar_is_to_be_extended_ninety_days_before_it_ends(office: Office, now: str, told: str | None) -> None:
    shanghai = Schedule("0 14 1 1 *", load_calendar("XSHG"))
    found = office.watch(now, schedule=shanghai)
    assert [alert.kind for alert in found] == ([Kind.CALENDAR] if told else [])
    for alert in found:
        assert alert.text.startswith(f"the XSHG calendar {told}; every session after 2026-12-31 is refused: update q")
        assert "or add the exchange's own announcement to XSHG.supplement.json" in alert.text


# --- halts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "age", "told"),
    [
        ("all", 24 * HOUR, False),
        ("all", 24 * HOUR + timedelta(seconds=1), True),
        ("account-A", 25 * HOUR, True),
        ("account-B", 25 * HOUR, False),
    ],
)
def test_a_halt_that_applies_is_told_when_it_is_too_old(office: Office, scope: str, age: timedelta, told: bool) -> None:
    now = utc("2023-11-27T22:00")
    halts(office.store).set(scope, FlagEntry(True, "mira", "broker\nis down", now - age))
    found = office.watch(now.isoformat())
    assert [alert.kind for alert in found] == [Kind.HALT] * told
    for alert in found:
        assert f"{scope} is halted since 2023-11-26 2" in alert.text
        assert "by mira: broker is down" in alert.text
        assert f"`quant resume {scope.replace('-', ' ')} --reason TEXT --store" in alert.text
    assert office.watch(now.isoformat(), hold_age=48 * HOUR) == ()


def test_a_release_that_holds_a_service_for_too_long_is_told(world: World) -> None:
    world.run(TUE)
    old = world.clock.now() - 2 * DAY
    halts(world.store).set("release-cli", FlagEntry(True, "mira", "release a4-0007", old))
    (alert,) = watched(world)
    assert (alert.kind, alert.account_id) == (Kind.HALT, None)
    assert "release-cli is halted since" in alert.text
    assert alert.text.endswith("lift it, when the release is over, with `release open BUNDLE --service cli`")


def test_a_halt_from_a_clock_that_is_far_ahead_is_told(office: Office) -> None:
    """The account runs under a clock of its own; an operator's halt has the time of the machine."""
    halts(office.store).set("all", FlagEntry(True, "mira", "storm", utc("2026-11-29T12:00")))
    (alert,) = office.watch("2023-11-27T22:00:00Z")
    assert (alert.kind, "all is halted since 2026-11-29 12:00 UTC by mira" in alert.text) == (Kind.HALT, True)


def test_the_halt_of_a_service_is_that_of_the_one_to_which_the_account_was_handed_over(world: World) -> None:
    world.run(TUE)
    hand_over(world.operator, world.account_id, "new", "moved")
    old = world.clock.now() - 2 * DAY
    for service in ("cli", "new"):
        halts(world.store).set(f"service-{service}", FlagEntry(True, "mira", "storm", old))
    (alert,) = watched(world)
    assert (alert.kind, "service-new is halted" in alert.text) == (Kind.HALT, True)


def test_a_halt_is_told_once_for_all_accounts_and_not_after_it_was_lifted(office: Office) -> None:
    office.ran("B", "2023-11-27T20:45:00Z")
    switches = halts(office.store)
    switches.set("all", FlagEntry(True, "mira", "storm", utc("2023-11-20T10:00")))
    assert [alert.kind for alert in office.watch("2023-11-27T22:00:00Z")] == [Kind.HALT]
    switches.set("all", FlagEntry(False, "mira", "calm", utc("2023-11-27T21:00")))
    assert office.watch("2023-11-27T22:00:00Z") == ()


# --- what was left undone -----------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path, market: Market, calendar: ExchangeCalendar, scripted: Scripted) -> World:
    """Return an account that buys AAA and BBB in Tuesday's session, at 15:00 in New York."""

    def decide(manifest: Any, ctx: Any) -> Any:
        return manifest.rebalance(ctx, {"AAA": 0.6, "BBB": 0.4}) if ctx.as_of == MON else manifest.hold(ctx, "-")

    return World(tmp_path / "book", market(MON, CLOSE), calendar, scripted(decide), lost=())


def watched(world: World, now: datetime | None = None) -> tuple[Alert, ...]:
    """Watch an account whose runs are due at 15:00, at the world's time unless another is given."""
    asked = Watch(Schedule("0 15 * * 1-5", XNYS), now or world.clock.now(), since=timedelta(hours=1))
    return watch(asked, StatusSources(world.store, world.reports, XNYS, {}, asked.now)).alerts


def kinds(alerts: Sequence[Alert]) -> list[Kind]:
    return [alert.kind for alert in alerts]


def test_a_run_that_completed_is_quiet(world: World, tree: Tree) -> None:
    world.run(TUE)
    before = tree(world.folder)
    assert watched(world) == ()
    assert tree(world.folder) == before


def test_unknown_orders_are_told_with_the_command_that_settles_them(world: World) -> None:
    world.broker.lost = {"AAA", "BBB"}
    report = world.run(TUE)
    found = watched(world)
    assert kinds(found) == [Kind.UNKNOWN, Kind.UNKNOWN, Kind.DUE]
    order = report.orders[0]
    assert (
        f"account {world.account_id} has an UNKNOWN order, BUY 58 AAA; settle it with `quant resolve" in found[0].text
    )
    assert f'{report.run_id} {order.client_order_id} --as "filled|not-sent|cancelled"' in found[0].text
    assert "has not executed the REBALANCE of 2023-11-27" in found[2].text


def test_what_was_not_bought_is_told_until_it_is(world: World) -> None:
    world.broker.rejected = {"BBB"}
    report = world.run(TUE)
    assert report.outcome is Outcome.INCOMPLETE
    found = watched(world)
    assert kinds(found) == [Kind.DUE, Kind.LAST_RUN]
    assert f"the last run {report.run_id} of account {world.account_id} was incomplete: " in found[1].text
    assert f"`quant rerun {report.run_id} --reason TEXT --account {world.account_id} --store" in found[1].text
    world.broker.rejected = ()
    world.run(WED)
    assert watched(world) == ()


def test_a_decision_that_grew_too_old_is_told(world: World) -> None:
    world.broker.rejected = {"BBB"}
    world.run(TUE)
    found = watched(world, utc("2023-12-01T22:00"))
    assert kinds(found) == [Kind.BEHIND, Kind.LAST_RUN]
    assert "behind target, because the REBALANCE of 2023-11-27 grew too old" in found[0].text


def test_a_blocked_run_is_told(world: World) -> None:
    set_halt(world.operator, "all", "storm", on=True)
    world.run(TUE)
    (alert,) = watched(world)
    assert (alert.kind, "was blocked: halted: all" in alert.text) == (Kind.LAST_RUN, True)


def test_a_run_under_way_is_quiet(world: World) -> None:
    seen: list[tuple[Alert, ...]] = []
    world.reached = lambda boundary: seen.append(watched(world))
    world.run(TUE)
    assert len(seen) > 10
    assert set(seen) == {()}


def test_a_decision_is_not_told_while_a_run_is_at_work_on_it(world: World) -> None:
    world.broker.rejected = {"BBB"}
    world.run(TUE)
    seen: list[list[Kind]] = []
    world.reached = lambda boundary: seen.append(kinds(watched(world)))
    world.broker.rejected = ()
    world.run(WED)
    assert seen[0] == [Kind.LAST_RUN]
    assert Kind.DUE not in {kind for found in seen for kind in found}


def test_an_open_run_is_told_when_nobody_works_on_it(world: World) -> None:
    world.die(Boundary.ORDER_SENT)
    found = watched(world)
    assert kinds(found) == [Kind.OPEN_RUN]
    assert f"of account {world.account_id} is open and nobody works on it; call the service again" in found[0].text


def test_reports_at_another_address_are_told(world: World, tmp_path: Path) -> None:
    report = world.run(TUE)
    world.reports = ReportStore(FileStore(tmp_path / "elsewhere"))
    (alert,) = watched(world)
    assert (alert.kind, f"run {report.run_id} of account" in alert.text) == (Kind.LAST_RUN, True)
    assert alert.text.endswith("has no report here; check the address of the report store")


# --- stores that do not answer --------------------------------------------------------------------------


class Silent:
    """A store that does not answer."""

    def __getattr__(self, name: str) -> Any:
        """Fail whatever is asked."""

        def fail(*asked: object) -> Any:
            raise StoreError("no connection")

        return fail


def test_a_store_that_does_not_answer_is_an_alert(office: Office) -> None:
    asked = Watch(Schedule(AFTERNOON, XNYS), utc("2023-11-27T22:00"))
    (alert,) = watch(asked, office.sources(store=Silent())).alerts
    assert alert.kind is Kind.STORE
    assert alert.text.startswith(
        "the store does not answer, so that nothing can be watched and no order is sent: no co"
    )
    found = watch(asked, office.sources(reports=ReportStore(Silent()))).alerts  # type: ignore[arg-type]
    assert found[0].text.startswith("the report store does not answer, so that nothing can be watched")


def test_one_account_that_cannot_be_read_does_not_hide_the_others(world: World) -> None:
    world.broker.rejected = {"BBB"}
    world.run(TUE)
    office = Office(world.folder)
    office.ran("A", TUESDAY)
    office.store.create("accounts/A/lease", b"{")
    found = office.watch("2023-11-28T21:00:00Z")
    assert kinds(found) == [Kind.STORE, Kind.DUE, Kind.LAST_RUN]
    assert found[0].text.startswith("account A cannot be judged: object accounts/A/lease is damaged")


# --- quant watchdog -----------------------------------------------------------------------------------

Quant = Callable[..., Answer]


@pytest.fixture
def quant(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Quant:
    """Return a function that runs the command on an office, half past four on Tuesday in New York."""
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    place = [part for name in ("store", "reports") for part in (f"--{name}", (tmp_path / name).as_uri())]
    usual = {"--schedule": AFTERNOON, "--now": "2023-11-28T16:30:00-05:00"}

    def run(*arguments: str) -> Answer:
        given = [part for name, value in usual.items() if name not in arguments for part in (name, value)]
        return call(monkeypatch, capsys, "watchdog", *given, *([] if "--book" in arguments else place), *arguments)

    return run


def test_all_quiet_says_when_the_next_run_is_due(quant: Quant, office: Office, tree: Tree, tmp_path: Path) -> None:
    office.ran("A", TUESDAY)
    before = tree(tmp_path)
    answer = quant()
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == (
        "all quiet: 2 runs of 1 account due since 2023-11-24 21:30 UTC, a report of each\n"
        "  the next run is due 2023-11-29 15:45 America/New_York, 20:45 UTC\n"
    )
    assert tree(tmp_path) == before
    document = quant("--json").document
    assert document == {
        "quiet": True,
        "alerts": [],
        "runs": 2,
        "accounts": 1,
        "now": "2023-11-28T21:30:00+00:00",
        "next_due": "2023-11-29T20:45:00+00:00",
    }


def test_alerts_are_a_line_each_and_exit_with_one(quant: Quant, office: Office) -> None:
    halts(office.store).set("all", FlagEntry(True, "mira", "a [bold] move", utc("2023-11-20T10:00")))
    answer = quant("--hold-age", "7d")
    assert (answer.code, answer.err) == (1, "quant: the watchdog found 2 things to look at\n")
    first, second, third = answer.out.splitlines()
    assert first.startswith("halt  all is halted since 2023-11-20 10:00 UTC by mira: a [bold] move; lift it, when")
    assert second.startswith("missing run  account A: no run of slot 2023-11-28T20:45:00Z left a report; look at")
    assert third == "  the next run is due 2023-11-29 15:45 America/New_York, 20:45 UTC"
    found = quant("--json")
    assert (found.code, found.document["quiet"]) == (1, False)
    assert [alert["kind"] for alert in found.document["alerts"]] == ["halt", "missing run"]
    assert quant("--hold-age", "9d", "--grace", "3h").code == 0
    assert quant("--hold-age", "9d", "--since", "40m").code == 0


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--schedule", "45 15 * * MO", "the day-of-week is wrong"),
        ("--schedule", "45 3 * * 1-5", "was never inside a session of XNYS in the last year"),
        ("--grace", "30", "'30' is not a length of time; write it as 90s, 30m, 24h or 7d"),
        ("--since", "-1d", "is not a length of time"),
        ("--hold-age", "1.5h", "is not a length of time"),
        ("--now", "2023-11-28T21:30:00", "is not an instant; write it as 2023-12-29T21:15:00Z"),
        ("--now", "today", "is not an instant"),
        ("--book", ".", "give either --book FOLDER, or --store URL"),
    ],
)
def test_a_wrong_option_is_wrong_usage(quant: Quant, office: Office, option: str, value: str, words: str) -> None:
    more = ["--store", "file:///nowhere"] if option == "--book" else []
    assert_refused(quant(option, value, *more), words, code=2)


def test_an_exchange_that_is_not_known_is_refused(quant: Quant, office: Office) -> None:
    assert_refused(quant("--calendar", "XMOON"), "calendar 'XMOON' is not known; known: XHKG, XNYS, XSHG")


def test_a_store_that_cannot_be_opened_is_an_alert(
    quant: Quant, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str, *, timeout_seconds: float) -> Any:
        raise StoreError("no connection")

    monkeypatch.setattr(place_module, "open_store", refuse)
    answer = quant()
    assert answer.code == 1
    assert answer.out.startswith("store  the store does not answer, so that nothing can be watched")
    assert answer.err == "quant: the watchdog found 1 thing to look at\n"


def test_a_paper_account_is_named_by_its_book(quant: Quant, world: World) -> None:
    world.broker.rejected = {"BBB"}
    world.run(TUE, TUESDAY)
    answer = quant("--book", str(world.folder))
    assert answer.code == 1
    assert f"`quant status --book {world.folder}` shows what is missing" in answer.out
    assert "STORE_URL" not in answer.out


class Postbox:
    """A notifier that keeps what it is given, or fails."""

    sent: list[Notification]
    error: Exception | None = None

    def __init__(self, urls: Sequence[str]) -> None:
        assert list(urls) == ["json://one", "json://two"]

    def send(self, notification: Notification) -> None:
        """Keep it."""
        if self.error:
            raise self.error
        self.sent.append(notification)


def test_people_are_told_of_alerts_and_of_nothing_else(
    quant: Quant, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "AppriseNotifier", Postbox)
    Postbox.sent, tell = [], ["--notify", "json://one", "--notify", "json://two"]
    assert quant(*tell).code == 1
    (sent,) = Postbox.sent
    assert (sent.key, sent.severity) == ("watchdog/20231128T213000", Severity.FAILURE)
    assert sent.title == "the watchdog found 1 thing to look at"
    assert sent.body.startswith("missing run: account A: no run of slot 2023-11-28T20:45:00Z")
    office.ran("A", TUESDAY)
    assert quant(*tell).code == 0
    assert len(Postbox.sent) == 1


def test_a_notification_that_fails_is_told(quant: Quant, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "AppriseNotifier", Postbox)
    monkeypatch.setattr(Postbox, "error", NotifyError("no answer within 10 s"))
    answer = quant("--notify", "json://one", "--notify", "json://two")
    assert answer.code == 1
    assert answer.out.startswith("missing run  account A")
    assert answer.err == ("quant: the watchdog found 1 thing to look at, and nobody was told: no answer within 10 s\n")
