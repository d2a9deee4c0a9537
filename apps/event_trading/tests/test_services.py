"""Services: what each makes of what it reads, and what it says when that cannot be."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from event_trading_app.executor.ledger import Command
from event_trading_app.names import NEAR_INTENTS, Service, Topic
from event_trading_app.operations.health import Health, served
from event_trading_app.operations.metrics import Metrics
from event_trading_app.payloads import Inventory, ReferencePrice
from event_trading_app.services.executor import command_in
from event_trading_app.services.inventory import inventory_event
from event_trading_app.services.looking_only import LookingOnly
from event_trading_app.services.prices import price_events
from event_trading_app.services.stages import beside
from event_trading_app.supervising import ordered
from quant_platform_kit.domain.errors import InvalidInput, Refused, StoreError
from quant_platform_kit.events.bus import Place, Received
from quant_platform_kit.events.envelope import Event, encode
from quant_platform_kit.events.errors import Unreadable
from quant_platform_kit.events.figures import Figures

from .frame import ACCOUNT, NOW, TOKEN_A, TOKEN_B, run, trade

PRICE = {"token_in": TOKEN_A, "token_out": TOKEN_B, "amount_in": "100", "amount_out": "99"}


def written(folder: Path, *lines: object) -> Path:
    file = folder / "prices.jsonl"
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return file


def message(event: Event, partition: int = 1) -> Received:
    return Received(event.event_type, partition, 7, None, encode(event))


def command_event(**changes: Any) -> Event:
    asked = trade()
    known: dict[str, Any] = {
        "event_id": asked.command_id,
        "event_type": Topic.EXECUTE_TRADE.value,
        "venue": NEAR_INTENTS,
        "observed_at": NOW - timedelta(seconds=1),
        "ingested_at": NOW,
        "schema_version": 1,
        "payload": asked.model_dump(mode="json"),
    }
    return Event(**{**known, **changes})


def test_a_price_that_is_not_dated_holds_when_it_is_read_and_the_newest_line_of_a_pair_counts(tmp_path: Path) -> None:
    file = written(tmp_path, PRICE, "", {**PRICE, "amount_out": "98"})
    (event,) = price_events(file, NOW)
    price = ReferencePrice.model_validate(event.payload)
    assert (price.amount_out, price.priced_at, event.observed_at) == ("98", NOW, NOW)


def test_a_dated_price_has_the_same_id_however_often_it_is_read(tmp_path: Path) -> None:
    file = written(tmp_path, {**PRICE, "priced_at": NOW.isoformat()})
    first, again = (price_events(file, NOW + timedelta(seconds=each))[0].event_id for each in (1, 2))
    assert first == again


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({**PRICE, "amount_in": 0.5}, "line 2: amount_in is 0.5"),
        ({**PRICE, "amount_in": "0"}, "line 2: price is"),
        ({"token_in": TOKEN_A}, "line 2: token_out is"),
        ("[1]", "line 2: no JSON object"),
        ("{", "line 2: no JSON object"),
    ],
)
def test_a_line_that_is_no_price_is_named_and_none_is_told(tmp_path: Path, line: object, told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        price_events(written(tmp_path, PRICE, line), NOW)
    assert told in str(refused.value)
    assert "nothing was told" in str(refused.value)


def test_a_prices_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"none\.jsonl"):
        price_events(tmp_path / "none.jsonl", NOW)


def test_a_balance_is_told_as_of_when_it_was_asked_for() -> None:
    event = inventory_event(ACCOUNT, TOKEN_B, 10**30, NOW)
    told = Inventory.model_validate(event.payload)
    assert (told.amount, told.as_of) == ("1" + "0" * 30, NOW)


def test_a_command_keeps_the_times_of_its_event_and_its_partition() -> None:
    assert command_in(message(command_event())) == Command(trade(), NEAR_INTENTS, NOW - timedelta(seconds=1), NOW, 1)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"event_id": "another"}, "is not command_id"),
        ({"schema_version": 2}, "is newer than 1"),
        ({"event_type": Topic.TRADE_RESULT.value}, "state"),
        ({"payload": {}}, "command_id"),
    ],
)
def test_a_message_that_is_no_command_is_unreadable(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        command_in(message(command_event(**changes)))


def test_a_service_without_a_key_signs_and_sends_nothing() -> None:
    venue = LookingOnly(ACCOUNT, None)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="has no key"):
        run(venue.prepare(trade(), NOW))
    with pytest.raises(Refused, match="sends nothing"):
        run(venue.send(b"x", lambda: True))


def test_what_runs_beside_a_stage_ends_with_it_and_one_that_ends_before_does_not_end_the_stage() -> None:
    noted: list[str] = []

    async def stage() -> None:
        await asyncio.sleep(0.02)
        noted.append("stage")

    async def short() -> None:
        noted.append("short")

    async def endless() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            noted.append("endless")

    run(asyncio.wait_for(beside(stage(), short(), endless()), 5))
    assert noted == ["short", "stage", "endless"]


def test_a_stage_ends_when_what_runs_beside_it_fails() -> None:
    async def failing() -> None:
        raise StoreError("gone")

    with pytest.raises(StoreError, match="gone"):
        run(asyncio.wait_for(beside(asyncio.sleep(60), failing()), 5))


def test_whoever_listens_is_started_last() -> None:
    assert ordered(Service)[-1] is Service.INGESTOR
    assert ordered(Service).index(Service.EXECUTOR) < ordered(Service).index(Service.REACTOR)


@pytest.mark.enable_socket  # a free port of this machine
def test_the_page_says_how_a_stage_is_and_what_it_counts() -> None:
    health, metrics = Health("executor", details={"mode": "paper"}), Metrics()
    metrics.figures = Figures(handled=3, suppressed=2, lag={Place("cmd.execute_trade", 1): 5})
    metrics.outcomes = lambda: {"acknowledged": 3}
    metrics.gauges = lambda: {"open_answers": 4}

    async def page() -> tuple[int, dict[str, Any], str]:
        async with served(health, metrics, "127.0.0.1", 0) as port:
            return await asyncio.to_thread(look, port)

    def look(port: int) -> tuple[int, dict[str, Any], str]:
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            figures = answer.read().decode()
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
                return answer.status, json.load(answer), figures
        except HTTPError as answer:
            return answer.code, json.load(answer), figures

    code, document, figures = run(page())
    assert (code, document) == (503, {"service": "executor", "phase": "starting", "mode": "paper"})
    for line in (
        "event_trading_stage_handled_total 3.0",
        "event_trading_stage_suppressed_total 2.0",
        'event_trading_lag{partition="1",topic="cmd.execute_trade"} 5.0',
        'event_trading_outcomes_total{outcome="acknowledged"} 3.0',
        "event_trading_open_answers 4.0",
    ):
        assert line in figures
    health.phase = "working"
    assert run(page())[0] == 200
    health.state = lambda: "waiting: the bus is down"
    assert run(page())[0] == 503


@pytest.mark.parametrize(
    ("words", "variables", "told", "status"),
    [
        (["run", "executor"], {}, "EVENT_TRADING_KAFKA_URL is not set", 1),
        (["run", "nobody"], {}, "'nobody' is not one of", 2),
        (["run", "executor"], {"EVENT_TRADING_KAFKA_URL": "127.0.0.1:1"}, "EVENT_TRADING_NEAR_KEY is not set", 1),
        (["run", "reactor"], {"EVENT_TRADING_KAFKA_URL": "nowhere"}, "the bus has to be host:port", 1),
    ],
)
def test_a_service_that_cannot_start_says_so_in_one_line(
    words: list[str], variables: dict[str, str], told: str, status: int
) -> None:
    known = {name: value for name, value in os.environ.items() if not name.startswith("EVENT_TRADING_")}
    own = {"EVENT_TRADING_ACCOUNT": ACCOUNT, "EVENT_TRADING_KAFKA_MOCK": "true", "EVENT_TRADING_PORT": "0"}
    ended = subprocess.run(
        [sys.executable, "-m", "event_trading_app", *words],
        env={**known, **own, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = [line for line in ended.stderr.splitlines() if line.startswith("event-trading: ")]
    assert (ended.returncode, len(lines)) == (status, 1), ended.stderr
    assert told in lines[0]
