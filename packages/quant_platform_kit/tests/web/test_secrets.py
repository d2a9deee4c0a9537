"""One secret, planted wherever one can be: it is in no answer, no page, no log line, no object and no message."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import Any

import pytest
from loguru import logger
from markupsafe import escape
from quant_platform_kit.adapters.logs import start_logging
from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.domain import redaction
from quant_platform_kit.domain.errors import BrokerError, NotifyError, OrderRejected, StoreError
from quant_platform_kit.domain.orders import Order
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.domain.strategy import StrategyContext, StrategyManifest
from quant_platform_kit.runtime.settings import ServiceSettings, read_settings

from ..exactly_once import ACCOUNT, rule
from .test_service import DUE, House

CANARY = "canary-7f3a-secret!"
IN_URL = "canary-7f3a-secret%21"
BROWSER = {"Accept": "text/html"}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> ServiceSettings:
    """Return settings that hold the secret in every place that may, read from the environment as a service does."""
    monkeypatch.setattr(redaction, "_known", [])
    planted = {
        "STRATEGY_PROFILE": "scripted",
        "STORE_URL": f"postgresql+psycopg://quant:{CANARY}@db.example/ledger",
        "REPORT_STORE_URL": f"postgresql+psycopg://db.example/reports?user=quant&password={IN_URL}",
        "NOTIFY_URLS": f"json://ana:{IN_URL}@127.0.0.1:9/ slack://T1JJ3T3L2/{CANARY}/TIiajkdnlazkcOXrIdevi7FQ",
    }
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    return read_settings(ServiceSettings)


@dataclass
class Mailbox:
    """What stands in the place of Apprise: keeps what people would have read."""

    read: list[str] = field(default_factory=list)
    error: Exception | None = None

    def notify(self, **message: Any) -> bool:
        """Keep a message, or fail."""
        if self.error is not None:
            raise self.error
        self.read += [message["title"], message["body"]]
        return True


@dataclass
class Everything:
    """A house, and all that can be read of it."""

    house: House
    mailbox: Mailbox
    log: StringIO
    answers: list[Any] = field(default_factory=list)

    def ask(self) -> None:
        """Trigger a run, and read everything there is to read, as JSON and as pages."""
        self.answers.append(self.house.run())
        listed = [*self.answers[-1].json().get("runs", [{}])]
        ids = [run["report"]["run_id"] for run in listed if run.get("report")] + [self.house.run_id()]
        for path in ("/ready", "/version", "/account", "/runs", *(f"/runs/{run_id}" for run_id in ids)):
            for headers in ({}, BROWSER):
                self.answers.append(self.house.ask("GET", path, headers))

    @property
    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text that left the process, with its place."""
        for answer in self.answers:
            yield f"answer of {answer.url}", answer.text + str(dict(answer.headers))
        yield "log", self.log.getvalue()
        for text in self.mailbox.read:
            yield "message", text
        stores = (self.house.stores.ledger, self.house.stores.notices)
        for key, stored in [pair for store in stores for pair in store.objects.items()]:
            yield key, stored.data.decode("latin-1")

    def check(self, *, logged: bool = True) -> None:
        """Make sure that nothing shows the secret, and that there was something to show."""
        for place, text in self.texts:
            assert CANARY not in text, place
            assert IN_URL not in text, place
        assert ("***" in self.log.getvalue()) == logged


@pytest.fixture(params=["text", "json"])
def everything(request: pytest.FixtureRequest, settings: ServiceSettings) -> Generator[Everything]:
    """Return a house with the secret in its settings, and its log in one of the formats."""
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    log = StringIO()
    start_logging(as_json=request.param == "json", stream=log)
    house, mailbox = House(), Mailbox()
    notifier = AppriseNotifier(settings.notify_urls.get_secret_value().split())
    notifier._made = mailbox
    house.service = replace(house.service, settings=settings, notifier=notifier)
    yield Everything(house, mailbox, log)
    logger.remove()
    logger.add(sys.stderr)
    root.handlers[:] = handlers
    root.setLevel(level)


def raising(error: Exception) -> Callable[..., Any]:
    """Return a function that fails."""

    def fail(*_: object) -> Any:
        raise error

    return fail


BROKER = {
    "an expected error": lambda: BrokerError(f"login of quant with {CANARY} was refused"),
    "an address": lambda: BrokerError(f"no answer from https://quant:{IN_URL}@gateway.example/v1"),
    "an error nobody has foreseen": lambda: RuntimeError(f"session {CANARY} is not known"),
    "an error in several lines": lambda: ValueError(f"first line\n{CANARY}\nlast line"),
}


@pytest.mark.parametrize("error", BROKER.values(), ids=BROKER)
def test_an_error_of_the_broker_shows_no_secret(everything: Everything, error: Callable[[], Exception]) -> None:
    everything.house.desk.connect = raising(error())  # pyright: ignore[reportAttributeAccessIssue]
    everything.ask()
    assert everything.answers[0].status_code in (500, 503)
    assert len(everything.mailbox.read) == 2
    everything.check()


def test_an_order_that_the_broker_refuses_with_a_secret_in_its_words_shows_none(everything: Everything) -> None:
    def refuse(order: Order) -> Any:
        raise OrderRejected(f"token {CANARY} may not trade {order.symbol}")

    everything.house.desk.submit = refuse  # pyright: ignore[reportAttributeAccessIssue]
    everything.ask()
    (run,) = everything.answers[0].json()["runs"]
    assert [order["text"] for order in run["report"]["orders"]] == [
        f"token *** may not trade {s}" for s in ("AAA", "BBB")
    ]
    everything.check()


def test_an_error_of_the_store_shows_no_secret(everything: Everything) -> None:
    def fail(operation: str, key: str, done: bool) -> None:
        raise StoreError(f"postgresql+psycopg://quant:{CANARY}@db.example/ledger does not answer {operation} {key}")

    everything.house.stores.ledger.fault = fail
    everything.ask()
    assert everything.answers[0].status_code == 503
    everything.check()


def test_a_store_that_fails_in_a_way_nobody_has_foreseen_shows_no_secret(everything: Everything) -> None:
    everything.house.stores.ledger.fault = raising(OSError(f"could not connect with password {CANARY}"))
    everything.ask()
    assert everything.answers[0].status_code == 500
    everything.check()


def explode(manifest: StrategyManifest, ctx: StrategyContext) -> Any:
    """Fail as a strategy that reads what it should not."""
    raise RuntimeError(f"the data service does not take {CANARY}")


def test_a_strategy_that_fails_shows_no_secret(everything: Everything) -> None:
    everything.house.service = replace(everything.house.service, strategy=rule(explode))
    everything.ask()
    everything.check()


NOTIFIER = {
    "an expected error": lambda: NotifyError(f"https://hooks.example/{CANARY} answered 404"),
    "an error nobody has foreseen": lambda: RuntimeError(f"https://hooks.example/{IN_URL} answered 404"),
    "another token": lambda: RuntimeError("https://hooks.example/TIiajkdnlazkcOXrIdevi7FQ answered 404"),
}


@pytest.mark.parametrize("error", NOTIFIER.values(), ids=NOTIFIER)
def test_a_notification_that_does_not_get_out_shows_no_secret(
    everything: Everything, error: Callable[[], Exception]
) -> None:
    everything.mailbox.error = error()
    everything.ask()
    assert everything.answers[0].status_code == 200
    told = json.loads(everything.house.stores.notices.objects[f"notices/run/{everything.house.run_id()}.failed"].data)
    assert "***" in told["error"]
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in "".join(text for _, text in everything.texts)
    everything.check()


def test_a_caution_shows_no_secret(everything: Everything) -> None:
    house = everything.house
    house.service = replace(house.service, cautions=lambda: (f"the token {CANARY} ends in 2 days",))
    everything.ask()
    assert "the token *** ends in 2 days" in everything.mailbox.read
    everything.check(logged=False)


def test_what_others_log_shows_no_secret(everything: Everything) -> None:
    logging.getLogger("urllib3").warning("Retrying after connection broken: %s", f"/services/{CANARY}")
    try:
        raise ConnectionError(f"postgresql://quant:{IN_URL}@db.example")
    except ConnectionError:
        logging.getLogger("sqlalchemy").exception("the pool could not connect")
    everything.check()


@pytest.mark.parametrize("header", ["Authorization", "X-CloudScheduler-ScheduleTime", "Cookie"])
def test_a_secret_that_a_request_brings_is_not_given_back(everything: Everything, header: str) -> None:
    everything.answers.append(everything.house.ask("POST", "/run", {header: CANARY}))
    assert everything.answers[0].status_code == 400
    everything.answers.append(everything.house.get(f"/runs/{CANARY}"))
    everything.answers.append(everything.house.get(f"/runs?limit={CANARY}"))
    everything.answers.append(everything.house.get(f"/{IN_URL}"))
    everything.check()


def test_a_run_from_before_the_secret_was_known_is_shown_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", [])
    secret = "a&b<c>\"d'e-secret"
    house = House(strategy=rule(lambda manifest, ctx: manifest.hold(ctx, f"token {secret}")))
    house.run()
    hide([secret])
    for headers in ({}, BROWSER):
        answer = house.ask("GET", f"/runs/{house.run_id()}", headers)
        assert "token ***" in answer.text
        assert not any(form in answer.text for form in (secret, str(escape(secret)), json.dumps(secret)[1:-1]))


def test_a_run_where_nothing_goes_wrong_has_nothing_to_hide(everything: Everything) -> None:
    everything.ask()
    assert everything.answers[0].json()["runs"][0]["report"]["run_id"] == everything.house.run_id(DUE, ACCOUNT)
    everything.check(logged=False)
