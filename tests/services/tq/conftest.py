"""Servers for the services of the China futures app."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from venue_sandbox.stands.futures import Addresses

from ..conftest import needed
from .site_frame import fresh_database


@pytest.fixture
def database_address() -> Generator[str]:
    """Return the address of a database that is there for one test only."""
    with fresh_database(needed("TEST_POSTGRES_URL")) as address:
        yield address


@pytest.fixture
def addresses(database: object, database_address: str, rabbitmq_url: str, redis_url: str) -> Addresses:
    """Return the servers of this run, with a database of the test's own; queues and keys end in its portfolio."""
    return Addresses(database_address, rabbitmq_url, redis_url)
