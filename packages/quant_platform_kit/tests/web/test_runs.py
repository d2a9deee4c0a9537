"""One trigger, one run: however often, however early or late it comes, and whatever is down meanwhile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import BrokerError, NeedsLogin, QuantError
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.ports.notifier import Severity
from quant_platform_kit.runtime.service import Account
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.owners import hand_over, owner_of, require_ownership
from quant_platform_kit.services.record.leases import AccountLease, LeaseTerms, read_lease
from quant_platform_kit.services.run.advice import PLACE

from ..exactly_once import ACCOUNT, CALENDAR, Desk, Way, moment, rule, switch
from .test_service import DUE, House, outcomes, report_of

ORDERED = {"AAA": 1, "BBB": 1}
SLOTS = ("2023-11-28T19:00:00Z", "2023-11-28T19:05:00Z")
TWO = ("DUA", "DUB")


def by_account(answer: Any) -> dict[str, Any]:
    """Return the runs of an answer by account."""
    return {run["account_id"]: run for run in answer.json()["runs"]}


def stop_at(house: House, boundary: Boundary) -> None:
    """Let the service be told to stop when a run reaches a boundary."""
    house.stop = StopSignal()
    signal = house.stop
    house.service = replace(house.service, reached=lambda reached: signal.set() if reached is boundary else None)


def start_again(house: House) -> None:
    """Let the service run on as a new process."""
    house.stop = StopSignal()
    house.service = replace(house.service, reached=lambda reached: None)


# --- the same trigger, again and again ------------------------------------------------------------


def test_fifty_triggers_at_once_are_one_run_with_one_set_of_orders_and_one_report() -> None:
    house = House()
    house.desk.on_submit = lambda order: time.sleep(0.05)
    house.postbox.fail = lambda: time.sleep(0.05)
    door, together = house.door, threading.Barrier(50)

    def trigger(_: int) -> tuple[list[int], dict[str, Any]]:
        together.wait(30)
        met: list[int] = []
        while True:
            answer = door.post("/run", headers={"X-CloudScheduler-ScheduleTime": DUE})
            met.append(answer.status_code)
            if answer.status_code == 200:
                return met, report_of(answer)
            assert answer.status_code == 409, answer.text
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
            (run,) = answer.json()["runs"]
            assert (run["status"], run["report"]) == (409, None)
            assert "ask again in " in run["error"]
            time.sleep(0.02)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(trigger, range(50)))
    first = answers[0][1]
    assert all(report == first for _, report in answers)
    assert any(409 in met for met, _ in answers)
    assert (first["run_id"], first["outcome"]) == (house.run_id(), "completed")
    assert house.desk.sent == ORDERED
    assert house.stores.reports.ids() == [house.run_id()]
    assert len(house.postbox.about("run")) == len(house.postbox.about("first")) == 1


def test_fifty_repetitions_get_the_same_report_and_change_nothing() -> None:
    house = House()
    first = report_of(house.run())
    before = house.picture
    assert all(report_of(house.run()) == first for _ in range(50))
    house.clock.instant += timedelta(days=3)
    assert report_of(house.run()) == first
    assert house.picture == before


def test_another_slot_of_the_day_has_nothing_to_do() -> None:
    house = House()
    first, second = house.run("2023-11-28T20:40:00Z"), house.run()
    assert outcomes([first, second]) == ["completed", "no_action"]
    assert report_of(second)["orders"] == []
    assert house.desk.sent == ORDERED


def test_a_trigger_while_another_worker_has_the_account_is_told_when_to_come_back() -> None:
    house = House()
    lock(house, ACCOUNT)
    answer = house.run()
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "60")
    assert by_account(answer)[ACCOUNT]["error"] == "somebody works on the account; ask again in 60 s"
    assert (house.desk.logins, house.postbox.sent) == (0, [])


# --- early, late, on no session ---------------------------------------------------------------------


def test_a_trigger_that_is_half_an_hour_old_finishes_what_is_open_and_decides_nothing() -> None:
    house = House()
    house.clock.instant = moment("2023-11-28 19:00")
    stop_at(house, Boundary.ORDER_SENT)
    assert house.run(SLOTS[0]).status_code == 503
    assert house.desk.sent == {"AAA": 1}
    start_again(house)
    house.clock.instant = moment("2023-11-28 19:36")
    before = house.stores.ledger.keys(f"accounts/{ACCOUNT}/decisions/")
    late = report_of(house.run(SLOTS[1]))
    assert (late["outcome"], late["orders"]) == ("skipped", [])
    assert late["reasons"] == ["the trigger was due at 2023-11-28 19:05 UTC, more than 0:30:00 ago"]
    recovered = house.get(f"/runs/{house.run_id(SLOTS[0])}").json()["report"]
    assert (recovered["outcome"], len(recovered["orders"])) == ("completed", 2)
    assert house.desk.sent == ORDERED
    after = house.stores.ledger.keys(f"accounts/{ACCOUNT}/decisions/")
    assert set(after) - set(before) == {f"accounts/{ACCOUNT}/decisions/scripted/paper/2023-11-27/executed"}
    assert {notification.key for notification in house.postbox.about("run")} == {
        f"run/{house.run_id(slot)}" for slot in SLOTS
    }


def test_a_run_that_was_begun_without_a_plan_and_comes_back_too_late_is_missed() -> None:
    house = House()
    house.clock.instant = moment("2023-11-28 19:00")
    stop_at(house, Boundary.CLAIMED)
    assert house.run(SLOTS[0]).status_code == 503
    start_again(house)
    house.clock.instant = moment("2023-11-28 19:31") + timedelta(seconds=1)
    report = report_of(house.run(SLOTS[0]))
    assert (report["outcome"], report["orders"]) == ("failed", [])
    assert report["todo"] == ["the trigger was due at 2023-11-28 19:00 UTC, more than 0:30:00 ago"]
    assert house.desk.received == []


@pytest.mark.parametrize(
    ("due", "reason"),
    [
        ("2023-11-23T20:45:00Z", "2023-11-23 is not a session of XNYS; the next is 2023-11-24"),
        ("2023-11-25T20:45:00Z", "2023-11-25 is not a session of XNYS; the next is 2023-11-27"),
        ("2023-11-24T18:30:00Z", "XNYS is closed at 2023-11-24 18:30 UTC; it trades 2023-11-24 14:30 to 18:00 UTC"),
    ],
    ids=["holiday", "Saturday", "after an early close"],
)
def test_a_day_or_an_hour_without_trading_is_skipped_with_the_reason(due: str, reason: str) -> None:
    house = House()
    house.clock.instant = moment(due[:16].replace("T", " "))
    report = report_of(house.run(due))
    assert (report["outcome"], report["reasons"], report["orders"]) == ("skipped", [reason], [])
    assert house.desk.received == []
    (told,) = house.postbox.about("run")
    assert reason in told.body


def test_a_session_that_the_calendar_does_not_know_is_blocked_and_kept_nowhere() -> None:
    house = House()
    day = CALENDAR.sessions[-1] + timedelta(days=10)
    house.clock.instant = moment(f"{day} 20:45")
    report = report_of(house.run(f"{day}T20:45:00Z"))
    assert report["outcome"] == "blocked"
    assert report["todo"] == report["reasons"]
    assert "XNYS" in report["reasons"][0]
    assert house.desk.received == []
    assert house.stores.reports.ids() == []
    (told,) = house.postbox.about("run")
    assert f"TO DO: {report['reasons'][0]}" in told.body


# --- down -------------------------------------------------------------------------------------------


def test_while_the_store_is_down_nothing_is_sent_and_a_later_retry_completes() -> None:
    house = House()
    house.stores.go_down()
    answer = house.run()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert by_account(answer)[ACCOUNT]["error"] == "the store is down"
    assert house.picture == House().picture
    house.stores.go_down(down=False)
    assert outcomes([house.run()]) == ["completed"]
    assert house.desk.sent == ORDERED


@pytest.mark.parametrize("store", ["ledger", "notices"])
@pytest.mark.parametrize("boundary", Boundary)
def test_a_store_that_goes_down_anywhere_in_a_run_loses_and_doubles_no_order(boundary: Boundary, store: str) -> None:
    house = House()
    lost = getattr(house.stores, store)
    passed: list[Boundary] = []

    def reached(at: Boundary) -> None:
        passed.append(at)
        lost.down = lost.down or at is boundary

    house.service = replace(house.service, reached=reached)
    answer = house.run()
    # The first run of an account has nothing to sell, so nothing to cut the buys to.
    assert (boundary in passed) != (boundary is Boundary.REVISION_COMMITTED)
    assert answer.status_code in (200, 503), answer.text
    assert ("Retry-After" in answer.headers) == (answer.status_code == 503)
    start_again(house)
    lost.down = False
    house.clock.instant += timedelta(minutes=2)
    report = report_of(house.run())
    assert report["outcome"] == "completed"
    assert {order["symbol"]: order["filled"] for order in report["orders"]} == {"AAA": "58", "BBB": "80"}
    assert house.desk.sent == ORDERED


def test_while_only_the_notices_are_down_the_run_is_answered_and_told_about_later() -> None:
    house = House()

    def reached(at: Boundary) -> None:
        house.stores.notices.down = at is Boundary.RUN_CLOSED

    house.service = replace(house.service, reached=reached)
    assert outcomes([house.run()]) == ["completed"]
    assert house.postbox.sent == []
    start_again(house)
    house.stores.notices.down = False
    assert outcomes([house.run()]) == ["completed"]
    assert len(house.postbox.about("run")) == 1


class Unreachable(Desk):
    """A broker that cannot be logged in to."""

    up = False
    error: QuantError = BrokerError("the gateway does not answer: connection refused")

    def connect(self) -> None:
        """Log in, or fail."""
        if not self.up:
            raise self.error
        super().connect()


def unreachable(house: House, name: str = ACCOUNT) -> Unreachable:
    """Take an account's broker off the network."""
    desk = house.desks[name]
    found = Unreachable(desk.clock, desk.market, desk.book, desk.rules)
    house.desks[name] = found
    return found


def test_while_the_broker_is_down_every_attempt_is_recorded_and_the_open_run_can_be_looked_at() -> None:
    house = House()
    desk = unreachable(house)
    for _ in range(2):
        answer = house.run()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert by_account(answer)[ACCOUNT]["error"] == "the gateway does not answer: connection refused"
        house.clock.instant += timedelta(seconds=30)
    run_id = house.run_id()
    still_open = house.get(f"/runs/{run_id}").json()["open"]
    assert (still_open["run_id"], still_open["account_id"], still_open["claim"]) == (run_id, ACCOUNT, None)
    assert [attempt["error"] for attempt in still_open["attempts"]] == [
        "the gateway does not answer: connection refused"
    ] * 2
    assert [attempt["at"] for attempt in still_open["attempts"]] == [
        "2023-11-28T20:45:00+00:00",
        "2023-11-28T20:45:30+00:00",
    ]
    page = house.get(f"/runs/{run_id}", Accept="text/html").text
    assert "the gateway does not answer: connection refused" in page
    assert [run["run_id"] for run in house.get("/runs").json()["open"]] == [run_id]
    (told,) = house.postbox.about("attempt")
    assert told.body.startswith("the gateway does not answer: connection refused\nNothing was lost")
    desk.up = True
    assert outcomes([house.run()]) == ["completed"]
    assert (house.desk.sent, house.get("/runs").json()["open"]) == (ORDERED, [])


def test_a_broker_that_does_not_tell_the_time_is_a_broker_that_is_down() -> None:
    house = House(TWO)

    class Timeless(FrozenClock):
        def now(self) -> Any:
            raise BrokerError("the venue does not answer")

    accounts = house.accounts()
    house.desks["DUA"] = unreachable(house, "DUA")
    broken = Account(house.desks["DUA"], accounts[0].market, Timeless(house.clock.instant), Mode.PAPER)
    house.service = replace(house.service, accounts=lambda: (broken, accounts[1]))
    answer = house.run()
    runs = by_account(answer)
    assert (answer.status_code, runs["DUA"]["status"], runs["DUB"]["status"]) == (503, 503, 200)
    still_open = house.get(f"/runs/{house.run_id(account='DUA')}").json()["open"]
    assert [attempt["error"] for attempt in still_open["attempts"]] == [
        "the gateway does not answer: connection refused"
    ]


@pytest.mark.parametrize(
    ("error", "kind", "severity", "title"),
    [
        (BrokerError("the group cannot be read"), "attempt", Severity.WARNING, "house: the run could not go on"),
        (NeedsLogin("log in again"), "login", Severity.FAILURE, "house: blocked until someone logs in"),
    ],
)
def test_when_the_accounts_cannot_be_found_out_the_trigger_is_told_to_come_back_and_people_why(
    error: QuantError, kind: str, severity: Severity, title: str
) -> None:
    house = House()

    def nobody_knows() -> Any:
        raise error

    house.service = replace(house.service, accounts=nobody_knows)
    for _ in range(2):
        answer = house.run()
        assert (answer.status_code, answer.json()) == (503, {"error": str(error)})
        assert answer.headers["Retry-After"] == "30"
    (told,) = house.postbox.sent
    assert (told.key.partition("/")[0], told.severity, told.title) == (kind, severity, title)
    assert told.body.startswith(f"{error}\n")


def test_an_ended_login_blocks_its_account_until_someone_logs_in_and_people_are_told_so() -> None:
    house = House()
    desk = unreachable(house)
    desk.error = NeedsLogin("the login ended: run `acme login`")
    answer = house.run()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    (told,) = house.postbox.about("login")
    assert (told.severity, told.title) == (Severity.FAILURE, f"house on {ACCOUNT}: blocked until someone logs in")
    assert told.body.splitlines()[0] == "the login ended: run `acme login`"
    assert house.postbox.about("attempt") == []
    desk.up = True
    assert outcomes([house.run()]) == ["completed"]


# --- several accounts -------------------------------------------------------------------------------


def halt(house: House) -> None:
    """Halt the first account."""
    switch(house.stores.ledger, "account-DUA")


def lock(house: House, account: str = "DUA") -> None:
    """Let another worker have an account, the first one."""
    require_ownership(house.stores.ledger, account, house.service.name)
    AccountLease.acquire(house.stores.ledger, account, "somebody", LeaseTerms(), house.clock)


def own(house: House) -> None:
    """Let the first account belong to another service."""
    house.run("2023-11-28T20:40:00Z", mode="dry_run")
    hand_over(Operator(house.stores.ledger, house.clock, "mira"), "DUA", "another", "test")


def cut(house: House) -> None:
    """Take the first account's broker off the network."""
    unreachable(house, "DUA")


def fail(error: Exception) -> Callable[[House], None]:
    """Let the first account's broker fail in a way that nobody has foreseen."""

    def broken(house: House) -> None:
        def connect() -> None:
            raise error

        house.desks["DUA"].connect = connect  # pyright: ignore[reportAttributeAccessIssue]

    return broken


TROUBLES = {
    "halted": (halt, 200, 200, "blocked"),
    "in use": (lock, 409, 409, "somebody works on the account; ask again in 60 s"),
    "of another service": (own, 422, 422, "account DUA belongs to service another since 2023-11-28"),
    "down": (cut, 503, 503, "the gateway does not answer: connection refused"),
    "a defect": (fail(KeyError("conid")), 500, 500, "a defect in the service; its log has the details"),
    "a division by zero": (fail(ZeroDivisionError()), 500, 500, "a defect in the service; its log has the details"),
}


@pytest.mark.parametrize(("trouble", "status", "own_status", "said"), TROUBLES.values(), ids=TROUBLES)
def test_an_account_in_trouble_never_stops_another(
    trouble: Callable[[House], None], status: int, own_status: int, said: str
) -> None:
    house = House(TWO)
    trouble(house)
    answer = house.run()
    runs = by_account(answer)
    assert list(runs) == list(TWO)
    assert (answer.status_code, runs["DUA"]["status"], runs["DUB"]["status"]) == (status, own_status, 200)
    assert ("Retry-After" in answer.headers) == (status in (409, 503))
    assert (runs["DUA"]["error"] or runs["DUA"]["report"]["outcome"]).startswith(said)
    assert runs["DUB"]["report"]["outcome"] == "completed"
    assert house.desks["DUA"].received == []
    assert house.desks["DUB"].sent == ORDERED


def test_the_status_of_several_accounts_is_that_of_the_one_which_most_needs_another_try() -> None:
    house = House(("DUA", "DUB", "DUC", "DUD"))
    lock(house)
    unreachable(house, "DUB")
    answer = house.run()
    assert answer.status_code == 503
    assert [run["status"] for run in answer.json()["runs"]] == [409, 503, 200, 200]
    assert answer.headers["Retry-After"] == "60"


def test_a_run_that_met_a_defect_says_so_and_is_finished_by_the_next_trigger() -> None:
    house = House()
    connect = house.desk.connect
    house.desks = {"DUA": house.desk}
    fail(KeyError("conid"))(house)
    assert house.run().status_code == 500
    (told,) = house.postbox.about("attempt")
    assert told.body.startswith("a defect in the service; its log has the details")
    house.desk.connect = connect  # pyright: ignore[reportAttributeAccessIssue]
    assert outcomes([house.run()]) == ["completed"]
    assert house.desk.sent == ORDERED


def test_an_account_of_another_service_is_refused_and_told_to_a_person() -> None:
    house = House(("DUA",))
    own(house)
    assert house.run().status_code == 422
    owner = owner_of(house.stores.ledger, "DUA")
    assert owner is not None
    assert owner.service == "another"
    (told,) = house.postbox.about("attempt")
    assert "belongs to service another" in told.body
    assert "TO DO:" in told.body
    assert "goes on with it" not in told.body


# --- probes and blocked runs --------------------------------------------------------------------------


def test_a_probe_plans_what_a_run_would_do_and_leaves_no_trace() -> None:
    house = House()
    report = report_of(house.run(mode="probe"))
    assert (report["key"]["mode"], report["outcome"]) == ("probe", "completed")
    planned = [line["order"]["symbol"] for line in report["plan"]["lines"] if line["order"]]
    assert planned == ["AAA", "BBB"]
    assert house.desk.received == []
    assert house.stores.ledger.objects == {}
    assert all(key.startswith("notices/") for key in house.stores.notices.objects)
    assert house.get(f"/runs/{report['run_id']}").status_code == 404
    assert outcomes([house.run()]) == ["completed"]


def test_a_probe_beside_an_open_run_says_that_and_does_not_log_in() -> None:
    house = House()
    stop_at(house, Boundary.ORDER_SENT)
    assert house.run().status_code == 503
    start_again(house)
    before = house.desk.logins
    report = report_of(house.run(mode="probe"))
    assert report["outcome"] == "skipped"
    assert report["reasons"][0].startswith(f"run {house.run_id()} is open, held by ")
    assert house.desk.logins == before


def test_a_dry_run_records_its_plan_and_sends_nothing() -> None:
    house = House()
    report = report_of(house.run(mode="dry_run"))
    assert (report["outcome"], report["orders"]) == ("completed", [])
    assert len([line for line in report["plan"]["lines"] if line["order"]]) == 2
    assert house.desk.received == []
    assert house.get(f"/runs/{house.run_id(mode=Mode.DRY_RUN)}").json()["report"] == report


def test_a_strategy_that_blocks_is_answered_with_a_report_and_is_not_retried() -> None:
    house = House(strategy=rule(lambda manifest, ctx: manifest.blocked(ctx, "the data make no sense")))
    answer = house.run()
    report = report_of(answer)
    assert (report["outcome"], report["todo"]) == ("blocked", ["the data make no sense"])
    assert "Retry-After" not in answer.headers


def test_an_order_nobody_knows_of_blocks_and_the_answer_has_the_line_that_settles_it() -> None:
    house = House()
    house.desk.traits = BrokerTraits(AfterSilence.BLOCK, timedelta(0))
    house.desk.ways["BBB"] = [Way.DROP]
    report = report_of(house.run())
    (lost,) = [order for order in report["orders"] if order["state"] == OrderState.UNKNOWN.value]
    line = f'quant resolve {house.run_id()} {lost["client_order_id"]} --as "filled|not-sent|cancelled" --evidence TEXT'
    assert (report["outcome"], report["todo"]) == ("blocked", [f"{line} --account {ACCOUNT} {PLACE}"])
    again = report_of(house.run("2023-11-28T20:46:00Z"))
    assert again["outcome"] == "blocked"
    assert "has UNKNOWN orders: settle them with `quant resolve` first" in " ".join(again["reasons"])
    assert Counter(order.symbol for order in house.desk.received) == ORDERED


# --- told to stop -------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", Boundary)
def test_a_service_told_to_stop_anywhere_in_a_run_lets_the_next_one_finish_it(boundary: Boundary) -> None:
    house = House()
    stop_at(house, boundary)
    answer = house.run()
    ended = boundary in (Boundary.REPORT_PUBLISHED, Boundary.RUN_CLOSED, Boundary.REVISION_COMMITTED)
    assert answer.status_code == (200 if ended else 503), answer.text
    if not ended:
        assert answer.headers["Retry-After"] == "30"
        assert by_account(answer)[ACCOUNT]["error"].startswith("the service was told to stop")
        lease = read_lease(house.stores.ledger, ACCOUNT)
        assert lease is not None
        assert (lease.open_run, lease.expires_at) == (house.run_id(), None)
        assert len(house.get(f"/runs/{house.run_id()}").json()["open"]["attempts"]) == 1
        assert house.postbox.sent == []
    start_again(house)
    assert outcomes([house.run()]) == ["completed"]
    assert house.desk.sent == ORDERED
    assert len(house.postbox.about("run")) == 1


def test_a_service_that_is_stopping_takes_no_new_trigger() -> None:
    house = House()
    house.stop.set()
    answer = house.run()
    assert (answer.status_code, answer.json()) == (503, {"error": "the service is stopping"})
    assert answer.headers["Retry-After"] == "1"
    assert house.picture == House().picture


def test_a_service_told_to_stop_between_two_accounts_leaves_the_second_to_the_next_trigger() -> None:
    house = House(TWO)
    stop_at(house, Boundary.RUN_CLOSED)
    answer = house.run()
    assert [run["status"] for run in answer.json()["runs"]] == [200, 503]
    assert house.desks["DUB"].received == []
    start_again(house)
    assert house.run().status_code == 200
    assert [desk.sent for desk in house.desks.values()] == [ORDERED, ORDERED]
