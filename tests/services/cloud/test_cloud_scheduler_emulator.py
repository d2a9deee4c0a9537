"""The Cloud Scheduler emulator as clients of its API and targets of its jobs find it."""

from __future__ import annotations

import base64
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from venue_sandbox.servers.launch import Server, Unhealthy

Start = Callable[..., Server]

PARENT = "projects/p/locations/us-east1"
NAME = f"{PARENT}/jobs/close"
BEGIN = "2023-12-01T20:00:00Z"
DUE = "2023-12-01T20:45:00Z"
FAST = ("--backoff-scale", "0", "--deadline-scale", "0.02")


@dataclass
class Seen:
    """One request that a target got."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def schedule_time(self) -> str:
        return self.headers["X-CloudScheduler-ScheduleTime"]


@dataclass
class Target:
    """A target: what it got, and what it answers, 200 once nothing else is left."""

    seen: list[Seen] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    together: threading.Barrier | None = None
    hang: threading.Event | None = None
    port: int = 0

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}/run"

    def release(self) -> None:
        """Answer whoever waits."""
        if self.hang is not None:
            self.hang.set()


@pytest.fixture
def target() -> Generator[Target]:
    made = Target()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.seen.append(Seen(self.command, self.path, self.headers, body))
            status = made.answers.pop(0) if made.answers else 200
            if made.together is not None:
                made.together.wait(10)
            if made.hang is not None:
                made.hang.wait(30)
            self.send_response(status)
            self.send_header("Retry-After", "3600")
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "200000")
            self.end_headers()
            self.wfile.write(b"x" * 200_000)

        do_PUT = do_POST

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing of connections that the scheduler gives up."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield made
        made.release()
        server.shutdown()
        thread.join()


class Scheduler:
    """The emulator through its API and its control endpoint."""

    def __init__(self, server: Server, target: Target) -> None:
        self.server = server
        self.target = target

    def call(self, method: str, path: str, document: Any = None) -> requests.Response:
        return requests.request(method, f"http://127.0.0.1:{self.server.port}{path}", json=document, timeout=30)

    def api(self, method: str, path: str, document: Any = None) -> dict[str, Any]:
        answer = self.call(method, f"/v1/{path}", document)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def create(self, job: str = "close", **changes: Any) -> dict[str, Any]:
        usual = {
            "name": f"{PARENT}/jobs/{job}",
            "schedule": "45 15 * * 1-5",
            "timeZone": "America/New_York",
            "httpTarget": {"uri": self.target.uri},
        }
        return self.api("POST", f"{PARENT}/jobs", {**usual, **changes})

    def advance(self, **order: Any) -> list[dict[str, Any]]:
        answer = self.call("POST", "/_control/advance", order)
        assert answer.status_code == 200, answer.text
        return answer.json()["executions"]

    def claims(self, token: str, audience: str) -> dict[str, Any]:
        """Return what a token claims, checked with the keys that are served."""
        keys = jwt.PyJWKClient(f"http://127.0.0.1:{self.server.port}/oauth2/v3/certs")
        key = keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, ["RS256"], audience=audience, issuer="https://accounts.google.com")

    def hanging(self) -> threading.Thread:
        """Begin the next execution, whose target does not answer; return the thread that waits for it."""
        self.target.hang = threading.Event()

        def move() -> None:
            with suppress(requests.RequestException):
                self.advance(next=1)

        moving = threading.Thread(target=move)
        moving.start()
        end = time.monotonic() + 60
        while not self.target.seen and time.monotonic() < end:
            time.sleep(0.01)
        assert self.target.seen
        return moving

    def executions(self, count: int) -> list[dict[str, Any]]:
        """Wait until some executions are finished, and return all."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = self.call("GET", "/_control/executions").json()
            if sum(execution["finished"] for execution in found) >= count:
                return found
            time.sleep(0.01)
        pytest.fail(f"{count} executions were not finished within 10 s")


@pytest.fixture
def scheduler(start: Start, target: Target) -> Scheduler:
    """Return a scheduler whose virtual clock shows a Friday, 45 minutes before the job of these tests is due."""
    return Scheduler(start("cloud.scheduler", "--clock", "virtual", "--start", BEGIN, *FAST), target)


def at(executions: list[dict[str, Any]]) -> list[str]:
    (execution,) = executions
    return [attempt["at"][11:-1] for attempt in execution["attempts"]]


# --- requests to the target ----------------------------------------------------------------------


def test_a_due_job_calls_its_target_with_the_schedulers_headers(scheduler: Scheduler, target: Target) -> None:
    body = base64.b64encode(b'{"run": "close"}').decode()
    scheduler.create(httpTarget={"uri": target.uri, "httpMethod": "PUT", "headers": {"X-Kind": "close"}, "body": body})
    assert scheduler.advance(until="2023-12-01T20:44:59Z") == []
    (execution,) = scheduler.advance(until=DUE)
    (seen,) = target.seen
    assert (seen.method, seen.path, seen.body) == ("PUT", "/run", b'{"run": "close"}')
    assert {name: seen.headers[name] for name in seen.headers if name.startswith(("X-", "User", "Content-Type"))} == {
        "X-Kind": "close",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": "close",
        "X-CloudScheduler-ScheduleTime": DUE,
        "User-Agent": "Google-Cloud-Scheduler",
        "Content-Type": "application/octet-stream",
    }
    assert (execution["job"], execution["schedule_time"], execution["finished"]) == (NAME, DUE, True)
    (attempt,) = execution["attempts"]
    assert (attempt["at"], attempt["status"], attempt["error"], attempt["body"]) == (DUE, 200, None, "x" * 100_000)
    assert attempt["seconds"] >= 0
    resource = scheduler.api("GET", NAME)
    assert (resource["lastAttemptTime"], resource["status"]) == (DUE, {})
    assert resource["scheduleTime"] == "2023-12-04T20:45:00Z"


def test_a_job_without_a_body_names_no_type_of_content(scheduler: Scheduler, target: Target) -> None:
    scheduler.create()
    scheduler.advance(next=1)
    assert (target.seen[0].body, target.seen[0].headers["Content-Type"]) == (b"", None)


def test_retries_keep_name_and_schedule_time_and_back_off(scheduler: Scheduler, target: Target) -> None:
    retries = {"retryCount": 5, "minBackoffDuration": "10s", "maxBackoffDuration": "75s", "maxDoublings": 1}
    scheduler.create(retryConfig=retries)
    target.answers = [503, 429, 409, 500, 302]
    executions = scheduler.advance(until="2023-12-01T20:50:00Z")
    assert at(executions) == ["20:45:00", "20:45:10", "20:45:30", "20:46:10", "20:47:10", "20:48:25"]
    assert [attempt["status"] for attempt in executions[0]["attempts"]] == [503, 429, 409, 500, 302, 200]
    assert {(seen.headers["X-CloudScheduler-JobName"], seen.schedule_time) for seen in target.seen} == {("close", DUE)}
    assert {seen.path for seen in target.seen} == {"/run"}


def test_without_a_retry_count_a_failed_job_waits_for_its_next_time(scheduler: Scheduler, target: Target) -> None:
    scheduler.create()
    target.answers = [500]
    first, second = scheduler.advance(next=2)
    assert [len(execution["attempts"]) for execution in (first, second)] == [1, 1]
    assert [seen.schedule_time for seen in target.seen] == [DUE, "2023-12-04T20:45:00Z"]


def test_no_retry_begins_when_the_job_is_due_again(scheduler: Scheduler, target: Target) -> None:
    scheduler.create(schedule="* * * * *", retryConfig={"retryCount": 5, "minBackoffDuration": "15s"})
    target.answers = [500] * 3
    assert at(scheduler.advance(next=1)) == ["20:01:00", "20:01:15", "20:01:45"]


def test_an_attempt_without_an_answer_in_time_has_failed(scheduler: Scheduler, target: Target) -> None:
    scheduler.create(attemptDeadline="15s", retryConfig={"retryCount": 1})
    target.hang = threading.Event()
    (execution,) = scheduler.advance(next=1)
    assert [attempt["error"] for attempt in execution["attempts"]] == ["no answer within 15 s"] * 2
    assert scheduler.api("GET", NAME)["status"] == {"code": 4}


def test_a_target_that_is_not_there_is_called_again(scheduler: Scheduler, target: Target) -> None:
    scheduler.create(httpTarget={"uri": "http://127.0.0.1:1/"}, retryConfig={"retryCount": 2})
    (execution,) = scheduler.advance(next=1)
    assert len(execution["attempts"]) == 3
    assert all("Connect" in attempt["error"] for attempt in execution["attempts"])
    assert scheduler.api("GET", NAME)["status"] == {"code": 14}


# --- faults --------------------------------------------------------------------------------------


def test_a_duplicate_is_delivered_twice_at_the_same_time(scheduler: Scheduler, target: Target) -> None:
    scheduler.create()
    scheduler.server.fault("duplicate", job="close")
    target.together = threading.Barrier(2)
    (execution,) = scheduler.advance(next=1)
    assert sorted((attempt["delivery"], attempt["status"]) for attempt in execution["attempts"]) == [(1, 200), (2, 200)]
    assert [seen.schedule_time for seen in target.seen] == [DUE, DUE]
    target.together = None
    assert len(scheduler.advance(next=1)[0]["attempts"]) == 1


def test_a_lost_answer_is_asked_for_again_even_without_retries(scheduler: Scheduler, target: Target) -> None:
    scheduler.create()
    scheduler.server.fault("lost_answer", job="close", times=2)
    executions = scheduler.advance(next=1)
    assert at(executions) == ["20:45:00", "20:45:05", "20:45:15"]
    assert [attempt["error"] for attempt in executions[0]["attempts"]] == ["the answer was lost"] * 2 + [None]
    assert [seen.schedule_time for seen in target.seen] == [DUE] * 3


def test_a_late_execution_begins_in_its_turn_with_the_schedule_time_it_had(
    scheduler: Scheduler, target: Target
) -> None:
    scheduler.create()
    scheduler.create("check", schedule="50 15 * * 1-5")
    scheduler.server.fault("late", job=NAME, seconds=600)
    made = scheduler.advance(until="2023-12-01T20:54:59Z")
    assert [execution["job"] for execution in made] == [f"{PARENT}/jobs/check"]
    assert at(scheduler.advance(until="2023-12-01T21:00:00Z")) == ["20:55:00"]
    assert [seen.schedule_time for seen in target.seen] == ["2023-12-01T20:50:00Z", DUE]


def test_requests_to_the_api_fail_on_demand_and_are_counted(scheduler: Scheduler) -> None:
    scheduler.server.fault("http_error", operation="create", status=503)
    refused = scheduler.call("POST", f"/v1/{PARENT}/jobs", {})
    assert (refused.status_code, refused.json()["error"]["status"]) == (503, "UNAVAILABLE")
    scheduler.create()
    assert scheduler.server.requests() == {"create": 2}


def test_a_page_or_nothing_is_answered_on_demand_instead_of_a_job(scheduler: Scheduler) -> None:
    scheduler.create()
    for status in (200, 502):
        scheduler.server.fault("http_error", operation="pause", body="html", status=status)
        page = scheduler.call("POST", f"/v1/{NAME}:pause", {})
        assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert page.text.startswith("<!DOCTYPE html>")
    scheduler.server.fault("http_error", operation="pause", body="empty")
    nothing = scheduler.call("POST", f"/v1/{NAME}:pause", {})
    assert (nothing.status_code, nothing.json()) == (200, {})
    scheduler.server.fault("http_error", operation="token", body="empty")
    assert scheduler.call("POST", GENERATE, {"audience": "web"}).json() == {}
    assert scheduler.api("GET", NAME)["state"] == "ENABLED", "nothing of it had an effect"


def test_a_fault_that_is_not_known_is_refused_with_those_that_are(scheduler: Scheduler) -> None:
    with pytest.raises(Unhealthy, match="kind is one of duplicate, lost_answer, late, http_error"):
        scheduler.server.fault("quake")
    scheduler.create()
    scheduler.server.fault("duplicate")
    scheduler.server.clear()
    assert len(scheduler.advance(next=1)[0]["attempts"]) == 1


# --- clocks --------------------------------------------------------------------------------------


def test_jobs_are_fired_in_the_order_of_their_times_over_the_change_to_winter(start: Start, target: Target) -> None:
    scheduler = Scheduler(start("cloud.scheduler", "--clock", "virtual", "--start", "2023-11-03T00:00:00Z"), target)
    scheduler.create("close")
    scheduler.create("noon", schedule="0 16 * * *", timeZone="UTC")
    scheduler.create("night", schedule="30 1 * * *")
    made = scheduler.advance(until="2023-11-06T21:00:00Z")
    fired = [(execution["job"].rpartition("/")[2], execution["schedule_time"]) for execution in made]
    assert fired == [
        ("night", "2023-11-03T05:30:00Z"),
        ("noon", "2023-11-03T16:00:00Z"),
        ("close", "2023-11-03T19:45:00Z"),
        ("night", "2023-11-04T05:30:00Z"),
        ("noon", "2023-11-04T16:00:00Z"),
        ("night", "2023-11-05T05:30:00Z"),
        ("noon", "2023-11-05T16:00:00Z"),
        ("night", "2023-11-06T06:30:00Z"),
        ("noon", "2023-11-06T16:00:00Z"),
        ("close", "2023-11-06T20:45:00Z"),
    ]
    assert [seen.schedule_time for seen in target.seen] == [moment for _, moment in fired]


def test_jobs_are_fired_in_the_order_of_their_times_over_the_change_to_summer(start: Start, target: Target) -> None:
    scheduler = Scheduler(start("cloud.scheduler", "--clock", "virtual", "--start", "2023-03-11T12:00:00Z"), target)
    scheduler.create("close")
    scheduler.create("night", schedule="30 2 * * *")
    made = scheduler.advance(next=4)
    assert [execution["schedule_time"] for execution in made] == [
        "2023-03-12T07:00:00Z",
        "2023-03-13T06:30:00Z",
        "2023-03-13T19:45:00Z",
        "2023-03-14T06:30:00Z",
    ]


def test_jobs_of_the_same_time_are_fired_in_the_order_of_their_names(scheduler: Scheduler) -> None:
    for job in ("b", "c", "a"):
        scheduler.create(job)
    (first,) = scheduler.advance(next=1)
    rest = scheduler.advance(until=DUE)
    assert [execution["job"][-1] for execution in (first, *rest)] == ["a", "b", "c"]


def test_the_virtual_clock_goes_forward_only_and_the_real_one_is_not_moved(start: Start, scheduler: Scheduler) -> None:
    refused = scheduler.call("POST", "/_control/advance", {"until": "2023-12-01T19:59:59Z"})
    expected = "until is '2023-12-01T19:59:59Z', but the clock shows 2023-12-01T20:00:00Z already.\n"
    assert (refused.status_code, refused.text) == (400, expected)
    for order in ({}, {"next": 0}, {"next": 1, "until": DUE}, {"until": "soon"}, {"until": None}, {"for": 1}, []):
        assert scheduler.call("POST", "/_control/advance", order).status_code == 400
    real = Scheduler(start("cloud.scheduler"), scheduler.target)
    assert real.call("POST", "/_control/advance", {"next": 1}).status_code == 400


def test_by_the_real_clock_a_job_is_due_within_its_minute_and_a_forced_run_is_now(start: Start, target: Target) -> None:
    real = Scheduler(start("cloud.scheduler"), target)
    now = datetime.fromtimestamp(time.time(), UTC)
    due = real.create(schedule="* * * * *", timeZone="UTC")["scheduleTime"]
    assert 0 <= (datetime.fromisoformat(due) - now).total_seconds() <= 61
    real.api("POST", f"{NAME}:run", {})
    forced = real.executions(1)[0]
    assert 0 <= (datetime.fromisoformat(forced["schedule_time"]) - now).total_seconds() < 10
    assert target.seen[0].schedule_time == forced["schedule_time"]


def test_an_execution_is_fired_for_any_schedule_time_without_moving_the_clock(
    scheduler: Scheduler, target: Target
) -> None:
    scheduler.create()
    order = {"job": "close", "schedule_time": "2020-03-16T15:45:00-04:00"}
    execution = scheduler.call("POST", "/_control/fire", order).json()
    assert (execution["schedule_time"], execution["attempts"][0]["at"]) == ("2020-03-16T19:45:00Z", BEGIN)
    assert target.seen[0].schedule_time == "2020-03-16T19:45:00Z"
    assert scheduler.call("POST", "/_control/fire", {**order, "job": "absent"}).status_code == 404
    assert scheduler.call("POST", "/_control/fire", {"job": "close"}).status_code == 400


# --- the API -------------------------------------------------------------------------------------


def test_a_job_is_created_once_read_listed_and_deleted(scheduler: Scheduler) -> None:
    made = scheduler.create(description="at the close")
    assert made["state"] == "ENABLED"
    assert made["scheduleTime"] == DUE
    again = scheduler.call("POST", f"/v1/{PARENT}/jobs", {**made, "state": "PAUSED"})
    assert (again.status_code, again.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    assert scheduler.api("GET", NAME) == made
    for job in ("a", "b"):
        scheduler.create(job)
    page = scheduler.api("GET", f"{PARENT}/jobs?pageSize=2")
    assert [job["name"][-1] for job in page["jobs"]] == ["a", "b"]
    page = scheduler.api("GET", f"{PARENT}/jobs?pageSize=2&pageToken={page['nextPageToken']}")
    assert page == {"jobs": [made]}
    assert scheduler.api("GET", "projects/p/locations/us-west1/jobs") == {"jobs": []}
    assert scheduler.api("DELETE", NAME) == {}
    gone = scheduler.call("GET", f"/v1/{NAME}")
    expected = {"code": 404, "message": f"Job not found: {NAME}", "status": "NOT_FOUND"}
    assert (gone.status_code, gone.json()) == (404, {"error": expected})


def test_a_paused_job_is_not_fired_until_it_is_resumed(scheduler: Scheduler) -> None:
    scheduler.create()
    assert scheduler.api("POST", f"{NAME}:pause", {})["state"] == "PAUSED"
    assert scheduler.advance(until="2023-12-01T21:00:00Z") == []
    assert scheduler.api("POST", f"{NAME}:resume", {})["state"] == "ENABLED"
    twice = scheduler.call("POST", f"/v1/{NAME}:resume", {})
    assert (twice.status_code, twice.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert [execution["schedule_time"] for execution in scheduler.advance(next=1)] == ["2023-12-04T20:45:00Z"]


def test_a_forced_run_has_the_present_time_also_when_the_job_is_paused(scheduler: Scheduler, target: Target) -> None:
    scheduler.create(retryConfig={"retryCount": 1})
    scheduler.api("POST", f"{NAME}:pause", {})
    target.answers = [500]
    assert scheduler.api("POST", f"{NAME}:run", {})["name"] == NAME
    (execution,) = scheduler.executions(1)
    assert (execution["schedule_time"], len(execution["attempts"])) == (BEGIN, 2)
    assert [seen.schedule_time for seen in target.seen] == [BEGIN, BEGIN]


def test_a_patched_job_follows_its_new_schedule_and_keeps_the_rest(scheduler: Scheduler) -> None:
    scheduler.create(description="kept", retryConfig={"retryCount": 2})
    changes = {"schedule": "0 16 * * *", "description": "ignored"}
    made = scheduler.api("PATCH", f"{NAME}?updateMask=schedule", changes)
    assert (made["scheduleTime"], made["description"]) == ("2023-12-01T21:00:00Z", "kept")
    assert made["retryConfig"]["retryCount"] == 2
    assert [execution["schedule_time"] for execution in scheduler.advance(next=1)] == ["2023-12-01T21:00:00Z"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"schedule": "61 * * * *"}, "schedule is '61 * * * *'"),
        ({"timeZone": "New York"}, "timeZone is 'New York'"),
        ({"httpTarget": {"uri": "https://example.com/"}}, "httpTarget.uri is 'https://example.com/'"),
        ({"attemptDeadline": "1"}, "attemptDeadline is '1'"),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(scheduler: Scheduler, changes: dict[str, Any], field: str) -> None:
    scheduler.create()
    for method, path in (("POST", f"{PARENT}/jobs"), ("PATCH", NAME)):
        usual = {"name": f"{PARENT}/jobs/new", "schedule": "* * * * *", "httpTarget": {"uri": "http://localhost/"}}
        refused = scheduler.call(method, f"/v1/{path}", {**usual, **changes})
        error = refused.json()["error"]
        assert (refused.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
        assert error["message"].startswith(field)


def test_what_is_no_job_and_what_is_not_served_is_said_in_the_shape_of_the_api(scheduler: Scheduler) -> None:
    url = f"http://127.0.0.1:{scheduler.server.port}/v1/{PARENT}/jobs"
    for data in (b"{", b"\xff", b"[]", b" " * (1 << 20) + b"{}"):
        answer = requests.post(url, data=data, timeout=10)
        assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert scheduler.call("POST", f"/v1/{NAME}:explode").json()["error"]["code"] == 404
    assert scheduler.call("PUT", f"/v1/{NAME}").json()["error"]["code"] == 405


# --- tokens --------------------------------------------------------------------------------------


def test_the_token_of_a_request_is_checked_with_the_served_keys(scheduler: Scheduler, target: Target) -> None:
    email = "scheduler@p.iam.gserviceaccount.com"
    scheduler.create(httpTarget={"uri": target.uri, "oidcToken": {"serviceAccountEmail": email, "audience": "app"}})
    scheduler.advance(next=1)
    kind, _, token = target.seen[0].headers["Authorization"].partition(" ")
    assert kind == "Bearer"
    claims = scheduler.claims(token, "app")
    assert (claims["email"], claims["email_verified"]) == (email, True)
    minted = scheduler.call("GET", "/_control/token?audience=b&email=c@d").json()["token"]
    assert scheduler.claims(minted, "b")["email"] == "c@d"
    expired = scheduler.call("GET", "/_control/token?audience=b&email=c@d&expired=1").json()["token"]
    with pytest.raises(jwt.ExpiredSignatureError):
        scheduler.claims(expired, "b")
    assert scheduler.call("GET", "/_control/token?audience=b").status_code == 400


ACCOUNT = "caller@p.iam.gserviceaccount.com"
GENERATE = f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateIdToken"


def test_iam_signs_a_token_in_the_name_of_an_account_with_the_same_key(scheduler: Scheduler) -> None:
    answer = scheduler.call("POST", GENERATE, {"audience": "https://web.example", "includeEmail": True})
    assert (answer.status_code, list(answer.json())) == (200, ["token"])
    claims = scheduler.claims(answer.json()["token"], "https://web.example")
    assert (claims["email"], claims["email_verified"], claims["exp"] - claims["iat"]) == (ACCOUNT, True, 3600)
    without = scheduler.call("POST", GENERATE, {"audience": "web", "delegates": []}).json()["token"]
    assert not {"email", "email_verified"} & set(scheduler.claims(without, "web"))
    assert scheduler.claims(without, "web")["sub"] == claims["sub"]


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({}, "audience is None"),
        ({"audience": ""}, "audience is ''"),
        ({"audience": "web", "includeEmail": "yes"}, "includeEmail is 'yes'"),
        ({"audience": "web", "include_email": True}, 'Unknown name "include_email": Cannot find field.'),
        (["web"], "it is a JSON object"),
    ],
)
def test_iam_refuses_what_asks_for_no_token(scheduler: Scheduler, wanted: Any, why: str) -> None:
    answer = scheduler.call("POST", GENERATE, wanted)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert why in answer.json()["error"]["message"]


def test_iam_refuses_a_caller_that_lacks_the_permission_in_its_own_words(scheduler: Scheduler) -> None:
    scheduler.server.fault("http_error", operation="token", status=403)
    wanted = {"audience": "web", "includeEmail": True}
    assert scheduler.call("POST", GENERATE, wanted).json() == {
        "error": {
            "code": 403,
            "message": "Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist).",
            "status": "PERMISSION_DENIED",
        }
    }
    assert scheduler.call("POST", GENERATE, wanted).status_code == 200
    assert scheduler.server.requests() == {"token": 2}


# --- restarts ------------------------------------------------------------------------------------


def test_jobs_survive_a_killed_scheduler_and_what_it_broke_off_is_due_again(
    start: Start, target: Target, tmp_path: Path
) -> None:
    options = ("cloud.scheduler", "--clock", "virtual", "--start", BEGIN, "--state", str(tmp_path / "state"))
    scheduler = Scheduler(start(*options), target)
    scheduler.create()
    scheduler.create("held", schedule="0 9 * * *")
    paused = scheduler.api("POST", f"{PARENT}/jobs/held:pause", {})
    moving = scheduler.hanging()
    scheduler.server.kill()
    moving.join(5)
    target.release()

    again = Scheduler(start(*options), target)
    assert again.api("GET", f"{PARENT}/jobs/held") == paused
    (execution,) = again.advance(until="2023-12-01T21:00:00Z")
    assert (execution["job"], [seen.schedule_time for seen in target.seen]) == (NAME, [DUE, DUE])
    last = again.api("GET", NAME)
    again.server.kill()
    third = Scheduler(start(*options), target)
    assert third.api("GET", NAME) == last
    assert (last["lastAttemptTime"], last["scheduleTime"]) == (DUE, "2023-12-04T20:45:00Z")
    assert third.advance(until="2023-12-01T21:00:00Z") == []


# --- the process ---------------------------------------------------------------------------------


def test_it_ends_within_two_seconds_while_attempts_hang_and_while_it_waits_to_retry(
    start: Start, target: Target
) -> None:
    scheduler = Scheduler(start("cloud.scheduler", "--clock", "virtual", "--start", BEGIN), target)
    scheduler.create()
    scheduler.create("down", httpTarget={"uri": "http://127.0.0.1:1/"}, retryConfig={"retryCount": 5})
    scheduler.api("POST", f"{PARENT}/jobs/down:run", {})
    moving = scheduler.hanging()
    began = time.monotonic()
    scheduler.server.process.send_signal(signal.SIGTERM)
    assert scheduler.server.process.wait(5) == 0
    assert time.monotonic() - began < 2
    moving.join(5)
    scheduler.server.kill()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--start", "today", "--clock", "virtual"], "TIME is 'today'"),
        (["--start", BEGIN], "--start and --backoff-scale are for --clock virtual"),
        (["--clock", "virtual", "--backoff-scale", "-1"], "-1 is not a number from 0 on"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(words: list[str], message: str) -> None:
    command = [sys.executable, "-m", "venue_sandbox.cloud.scheduler", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert message in done.stderr
