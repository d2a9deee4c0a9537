"""A real Kafka, and names of a test's own on it."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from quant_platform_kit.events.bus import Settings

from .bus_frame import Bench


@pytest.fixture
def bus(kafka_url: str) -> Settings:
    """Return the settings of the bus."""
    return Settings(kafka_url)


@pytest.fixture
def bench(bus: Settings, request: pytest.FixtureRequest) -> Bench:
    """Return topics of this test's own: ``in``, ``out`` and the dead letters of its stage."""
    name = re.sub(r"[^a-z0-9_]", "", request.node.name)[:60]
    return Bench(bus, f"{name}.{uuid4().hex[:8]}").made()
