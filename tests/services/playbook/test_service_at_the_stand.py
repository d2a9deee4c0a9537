"""`python -m alpaca_app.playbook` as a service: a trigger becomes a row out of Alpaca's bars, in a bucket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from alpaca_app.playbook import source_of
from fastapi.testclient import TestClient
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.runtime.stopping import StopSignal
from trading_playbook.compose import Asked, compose_playbook
from trading_playbook.config import Config
from trading_playbook.journal.csv_form import render
from trading_playbook.web.app import create_app
from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.alpaca import SECRET, AlpacaPriceStand

from .conftest import DATA_DIR, SECONDS, CloudJournal

Start = Callable[..., Server]
AUDIENCE, CALLER = "https://trading-playbook.example", "scheduler@p.iam.gserviceaccount.com"
DUE = {"X-CloudScheduler-ScheduleTime": "2025-10-03T21:00:00Z"}


@dataclass
class Service:
    """A service that runs, and the token of who may call it."""

    port: int
    token: str

    def get(self, path: str, *, known: bool = True) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", headers=self._identity(known), timeout=SECONDS)

    def post(self, body: str = "", *, known: bool = True) -> requests.Response:
        url, headers = f"http://127.0.0.1:{self.port}/backtest", {**DUE, **self._identity(known)}
        return requests.post(url, body, headers=headers, timeout=60)

    def _identity(self, known: bool) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if known else {}


def settings(stand: AlpacaPriceStand, journal: CloudJournal) -> dict[str, str]:
    return {**stand.settings(), "GCS_BUCKET": journal.bucket, "STORAGE_EMULATOR_HOST": journal.endpoint}


@pytest.fixture
def service(stand: AlpacaPriceStand, cloud_journal: CloudJournal, start: Start, ports: set[int]) -> Generator[Service]:
    """Start a service that asks for tokens; it ends with 0."""
    google = f"http://127.0.0.1:{start('cloud.scheduler').port}"
    identity = {
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_SERVICE_ACCOUNT": CALLER,
        "OIDC_CERTS_URL": f"{google}/oauth2/v3/certs",
    }
    listening = {"PORT": "0", "HOST": "127.0.0.1", "LOG_FORMAT": "json"}
    process = subprocess.Popen(
        [sys.executable, "-m", "alpaca_app.playbook", "--stop-at-eof"],
        env={"PATH": os.environ["PATH"], **settings(stand, cloud_journal), **identity, **listening},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    ports.add(port)
    minted = requests.get(f"{google}/_control/token?audience={AUDIENCE}&email={CALLER}", timeout=SECONDS)
    yield Service(port, minted.json()["token"])
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, SECRET.encode() in errors) == (0, False)


def test_a_trigger_writes_the_row_of_its_day(
    service: Service, stand: AlpacaPriceStand, cloud_journal: CloudJournal
) -> None:
    probe = service.post('{"mode": "probe"}')
    assert (probe.status_code, probe.json()["faults"], cloud_journal.raw()) == (200, [], None)
    first = service.post()
    assert (first.status_code, first.json()["outcome"], first.json()["session"]) == (200, "written", "2025-10-03")
    dev = (DATA_DIR.parent / "playbook" / "dp20_dev.csv").read_text().splitlines()
    assert render(cloud_journal.open().read()).decode().splitlines() == [
        dev[0],
        *(row for row in dev if row.startswith("2025-10-03,")),
    ]
    stand.server.forget_requests()
    assert (service.post().json()["outcome"], stand.requests()) == ("unchanged", {})
    version, ready = service.get("/version").json(), service.get("/ready", known=False)
    assert (version["service"], version["symbol"], version["feed"]) == ("trading-playbook", "QQQ", "sip")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "symbol": "QQQ"})
    assert 'playbook_session_timestamp_seconds{strategy="dp20",symbol="QQQ"}' in service.get("/metrics").text


def test_what_cannot_be_done_has_its_status_and_writes_nothing(
    service: Service, stand: AlpacaPriceStand, cloud_journal: CloudJournal
) -> None:
    assert [service.post(known=False).status_code, service.get("/version", known=False).status_code] == [401, 401]
    assert service.post('{"symbol": "SPY"}').status_code == 400
    assert service.post("x" * 20_480).status_code == 413
    stand.arm("http_error", operation="bars", status=503, times=None)
    for body, words in (('{"mode": "probe"}', "the source: "), ("", "")):
        answer = service.post(body)
        said: dict[str, Any] = answer.json()
        assert (answer.status_code, words in said.get("error", "")) == (503, True)
    assert cloud_journal.raw() is None


def test_before_the_bars_are_there_it_is_409(
    stand: AlpacaPriceStand, cloud_journal: CloudJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings(stand, cloud_journal).items():
        monkeypatch.setenv(name, value)
    config, clock = Config.from_env(cloud=True), FrozenClock(datetime(2025, 10, 3, 20, 0, tzinfo=UTC))
    playbook = compose_playbook(config, Asked("QQQ"), source_of(config, "QQQ"), clock)
    with TestClient(create_app(playbook, config, StopSignal())) as client:
        early = client.post("/backtest", headers={"X-CloudScheduler-ScheduleTime": "2025-10-03T20:00:00Z"})
    assert (early.status_code, early.headers["Retry-After"], stand.requests()) == (409, "960", {})
