"""A deployment of the China futures app for tests: its settings, its database, its queues, and its command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.cli.main import main
from tq_broker_app.settings import Settings
from venue_sandbox.stands.futures import Addresses, FuturesSite
from venue_sandbox.stands.tqsdk import TqStand

from ..conftest import needed
from .site_frame import fresh_database

COMMAND = str(Path(sys.executable).with_name("tq-broker"))
MONDAY = "2026-11-30T02:00:00+00:00"


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Deployment:
    """Settings of a portfolio of its own, and the command ``tq-broker``."""

    site: FuturesSite

    @property
    def settings(self) -> Settings:
        return self.site.settings()

    @property
    def portfolio(self) -> str:
        return self.site.portfolio

    def run(self, *words: str) -> Ended:
        """Run the command with these settings, in this process: a new one takes a second to begin."""
        config = str(self.site.write_config())
        out, errors = StringIO(), StringIO()
        argv, sys.argv = sys.argv, ["tq-broker", *words, "--config", config]
        try:
            with redirect_stdout(out), redirect_stderr(errors), pytest.raises(SystemExit) as ended:
                main()
        finally:
            sys.argv = argv
        return Ended(int(ended.value.code or 0), out.getvalue(), errors.getvalue())

    def run_alone(self, *words: str) -> Ended:
        """Run the command in a process of its own."""
        given = [COMMAND, *words, "--config", str(self.site.write_config())]
        ended = subprocess.run(given, capture_output=True, text=True, timeout=60, check=False)
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def told(self, *words: str, code: int = 0) -> Any:
        """Return the JSON document that the command prints."""
        ended = self.run(*words, "--json")
        assert ended.returncode == code, ended
        return json.loads(ended.stdout)

    async def with_bus(self, work: Callable[[RabbitBus], Awaitable[Any]]) -> Any:
        """Do something with the queues."""
        bus = RabbitBus(self.settings.rabbitmq, self.portfolio, SystemClock())
        try:
            return await work(bus)
        finally:
            await bus.close()


class Deploy(Protocol):
    """Makes deployments."""

    def __call__(self, **changes: Mapping[str, Any]) -> Deployment:
        """Return one, with settings that differ."""
        ...


@pytest.fixture(scope="module")
def tq_venue(tmp_path_factory: pytest.TempPathFactory) -> Generator[TqStand]:
    """Return a venue; its clock begins on a trading day."""
    with TqStand(tmp_path_factory.mktemp("venue"), ("--clock", MONDAY)) as stand:
        yield stand


@pytest.fixture(scope="module")
def tq_addresses() -> Generator[Addresses]:
    """Return the addresses of servers, with a database of the module's own."""
    address = make_url(needed("TEST_POSTGRES_URL"))
    name = f"tq_{uuid4().hex}"
    engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    own = address.set(database=name).render_as_string(hide_password=False)
    yield Addresses(own, needed("TEST_RABBITMQ_URL"), needed("TEST_REDIS_URL"))
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def deploy(tq_venue: TqStand, tq_addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Generator[Deploy]:
    """Return a function that makes a deployment; its services end with the module."""
    sites: list[FuturesSite] = []

    def made(**changes: Mapping[str, Any]) -> Deployment:
        portfolio = f"test-{uuid4().hex[:8]}"
        site = FuturesSite(
            tmp_path_factory.mktemp(portfolio), tq_venue, tq_addresses, portfolio=portfolio, changes=changes
        )
        sites.append(site)
        return Deployment(site)

    yield made
    for site in sites:
        site.stop_all()


@pytest.fixture
def addresses(database: object, rabbitmq_url: str, redis_url: str) -> Generator[Addresses]:
    """Return the servers of this run, with a database of the test's own; ``database`` has PostgreSQL started early."""
    with fresh_database(needed("TEST_POSTGRES_URL")) as own:
        yield Addresses(own, rabbitmq_url, redis_url)
