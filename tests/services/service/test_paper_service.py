"""The paper service as it is deployed: a process of its own, called over HTTP, with a venue and a scheduler beside it.

The strategy changes what it holds at month ends: a new account buys one fund on the first session of May 2022.
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from shutil import rmtree
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.paper.venue import Fault
from venue_sandbox.servers.launch import Server
from venue_sandbox.servers.loopback import Answer, ask
from venue_sandbox.stands.platform import ACCOUNT

from .service_frame import DUE, PROFILE, STOP_SECONDS, TIME, Platform, Start, report_of, slot

CANARY = "canary-7f3a-secret!"
IN_URL = "canary-7f3a-secret%21"
AUDIENCE, SCHEDULER, READER = "https://paper.example", "scheduler@example.com", "ana@example.com"


# --- one trigger ------------------------------------------------------------------------------------------------


def test_fifty_triggers_at_once_over_http_are_one_run_with_one_set_of_orders(platform: Start) -> None:
    made, together = platform(), threading.Barrier(50)

    def trigger(_: int) -> tuple[dict[str, Any], list[Answer]]:
        together.wait(30)
        others: list[Answer] = []
        while (answer := made.post()).status != 200:
            assert answer.status == 409, answer
            others.append(answer)
            time.sleep(0.1)
        return report_of(answer), others

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(trigger, range(50)))
    first = answers[0][0]
    assert all(report == first for report, _ in answers)
    assert (first["outcome"], len(first["orders"])) == ("completed", 1)
    (order,) = made.orders()
    assert (order["order"]["client_order_id"], order["state"]) == (first["orders"][0]["client_order_id"], "FILLED")
    others = [other for _, others in answers for other in others]
    assert others, "no two triggers met"
    for other in others:
        assert 1 <= int(other.headers["retry-after"]) <= 7
    assert [run["run_id"] for run in made.get("/runs")["runs"]] == [first["run_id"]]
    assert [report_of(made.post()) for _ in range(10)] == [first] * 10
    assert len(made.orders()) == 1


def test_the_scheduler_delivers_twice_and_again_and_there_is_one_run(platform: Start) -> None:
    made = platform()
    made.fire(DUE - timedelta(days=3))
    made.scheduler.fault("duplicate", job="run")
    made.scheduler.fault("lost_answer", job="run")
    delivered = made.fire(DUE, retries=5)
    assert len(delivered.attempts) >= 3
    runs = {run["run_id"]: run for run in made.get("/runs")["runs"]}
    assert runs[delivered.run_id]["outcome"] == "completed"
    assert len(runs) == 2
    assert len(made.orders()) == 1


def test_other_slots_of_the_day_late_ones_and_holidays_send_nothing(platform: Start) -> None:
    made = platform()
    first = report_of(made.post())
    assert first["outcome"] == "completed"
    again = report_of(made.post(DUE + timedelta(seconds=1)))
    assert (again["outcome"], again["orders"]) == ("no_action", [])
    late = report_of(made.post(DUE - timedelta(minutes=31)))
    assert (late["outcome"], late["orders"]) == ("skipped", [])
    assert late["reasons"] == ["the trigger was due at 2022-05-02 19:14 UTC, more than 0:30:00 ago"]
    holiday = datetime(2022, 5, 30, 19, 45, tzinfo=UTC)
    made.set_clock(holiday)
    skipped = report_of(made.post(holiday))
    assert skipped["reasons"] == ["2022-05-30 is not a session of XNYS; the next is 2022-05-31"]
    assert len(made.orders()) == 1


def test_a_session_after_the_end_of_the_calendar_is_blocked(platform: Start) -> None:
    made = platform()
    beyond = datetime.combine(load_calendar("XNYS").sessions[-1], DUE.timetz()) + timedelta(days=10)
    made.set_clock(beyond)
    blocked = report_of(made.post(beyond))
    assert (blocked["outcome"], blocked["todo"]) == ("blocked", blocked["reasons"])
    assert made.orders() == []


def test_a_probe_changes_nothing_and_a_higher_mode_is_refused(platform: Start) -> None:
    made = platform()
    probed = report_of(made.post(mode="probe"))
    assert (probed["key"]["mode"], len(probed["orders"])) == ("probe", 0)
    assert [line["order"]["side"] for line in probed["plan"]["lines"] if line["order"]] == ["BUY"]
    refused = made.post(mode="live")
    assert (refused.status, refused.document) == (
        400,
        {"error": "mode is 'live'; this service runs paper, and a request may only lower that"},
    )
    assert made.orders() == []
    assert made.recorded == []
    assert made.get("/runs") == {"runs": [], "open": []}


# --- down -------------------------------------------------------------------------------------------------------


def test_while_the_folder_of_the_store_cannot_be_used_nothing_is_sent_and_a_retry_completes(platform: Start) -> None:
    made = platform()
    store = made.folder / "store"
    rmtree(store)
    store.write_text("a file where the folder should be")
    answer = made.post()
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert "store object " in answer.document["runs"][0]["error"]
    assert made.orders() == []
    store.unlink()
    assert report_of(made.post())["outcome"] == "completed"
    assert len(made.orders()) == 1


def test_while_cloud_storage_is_down_the_service_starts_and_waits_and_a_retry_completes(
    platform: Start, start: Callable[..., Server]
) -> None:
    storage = start("cloud.storage", "--bucket", "ledger", "--write-interval", "0")
    place = {
        "STORE_URL": "gs://ledger/paper",
        "REPORT_STORE_URL": "gs://ledger/reports",
        "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{storage.port}",
    }
    made = platform(**place)
    storage.fault("drop_before", times=None)
    answer = made.post()
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert made.orders() == []
    storage.clear()
    assert report_of(made.post())["outcome"] == "completed"
    assert len(made.orders()) == 1


def test_while_the_venue_is_down_the_attempts_are_recorded_and_the_run_is_open_until_it_is_back(
    platform: Start,
) -> None:
    made = platform()
    made.venue.kill()
    for _ in range(2):
        answer = made.post()
        assert (answer.status, answer.headers["retry-after"]) == (503, "30")
        assert answer.document["runs"][0]["error"].startswith("the paper venue does not answer: ")
    (still_open,) = made.get("/runs")["open"]
    assert [attempt["error"][:31] for attempt in still_open["attempts"]] == ["the paper venue does not answer"] * 2
    assert made.get(f"/runs/{still_open['run_id']}") == {"open": still_open}
    page = made.read(f"/runs/{still_open['run_id']}", Accept="text/html")
    assert (page.status, b"the paper venue does not answer" in page.body) == (200, True)
    made.stand.restart()
    report = report_of(made.post())
    assert (report["run_id"], report["outcome"]) == (still_open["run_id"], "completed")
    assert made.get("/runs")["open"] == []
    assert len(made.orders()) == 1


# --- told to stop -------------------------------------------------------------------------------------------------


def interrupted(made: Platform, fault: Fault) -> tuple[Future[Answer], ThreadPoolExecutor]:
    """Trigger a run whose order the venue treats so, and return when the venue has it."""
    made.fault(fault)
    pool = ThreadPoolExecutor(1)
    trigger = pool.submit(made.post)
    pool.shutdown(wait=False)
    made.until(lambda: len(made.orders()) == 1 or trigger.done())
    assert not trigger.done()
    return trigger, pool


@pytest.mark.parametrize("fault", [Fault.UNFILLED, Fault.SILENT])
def test_a_service_told_to_stop_in_the_middle_of_a_run_ends_in_time_and_no_order_is_lost_or_doubled(
    platform: Start, fault: Fault
) -> None:
    made = platform()
    trigger, _ = interrupted(made, fault)
    assert made.terminate() < STOP_SECONDS
    answer = trigger.result(30)
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    (run,) = answer.document["runs"]
    assert run["error"].startswith("the service was told to stop; the next trigger goes on with the run")
    with pytest.raises(OSError, match="refused"):
        made.post()
    made.start_service()
    (still_open,) = made.get("/runs")["open"]
    assert [attempt["error"] for attempt in still_open["attempts"]] == [run["error"]]
    report = report_of(made.post())
    assert report["run_id"] == still_open["run_id"]
    (order,) = made.orders()
    assert report["orders"][0]["state"] == order["state"]
    if fault is Fault.SILENT:
        assert (report["outcome"], order["state"]) == ("completed", "FILLED")
        return
    assert (report["outcome"], order["state"]) == ("incomplete", "CANCELLED")
    again = report_of(made.post(DUE + timedelta(seconds=1)))
    assert (again["outcome"], [order["state"] for order in made.orders()]) == ("completed", ["CANCELLED", "FILLED"])


def test_a_service_that_is_idle_ends_at_once_and_its_log_says_nothing_went_wrong(platform: Start) -> None:
    made = platform()
    assert report_of(made.post())["outcome"] == "completed"
    assert made.terminate() < 3
    assert "ERROR" not in made.log
    assert "Traceback" not in made.log


def test_a_connection_that_is_kept_open_gets_no_new_run_from_a_service_that_is_stopping(platform: Start) -> None:
    made = platform()
    kept = http.client.HTTPConnection("127.0.0.1", made.service.port, timeout=10)
    kept.request("GET", "/health")
    assert kept.getresponse().read() == b'{"status":"ok"}'
    trigger, _ = interrupted(made, Fault.UNFILLED)
    made.service.process.send_signal(signal.SIGTERM)
    with suppress(OSError, http.client.HTTPException):
        while made.service.process.poll() is None:
            kept.request("POST", "/run", headers={TIME: slot(DUE + timedelta(seconds=1))})
            answer = kept.getresponse()
            assert answer.status in (409, 503)
            answer.read()
    kept.close()
    assert trigger.result(STOP_SECONDS).status == 503
    made.terminate()
    assert len(made.orders()) == 1


# --- people -------------------------------------------------------------------------------------------------------


@dataclass
class Webhook:
    """A server that takes notifications as JSON, and answers as it is told."""

    status: int = 200
    hang: threading.Event | None = None
    port: int = 0
    taken: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def webhook(ports: set[int]) -> Generator[Webhook]:
    made = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if made.hang is not None:
                made.hang.wait(60)
            made.taken.append(json.loads(body))
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing of clients that went away."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        ports.add(made.port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield made
        if made.hang is not None:
            made.hang.set()
        server.shutdown()
        thread.join()


def test_people_are_told_by_apprise_about_the_revision_and_the_run_once(platform: Start, webhook: Webhook) -> None:
    made = platform(NOTIFY_URLS=f"json://ana:{IN_URL}@127.0.0.1:{webhook.port}/hook", COMMIT_SHA="9d1e")
    report = report_of(made.post())
    for _ in range(3):
        report_of(made.post())
    assert [(note["type"], note["title"]) for note in webhook.taken] == [
        ("info", "paper-service now runs Dual Momentum (GEM), revision 9d1e"),
        ("info", f"Dual Momentum (GEM) on {ACCOUNT}: completed"),
    ]
    first, run = (note["message"] for note in webhook.taken)
    assert f"inputs {report['reasoning']['inputs']['digest']} until 2022-04-29" in first
    assert f"run {report['run_id']}, mode paper, session 2022-05-02" in run
    told = made.get(f"/runs/{report['run_id']}")["notification"]
    assert (told["error"], bool(told["at"])) == (None, True)
    assert CANARY not in made.log
    assert IN_URL not in made.log


def test_a_notifier_that_answers_with_an_error_changes_no_run_and_is_reported(
    platform: Start, webhook: Webhook
) -> None:
    webhook.status = 500
    made = platform(NOTIFY_URLS=f"json://ana:{IN_URL}@127.0.0.1:{webhook.port}/{CANARY}", LOG_FORMAT="json")
    report = report_of(made.post())
    assert report["outcome"] == "completed"
    told = made.get(f"/runs/{report['run_id']}")["notification"]
    assert told["error"] == "a notification was not taken; the log of apprise says by whom"
    logged = [json.loads(line) for line in made.log.splitlines()]
    assert [line["severity"] for line in logged if "did not get out" in line["message"]] == ["ERROR", "ERROR"]
    assert {line["account"] for line in logged if "did not get out" in line["message"]} == {ACCOUNT}
    assert CANARY not in made.log
    assert IN_URL not in made.log
    webhook.status = 200
    assert report_of(made.post()) == report
    assert made.get(f"/runs/{report['run_id']}")["notification"]["error"] is None


def test_a_notifier_that_hangs_does_not_keep_a_service_from_ending_in_time(platform: Start, webhook: Webhook) -> None:
    webhook.hang = threading.Event()
    made = platform(NOTIFY_URLS=f"json://127.0.0.1:{webhook.port}/?rto=60&cto=60")
    with ThreadPoolExecutor(1) as pool:
        trigger = pool.submit(made.post)
        made.until(lambda: bool(list((made.folder / "reports" / "runs").glob("*"))))
        time.sleep(1)
        assert made.terminate() < STOP_SECONDS
        assert report_of(trigger.result(30))["outcome"] == "completed"
    made.start_service()
    webhook.hang.set()
    assert report_of(made.post())["outcome"] == "completed"
    assert f"Dual Momentum (GEM) on {ACCOUNT}: completed" in [note["title"] for note in webhook.taken]
    assert len(made.orders()) == 1


# --- who may ------------------------------------------------------------------------------------------------------


def test_tokens_of_the_issuer_open_the_door_for_those_who_are_named(platform: Start) -> None:
    made = platform()
    issuer = made.scheduler.port
    guard = {
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_SERVICE_ACCOUNT": SCHEDULER,
        "OIDC_READERS": READER,
        "OIDC_CERTS_URL": f"http://127.0.0.1:{issuer}/oauth2/v3/certs",
    }
    made.terminate()
    made.settings = {**made.settings, **guard}
    made.start_service()

    def token(email: str = SCHEDULER, audience: str = AUDIENCE, more: str = "") -> dict[str, str]:
        minted = ask(issuer, "GET", f"/_control/token?audience={audience}&email={email}{more}").document["token"]
        return {"Authorization": f"Bearer {minted}"}

    made.scheduler.fault("drop_before", operation="certs")
    cut = made.post(**token())
    assert (cut.status, cut.headers["retry-after"]) == (503, "30")
    made.scheduler.fault("http_error", operation="certs")
    assert made.post(**token()).status == 503
    refused = {
        "no token": (401, {}),
        "garbage": (401, {"Authorization": "Bearer a.b.c"}),
        "another audience": (401, token(audience="https://other.example")),
        "expired": (401, token(more="&expired=1")),
        "a stranger": (403, token("mallory@example.com")),
        "a reader": (403, token(READER)),
    }
    for who, (status, headers) in refused.items():
        answer = made.post(**headers)
        assert (answer.status, answer.document.keys()) == (status, {"error"}), who
    assert made.orders() == []
    assert made.recorded == []
    assert [made.read(path).status for path in ("/health", "/ready", "/runs", "/version")] == [200, 200, 401, 401]
    assert made.read("/runs", **token(READER)).status == 200
    assert report_of(made.post(**token()))["outcome"] == "completed"
    assert "Traceback" not in made.log


# --- requests that cannot be meant --------------------------------------------------------------------------------


def raw(port: int, request: bytes) -> tuple[int, bytes]:
    """Send bytes, and return the status and the body of what comes back."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request)
        with closing(http.client.HTTPResponse(connection)) as response:
            response.begin()
            return response.status, response.read()


HEAD = b"POST /run HTTP/1.1\r\nHost: x\r\n"
AT = f"{TIME}: {slot(DUE)}\r\n".encode()
RAW = {
    "no HTTP": (400, b"hello\r\n\r\n"),
    "no host and no version": (400, b"POST /run\r\n\r\n"),
    "headers without an end": (400, HEAD + b"X-Filler: " + b"x" * 66_000),
    "two lengths": (400, HEAD + AT + b"Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}"),
    "a garbled length": (400, HEAD + AT + b"Content-Length: some\r\n\r\n"),
    "a negative length": (400, HEAD + AT + b"Content-Length: -1\r\n\r\n"),
    "a length of thousands of digits": (400, HEAD + AT + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"),
    "a line end in a header": (400, HEAD + b"X-Cloud\nScheduler-ScheduleTime: x\r\n\r\n"),
    "two schedule times": (400, HEAD + AT + AT + b"Content-Length: 0\r\n\r\n"),
    "a schedule time that is no text": (400, HEAD + f"{TIME}: ".encode() + b"\xff\xfe\r\nContent-Length: 0\r\n\r\n"),
    "a long schedule time": (400, HEAD + f"{TIME}: ".encode() + b"9" * 50_000 + b"\r\nContent-Length: 0\r\n\r\n"),
    "an announced body that is too large": (413, HEAD + AT + b"Content-Length: 20000\r\n\r\n" + b" " * 20_000),
    "a body in pieces that is too large": (
        413,
        HEAD + AT + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1000\r\n" + b" " * 4096 + b"\r\n") * 5,
    ),
    "a body that is no UTF-8": (400, HEAD + AT + b"Content-Length: 3\r\n\r\n\xff\xfe\xfd"),
    "a path out of the folder": (404, b"GET /runs/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a path with a byte that is none": (404, b"GET /runs/%00%ff HTTP/1.1\r\nHost: x\r\n\r\n"),
    "the path of the platform": (404, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a method of one's own": (405, b"TRIGGER /run HTTP/1.1\r\nHost: x\r\n\r\n"),
}


def test_requests_that_cannot_be_meant_are_refused_and_change_nothing(platform: Start) -> None:
    made = platform()
    port = made.service.port
    for what, (status, request) in RAW.items():
        answered, body = raw(port, request)
        assert answered == status, (what, body)
        assert body.count(b"\n") == 0, what
        # What is no HTTP at all is answered by the server itself, in plain text.
        assert body == b"Invalid HTTP request received." or json.loads(body).keys() == {"error"}, what
    with socket.create_connection(("127.0.0.1", port), 10) as gone:
        gone.sendall(HEAD + AT + b"Content-Length: 500\r\n\r\n{")
    made.until(lambda: "the client went away" in made.log)
    assert made.orders() == []
    assert made.recorded == []
    assert "Traceback" not in made.log
    assert report_of(made.post())["outcome"] == "completed"


# --- secrets, and starts that stop --------------------------------------------------------------------------------


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_password_of_a_store_that_does_not_answer_is_shown_nowhere(
    platform: Start, log_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = platform()
    made.terminate()
    with taken_port() as port:
        closed = port
    store = f"postgresql+psycopg://quant:{IN_URL}@127.0.0.1:{closed}/ledger?connect_timeout=2"
    made.settings = {**made.settings, "STORE_URL": store, "REPORT_STORE_URL": store, "LOG_FORMAT": log_format}
    monkeypatch.setattr(made, "_wait_until_ready", lambda server: None)
    made.start_service()
    answers = [made.post(), made.read("/ready"), made.read("/runs"), made.read("/runs/x", Accept="text/html")]
    for answer in answers:
        assert answer.status == 503, answer
        assert (CANARY.encode() in answer.body, IN_URL.encode() in answer.body) == (False, False)
    assert str(closed) in answers[0].document["runs"][0]["error"]
    assert (CANARY in made.log, IN_URL in made.log, str(closed) in made.log) == (False, False, True)
    assert made.orders() == []


@contextmanager
def taken_port() -> Iterator[int]:
    """Listen on a port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def started(made: Platform, **settings: str) -> subprocess.CompletedProcess[str]:
    """Start another service beside the one that runs, which has to stop by itself."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "STRATEGY_PROFILE": PROFILE,
        "STORE_URL": made.store_url,
        "REPORT_STORE_URL": made.report_store_url,
        "PAPER_ACCOUNT": ACCOUNT,
        "PAPER_VENUE_PORT": str(made.venue.port),
        "PAPER_PRICES": str(made.prices),
    }
    command = [sys.executable, "-m", "paper_app"]
    return subprocess.run(
        command, env={**environment, **settings}, capture_output=True, text=True, timeout=30, check=False
    )


def test_a_start_that_cannot_be_meant_ends_with_one_line_and_status_one(platform: Start) -> None:
    made = platform()
    with taken_port() as port:
        lines = {
            "PORT": (str(port), f"HOST is 127.0.0.1 and PORT {port}: "),
            "HOST": ("no-such-host.invalid", "HOST is no-such-host.invalid and PORT 8080: "),
            "STRATEGY_PROFILE": ("nobody", "STRATEGY_PROFILE: profile 'nobody' is not known; known: "),
            "LEASE_SECONDS": ("6", "LEASE_SECONDS is 6; with PAPER_TIMEOUT_SECONDS 5 and PAPER_SETTLE_SECONDS 2 it "),
            "STORE_URL": (f"mysql://quant:{CANARY}@db/x", "STORE_URL is not the address of a store; write "),
        }
        for name, (value, said) in lines.items():
            ended = started(made, **{name: value})
            assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1), ended
            assert ended.stderr.startswith(f"quant: {said}")
            assert CANARY not in ended.stderr
