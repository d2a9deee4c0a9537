"""The service: `POST /backtest`, what can be read of it, and what it answers to mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from loguru import logger
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.logs import start_logging
from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.services.observe.notifying import Notices
from quant_platform_kit.web.identity import IdentityCheck, Unauthenticated
from trading_playbook.attempts import AttemptLog
from trading_playbook.config import Config
from trading_playbook.daily.service import Playbook, Telling
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.web.app import create_app
from trading_playbook.writers.csv_writer import CSVTradeWriter

from .daily_frame import CALENDAR, QuietSource, at

DUE = {"X-CloudScheduler-ScheduleTime": "2025-09-15T21:00:00Z"}
CANARY = "canary-5150"


@dataclass
class House:
    """A service in a folder, on the evening of 2025-09-15."""

    folder: Path
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(at("2025-09-15T21:00:05")))
    source: QuietSource = field(default_factory=QuietSource)
    stop: StopSignal = field(default_factory=StopSignal)

    @property
    def journal(self) -> Path:
        return self.folder / "trades.csv"

    @property
    def playbook(self) -> Playbook:
        store = FileStore(self.folder / "store")

        def writers() -> list[CSVTradeWriter]:
            return [CSVTradeWriter(self.journal)]

        telling = Telling(Notices(store, None))
        made = (self.clock, store, writers, lambda: nullcontext(self.source), telling, Dp20Parameters(), "sip")
        return Playbook("QQQ", CALENDAR, *made)

    @property
    def client(self) -> TestClient:
        app = create_app(self.playbook, Config(), self.stop)
        return TestClient(app, raise_server_exceptions=False)

    def post(self, content: str = "", headers: dict[str, str] = DUE) -> Any:
        return self.client.post("/backtest", content=content, headers=headers)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Return a service that asks for no tokens."""
    for name in Config.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return House(tmp_path)


def test_a_trigger_writes_the_row_and_a_second_one_finds_it(house: House) -> None:
    first, second = house.post(), house.post()
    assert (first.status_code, first.json()["outcome"], first.json()["rows"]) == (200, "written", 1)
    assert first.json()["journals"][0]["place"] == str(house.journal)
    assert (second.status_code, second.json()["outcome"], second.json()["session"]) == (200, "unchanged", "2025-09-15")


def test_a_day_without_session_is_200_and_writes_nothing(house: House) -> None:
    house.clock.instant = at("2025-11-27T22:00:05")
    answer = house.post(headers={"X-CloudScheduler-ScheduleTime": "2025-11-27T22:00:00Z"})
    assert (answer.status_code, answer.json()["outcome"], house.journal.exists()) == (200, "skipped", False)


def test_too_early_is_409_with_the_time_from_which_it_works(house: House) -> None:
    house.clock.instant = at("2025-09-15T20:00:00")
    answer = house.post(headers={"X-CloudScheduler-ScheduleTime": "2025-09-15T20:00:00Z"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "960")
    assert (answer.json()["outcome"], answer.json()["retry_at"]) == ("early", "2025-09-15T20:16:00+00:00")


def test_bars_that_are_not_there_yet_are_503_and_a_retry_after_midnight_in_utc_writes_them(house: House) -> None:
    house.source.ends = 200
    answer = house.post()
    assert (answer.status_code, answer.json()["outcome"], house.journal.exists()) == (503, "error", False)
    assert int(answer.headers["Retry-After"]) > 0
    house.source.ends, house.clock.instant = 390, at("2025-09-16T00:30:00")
    assert house.post().json()["outcome"] == "written"
    assert house.journal.read_text().splitlines()[1].startswith("2025-09-15,")


def test_a_conflict_is_200_because_a_retry_cannot_help(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.post()
    kept = house.journal.read_bytes()
    house.source.price = 101.0
    monkeypatch.setattr(CSVTradeWriter, "read", lambda self: [])
    answer = house.post()
    assert (answer.status_code, answer.json()["outcome"], house.journal.read_bytes()) == (200, "conflict", kept)


def test_a_failing_source_is_503_in_one_line_without_secrets(house: House) -> None:
    hide([CANARY])
    house.source.fails = StoreError(f"504 from GET /v2/stocks/bars?key={CANARY}")
    answer = house.post()
    assert (answer.status_code, answer.json()["reason"]) == (503, "504 from GET /v2/stocks/bars?key=***")
    assert CANARY not in answer.text


def test_journals_that_cannot_be_opened_are_503_and_an_attempt(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise StoreError("the secret cannot be read")

    monkeypatch.setattr(CSVTradeWriter, "__init__", refused)
    answer = house.post()
    assert (answer.status_code, answer.json()["reason"]) == (503, "the secret cannot be read")
    assert AttemptLog(FileStore(house.folder / "store"), "QQQ").first_session() == date(2025, 9, 15)


@pytest.mark.parametrize(
    ("content", "headers", "status", "said"),
    [
        ("{", DUE, 400, "the body is not JSON"),
        ("[]", DUE, 400, "the body is no JSON object"),
        ("x" * 20_480, DUE, 413, "bytes; at most 16384 are read"),
        ('{"symbol": "SPY"}', DUE, 400, 'the body names \'symbol\'; only "date" and "mode" may be given'),
        ('{"mode": "live"}', DUE, 400, "mode is 'live'; it is \"probe\""),
        ('{"date": "soon"}', DUE, 400, "date is 'soon'; write it as 2025-11-28"),
        ('{"date": 5}', DUE, 400, "date is '5'; write it as 2025-11-28"),
        ('{"date": "2025-09-16"}', DUE, 400, "2025-09-16 is in the future, today is 2025-09-15"),
        ('{"date": "1901-01-02"}', DUE, 400, "XNYS"),
        ("", {}, 400, "X-CloudScheduler-ScheduleTime is missing"),
        ("", {"X-CloudScheduler-ScheduleTime": "at five"}, 400, "X-CloudScheduler-ScheduleTime is 'at five'"),
        ("", {"X-CloudScheduler-ScheduleTime": "2025-09-17T21:00:00Z"}, 400, "2025-09-17 is in the future"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_leaves_no_attempt(
    house: House, content: str, headers: dict[str, str], status: int, said: str
) -> None:
    answer = house.post(content, headers)
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert not list(house.folder.iterdir())


def test_a_date_asks_for_an_earlier_session(house: House) -> None:
    answer = house.post('{"date": "2025-09-12"}')
    assert (answer.status_code, answer.json()["session"]) == (200, "2025-09-12")


def test_a_request_without_its_token_is_401(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: IdentityCheck, authorization: str | None) -> None:
        raise Unauthenticated("the request has no identity token; send it as Authorization: Bearer TOKEN")

    monkeypatch.setattr(IdentityCheck, "may_trigger", refused)
    monkeypatch.setattr(IdentityCheck, "may_read", refused)
    assert house.post().status_code == 401
    assert [house.client.get(path).status_code for path in ("/version", "/metrics", "/ready")] == [401, 401, 200]


def test_a_probe_looks_and_writes_nothing(house: House) -> None:
    answer = house.post('{"mode": "probe"}')
    assert (answer.status_code, answer.json()["mode"], answer.json()["faults"]) == (200, "probe", [])
    assert not house.journal.exists()
    house.journal.write_bytes(b"date,r\n")
    answer = house.post('{"mode": "probe"}')
    assert (answer.status_code, "has another header" in answer.json()["error"]) == (503, True)
    house.source.fails = StoreError("keys refused by alpaca")
    assert house.post('{"mode": "probe"}').json()["error"].startswith("the source: keys refused by alpaca; ")
    assert AttemptLog(FileStore(house.folder / "store"), "QQQ").first_session() is None


def test_version_metrics_and_ready_say_what_runs_and_how(house: House) -> None:
    house.post()
    version = house.client.get("/version").json()
    assert (version["service"], version["symbol"], version["feed"]) == ("trading-playbook", "QQQ", "sip")
    assert {*version["packages"]} == {"trading-playbook", "quant-platform-kit"}
    metrics = house.client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'playbook_error_rate{strategy="dp20",symbol="QQQ"} 0.0\n' in metrics.text
    assert 'playbook_sessions_without_entry{strategy="dp20",symbol="QQQ"} 1.0\n' in metrics.text
    assert house.client.get("/ready").json() == {"ready": True, "symbol": "QQQ"}
    house.journal.write_bytes(b"date,r\n")
    assert house.client.get("/metrics").status_code == 503


def test_a_service_that_stops_starts_nothing(house: House) -> None:
    house.stop.set()
    assert [house.post().status_code, house.client.get("/ready").status_code] == [503, 503]
    assert not house.journal.exists()


def test_a_defect_is_500_and_counts_as_an_error(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError(CANARY)

    monkeypatch.setattr(QuietSource, "bars", broken)
    answer = house.post()
    assert (answer.status_code, answer.json()) == (500, {"error": "a defect in the service; its log has the details"})
    house.clock.instant = at("2025-09-16T00:00:00")
    assert 'playbook_error_rate{strategy="dp20",symbol="QQQ"} 1.0\n' in house.client.get("/metrics").text


def test_a_telling_that_fails_never_fails_a_run(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no figures today")

    monkeypatch.setattr("trading_playbook.daily.service.read_readings", broken)
    assert house.post().json()["outcome"] == "written"


Log = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def log() -> Generator[Log]:
    """Return how the lines of the log are read, as JSON."""
    out = StringIO()
    start_logging(as_json=True, stream=out)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    logger.remove()


def test_the_log_has_a_line_of_the_attempt_and_one_of_its_figures_as_numbers(house: House, log: Log) -> None:
    house.post()
    lines = {line["event"]: line for line in log() if "event" in line}
    attempt, figures = lines["attempt"], lines["figures"]
    assert (attempt["severity"], attempt["outcome"], attempt["rows"], attempt["api_calls"]) == ("INFO", "written", 1, 1)
    assert (figures["error_rate"], figures["sessions_without_entry"], figures["api_seconds"]) == (0.0, 1, 0.5)


@pytest.mark.parametrize(("ends", "level"), [(390, "INFO"), (0, "ERROR")])
def test_levels_are_info_for_what_is_normal_and_error_for_failures(
    house: House, log: Log, ends: int, level: str
) -> None:
    house.source.ends = ends
    house.post()
    assert [line["severity"] for line in log() if line.get("event") == "attempt"] == [level]


def test_a_missed_session_is_a_warning(house: House, log: Log) -> None:
    house.post('{"date": "2025-09-11"}')
    house.post()
    said = [line["message"] for line in log() if line["severity"] == "WARNING"]
    assert "2025-09-12 was missed and is made up for" in said


def test_a_journal_that_cannot_be_read_has_no_figures_and_those_of_attempts_are_there(house: House, log: Log) -> None:
    for day in (15, 22):  # an empty journal would be idle for six sessions
        house.journal.write_bytes(b"date,r\n")
        house.clock.instant = at(f"2025-09-{day}T21:00:05")
        assert house.post(f'{{"date": "2025-09-{day}"}}').status_code == 503
    figures = [line for line in log() if line.get("event") == "figures"]
    assert [(line["error_rate"], "run_seconds" in line) for line in figures] == [(1.0, True)] * 2
    assert not {"sessions_without_entry", "trades_per_day", "win_rate"} & {name for line in figures for name in line}
    assert not any("no trade, or no row" in line["message"] for line in log())


def test_a_journal_that_lacks_too_many_sessions_is_told_as_it_is(house: House, log: Log) -> None:
    house.post()
    house.clock.instant = at("2025-10-01T21:00:05")
    assert house.post('{"date": "2025-10-01"}').status_code == 503
    *_, figures = [line for line in log() if line.get("event") == "figures"]
    assert (figures["trades_per_day"], figures["sessions_without_entry"]) == (0.0, 13)


def test_a_run_for_an_older_session_tells_figures_as_of_the_newest_one(house: House, log: Log) -> None:
    house.post('{"date": "2025-09-11"}')
    house.post()
    house.clock.instant = at("2025-09-17T23:00")
    house.post('{"date": "2025-09-10"}')
    figures = [line for line in log() if line.get("event") == "figures"]
    assert [line["session"] for line in figures] == ["2025-09-12", "2025-09-15", "2025-09-17"]
    assert figures[-1]["sessions_without_entry"] == 6
