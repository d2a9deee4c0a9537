"""`event-trading demo`, on librdkafka's own broker and on Kafka with PostgreSQL: both show the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMAND = str(Path(sys.executable).with_name("event-trading"))
TOLD_BY_TIME = ("norm.reference_price", "norm.inventory")
"""Topics that have an event every so many seconds, whatever happens."""


def demo(*words: str) -> dict[str, Any]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("EVENT_TRADING_")}
    asked = [COMMAND, "demo", "--json", *words]
    ended = subprocess.run(asked, capture_output=True, text=True, env=environment, timeout=240, check=False)
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def shown() -> dict[str, dict[str, Any]]:
    """Return what both kinds show, by their name."""
    return {kind: demo("--kafka", kind) for kind in ("mock", "real")}


@pytest.mark.parametrize("kind", ["mock", "real"])
def test_every_quote_is_one_demand_one_command_and_one_answer(shown: dict[str, dict[str, Any]], kind: str) -> None:
    found = shown[kind]
    names = ("raw.near_intents.quote", "norm.swap_demand", "cmd.execute_trade")
    assert {found["topics"][name] for name in names} == {found["answers"]} == {50}
    assert found["made_again"] == {"normalized": 50, "commands": 50}
    assert all(found["topics"][name] > 0 for name in TOLD_BY_TIME)


def test_both_kinds_show_the_same_counts_of_topics_and_of_outcomes(shown: dict[str, dict[str, Any]]) -> None:
    mock, real = shown["mock"], shown["real"]
    assert (mock["kafka"], real["kafka"]) == ("mock", "real")
    assert mock["outcomes"] == real["outcomes"]
    counts = [
        {name: count for name, count in each["topics"].items() if name not in TOLD_BY_TIME} for each in (mock, real)
    ]
    assert counts[0] == counts[1]


def test_what_was_settled_and_what_nobody_took_is_told(shown: dict[str, dict[str, Any]]) -> None:
    outcomes = shown["real"]["outcomes"]
    assert outcomes["SETTLED"] + outcomes["NOT_SELECTED"] == 50
    assert min(outcomes["SETTLED"], outcomes["NOT_SELECTED"]) > 0
