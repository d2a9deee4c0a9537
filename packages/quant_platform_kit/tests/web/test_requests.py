"""Requests that cannot be meant: each gets one clear sentence, and nothing is changed by any of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.runtime.run_accounts import lowered
from quant_platform_kit.web.requests import read_schedule_time

from .test_service import DUE, PRIVATE, TIME, House

SUCH_AS = "it is an instant such as 2023-12-01T20:45:00Z"
NOT_JSON = 'the body is not JSON; leave it empty or send {"mode": "probe"}'
NO_OBJECT = 'the body is no JSON object; leave it empty or send {"mode": "probe"}'
MODES = "it is one of live, paper, dry_run, probe"
COMES = "and it is 2023-11-28T20:45:00Z; a trigger comes at its time, and its retries within a week"
ROUTES = "there are POST /run, /preflight, GET /account, /runs, /runs/ID, /health, /ready, /version, /openapi.json"


def pieces(size: int) -> Iterator[bytes]:
    """Yield a body of a size, without announcing it."""
    for _ in range(size // 1000):
        yield b" " * 1000


TIMES = {
    "garbled": ("soon", f"{TIME} is 'soon'; {SUCH_AS}"),
    "empty": ("", f"{TIME} is ''; {SUCH_AS}"),
    "a date": ("2023-11-28", f"{TIME} is '2023-11-28'; {SUCH_AS}"),
    "no zone": ("2023-11-28T20:45:00", f"{TIME} is '2023-11-28T20:45:00'; {SUCH_AS}"),
    "a number": ("1701204300", f"{TIME} is '1701204300'; {SUCH_AS}"),
    "no such day": ("2023-11-31T20:45:00Z", f"{TIME} is '2023-11-31T20:45:00Z'; {SUCH_AS}"),
    "before the first year": ("0001-01-01T00:00:00+23:59", f"{TIME} is '0001-01-01T00:00:00+23:59'; {SUCH_AS}"),
    "after the last year": ("9999-12-31T23:59:59-23:59", f"{TIME} is '9999-12-31T23:59:59-23:59'; {SUCH_AS}"),
    "two in one": (f"{DUE}, {DUE}", f"{TIME} is '{DUE}, {DUE}'; {SUCH_AS}"),
    "oversized": ("9" * 50_000, f"{TIME} is '{'9' * 60}'; {SUCH_AS}"),
    "not ASCII": ("2023\xe9".encode("latin-1"), f"{TIME} is '2023"),
    "control characters": (b"\x1b[31m2023", f"{TIME} is '\\x1b[31m2023'; {SUCH_AS}"),
    "six minutes ahead": ("2023-11-28T20:51:00Z", f"{TIME} is 2023-11-28T20:51:00Z {COMES}"),
    "next year": ("2024-11-28T20:45:00Z", f"{TIME} is 2024-11-28T20:45:00Z {COMES}"),
    "nine days ago": ("2023-11-19T20:45:00Z", f"{TIME} is 2023-11-19T20:45:00Z {COMES}"),
    "in the last century": ("1999-11-28T20:45:00Z", f"{TIME} is 1999-11-28T20:45:00Z {COMES}"),
}
BODIES = {
    "text": (b"probe", NOT_JSON),
    "cut off": (b'{"mode":', NOT_JSON),
    "no UTF-8": (b'{"mode": "\xff"}', NOT_JSON),
    "a huge number": (b'{"mode": %s}' % (b"1" * 6000), NOT_JSON),
    "deeply nested": (b"[" * 8000 + b"]" * 8000, NOT_JSON),
    "an array": (b'[{"mode": "probe"}]', NO_OBJECT),
    "a text": (b'"probe"', NO_OBJECT),
    "null": (b"null", NO_OBJECT),
    "an unknown key": (b'{"mode": "probe", "force": true}', "the body names 'force'; only \"mode\" may be given"),
    "a long key": (b'{"%s": 1}' % (b"k" * 900), f"the body names '{'k' * 60}'; only \"mode\" may be given"),
    "half a character": (b'{"\\ud800": 1}', "the body names '\\ud800'; only \"mode\" may be given"),
    "an unknown mode": (b'{"mode": "turbo"}', f"mode is 'turbo'; {MODES}"),
    "no mode": (b'{"mode": null}', f"mode is 'None'; {MODES}"),
    "two modes": (b'{"mode": ["dry_run", "probe"]}', f"mode is \"['dry_run', 'probe']\"; {MODES}"),
    "a nested mode": (b'{"mode": %s}' % (b"[" * 900 + b"]" * 900), f"mode is '{'[' * 60}'; {MODES}"),
    "a higher mode": (
        b'{"mode": "live"}',
        "mode is 'live'; this service runs paper, and a request may only lower that",
    ),
}
TOO_LARGE = {
    "announced": ({}, b" " * 20_000, "the body is 20000 bytes; at most 16384 are read"),
    "not announced": ({}, pieces(20_000), "the body is longer than 16384 bytes, which is the most that is read"),
    "announced, never sent": ({"Content-Length": "17179869184"}, b"", "the body is 17179869184 bytes"),
    "a length of thousands of digits": ({"Content-Length": "9" * 5000}, b"", "the body is 99999999999999999999 bytes"),
    "a garbled length": ({"Content-Length": "some"}, b"", "the body is some bytes; at most 16384 are read"),
    "a negative length": ({"Content-Length": "-1"}, b"", "the body is -1 bytes; at most 16384 are read"),
}
HOUSE = House()
PATHS = {
    "GET /run": (405, f"GET is not for /run; {ROUTES}"),
    "PUT /run": (405, f"PUT is not for /run; {ROUTES}"),
    "DELETE /runs": (405, f"DELETE is not for /runs; {ROUTES}"),
    "POST /runs/x": (405, f"POST is not for /runs/x; {ROUTES}"),
    "POST /ready": (405, f"POST is not for /ready; {ROUTES}"),
    "GET /healthz": (404, f"there is no /healthz here; {ROUTES}"),
    "POST /run/": (404, f"there is no /run/ here; {ROUTES}"),
    "GET /runs/": (404, f"there is no /runs/ here; {ROUTES}"),
    "GET /docs": (404, f"there is no /docs here; {ROUTES}"),
    "GET /" + "x" * 5000: (404, f"there is no /{'x' * 199} here; {ROUTES}"),
    "GET /runs/%2e%2e%2f%2e%2e%2fetc%2fpasswd": (404, f"there is no /runs/../../etc/passwd here; {ROUTES}"),
    "GET /runs/..%5c..%5cwindows": (404, "run '..\\\\..\\\\windows' is not known; GET /runs lists the runs"),
    "GET /runs/%00": (404, "run '\\x00' is not known; GET /runs lists the runs"),
    "GET /runs/a%0d%0ab": (404, "run 'a\\r\\nb' is not known; GET /runs lists the runs"),
    "GET /runs/.hidden": (404, "run '.hidden' is not known; GET /runs lists the runs"),
    "GET /runs/<b>": (404, "run '<b>' is not known; GET /runs lists the runs"),
    "GET /runs/%F0%9F%98%80": (404, "run '\N{GRINNING FACE}' is not known; GET /runs lists the runs"),
    "GET /runs/" + "a" * 3000: (404, f"run '{'a' * 200}' is not known; GET /runs lists the runs"),
    "GET /runs?limit=0": (400, "limit is 0; it is from 1 to 200"),
    "GET /runs?limit=201": (400, "limit is 201; it is from 1 to 200"),
    "GET /runs?limit=-5": (400, "limit is -5; it is from 1 to 200"),
    "GET /runs?limit=many": (400, "limit is 'many': Input should be a valid integer"),
    "GET /runs?limit=" + "9" * 5000: (400, f"limit is '{'9' * 60}': Unable to parse input string as an integer"),
    "GET /runs?session=yesterday": (400, "session is 'yesterday': Input should be a valid date"),
    "GET /runs?session=2023-02-30": (400, "session is '2023-02-30': Input should be a valid date"),
    "GET /runs?session=../../etc": (400, "session is '../../etc': Input should be a valid date"),
}


def assert_refused(house: House, answer: Any, status: int, error: str) -> None:
    """Check for one sentence, and that nothing was changed."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert {name: answer.headers[name] for name in PRIVATE} == PRIVATE
    document = answer.json()
    assert document.keys() == {"error"}
    assert document["error"].startswith(error)
    assert "\n" not in document["error"]
    assert house.picture == House().picture


def test_a_trigger_without_a_schedule_time_is_refused() -> None:
    house = House()
    missing = f"{TIME} is missing: runs are named by it; trigger them with Cloud Scheduler"
    assert_refused(house, house.ask("POST", "/run"), 400, missing)


@pytest.mark.parametrize(("time", "error"), TIMES.values(), ids=TIMES)
def test_a_schedule_time_that_cannot_be_meant_is_refused(time: Any, error: str) -> None:
    house = House()
    assert_refused(house, house.ask("POST", "/run", {TIME: time}), 400, error)


def test_two_schedule_times_are_refused_because_a_run_has_one() -> None:
    house = House()
    answer = house.ask("POST", "/run", [(TIME, DUE), (TIME, "2023-11-28T20:44:00Z")])
    assert_refused(house, answer, 400, f"{TIME} is there 2 times; a run has one")


@pytest.mark.parametrize(("body", "error"), BODIES.values(), ids=BODIES)
def test_a_body_that_cannot_be_meant_is_refused(body: bytes, error: str) -> None:
    house = House()
    assert_refused(house, house.ask("POST", "/run", {TIME: DUE}, body), 400, error)


@pytest.mark.parametrize(("headers", "body", "error"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_body_that_is_too_large_is_refused_announced_or_not(headers: dict[str, str], body: Any, error: str) -> None:
    house = House()
    assert_refused(house, house.ask("POST", "/run", {TIME: DUE, **headers}, body), 413, error)


@pytest.mark.parametrize("request_line", PATHS, ids=lambda line: line[:40])
def test_a_path_a_method_or_a_query_that_is_not_served_is_refused(request_line: str) -> None:
    house = House()
    status, error = PATHS[request_line]
    assert_refused(house, house.ask(*request_line.split(" ", 1)), status, error)


def test_a_method_that_is_refused_names_the_one_that_is_served() -> None:
    assert House().ask("GET", "/run").headers["Allow"] == "POST"


def test_the_id_of_a_run_is_no_path_into_a_folder(tmp_path: Any) -> None:
    house = House()
    (tmp_path / "secret").write_bytes(b"1\nsecret")
    (tmp_path / "reports" / "runs").mkdir(parents=True)
    house.stores.notices = FileStore(tmp_path / "reports")  # pyright: ignore[reportAttributeAccessIssue]
    for run_id in ("..%2fsecret", "%2e%2e%2fsecret", "x" * 3000):
        answer = house.get(f"/runs/{run_id}")
        assert answer.status_code == 404, answer.text
    assert house.get("/runs/..").headers["location"] == "/account", "the client asks for /"


def test_a_higher_mode_is_refused_before_any_account_runs() -> None:
    house = House(("DUA", "DUB"))
    house.mode = Mode.DRY_RUN
    answer = house.run(mode="paper")
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "mode is 'paper'; this service runs dry_run, and a request may only lower that"},
    )
    assert house.picture == House(("DUA", "DUB")).picture


@pytest.mark.parametrize("allowed", Mode)
@pytest.mark.parametrize("asked", Mode)
def test_a_request_may_lower_the_mode_and_never_raise_or_change_it(allowed: Mode, asked: Mode) -> None:
    lower = {
        Mode.LIVE: {Mode.LIVE, Mode.DRY_RUN, Mode.PROBE},
        Mode.PAPER: {Mode.PAPER, Mode.DRY_RUN, Mode.PROBE},
        Mode.DRY_RUN: {Mode.DRY_RUN, Mode.PROBE},
        Mode.PROBE: {Mode.PROBE},
    }
    assert lowered(allowed, None) is allowed
    if asked in lower[allowed]:
        assert lowered(allowed, asked) is asked
    else:
        with pytest.raises(InvalidInput, match="may only lower that"):
            lowered(allowed, asked)


@pytest.mark.parametrize(
    "text",
    ["2023-11-28T20:45:00Z", "2023-11-28T20:45:00+00:00", "2023-11-28T15:45:00-05:00", "2023-11-28T20:45:00.123456Z"],
)
def test_one_instant_is_one_run_however_it_is_written(text: str) -> None:
    assert f"{read_schedule_time(text):%Y-%m-%dT%H:%M:%SZ}" == DUE


@pytest.mark.parametrize("body", [b"", b"  \r\n", b"{}"])
def test_a_body_without_a_wish_is_a_run_in_the_mode_of_the_service(body: bytes) -> None:
    house = House()
    report = house.ask("POST", "/run", {TIME: DUE}, body).json()["runs"][0]["report"]
    assert (report["run_id"], report["outcome"]) == (house.run_id(), "completed")


@given(st.text(max_size=80))
def test_no_schedule_time_is_a_defect(text: str) -> None:
    with suppress(InvalidInput):
        read = read_schedule_time(text)
        assert (read.tzinfo, read.microsecond) == (UTC, 0)


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.booleans() | st.text(max_size=5), st.lists).map(json.dumps)
)
def test_no_body_is_a_defect(body: Any) -> None:
    answer = HOUSE.ask("POST", "/run", {TIME: "soon"}, body)
    assert answer.status_code == 400, answer.text


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_no_path_is_a_defect(path: str) -> None:
    answer = HOUSE.get(f"/runs/{quote(path, safe='')}")
    assert answer.status_code == 404, answer.text
    assert answer.json().keys() == {"error"}
