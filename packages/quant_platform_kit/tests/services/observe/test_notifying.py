"""What people are told: each thing once, as plain text, and never at the cost of a run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import apprise
import pytest
from loguru import logger
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, NotifyError, StoreError
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.ports.notifier import Notification, Severity
from quant_platform_kit.services.observe.notifying import Left, Notices, about_attempt, about_caution, delivered

from ...exactly_once import ACCOUNT, MemoryStore, Way, following, moment, rule, switch
from ...web.test_service import DECISIONS, DUE, MON, House, Postbox, report_of

NOTE = Notification("run/one", Severity.INFO, "A title", "A body")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(FrozenClock(moment("2023-11-28 20:45")))


@pytest.fixture
def logged() -> Generator[list[str]]:
    """Return what is logged during the test."""
    messages: list[str] = []
    handler = logger.add(lambda message: messages.append(message.record["message"]))
    yield messages
    logger.remove(handler)


def raising(error: BaseException) -> Callable[[], None]:
    """Return a way to fail."""

    def fail() -> None:
        raise error

    return fail


# --- once -----------------------------------------------------------------------------------------------


def test_a_notification_is_delivered_once_and_remembered(store: MemoryStore) -> None:
    postbox = Postbox()
    notices = Notices(store, postbox)
    first = notices.deliver(NOTE)
    assert first is not None
    assert (first.at, first.error) == (moment("2023-11-28 20:45"), None)
    assert notices.deliver(NOTE) is None
    assert Notices(store, postbox).deliver(NOTE) is None
    assert postbox.sent == [NOTE]
    assert notices.of_run("one") == first


def test_without_a_notifier_nothing_is_sent_or_remembered(store: MemoryStore) -> None:
    assert Notices(store, None).deliver(NOTE) is None
    assert store.objects == {}
    assert Notices(store, None).of_run("one") is None


def test_one_that_did_not_get_out_is_tried_again_and_its_first_error_is_kept_until_it_does(store: MemoryStore) -> None:
    postbox = Postbox()
    notices = Notices(store, postbox)
    postbox.fail = raising(NotifyError("no route to the mail server"))
    for _ in range(2):
        failed = notices.deliver(NOTE)
        assert failed is not None
        assert failed.error == "no route to the mail server"
        assert notices.of_run("one") == failed
    postbox.fail = lambda: None
    assert notices.deliver(NOTE) is not None
    known = notices.of_run("one")
    assert known is not None
    assert (known.error, postbox.sent) == (None, [NOTE])


def test_two_at_the_same_time_are_one(store: MemoryStore) -> None:
    postbox, begun, go_on = Postbox(), threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert go_on.wait(10)

    postbox.fail = slow
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(Notices(store, postbox).deliver, NOTE)
        assert begun.wait(10)
        assert Notices(store, postbox).deliver(NOTE) is None
        go_on.set()
        assert first.result() is not None
    assert postbox.sent == [NOTE]
    assert Notices(store, postbox).deliver(NOTE) is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NotifyError("not taken"), "not taken"),
        (InvalidInput("NOTIFY_URLS needs apprise"), "NOTIFY_URLS needs apprise"),
        (RuntimeError("boom"), "RuntimeError: boom"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_a_notifier_that_fails_in_any_way_raises_nothing(store: MemoryStore, error: Exception, text: str) -> None:
    postbox = Postbox()
    postbox.fail = raising(error)
    failed = Notices(store, postbox).deliver(NOTE)
    assert failed is not None
    assert failed.error == text
    assert json.loads(store.objects["notices/run/one.failed"].data)["error"] == text
    assert delivered([None, failed, None]) == [text]


def test_while_the_store_is_down_nothing_is_sent_twice_because_nothing_is_sent(store: MemoryStore) -> None:
    postbox = Postbox()
    store.down = True
    failed = Notices(store, postbox).deliver(NOTE)
    assert failed is not None
    assert (failed.at, failed.error) == (None, "whether it was sent before is not known: the store is down")
    assert postbox.sent == []
    store.down = False
    assert Notices(store, postbox).deliver(NOTE) is not None
    assert postbox.sent == [NOTE]


def test_one_that_got_out_and_could_not_be_remembered_is_still_one_that_got_out(store: MemoryStore) -> None:
    def fail(operation: str, key: str, done: bool) -> None:
        if operation == "create":
            raise StoreError("the store is full")

    store.fault = fail
    sent = Notices(store, Postbox()).deliver(NOTE)
    assert sent is not None
    assert sent.error is None


# --- what is told -------------------------------------------------------------------------------------------


def test_attempts_on_an_account_are_told_once_in_a_quarter_of_an_hour(store: MemoryStore) -> None:
    postbox = Postbox()
    for minute in (45, 46, 59, 60, 61, 75, 89, 90):
        now = moment("2023-11-28 20:00") + timedelta(minutes=minute)
        for account in ("DUA", "DUB"):
            Notices(store, postbox).deliver(about_attempt("blue", account, "the broker is down", now))
    keys = [f"attempt/{a}-20231128T{at}" for at in ("2045", "2100", "2115", "2130") for a in ("DUA", "DUB")]
    assert [notification.key for notification in postbox.sent] == keys
    first = postbox.sent[0]
    assert (first.severity, first.title) == (Severity.WARNING, "blue on DUA: the run could not go on")
    assert first.body == ("the broker is down\nNothing was lost: the next trigger goes on with the run.")


def test_an_attempt_that_no_trigger_goes_on_with_is_for_a_person() -> None:
    told = about_attempt("blue", "DUA", "it belongs to green", moment("2023-11-28 20:45"), Left.CAUSE)
    assert told.severity is Severity.FAILURE
    assert told.body.splitlines() == [
        "it belongs to green",
        "TO DO: nothing was sent, and no trigger changes that; see to the cause.",
    ]


def test_an_ended_login_is_for_a_person_and_told_also_right_after_another_attempt(store: MemoryStore) -> None:
    postbox, now = Postbox(), moment("2023-11-28 20:45")
    for left, error in ((Left.OPEN, "no connection"), (Left.LOGIN, "log in again"), (Left.LOGIN, "log in again")):
        Notices(store, postbox).deliver(about_attempt("blue", "DUA", error, now, left))
    _, told = postbox.sent
    assert (told.severity, told.title) == (Severity.FAILURE, "blue on DUA: blocked until someone logs in")
    assert told.body.splitlines()[0] == "log in again"
    assert "nothing is sent; the next trigger after it goes on with the run" in told.body


def test_a_caution_is_told_once_a_day(store: MemoryStore) -> None:
    postbox = Postbox()
    for hours in (0, 1, 3, 4, 27):
        now = moment("2023-11-28 20:45") + timedelta(hours=hours)
        Notices(store, postbox).deliver(about_caution("blue", "the token ends in 2 days", now))
    assert [notification.key[:16] for notification in postbox.sent] == ["caution/20231128", "caution/20231129"]
    assert postbox.sent[0].title == "blue: the token ends in 2 days"
    assert postbox.sent[0].severity is Severity.WARNING


# --- what is told about runs --------------------------------------------------------------------------------


def test_a_completed_run_is_told_with_its_decision_its_orders_and_the_cash_left() -> None:
    house = House()
    report = report_of(house.run())
    (told,) = house.postbox.about("run")
    assert (told.severity, told.title) == (Severity.INFO, f"Scripted on {ACCOUNT}: completed")
    assert told.body.splitlines() == [
        f"run {house.run_id()}, mode paper, session 2023-11-28, decided as of 2023-11-27",
        f"decision REBALANCE {report['decision_digest']}",
        "targets of 2023-11-27",
        "BUY AAA 58 of 58 at 102.00, FILLED",
        "BUY BBB 80 of 80 at 50.00, FILLED",
        "cash 84.00 USD",
    ]


def test_a_run_is_told_about_once_however_often_it_is_triggered() -> None:
    house = House()
    for _ in range(5):
        report_of(house.run())
    assert [notification.key for notification in house.postbox.sent][1:] == [f"run/{house.run_id()}"]


def test_a_run_with_nothing_to_do_is_told_as_a_heartbeat() -> None:
    house = House(strategy=following({}))
    report_of(house.run())
    (told,) = house.postbox.about("run")
    assert (told.severity, told.title) == (Severity.INFO, f"Scripted on {ACCOUNT}: no_action")
    assert "no orders" in told.body.splitlines()
    assert "nothing new" in told.body.splitlines()


def test_the_first_run_of_a_revision_says_which_strategy_runs_on_which_inputs_and_is_told_once() -> None:
    house = House(k_revision="house-00041")
    house.service = replace(house.service, stale_settings=("PAPER_FEATURE_SNAPSHOT_PATH", "PAPER_STRATEGY_CONFIG_PATH"))
    report = report_of(house.run())
    report_of(house.run("2023-11-28T20:46:00Z"))
    inputs = report["reasoning"]["inputs"]
    (told,) = house.postbox.about("first")
    assert (told.severity, told.title) == (Severity.WARNING, "house now runs Scripted, revision house-00041")
    assert told.body.splitlines() == [
        "strategy Scripted (scripted)",
        "input mode direct",
        f"inputs {inputs['digest']} until 2023-11-27",
        "settings it does not use: PAPER_FEATURE_SNAPSHOT_PATH, PAPER_STRATEGY_CONFIG_PATH",
        f"first run {house.run_id()}, mode paper: completed",
    ]
    assert house.postbox.sent[0] == told


CHANGES = {
    "another revision": {"k_revision": "house-00042"},
    "another commit": {"commit_sha": "9d1e"},
    "another service": {"cloud_run_service": "garden"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_revision_or_service_has_a_first_run_of_its_own(change: dict[str, str]) -> None:
    house = House()
    report_of(house.run())
    again = House(("DU2",), **change)
    again.stores, again.postbox = house.stores, house.postbox
    again.service = replace(again.service, stores=house.stores, notifier=house.postbox)  # pyright: ignore[reportArgumentType]
    report_of(again.run())
    assert len(house.postbox.about("first")) == 2


def test_another_profile_has_a_first_run_of_its_own() -> None:
    house = House()
    report_of(house.run())
    house.service = replace(house.service, strategy=following(DECISIONS, profile="other", display_name="Other"))
    report_of(house.run("2023-11-28T20:46:00Z"))
    assert [told.title for told in house.postbox.about("first")] == [
        "house now runs Scripted, revision unknown",
        "house now runs Other, revision unknown",
    ]


def held(house: House) -> None:
    switch(house.stores.ledger, "release-house")


def with_an_open_run(house: House) -> None:
    house.desk.on_submit = refusing_to_answer
    assert house.run("2023-11-28T20:40:00Z").status_code == 503
    house.postbox.sent.clear()


def refusing_to_answer(order: object) -> None:
    raise BrokerError("no answer")


BEFORE_A_PROBE: dict[str, tuple[Callable[[House], None], str, Severity]] = {
    "nothing": (lambda house: None, "completed", Severity.INFO),
    "held by a release": (held, "blocked", Severity.WARNING),
    "an open run": (with_an_open_run, "skipped", Severity.INFO),
}


@pytest.mark.parametrize("case", BEFORE_A_PROBE)
def test_a_probe_is_the_first_heartbeat_of_a_revision_whatever_keeps_the_account(case: str) -> None:
    """It names what the release tool and a person compare with what was meant."""
    before, outcome, severity = BEFORE_A_PROBE[case]
    house = House(k_revision="house-00042")
    house.service = replace(house.service, stale_settings=("PAPER_FEATURE_SNAPSHOT_PATH",))
    before(house)
    received = list(house.desk.received)
    report = report_of(house.run(mode="probe"))
    assert (report["display_name"], report["profile"], report["input_mode"]) == ("Scripted", "scripted", "direct")
    assert (report["key"]["mode"], report["outcome"], report["orders"]) == ("probe", outcome, [])
    assert house.desk.received == received
    (first,) = house.postbox.about("first")
    assert (first.severity, first.title) == (Severity.WARNING, "house now runs Scripted, revision house-00042")
    lines = first.body.splitlines()
    assert lines[:2] == ["strategy Scripted (scripted)", "input mode direct"]
    assert lines[-2:] == [
        "settings it does not use: PAPER_FEATURE_SNAPSHOT_PATH",
        f"first run {report['run_id']}, mode probe: {outcome}",
    ]
    (told,) = house.postbox.about("run")
    assert told.severity is severity
    report_of(house.run("2023-11-28T20:46:00Z", mode="probe"))
    assert len(house.postbox.about("first")) == 1, "once for each revision"


def test_a_blocked_run_is_told_with_the_very_line_that_settles_its_order() -> None:
    house = House()
    house.desk.traits = BrokerTraits(AfterSilence.BLOCK, timedelta(0))
    house.desk.ways["BBB"] = [Way.DROP]
    report = report_of(house.run())
    (told,) = house.postbox.about("run")
    assert told.severity is Severity.FAILURE
    assert "BUY BBB 0 of 80, UNKNOWN: nobody knows whether it was filled" in told.body.splitlines()
    (line,) = report["todo"]
    assert line.startswith(f"quant resolve {house.run_id()} q")
    assert told.body.splitlines()[-1] == f"TO DO: {line}"


def test_a_halt_is_told_with_what_lifts_it() -> None:
    house = House()
    switch(house.stores.ledger, "all")
    report_of(house.run())
    (told,) = house.postbox.about("run")
    assert (told.severity, told.body.splitlines()[-1]) == (
        Severity.FAILURE,
        "TO DO: halted: all; lift it with `quant resume`",
    )


def test_an_account_that_fell_behind_its_target_is_told() -> None:
    house = House(strategy=following({MON: {"AAA": 0.6, "BBB": 0.4}}))
    days = ("2023-11-28", "2023-11-29", "2023-11-30", "2023-12-01", "2023-12-04")
    house.desk.ways["AAA"] = [Way.REJECT] * len(days)
    behind: list[Any] = []
    for day in days:
        house.clock.instant = moment(f"{day} 20:45")
        behind.append(report_of(house.run(f"{day}T20:45:00Z"))["behind"])
    assert behind == [[], [], [], [], ["2023-11-27"]]
    told = house.postbox.about("run")[-1]
    assert told.severity is Severity.WARNING
    assert "behind target since 2023-11-27" in told.body
    assert "TO DO: the REBALANCE of 2023-11-27 grew too old to be executed" in told.body


def test_cautions_of_the_service_are_told_after_a_run_once_a_day() -> None:
    house = House()
    house.service = replace(house.service, cautions=lambda: ("the token ends in 2 days", "the disk is nearly full"))
    for due in (DUE, DUE, "2023-11-28T20:46:00Z"):
        report_of(house.run(due))
    assert [told.body for told in house.postbox.about("caution")] == [
        "the token ends in 2 days",
        "the disk is nearly full",
    ]


@pytest.mark.parametrize("error", [NotifyError("the token file cannot be read"), OSError("no such file")])
def test_cautions_that_cannot_be_found_out_change_nothing(error: Exception, logged: list[str]) -> None:
    house = House()

    def fail() -> Any:
        raise error

    house.service = replace(house.service, cautions=fail)
    assert report_of(house.run())["outcome"] == "completed"
    assert len(house.postbox.about("run")) == 1
    assert f"what will need a person soon cannot be found out: {type(error).__name__}: {error}" in logged


# --- a notifier that is down --------------------------------------------------------------------------------

FAILURES = {
    "refuses": (NotifyError("a notification was not taken"), "a notification was not taken"),
    "breaks": (RuntimeError("boom"), "RuntimeError: boom"),
}


@pytest.mark.parametrize(("error", "text"), FAILURES.values(), ids=FAILURES)
def test_a_notifier_that_is_down_changes_no_run_and_is_itself_reported(
    error: Exception, text: str, logged: list[str]
) -> None:
    house = House()
    house.postbox.fail = raising(error)
    report = report_of(house.run())
    assert report["outcome"] == "completed"
    document = house.get(f"/runs/{house.run_id()}").json()
    assert (document["report"], document["notification"]["error"]) == (report, text)
    assert text in house.get(f"/runs/{house.run_id()}", Accept="text/html").text
    assert f"a notification did not get out: {text}" in logged
    house.postbox.fail = lambda: None
    assert report_of(house.run()) == report
    assert house.get(f"/runs/{house.run_id()}").json()["notification"]["error"] is None
    assert len(house.postbox.about("run")) == 1


def test_an_attempt_that_nobody_could_be_told_of_is_in_the_log(logged: list[str]) -> None:
    house = House()
    house.postbox.fail = raising(NotifyError("the mail server is down"))
    house.desk.connect = raising(RuntimeError("boom"))  # pyright: ignore[reportAttributeAccessIssue]
    assert house.run().status_code == 500
    assert "a notification did not get out: the mail server is down" in logged
    assert [key for key in house.stores.notices.objects if "attempt" in key] == [
        f"notices/attempt/{ACCOUNT}-20231128T2045.failed"
    ]


def test_a_service_that_is_stopping_tells_nobody_any_more_and_the_next_trigger_does() -> None:
    house = House(strategy=rule(lambda manifest, ctx: manifest.hold(ctx, "nothing new")))
    house.postbox.fail = house.stop.set
    report_of(house.run())
    assert [told.key.partition("/")[0] for told in house.postbox.sent] == ["first"]
    house.stop = type(house.stop)()
    house.postbox.fail = lambda: None
    report_of(house.run())
    assert [told.key.partition("/")[0] for told in house.postbox.sent] == ["first", "run"]


# --- Apprise --------------------------------------------------------------------------------------------------


class Line:
    """Stands in for the Apprise object."""

    def __init__(self, answer: Any = True, hang: threading.Event | None = None) -> None:
        self.answer, self.hang = answer, hang
        self.messages: list[dict[str, Any]] = []

    def notify(self, **message: Any) -> Any:
        """Keep a message."""
        if self.hang is not None:
            self.hang.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        self.messages.append(message)
        return self.answer


def notifier(line: Line, **options: Any) -> AppriseNotifier:
    """Return a notifier over a line."""
    made = AppriseNotifier(["json://127.0.0.1:9/"], **options)
    made._made = line
    return made


@pytest.mark.parametrize("severity", Severity)
def test_a_message_is_handed_to_apprise_with_its_severity(severity: Severity) -> None:
    line = Line()
    notifier(line).send(replace(NOTE, severity=severity))
    assert line.messages == [{"title": "A title", "body": "A body", "notify_type": severity.value}]
    assert severity.value in [kind.value for kind in apprise.NotifyType]


@pytest.mark.parametrize("answer", [False, None])
def test_a_message_that_apprise_could_not_deliver_has_failed(answer: bool | None) -> None:
    with pytest.raises(NotifyError, match="a notification was not taken; the log of apprise says by whom"):
        notifier(Line(answer)).send(NOTE)


def test_a_message_without_an_answer_has_failed_after_the_timeout() -> None:
    hang = threading.Event()
    begun = time.monotonic()
    with pytest.raises(NotifyError, match=r"no answer to a notification within 0\.1 s"):
        notifier(Line(hang=hang), timeout_seconds=0.1).send(NOTE)
    assert time.monotonic() - begun < 5
    hang.set()


def test_what_apprise_raises_is_raised() -> None:
    with pytest.raises(TypeError, match="boom"):
        notifier(Line(TypeError("boom"))).send(NOTE)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_an_address_that_apprise_does_not_know_is_named_by_its_number_and_not_shown() -> None:
    with pytest.raises(NotifyError) as failed:
        AppriseNotifier(["json://127.0.0.1:9/", "nonsense://canary-7f3a-secret!"]).send(NOTE)
    assert str(failed.value) == "NOTIFY_URLS: Apprise does not know URL 2, which starts 'nonsense'"


def test_without_the_library_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    with pytest.raises(InvalidInput, match=r"NOTIFY_URLS needs apprise: install quant-platform-kit\[notify\]"):
        AppriseNotifier(["json://127.0.0.1:9/"]).send(NOTE)
