"""The service called by the scheduler: whatever happens to a trigger, a session has one row."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import requests
import uvicorn
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.services.observe.notifying import Notices
from trading_playbook.attempts import Ending
from trading_playbook.config import Config
from trading_playbook.daily.service import Playbook, Telling
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.web.app import create_app
from venue_sandbox.servers.launch import Server

from .conftest import SECONDS, CloudJournal
from .flat_source import FlatSource

Start = Callable[..., Server]
CALENDAR = load_calendar("XNYS")
PARENT = "projects/p/locations/us-central1"
JOB = f"{PARENT}/jobs/trading-playbook-daily"
AUDIENCE, CALLER = "https://trading-playbook.example", "scheduler@p.iam.gserviceaccount.com"


@dataclass
class Site:
    """A scheduler with the daily job, and the service that it calls, each with the same virtual time."""

    scheduler: Server
    journal: CloudJournal
    clock: FrozenClock
    ports: set[int]
    source: FlatSource = field(default_factory=FlatSource)
    port: int = 0
    _kept: socket.socket = field(default_factory=socket.socket)
    _running: tuple[uvicorn.Server, threading.Thread] | None = None

    @property
    def playbook(self) -> Playbook:
        store = open_store(f"gs://{self.journal.bucket}/store", endpoint=self.journal.endpoint)

        def writers() -> Sequence[Any]:
            return [self.journal.open()]

        telling = Telling(Notices(store, None))
        made = (self.clock, store, writers, lambda: nullcontext(self.source), telling, Dp20Parameters())
        return Playbook("QQQ", CALENDAR, *made)

    def start(self) -> None:
        """Begin to serve, at the port of before if there was one."""
        certificates = f"http://127.0.0.1:{self.scheduler.port}/oauth2/v3/certs"
        identity = {"oidc_audience": AUDIENCE, "oidc_service_account": CALLER, "oidc_certs_url": certificates}
        config = Config.model_validate(identity)
        app = create_app(self.playbook, config, StopSignal())
        self._kept.close()
        server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", self.port, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        end = time.monotonic() + SECONDS
        while not server.started and time.monotonic() < end:
            time.sleep(0.01)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        self.ports.add(self.port)
        self._running = server, thread

    def stop(self) -> None:
        """End the service; its port is kept, so that nobody else answers there."""
        if self._running is not None:
            server, thread = self._running
            server.should_exit, self._running = True, None
            thread.join(SECONDS)
            self._kept = socket.socket()
            self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._kept.bind(("127.0.0.1", self.port))

    def close(self) -> None:
        """Give the port back."""
        self._kept.close()

    def call(self, method: str, path: str, document: Any = None) -> Any:
        answer = requests.request(method, f"http://127.0.0.1:{self.scheduler.port}{path}", json=document, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def schedule(self) -> None:
        """Make the job, as `scripts/deploy/playbook.sh` does."""
        target = {
            "uri": f"http://127.0.0.1:{self.port}/backtest",
            "httpMethod": "POST",
            "oidcToken": {"serviceAccountEmail": CALLER, "audience": AUDIENCE},
        }
        job = {"name": JOB, "schedule": "0 17 * * 1-5", "timeZone": "America/New_York", "httpTarget": target}
        retries = {"retryCount": 5, "minBackoffDuration": "3600s", "maxBackoffDuration": "3600s"}
        self.call("POST", f"/v1/{PARENT}/jobs", {**job, "retryConfig": retries})

    def next(self) -> list[int | None]:
        """Let the job be due the next time; return what its attempts were answered."""
        due = datetime.fromisoformat(self.call("GET", f"/v1/{JOB}")["scheduleTime"])
        self.clock.instant = due + timedelta(seconds=5)
        (execution,) = self.call("POST", "/_control/advance", {"next": 1})["executions"]
        return [attempt["status"] for attempt in execution["attempts"]]

    def rows(self) -> list[str]:
        return [str(row.trade_date) for row in self.journal.open().read()]

    def endings(self, session: str) -> list[Ending]:
        day = date.fromisoformat(session)
        return [attempt.ending for attempt in self.playbook.log.between(day, day)]


@pytest.fixture
def site(start: Start, cloud_journal: CloudJournal, ports: set[int]) -> Generator[Callable[[str], Site]]:
    """Return how a site is opened at an instant of UTC."""
    opened: list[Site] = []

    def open_(begin: str) -> Site:
        words = ("--clock", "virtual", "--start", begin, "--backoff-scale", "0")
        made = Site(start("cloud.scheduler", *words), cloud_journal, FrozenClock(datetime.fromisoformat(begin)), ports)
        opened.append(made)
        made.start()
        made.schedule()
        return made

    yield open_
    for made in opened:
        made.stop()
        made.close()


@pytest.mark.parametrize(
    ("begin", "days"),
    [
        ("2025-03-06T23:00:00Z", ["2025-03-07", *(f"2025-03-{day}" for day in (10, 11, 12, 13, 14))]),
        ("2025-10-30T23:00:00Z", ["2025-10-31", *(f"2025-11-0{day}" for day in (3, 4, 5, 6, 7))]),
    ],
    ids=["spring", "autumn"],
)
def test_in_a_week_of_clock_change_each_session_has_one_row(
    site: Callable[[str], Site], begin: str, days: list[str]
) -> None:
    here = site(begin)
    assert [here.next() for _ in days] == [[200]] * 6
    assert here.rows() == days


def test_a_holiday_has_no_row_and_a_half_day_has_one_although_each_trigger_comes_twice(
    site: Callable[[str], Site],
) -> None:
    here = site("2025-11-25T23:00:00Z")
    for status in ([200, 200], [200, 200], [200, 200]):
        here.scheduler.fault("duplicate", job="trading-playbook-daily")
        assert here.next() == status
    assert here.rows() == ["2025-11-26", "2025-11-28"]
    assert here.endings("2025-11-27") == [Ending.SKIPPED] * 2
    assert {*here.endings("2025-11-28")} <= {Ending.WRITTEN, Ending.UNCHANGED}


def test_retries_after_midnight_in_utc_write_the_row_of_the_day_before(site: Callable[[str], Site]) -> None:
    here = site("2025-09-15T20:00:00Z")
    here.source.late = [lambda: here.clock.sleep(3600)] * 4
    assert here.next() == [503, 503, 503, 503, 200]
    assert str(here.clock.now().date()) == "2025-09-16"
    assert here.rows() == ["2025-09-15"]
    assert here.endings("2025-09-15") == [Ending.ERROR] * 4 + [Ending.WRITTEN]


def test_a_service_that_was_away_makes_up_for_what_it_missed(site: Callable[[str], Site]) -> None:
    here = site("2025-09-15T20:00:00Z")
    assert here.next() == [200]
    here.stop()
    assert here.next() == [None] * 6
    here.start()
    assert here.next() == [200]
    assert here.rows() == ["2025-09-15", "2025-09-16", "2025-09-17"]


def test_who_has_no_token_is_refused(site: Callable[[str], Site]) -> None:
    here = site("2025-09-15T20:00:00Z")
    headers = {"X-CloudScheduler-ScheduleTime": "2025-09-15T21:00:00Z"}
    answers = [requests.post(f"http://127.0.0.1:{here.port}/backtest", headers=headers, timeout=SECONDS)]
    wrong = f"/_control/token?audience={AUDIENCE}&email=somebody@p.iam.gserviceaccount.com"
    headers["Authorization"] = f"Bearer {here.call('GET', wrong)['token']}"
    answers.append(requests.post(f"http://127.0.0.1:{here.port}/backtest", headers=headers, timeout=SECONDS))
    assert [answer.status_code for answer in answers] == [401, 403]
    assert here.journal.raw() is None
