"""`event-trading demo`, on librdkafka's own broker and on Kafka with PostgreSQL: both show the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from quant_platform_kit.testing.traces import Arrived, collector

COMMAND = str(Path(sys.executable).with_name("event-trading"))
TOLD_BY_TIME = ("norm.reference_price", "norm.inventory")
"""Topics that have an event every so many seconds, whatever happens."""


def demo(traces_url: str, *words: str) -> dict[str, Any]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("EVENT_TRADING_")}
    environment["TRACES_URL"] = traces_url
    asked = [COMMAND, "demo", "--json", *words]
    ended = subprocess.run(asked, capture_output=True, text=True, env=environment, timeout=240, check=False)
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def spans() -> list[Arrived]:
    """Return what services of the real kind have sent, once they have run."""
    return []


@pytest.fixture(scope="module")
def shown(spans: list[Arrived]) -> dict[str, dict[str, Any]]:
    """Return what both kinds show, by their name."""
    pytest_socket.enable_socket()
    with collector() as (url, arrived):
        found = {"mock": demo("", "--kafka", "mock"), "real": demo(url, "--kafka", "real")}
    spans += arrived
    return found


@pytest.mark.parametrize("kind", ["mock", "real"])
def test_every_quote_is_one_demand_one_command_and_one_answer(shown: dict[str, dict[str, Any]], kind: str) -> None:
    found = shown[kind]
    assert found["late"] == 0
    names = ("raw.near_intents.quote", "norm.swap_demand", "cmd.execute_trade")
    assert {found["topics"][name] for name in names} == {found["answers"]} == {50}
    assert found["made_again"] == {"normalized": 50, "commands": 50}
    assert all(found["topics"][name] > 0 for name in TOLD_BY_TIME)


def test_both_kinds_show_the_same_counts_of_topics_and_of_outcomes(shown: dict[str, dict[str, Any]]) -> None:
    mock, real = shown["mock"], shown["real"]
    assert (mock["kafka"], real["kafka"]) == ("mock", "real")
    assert _ends(mock) == _ends(real)
    counts = [
        {name: count for name, count in each["topics"].items() if name not in TOLD_BY_TIME} for each in (mock, real)
    ]
    assert counts[0] == counts[1]


def _ends(shown: dict[str, Any]) -> dict[str, int]:
    """Return how many came to which end: on the way, an answer that a busy venue gives late is UNKNOWN for a while."""
    return {name: count for name, count in shown["outcomes"].items() if name not in ("ACKNOWLEDGED", "UNKNOWN")}


def test_what_was_settled_and_what_nobody_took_is_told(shown: dict[str, dict[str, Any]]) -> None:
    outcomes = shown["real"]["outcomes"]
    assert outcomes["SETTLED"] + outcomes["NOT_SELECTED"] == 50
    assert min(outcomes["SETTLED"], outcomes["NOT_SELECTED"]) > 0


def test_each_quote_is_one_trace_from_its_ingestion_to_its_result(
    shown: dict[str, dict[str, Any]], spans: list[Arrived]
) -> None:
    """All but what the executor had not sent when it was killed, or was told of after that."""
    assert shown["real"]["answers"] == 50
    names = {trace: {span.name for span in spans if span.trace == trace} for trace in {span.trace for span in spans}}
    whole = Counter(frozenset(found) for found in names.values())
    assert whole[frozenset({"ingest", "normalize", "react", "execute", "result"})] > 25, whole
    assert {(span.name, span.service) for span in spans} == {
        ("ingest", "event-trading-ingestor"),
        ("normalize", "event-trading-normalizer"),
        ("react", "event-trading-reactor"),
        ("execute", "event-trading-executor"),
        ("result", "event-trading-monitor"),
    }
