"""The parts of the Cloud Scheduler emulator that need no network."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from venue_sandbox.cloud.rest import ApiError, error_for
from venue_sandbox.cloud.scheduler import firing
from venue_sandbox.cloud.scheduler.board import Board
from venue_sandbox.cloud.scheduler.clock import RealClock, VirtualClock
from venue_sandbox.cloud.scheduler.delivery import headers
from venue_sandbox.cloud.scheduler.executions import Attempt, Entry, Execution
from venue_sandbox.cloud.scheduler.faults import DeliveryFault, DeliveryFaults, DeliveryKind
from venue_sandbox.cloud.scheduler.fields import normal, updated
from venue_sandbox.cloud.scheduler.jobs import Identity, Job
from venue_sandbox.cloud.scheduler.retries import Retries
from venue_sandbox.cloud.scheduler.schedule import Schedule
from venue_sandbox.cloud.scheduler.shelf import Shelf
from venue_sandbox.cloud.scheduler.tokens import Tokens
from venue_sandbox.cloud.values import duration_text, read_duration, read_time, time_text
from venue_sandbox.servers.faults import FaultError

PARENT = "projects/p/locations/us-east1"
NAME = f"{PARENT}/jobs/close"
URI = "http://127.0.0.1:8080/run"
START = datetime(2023, 11, 30, tzinfo=UTC)


def document(**changes: Any) -> dict[str, Any]:
    usual = {"name": NAME, "schedule": "45 15 * * 1-5", "timeZone": "America/New_York", "httpTarget": {"uri": URI}}
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def read(**changes: Any) -> Job:
    return Job.read(normal(document(**changes)))


def target(**changes: Any) -> Job:
    return read(httpTarget={"uri": URI, **changes})


def refusal(**changes: Any) -> str:
    with pytest.raises(ApiError) as caught:
        read(**changes)
    assert caught.value.status == 400
    return caught.value.message


def due(line: str, zone: str, after: str, count: int) -> list[str]:
    schedule, moment, found = Schedule(line, zone), read_time("after", after), []
    for _ in range(count):
        moment = schedule.after(moment)
        assert moment is not None
        found.append(time_text(moment))
    return found


# --- schedules -----------------------------------------------------------------------------------


def test_a_job_before_the_close_follows_new_york_through_both_changes_of_the_clock() -> None:
    spring = due("45 15 * * 1-5", "America/New_York", "2023-03-09T21:00:00Z", 3)
    assert spring == ["2023-03-10T20:45:00Z", "2023-03-13T19:45:00Z", "2023-03-14T19:45:00Z"]
    autumn = due("45 15 * * 1-5", "America/New_York", "2023-11-02T21:00:00Z", 3)
    assert autumn == ["2023-11-03T19:45:00Z", "2023-11-06T20:45:00Z", "2023-11-07T20:45:00Z"]


def test_a_time_that_the_change_to_summer_skips_is_due_when_the_hour_is_over() -> None:
    assert due("30 2 * * *", "America/New_York", "2023-03-11T12:00:00Z", 2) == [
        "2023-03-12T07:00:00Z",
        "2023-03-13T06:30:00Z",
    ]


def test_a_time_that_the_change_to_winter_repeats_is_due_once() -> None:
    expected = ["2023-11-05T05:30:00Z", "2023-11-06T06:30:00Z"]
    assert due("30 1 * * *", "America/New_York", "2023-11-04T12:00:00Z", 2) == expected


def test_no_due_time_lies_before_the_moment_asked_for_in_the_repeated_hour() -> None:
    for minute in range(0, 120, 7):
        moment = datetime(2023, 11, 5, 5 + minute // 60, minute % 60, tzinfo=UTC)
        found = Schedule("50 1 * * *", "America/New_York").after(moment)
        assert found is not None
        assert found > moment


def test_every_quarter_of_an_hour_is_due_also_in_the_repeated_hour() -> None:
    found = due("*/15 * * * *", "America/New_York", "2023-11-05T04:59:00Z", 9)
    assert found[0] == "2023-11-05T05:00:00Z"
    assert found[-1] == "2023-11-05T07:00:00Z"


@pytest.mark.parametrize("zone", ["utc", "UTC", "Etc/UTC"])
def test_utc_is_known_by_its_names(zone: str) -> None:
    assert due("0 12 * * *", zone, "2023-12-01T12:00:00Z", 1) == ["2023-12-02T12:00:00Z"]


@pytest.mark.parametrize(
    "line",
    [
        *("", "* * * *", "0 * * * * *", "every 5 minutes", "@daily", "a b c d e"),
        *("60 * * * *", "* 24 * * *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "0 0 30 2 *"),
        *("0 0 L * *", "0 0 LW * *", "0 0 * * 5L", "0 0 * * 5#2"),
    ],
)
def test_a_schedule_that_crontab_does_not_have_is_refused(line: str) -> None:
    message = refusal(schedule=line)
    assert message.startswith("schedule is")
    assert repr(line) in message or line == ""


@pytest.mark.parametrize("zone", ["Mars/Olympus", "America", "../etc/passwd", "new_york"])
def test_a_time_zone_that_does_not_exist_is_refused(zone: str) -> None:
    assert refusal(timeZone=zone) == f"timeZone is {zone!r}, but the tz database has no time zone of that name."


# --- jobs ----------------------------------------------------------------------------------------


def test_what_a_job_leaves_out_is_what_the_service_sets() -> None:
    job = read(timeZone=None)
    assert (job.schedule.zone, job.target.method, job.target.body, job.deadline) == ("UTC", "POST", b"", 180)
    assert job.retries == Retries(0, 0, 5, 3600, 5)
    assert job.document()["attemptDeadline"] == "180s"
    assert job.document()["retryConfig"] == {
        "maxRetryDuration": "0s",
        "minBackoffDuration": "5s",
        "maxBackoffDuration": "3600s",
        "maxDoublings": 5,
    }


@pytest.mark.parametrize(
    "uri",
    [
        *("http://example.com/", "http://10.0.0.1/", "http://169.254.169.254/", "http://127.0.0.1@example.com/"),
        *("http://127.0.0.1.example.com/", "http://0.0.0.0/", "http://127.0.0.2/", "http://2130706433/"),
    ],
)
def test_a_target_beyond_loopback_is_refused(uri: str) -> None:
    message = refusal(httpTarget={"uri": uri})
    assert message.startswith(f"httpTarget.uri is {uri!r}, but the sandbox calls nothing but 127.0.0.1")


@pytest.mark.parametrize("uri", [URI, "http://localhost/", "https://[::1]:8443/a?b=c", "http://user@127.0.0.1:1/"])
def test_a_target_on_loopback_is_accepted(uri: str) -> None:
    assert target(uri=uri).target.uri == uri


@pytest.mark.parametrize("uri", ["127.0.0.1:80", "ftp://127.0.0.1/", "http://", "/run", "http://127.0.0.1:99999/"])
def test_what_is_no_http_address_is_refused(uri: str) -> None:
    assert refusal(httpTarget={"uri": uri}).startswith(f"httpTarget.uri is {uri!r}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "close"}, "name is 'close'"),
        ({"name": f"{PARENT}/jobs/a b"}, "name is"),
        ({"name": 5}, "name is 5, but it is a text."),
        ({"description": "x" * 501}, "description is"),
        ({"schedule": None}, "schedule is missing."),
        ({"httpTarget": None}, "httpTarget is missing."),
        ({"httpTarget": []}, "httpTarget is [], but it is a JSON object."),
        ({"httpTarget": {}}, "httpTarget.uri is missing."),
        ({"pubsubTarget": {}}, "pubsubTarget is not served"),
        ({"httpTarget": {"uri": URI, "oauthToken": {}}}, "httpTarget.uri"),
        ({"colour": "red"}, 'Unknown name "colour" at "job".'),
        ({"retryConfig": {"retries": 1}}, 'Unknown name "retries" at "retryConfig".'),
        ({"retryConfig": {"retryCount": 6}}, "retryConfig.retryCount is 6, but it is a whole number from 0 to 5."),
        ({"retryConfig": {"retryCount": -1}}, "retryConfig.retryCount is -1"),
        ({"retryConfig": {"retryCount": True}}, "retryConfig.retryCount is True"),
        ({"retryConfig": {"minBackoffDuration": "5"}}, "retryConfig.minBackoffDuration is '5', but a duration"),
        ({"retryConfig": {"maxBackoffDuration": "-5s"}}, "retryConfig.maxBackoffDuration is '-5s'"),
        ({"retryConfig": {"maxRetryDuration": 60}}, "retryConfig.maxRetryDuration is 60"),
        ({"retryConfig": {"minBackoffDuration": "0s"}}, "retryConfig.minBackoffDuration is '0s'"),
        ({"attemptDeadline": "3m"}, "attemptDeadline is '3m', but a duration"),
        ({"attemptDeadline": "14s"}, "attemptDeadline is '14s', but it is from 15s to 1800s."),
        ({"attemptDeadline": "1801s"}, "attemptDeadline is '1801s'"),
        ({"httpTarget": {"uri": URI, "httpMethod": "BREW"}}, "httpTarget.httpMethod is 'BREW'"),
        ({"httpTarget": {"uri": URI, "httpMethod": 8}}, "httpTarget.httpMethod is 8"),
        ({"httpTarget": {"uri": URI, "httpMethod": "GET", "body": "YQ=="}}, "httpTarget.body is 'YQ==', but a GET"),
        ({"httpTarget": {"uri": URI, "body": "*"}}, "httpTarget.body is '*', but it is base64"),
        ({"httpTarget": {"uri": URI, "headers": {"a b": "c"}}}, "httpTarget.headers is 'a b'"),
        ({"httpTarget": {"uri": URI, "headers": {"a": "b\r\nc: d"}}}, "httpTarget.headers.a is"),
        ({"httpTarget": {"uri": URI, "headers": {"a": "b" * 81920}}}, "httpTarget.headers is '81921 bytes'"),
        ({"httpTarget": {"uri": URI, "oidcToken": {}}}, "httpTarget.oidcToken.serviceAccountEmail is missing."),
    ],
)
def test_a_refusal_names_the_field_and_its_value(changes: dict[str, Any], message: str) -> None:
    assert refusal(**changes).startswith(message)


def test_a_method_is_read_by_its_name_and_by_its_number() -> None:
    numbers = [target(httpMethod=number).target.method for number in range(8)]
    assert numbers == ["POST", "POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"]
    assert target(httpMethod="PUT").target.method == "PUT"


def test_names_of_fields_are_read_in_both_spellings_but_headers_stay_as_they_are() -> None:
    job = Job.read(
        normal(
            {
                "name": NAME,
                "schedule": "* * * * *",
                "time_zone": "Europe/Paris",
                "http_target": {"uri": URI, "http_method": "PUT", "headers": {"a_b": "c"}},
                "state": "PAUSED",
            }
        )
    )
    assert (job.schedule.zone, job.target.method, job.target.headers) == ("Europe/Paris", "PUT", {"a_b": "c"})


def test_the_audience_of_a_token_is_the_uri_unless_the_job_names_one() -> None:
    assert target(oidcToken={"serviceAccountEmail": "a@b"}).target.identity == Identity("a@b", URI)
    named = target(oidcToken={"serviceAccountEmail": "a@b", "audience": "c"}).target.identity
    assert named == Identity("a@b", "c")


def test_an_update_takes_the_fields_of_its_mask_and_resets_those_it_leaves_out() -> None:
    before = document(description="old", retryConfig={"retryCount": 3, "maxDoublings": 1})
    after = updated(before, {"schedule": "0 9 * * *"}, "schedule,description,retry_config.retry_count")
    assert after == {
        "name": NAME,
        "schedule": "0 9 * * *",
        "timeZone": "America/New_York",
        "httpTarget": {"uri": URI},
        "retryConfig": {"maxDoublings": 1},
    }
    assert updated(before, {"description": "new"}, None) == {**before, "description": "new"}
    assert updated(before, {"name": "other"}, "name,state") == before


@pytest.mark.parametrize("mask", ["colour", "httpTarget.port", "schedule.minute", "httpTarget.headers.a", ""])
def test_a_mask_with_a_field_that_a_job_has_not_is_refused(mask: str) -> None:
    with pytest.raises(ApiError, match=r"updateMask is .*, but a job has no such field\."):
        updated(document(), {}, mask)


# --- the board -----------------------------------------------------------------------------------


def test_a_job_is_found_by_its_short_name_unless_two_have_it() -> None:
    board = Board(VirtualClock(START), Shelf(None))
    board.create(PARENT, document())
    assert board.find("close") is board.find(NAME)
    other = "projects/p/locations/us-west1"
    board.create(other, document(name=f"{other}/jobs/close"))
    with pytest.raises(ApiError, match="several jobs have that name"):
        board.find("close")


def test_a_job_without_a_name_is_given_one_and_one_of_another_parent_is_refused() -> None:
    board = Board(VirtualClock(START), Shelf(None))
    assert board.create(PARENT, document(name=None)).job.name.startswith(f"{PARENT}/jobs/")
    with pytest.raises(ApiError, match="the parent is"):
        board.create("projects/q/locations/us-east1", document())


def test_a_paused_job_is_not_due_and_a_resumed_one_from_now_on() -> None:
    clock = VirtualClock(START)
    board = Board(clock, Shelf(None))
    board.create(PARENT, document())
    assert "scheduleTime" not in board.pause(NAME).document()
    with pytest.raises(ApiError, match=r"is PAUSED; it must be ENABLED\.") as caught:
        board.pause(NAME)
    assert (caught.value.status, caught.value.code) == (400, "FAILED_PRECONDITION")
    board.patch(NAME, {"schedule": "0 9 * * *"}, None)
    assert board.get(NAME).due is None
    clock.move(datetime(2023, 12, 4, 20, tzinfo=UTC))
    assert board.resume(NAME).document()["scheduleTime"] == "2023-12-05T14:00:00Z"


def test_a_refused_update_leaves_the_job_as_it_was() -> None:
    board = Board(VirtualClock(START), Shelf(None))
    before = board.create(PARENT, document()).document()
    with pytest.raises(ApiError):
        board.patch(NAME, {"schedule": "nonsense"}, "schedule")
    assert board.get(NAME).document() == before


def test_jobs_are_the_same_after_a_restart(tmp_path: Path) -> None:
    clock, shelf = VirtualClock(START), Shelf(tmp_path)
    board = Board(clock, shelf)
    for job in ("close", "open", "gone"):
        board.create(PARENT, document(name=f"{PARENT}/jobs/{job}"))
    board.patch(f"{PARENT}/jobs/open", {"description": "in the morning"}, None)
    board.pause(NAME)
    board.delete(f"{PARENT}/jobs/gone")
    entry = board.get(f"{PARENT}/jobs/open")
    entry.attempt = Attempt(START, 1, 0.5, 503, "busy")
    board.keep(entry)
    before = [entry.document() for entry in board.entries()]
    shelf.close()
    again = Board(clock, Shelf(tmp_path))
    assert [entry.document() for entry in again.entries()] == before
    assert [(each["state"], each.get("status")) for each in before] == [("PAUSED", None), ("ENABLED", {"code": 14})]


def test_a_job_that_was_deleted_while_it_ran_is_not_kept(tmp_path: Path) -> None:
    board = Board(VirtualClock(START), Shelf(tmp_path))
    entry = board.create(PARENT, document())
    board.delete(NAME)
    board.keep(entry)
    assert Board(VirtualClock(START), Shelf(tmp_path)).entries() == []


# --- retries -------------------------------------------------------------------------------------


def test_backoff_doubles_then_grows_by_equal_steps_up_to_its_limit() -> None:
    retries = Retries(5, 0, 10, 300, 3)
    assert [retries.backoff(failures) for failures in range(1, 9)] == [10, 20, 40, 80, 160, 240, 300, 300]
    assert [Retries(max_doublings=0).backoff(failures) for failures in range(1, 4)] == [5, 10, 15]


def test_retries_end_when_both_limits_are_reached_and_there_are_none_without_a_count() -> None:
    assert not Retries(0, 60).allow(0, 5)
    assert [Retries(2).allow(made, 1e6) for made in range(3)] == [True, True, False]
    assert [Retries(2, 60).allow(5, elapsed) for elapsed in (59, 60)] == [True, False]


# --- deliveries ----------------------------------------------------------------------------------


def execution(job: Job) -> Execution:
    moment = datetime(2023, 12, 1, 20, 45, tzinfo=UTC)
    return Execution(Entry(job, START, None), job, moment, moment)


def test_a_request_has_the_headers_of_the_job_and_the_schedulers_own() -> None:
    body = base64.b64encode(b"{}").decode()
    given = {"content-type": "application/json", "X-Kind": "close", "x-cloudscheduler-jobname": "forged"}
    ignored = {"Host": "h", "Content-Length": "9", "User-Agent": "me", "X-Google-A": "b", "Connection": "close"}
    assert dict(headers(execution(target(body=body, headers={**given, **ignored})))) == {
        "content-type": "application/json",
        "X-Kind": "close",
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": "close",
        "X-CloudScheduler-ScheduleTime": "2023-12-01T20:45:00Z",
    }
    assert headers(execution(target(body=body)))["Content-Type"] == "application/octet-stream"
    assert "Content-Type" not in headers(execution(target()))


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        ({"status": 204}, {}),
        ({"status": 404}, {"code": 5}),
        ({"status": 302}, {"code": 2}),
        ({"error": "refused"}, {"code": 14}),
        ({"error": "late", "timed_out": True}, {"code": 4}),
    ],
)
def test_the_status_of_a_job_tells_how_its_last_attempt_ended(attempt: dict[str, Any], outcome: dict[str, Any]) -> None:
    assert Attempt(START, 1, **attempt).outcome() == outcome


def test_a_virtual_delivery_waits_in_scaled_real_time_but_counts_the_full_seconds() -> None:
    clock = VirtualClock(START, backoff_scale=0)
    pace = clock.pace()
    asyncio.run(pace.wait(3600))
    assert time_text(pace.now()) == "2023-11-30T01:00:00Z"
    assert clock.now() == START


def test_a_fault_hits_its_job_as_often_as_it_was_told() -> None:
    faults, job = DeliveryFaults(), read()
    faults.add(DeliveryFault.read({"kind": "late", "job": "other", "seconds": 9}))
    faults.add(DeliveryFault.read({"kind": "duplicate", "job": "close", "times": 2}))
    faults.add(DeliveryFault.read({"kind": "late", "job": NAME, "seconds": 4}))
    assert [faults.take(DeliveryKind.DUPLICATE, job) is None for _ in range(3)] == [False, False, True]
    late = faults.take(DeliveryKind.LATE, job)
    assert late is not None
    assert late.seconds == 4
    assert faults.take(DeliveryKind.LATE, job) is None


@pytest.mark.parametrize(
    "values", [{"times": 0}, {"times": None}, {"seconds": -1}, {"seconds": "1"}, {"job": 1}, {"operation": "run"}]
)
def test_a_fault_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        DeliveryFault.read({"kind": "late", **values})


# --- the real clock ------------------------------------------------------------------------------


class Slow:
    """Delivers nothing, and takes until it is told."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.done = asyncio.Event()

    async def deliver(self, execution: Execution) -> None:
        self.began.append(time_text(execution.schedule_time))
        await self.done.wait()


def test_by_the_real_clock_a_job_is_fired_when_due_and_not_while_it_is_still_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = START

    class Wall(RealClock):
        def now(self) -> datetime:
            return now

    monkeypatch.setattr(firing, "TICK_SECONDS", 0.001)

    async def scenario() -> list[list[str]]:
        nonlocal now
        clock, slow, faults = Wall(), Slow(), DeliveryFaults()
        board, seen = Board(clock, Shelf(None)), []
        board.create(PARENT, document(schedule="* * * * *"))
        fired = firing.Firing(board, clock, slow, faults)
        async with fired.running():
            for seconds in (59, 1, 150):
                now += timedelta(seconds=seconds)
                await asyncio.sleep(0.05)
                seen.append(list(slow.began))
            slow.done.set()
            await asyncio.sleep(0.05)
            seen.append(list(slow.began))
            now += timedelta(seconds=30)
            await asyncio.sleep(0.05)
            seen.append(list(slow.began))
        return seen

    first, second, third = "2023-11-30T00:01:00Z", "2023-11-30T00:02:00Z", "2023-11-30T00:04:00Z"
    assert asyncio.run(scenario()) == [[], [first], [first], [first, second], [first, second, third]]


# --- values and errors ---------------------------------------------------------------------------


def test_durations_and_times_are_written_as_they_were_read() -> None:
    for text in ("0s", "5s", "0.5s", "3600s", "3.000000001s"):
        assert duration_text(read_duration("d", text)) == text
    for text in ("2023-12-01T20:45:00Z", "2023-12-01T20:45:00.250000Z"):
        assert time_text(read_time("t", text)) == text
    assert time_text(read_time("t", "2023-12-01T15:45:00-05:00")) == "2023-12-01T20:45:00Z"


@pytest.mark.parametrize("value", ["2023-12-01", "2023-12-01T20:45:00", "2023-13-01T00:00:00Z", "now", None, 5])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ApiError, match="until is"):
        read_time("until", value)


def test_an_error_has_the_shape_of_the_api() -> None:
    made = error_for(429).document()["error"]
    assert (made["code"], made["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert error_for(599).code == "UNKNOWN"


# --- tokens --------------------------------------------------------------------------------------


def test_a_token_is_checked_with_the_key_that_it_names() -> None:
    tokens = Tokens()
    (key,) = jwt.PyJWKSet.from_dict(tokens.keys()).keys
    token = tokens.mint(Identity("scheduler@p.iam.gserviceaccount.com", URI))
    assert jwt.get_unverified_header(token)["kid"] == key.key_id
    claims = jwt.decode(token, key, ["RS256"], audience=URI, issuer="https://accounts.google.com")
    assert claims["email"] == "scheduler@p.iam.gserviceaccount.com"
    assert claims["email_verified"] is True
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["sub"].isdigit()


def test_an_expired_token_and_one_of_another_server_are_not_valid() -> None:
    tokens = Tokens()
    (key,) = jwt.PyJWKSet.from_dict(tokens.keys()).keys
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(tokens.mint(Identity("a@b", URI), expired=True), key, ["RS256"], audience=URI)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(Tokens().mint(Identity("a@b", URI)), key, ["RS256"], audience=URI)


def test_a_job_that_wants_a_token_is_refused_where_none_can_be_minted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    board = Board(VirtualClock(START), Shelf(None))
    board.create(PARENT, document())
    wanted = {"uri": URI, "oidcToken": {"serviceAccountEmail": "a@b"}}
    with pytest.raises(ApiError, match="Tokens need PyJWT and cryptography") as caught:
        board.patch(NAME, {"httpTarget": wanted}, None)
    assert caught.value.status == 501
