"""What is shown of live sessions: the page, the service's routes, the commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from loguru import logger
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.services.observe.notifying import Notices
from trading_playbook.cli.main import app
from trading_playbook.config import Config
from trading_playbook.days import trading_day
from trading_playbook.dp20.outcome import Note
from trading_playbook.journal.csv_form import render
from trading_playbook.live.installed import LiveVenue, LiveWanted
from trading_playbook.live.shortfall import as_decided
from trading_playbook.testing.live.market import made_up
from trading_playbook.testing.live.world import ACCOUNT, SERVICE, SYMBOL, World
from trading_playbook.web.live import LiveService, create_live_app
from trading_playbook.web.trading_days import LiveSettings, TradingDays
from typer.testing import CliRunner

CALENDAR = load_calendar("XNYS")
DAY = replace(trading_day(CALENDAR, date(2025, 11, 28)), minutes=80)


@pytest.fixture
def traded() -> World:
    """Return a world whose session is over."""
    world, _ = made_up(7, DAY, lambda outcome: outcome.note is Note.EOD)
    session = world.process().run()
    assert session is not None
    return world


@pytest.fixture
def environment(tmp_path: Path, traded: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a store that has the session, and a journal that has its row."""
    store = FileStore(tmp_path / "store")
    for key in traded.store.keys(""):
        stored = traded.store.get(key)
        assert stored is not None
        store.create(key, stored.data)
    session = traded.terms.key.run_id
    from trading_playbook.live.shortfall import read_session

    found = read_session(store, ACCOUNT, session)
    assert found is not None
    (tmp_path / "trades.csv").write_bytes(render([as_decided(found)]))
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))
    return tmp_path


def test_the_shortfall_is_told_in_r(environment: Path) -> None:
    done = CliRunner().invoke(app, ["shortfall", "--account", ACCOUNT, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    (session,) = told["sessions"]
    assert (session["session"], session["decided_otherwise"], session["late"]) == ("2025-11-28", "", [])
    assert told["total"] == pytest.approx(session["model"] - float(session["live"]))
    shown = CliRunner().invoke(app, ["shortfall", "--account", ACCOUNT])
    assert "R less than the model" in shown.stdout


def test_a_session_is_decided_again_and_a_decision_that_does_not_follow_is_named(environment: Path) -> None:
    done = CliRunner().invoke(app, ["replay", "--account", ACCOUNT])
    assert (done.exit_code, "decides the same" in done.stdout) == (0, True), done.output
    events = sorted((environment / "store").rglob("events/*"))
    assert events
    other = CliRunner().invoke(app, ["replay", "--account", "PA-OTHER"])
    assert other.exit_code == 1
    assert "account PA-OTHER has no live session in this store" in str(other.exception or other.output)


@contextmanager
def _no_venue(_: LiveWanted) -> Generator[LiveVenue]:
    raise BrokerError("Alpaca did not answer the account")
    yield


def service_on(world: World, stop: StopSignal) -> LiveService:
    days = TradingDays(SYMBOL, SERVICE, "one", LiveSettings(), CALENDAR, world.store, Notices(world.store, None), stop)
    return LiveService(days, _no_venue)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return settings without a token."""
    return Config(output_dir=tmp_path)


def test_the_page_has_state_chart_and_orders(traded: World, config: Config) -> None:
    stop = StopSignal()
    live = service_on(traded, stop)
    live.account_id = ACCOUNT
    client = TestClient(create_live_app(live, config, stop))
    page = client.get("/")
    assert page.status_code == 200
    for part in ("DP20 on QQQ", "over", "<svg", "entry", "FILLED", "CANCELLED", "leaving"):
        assert part in page.text, part
    assert "script" not in page.text
    assert client.get("/version").json()["account"] == ACCOUNT
    assert client.get("/health").json() == {"status": "ok"}


def test_a_watch_says_what_is_wrong_and_the_log_has_it(traded: World, config: Config) -> None:
    stop, lines = StopSignal(), list[dict[str, object]]()
    live = service_on(traded, stop)
    client = TestClient(create_live_app(live, config, stop))
    number = logger.add(lambda message: lines.append(dict(message.record["extra"])), level="WARNING")
    try:
        silent = client.post("/watch")
        live.account_id = ACCOUNT
        idle = client.post("/watch")
        traded.clock.reach(CALENDAR.hours(DAY.date).close)
        well = client.post("/watch", json={"mode": "probe"})
    finally:
        logger.remove(number)
    assert (silent.status_code, "the broker has not told its account yet" in silent.text) == (503, True)
    assert (idle.status_code, "no session is under way" in idle.text) == (503, True)
    assert (well.status_code, well.json()) == (200, {"symbol": SYMBOL, "account": ACCOUNT, "faults": []})
    assert lines == [{"event": "live", "what": "watch"}] * 2


def test_a_venue_that_does_not_answer_is_tried_again_until_the_process_stops(
    traded: World, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = StopSignal()
    live = service_on(traded, stop)
    live.start()
    client = TestClient(create_live_app(live, config, stop))
    while not live.fault:
        stop.wait(0.01)
    answer = client.get("/")
    assert (answer.status_code, "Alpaca did not answer the account" in answer.text) == (503, True)
    stop.set()
    assert client.get("/health").json() == {"status": "stopping"}


@pytest.mark.parametrize("scope", ["PA1", ".QQQ", "PA1."])
def test_a_halt_of_sessions_names_account_and_symbol(scope: str, runs_quant: Callable[..., str]) -> None:
    assert "name account and symbol, such as ID.QQQ" in runs_quant("halt", "playbook", scope)


@pytest.fixture
def runs_quant(tmp_path: Path) -> Callable[..., str]:
    """Return how `quant` is run on an empty store, for what it says."""
    from quant_platform_kit.cli.main import app as quant

    def run(*words: str) -> str:
        store = (tmp_path / "store").as_uri()
        return CliRunner().invoke(quant, [*words, "--reason", "a test", "--store", store]).output

    return run
