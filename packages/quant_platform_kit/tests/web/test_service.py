"""What a service says of itself, and the house that the tests of the HTTP surface visit: a service, all in memory.

Monday's decision buys AAA and BBB in Tuesday's session, which is under way: 58 x 102 and 80 x 50 of 10 000 USD.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.paper_book import PaperBook
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.paper.platform import description
from quant_platform_kit.ports.notifier import Notification
from quant_platform_kit.runtime import version
from quant_platform_kit.runtime.service import Account, Service
from quant_platform_kit.runtime.settings import ServiceSettings
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.execution import ExecutionTimes
from quant_platform_kit.services.run.request import RunTerms
from quant_platform_kit.web import app, health
from quant_platform_kit.web.app import create_app
from starlette.testclient import TestClient

from ..exactly_once import ACCOUNT, CALENDAR, PLAIN, Desk, MemoryStore, following, moment, prices

MON, TUE, WED = date(2023, 11, 27), date(2023, 11, 28), date(2023, 11, 29)
DUE = "2023-11-28T20:45:00Z"
TIME = "X-CloudScheduler-ScheduleTime"
CLOSES = {"AAA": [100.0, 102.0, 104.0, 103.0, 105.0, 105.0], "BBB": [50.0, 50.0, 51.0, 51.5, 53.0, 53.0]}
DECISIONS = {MON: {"AAA": 0.6, "BBB": 0.4}, TUE: {"AAA": 0.2, "BBB": 0.8}}
PRIVATE = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Postbox:
    """A notifier that keeps what it is given, or fails as the test says."""

    def __init__(self) -> None:
        self.sent: list[Notification] = []
        self.fail: Callable[[], None] = lambda: None

    def send(self, notification: Notification) -> None:
        """Keep a message."""
        self.fail()
        self.sent.append(notification)

    def about(self, kind: str) -> list[Notification]:
        """Return what was sent of one kind."""
        return [notification for notification in self.sent if notification.key.startswith(f"{kind}/")]


class MemoryStores:
    """The stores of a service, in memory."""

    def __init__(self, clock: FrozenClock) -> None:
        self.ledger, self.notices = MemoryStore(clock), MemoryStore(clock)

    @property
    def reports(self) -> ReportStore:
        """The reports; the notices are beside them."""
        return ReportStore(self.notices)

    def go_down(self, *, down: bool = True) -> None:
        """Stop answering, or answer again."""
        self.ledger.down = self.notices.down = down


class House:
    """A service, the accounts it runs on, and its door.

    Parameters
    ----------
    accounts
        Their ids; one account if none is given.
    client
        Whom its door takes for the peer.
    settings
        Of the service.
    """

    def __init__(self, accounts: Collection[str] = (ACCOUNT,), strategy: BoundStrategy | None = None, **settings: Any):
        self.clock = FrozenClock(moment("2023-11-28 20:45"))
        self.stores = MemoryStores(self.clock)
        self.postbox = Postbox()
        self.mode = Mode.PAPER
        market = FileMarketData(prices(MON, **CLOSES), CALENDAR, self.clock)
        self.desks = {name: Desk(self.clock, market, PaperBook(name, "USD", Decimal(10_000))) for name in accounts}
        known = {"strategy_profile": "scripted", "store_url": "file:///s", "report_store_url": "file:///r"}
        self.service = Service(
            settings=ServiceSettings(**{**known, "cloud_run_service": "house", **settings}),
            platform=read_platform(description()),
            strategy=strategy or following(DECISIONS),
            accounts=self.accounts,
            stores=self.stores,  # pyright: ignore[reportArgumentType]
            policy=ExecutionPolicy(rules=PLAIN),
            terms=RunTerms(ExecutionTimes(timedelta(0))),
            calendar=CALENDAR,
            notifier=self.postbox,
        )
        self.stop = StopSignal()

    def accounts(self) -> tuple[Account, ...]:
        """Return the accounts, as an app composes them."""
        return tuple(Account(desk, desk.market, self.clock, self.mode) for desk in self.desks.values())

    @property
    def desk(self) -> Desk:
        """The broker of the only account."""
        (desk,) = self.desks.values()
        return desk

    @property
    def door(self) -> TestClient:
        """A client."""
        app = create_app(self.service, self.stop)
        return TestClient(app, raise_server_exceptions=False, follow_redirects=False)

    def ask(self, method: str, path: str, headers: Any = None, content: Any = None) -> Any:
        """Send one request."""
        return self.door.request(method, path, headers=headers, content=content)

    def run(self, due: str = DUE, mode: str | None = None, **headers: str) -> Any:
        """Trigger a run."""
        content = None if mode is None else json.dumps({"mode": mode})
        return self.ask("POST", "/run", {TIME: due, **headers}, content)

    def get(self, path: str, **headers: str) -> Any:
        """Read something."""
        return self.ask("GET", path, headers)

    def run_id(self, due: str = DUE, account: str = ACCOUNT, mode: Mode = Mode.PAPER) -> str:
        """Return the name of a trigger's run."""
        return RunKey(account, date.fromisoformat(due[:10]), due, mode).run_id

    @property
    def picture(self) -> tuple[Any, ...]:
        """All that a request could have changed."""
        desks = [(d.logins, tuple(d.received), d.book.cash, dict(d.book.quantities)) for d in self.desks.values()]
        return dict(self.stores.ledger.objects), dict(self.stores.notices.objects), desks, tuple(self.postbox.sent)


def report_of(answer: Any) -> dict[str, Any]:
    """Return the report of the only account."""
    assert answer.status_code == 200, answer.text
    (run,) = answer.json()["runs"]
    assert (run["status"], run["error"]) == (200, None)
    return run["report"]


def outcomes(answers: Iterable[Any]) -> list[str]:
    """Return how runs ended."""
    return [report_of(answer)["outcome"] for answer in answers]


# --- triggers that hang, stores that take no writes ------------------------------------------------


def test_a_store_that_takes_no_writes_is_not_ready() -> None:
    house = House()
    assert house.get("/ready").status_code == 200

    def full(operation: str, key: str, done: bool) -> None:
        if operation in ("create", "replace"):
            raise StoreError(f"store object {key}: No space left on device")

    house.stores.ledger.fault = full
    assert house.get("/ready").status_code == 200, "a write of a moment ago proves enough"
    house.clock.instant += timedelta(seconds=11)
    answer = house.get("/ready")
    assert (answer.status_code, answer.json()) == (503, {"error": "store object ready: No space left on device"})


def test_a_damaged_mark_of_readiness_is_written_anew() -> None:
    house = House()
    assert house.get("/ready").status_code == 200
    for store in (house.stores.ledger, house.stores.notices):
        store.objects["ready"] = store.objects["ready"]._replace(data=b"")
    assert house.get("/ready").status_code == 200
    assert all(store.objects["ready"].data for store in (house.stores.ledger, house.stores.notices))


def test_a_store_that_hangs_is_not_ready_and_takes_no_more_threads_than_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house, go, calls = House(), threading.Event(), list[str]()

    def hang(operation: str, key: str, done: bool) -> None:
        calls.append(operation)
        assert go.wait(20)

    monkeypatch.setattr(health, "READY_SECONDS", 0.02)
    monkeypatch.setattr(health, "READY_THREADS", 2)
    house.stores.ledger.fault = hang
    with house.door as door:
        answers = [door.get("/ready") for _ in range(4)]
        go.set()
    assert {answer.status_code for answer in answers} == {503}
    assert [answer.json()["error"] for answer in answers] == [
        *["the stores do not answer within 0.02 s"] * 2,
        *["the stores do not answer: 2 earlier calls wait for them"] * 2,
    ]
    assert len([call for call in calls if call == "get"]) >= 2


def test_triggers_that_hang_never_take_the_threads_of_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    house, go, begun = House(), threading.Event(), threading.Semaphore(0)

    def hang(*_: object) -> list[object]:
        begun.release()
        assert go.wait(20)
        return []

    monkeypatch.setattr(app, "MOST_RUNS", 2)
    monkeypatch.setattr(app, "run_accounts", hang)
    with house.door as door, ThreadPoolExecutor(2) as pool:
        hung = [pool.submit(door.post, "/run", headers={TIME: DUE}) for _ in range(2)]
        assert all(begun.acquire(timeout=20) for _ in hung)
        busy = door.post("/run", headers={TIME: DUE})
        assert (busy.status_code, busy.headers["Retry-After"]) == (503, "30")
        assert busy.json()["error"].startswith("2 triggers are under way")
        assert door.get("/ready").status_code == door.get("/version").status_code == 200
        go.set()
        assert [each.result().status_code for each in hung] == [200, 200]


# --- health, readiness, version -------------------------------------------------------------------


def test_health_is_answered_whatever_the_store_does() -> None:
    house = House()
    house.stores.go_down()
    assert (house.get("/health").status_code, house.get("/health").json()) == (200, {"status": "ok"})
    house.stop.set()
    assert (house.get("/health").status_code, house.get("/health").json()) == (200, {"status": "stopping"})


def test_a_service_is_ready_when_both_stores_answer_and_says_which_does_not() -> None:
    house = House()
    assert (house.get("/ready").status_code, house.get("/ready").json()) == (
        200,
        {"ready": True, "profile": "scripted"},
    )
    for store in (house.stores.ledger, house.stores.notices):
        store.down = True
        answer = house.get("/ready")
        assert (answer.status_code, answer.json()) == (503, {"error": "the store is down"})
        assert answer.headers["Retry-After"] == "30"
        store.down = False
    house.stop.set()
    answer = house.get("/ready")
    assert (answer.status_code, answer.json()) == (503, {"error": "the service is stopping"})


def test_the_version_names_what_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    class Installed:
        version = "0.1.0"

        def __init__(self, name: str) -> None:
            self.origin = f'{{"url": "https://example.com/{name}", "vcs_info": {{"vcs": "git", "commit_id": "4f2c"}}}}'

        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return self.origin

    monkeypatch.setattr(version, "distribution", Installed)
    house = House(commit_sha="9d1e", image="registry/app@sha256:77", k_revision="house-00042", port=0)
    house.service = replace(house.service, stale_settings=("PAPER_FEATURE_SNAPSHOT_PATH",))
    document = house.get("/version").json()
    installed = {name: f"https://example.com/{name}" for name in ("quant-platform-kit", "us-equity-strategies")}
    assert document.pop("packages") == {
        name: {"version": "0.1.0", "url": url, "commit": "4f2c"} for name, url in installed.items()
    }
    assert document == {
        "service": "house",
        "revision": "house-00042",
        "commit": "9d1e",
        "image": "registry/app@sha256:77",
        "platform": "paper",
        "profile": "scripted",
        "display_name": "Scripted",
        "input_mode": "direct",
        "config": {},
        "stale_snapshot_settings": ["PAPER_FEATURE_SNAPSHOT_PATH"],
        "halts": ["all", "service", "account", "release", "playbook"],
    }


def test_the_version_of_a_package_out_of_an_index_or_not_installed_has_no_origin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(version, "PACKAGES", ("pytest", "no-such-package"))
    packages = House().get("/version").json()["packages"]
    assert packages["pytest"] == {"version": pytest.__version__, "url": None, "commit": None}
    assert packages["no-such-package"] == {"version": None, "url": None, "commit": None}


def test_without_a_revision_the_commit_names_what_runs() -> None:
    assert House(commit_sha="9d1e").get("/version").json()["revision"] == "9d1e"


# --- reading runs -----------------------------------------------------------------------------------


def test_a_run_is_read_by_its_id_with_what_was_told_about_it() -> None:
    house = House()
    report = report_of(house.run())
    document = house.get(f"/runs/{report['run_id']}").json()
    assert document == {"report": report, "notification": {"at": "2023-11-28T20:45:00+00:00", "error": None}}


def test_the_runs_are_listed_newest_first_by_session_and_no_more_than_asked_for() -> None:
    house = House()
    tuesday = report_of(house.run())["run_id"]
    house.clock.instant = moment("2023-11-29 20:45")
    wednesday = report_of(house.run("2023-11-29T20:45:00Z"))["run_id"]
    document = house.get("/runs").json()
    assert [run["run_id"] for run in document["runs"]] == [wednesday, tuesday]
    assert document["open"] == []
    assert [run["run_id"] for run in house.get("/runs?limit=1").json()["runs"]] == [wednesday]
    assert [run["run_id"] for run in house.get("/runs?session=2023-11-28").json()["runs"]] == [tuesday]
    assert document["runs"][1] == {
        "run_id": tuesday,
        "account_id": ACCOUNT,
        "display_name": "Scripted",
        "mode": "paper",
        "session": "2023-11-28",
        "as_of": "2023-11-27",
        "outcome": "completed",
        "reasons": ["targets of 2023-11-27"],
        "orders": 2,
        "todo": [],
    }


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (BROWSER, "text/html; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.5", "application/json"),
        ("*/*", "application/json"),
        ("", "application/json"),
        ("image/png", "application/json"),
    ],
)
def test_a_browser_gets_pages_and_everybody_else_json(accept: str, kind: str) -> None:
    house = House()
    run_id = report_of(house.run())["run_id"]
    for path in ("/runs", f"/runs/{run_id}"):
        answer = house.get(path, Accept=accept)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
        assert run_id in answer.text
        assert answer.text.startswith("<!doctype html>" if kind.startswith("text") else "{")


def test_every_answer_is_private_and_loads_nothing_from_elsewhere() -> None:
    house = House()
    run_id = report_of(house.run())["run_id"]
    paths = ("/health", "/ready", "/version", "/runs", f"/runs/{run_id}", "/runs/nobody", "/nowhere")
    answers = [house.get(path, Accept=kind) for path in paths for kind in (BROWSER, "*/*")] + [house.run("x")]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in PRIVATE} == PRIVATE, answer.url


def test_while_the_store_is_down_reading_is_told_to_come_back() -> None:
    house = House()
    house.stores.go_down()
    for path in ("/runs", "/runs/x"):
        answer = house.get(path)
        assert (answer.status_code, answer.json()) == (503, {"error": "the store is down"})
        assert answer.headers["Retry-After"] == "30"


def test_a_damaged_report_is_named_and_read_as_no_other() -> None:
    house = House()
    run_id = report_of(house.run())["run_id"]
    key = f"runs/{run_id}"
    stored = house.stores.notices.objects[key]
    house.stores.notices.objects[key] = stored._replace(data=stored.data.replace(b"completed", b"no_action"))
    answer = house.get(f"/runs/{run_id}")
    assert (answer.status_code, answer.json()) == (
        503,
        {"error": f"runs/{run_id} was changed after it was written; restore it from a backup"},
    )
