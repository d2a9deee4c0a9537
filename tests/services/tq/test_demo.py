"""`tq-broker demo`, in one process and with all eight services: both write the same."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.ports.clock import Clock
from venue_sandbox.demo import futures_tour
from venue_sandbox.demo.futures_tour import NotShown, tour
from venue_sandbox.stands.futures_rows import Written, written

COMMAND = str(Path(sys.executable).with_name("tq-broker"))
SECONDS = {"in-process": 60.0, "services": 150.0}


def demo(*words: str) -> dict[str, Any]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TQ_")}
    asked = [COMMAND, "demo", "--json", *words]
    ended = subprocess.run(asked, capture_output=True, text=True, env=environment, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def shown() -> dict[str, dict[str, Any]]:
    both = demo(), demo("--services")
    return {each["mode"]: each for each in both}


def test_both_write_the_same(shown: dict[str, dict[str, Any]]) -> None:
    inside, services = shown["in-process"], shown["services"]
    assert {name: inside[name] for name in ("orders", "events", "cache", "inserts")} == {
        name: services[name] for name in ("orders", "events", "cache", "inserts")
    }


def test_they_say_where_they_keep_what_they_show(shown: dict[str, dict[str, Any]]) -> None:
    assert "memory" in shown["in-process"]["queues"]
    assert "memory" in shown["in-process"]["rows"]
    assert "RabbitMQ" in shown["services"]["queues"]
    assert "PostgreSQL" in shown["services"]["rows"]


def test_every_kind_of_event_is_shown(shown: dict[str, dict[str, Any]]) -> None:
    events = {event["status"] for event in shown["services"]["events"]}
    assert events == {"COMPLETE_FILL", "PARTIAL_FILL", "CANCELLED", "REJECTED"}
    rows = {row["id"]: row for row in shown["services"]["orders"]}
    assert rows["close-1_close"]["parent_order_id"] == rows["close-1_closetoday"]["parent_order_id"] == "close-1"
    assert rows["close-1"]["trade_price"] == 3498.5
    assert rows["parts-1"]["trade_price"] == 2998.0
    assert rows["rest-1"]["filled_quantity"] == 1


def test_they_take_no_longer_than_they_may(shown: dict[str, dict[str, Any]]) -> None:
    assert all(each["seconds"] < SECONDS[mode] for mode, each in shown.items())


class Silent:
    """Takes orders, and writes nothing."""

    queues = rows = keys = "nowhere"
    account = "DUSBX-demo"

    @property
    def clock(self) -> Clock:
        return SystemClock()

    async def submit(self, body: bytes) -> None:
        """Forget it."""

    async def cancel(self, body: bytes) -> None:
        """Forget it."""

    async def written(self) -> Written:
        return written([], [], {})


class Venue:
    """Does whatever it is told."""

    def do(self, operation: str, **fields: Any) -> None:
        """Do nothing."""


def test_what_is_not_written_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(futures_tour, "SHOWN_SECONDS", 0.1)
    stand: Any = Venue()
    with pytest.raises(NotShown, match=r"open-1 FINISHED with 2 filled and COMPLETE_FILL; found no row"):
        asyncio.run(tour(Silent(), stand, lambda text: None))
