"""librdkafka's own mock of a broker: for demonstrations without Java.

It is up in a tenth of a second and serves other processes too. It makes topics by itself, with four partitions each,
and shows messages of aborted transactions to everybody. It forgets offsets that a transaction commits: a `Transform`
that is started again begins at the beginning. The first member of a group waits three seconds. All this proves nothing
about a real broker.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Producer

from quant_platform_kit.events.bus import Settings
from quant_platform_kit.events.client_log import client_logger

__all__ = ["mock_broker"]

ASK_SECONDS = 10.0


@contextmanager
def mock_broker() -> Generator[Settings]:
    """Run a mock broker on a free port of 127.0.0.1, inside this process, for as long as the context lasts."""
    host = Producer({"test.mock.num.brokers": 1, "logger": client_logger})
    brokers: Mapping[int, Any] = host.list_topics(timeout=ASK_SECONDS).brokers
    yield Settings(",".join(f"{broker.host}:{broker.port}" for broker in brokers.values()), mock=True)
    host.flush(0)
