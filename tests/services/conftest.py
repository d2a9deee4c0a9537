"""Servers for the tests of this folder, and a guard that lets them connect to nothing else.

The guard sees what Python connects; PostgreSQL's own library is given the address of TEST_POSTGRES_URL, or of a proxy
in front of it, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import time
import warnings
from collections.abc import Callable, Generator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import pytest_socket
from sqlalchemy import create_engine, make_url
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool
from us_equity_strategies.catalog import CATALOG
from venue_sandbox.servers.launch import Server

from .brokers.app_frame import longbridge_login

Start = Callable[..., Server]

SERVERS = {
    "mongodb_url": "TEST_MONGODB_URL",
    "database": "TEST_POSTGRES_URL",
    "endpoint": "TEST_GS_ENDPOINT",
    "kafka_url": "TEST_KAFKA_URL",
    "promtool": "TEST_PROMTOOL",
    "rabbitmq_url": "TEST_RABBITMQ_URL",
    "redis_url": "TEST_REDIS_URL",
}
"""The variables that name servers and a program, by the fixture that asks for one; the first may have to be built."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.services)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the servers that the tests need started at once, side by side."""
    fixtures = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    for variable in (variable for fixture, variable in SERVERS.items() if fixture in fixtures):
        supply = os.environ.get("TEST_SERVERS")
        if supply and not os.environ.get(variable):
            with socket.socket(socket.AF_UNIX) as asking:
                asking.connect(supply)
                asking.sendall(f"{variable}\n".encode())


def needed(name: str) -> str:
    """Return an environment variable that names a server, which is started if nobody needed it before."""
    if not os.environ.get(name):
        os.environ.update(supplied(name))
    return os.environ[name]


def supplied(name: str) -> dict[str, str]:
    """Ask the run of these tests for a server; fail where there is no such run."""
    supply = os.environ.get("TEST_SERVERS")
    if not supply:
        pytest.fail(f"{name} is not set: run these tests with make test-services", pytrace=False)
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(supply)
        with asking.makefile("rw") as stream:
            stream.write(f"{name}\n")
            stream.flush()
            answer = json.load(stream)
    if "error" in answer:
        pytest.fail(answer["error"], pytrace=False)
    return answer


@pytest.fixture(scope="session")
def endpoint() -> str:
    """Return the URL of the Cloud Storage emulator that runs for all tests."""
    return needed("TEST_GS_ENDPOINT")


@pytest.fixture(scope="session")
def kafka_url() -> str:
    """Return the address of the Kafka that runs for all tests: names of topics and groups have to be a test's own."""
    return needed("TEST_KAFKA_URL")


@pytest.fixture(scope="session")
def mongodb_url() -> str:
    """Return the address of the MongoDB that runs for all tests: names of databases have to be a test's own."""
    return needed("TEST_MONGODB_URL")


@pytest.fixture(scope="session")
def promtool() -> str:
    """Return where Prometheus's promtool is."""
    return needed("TEST_PROMTOOL")


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """Return the address of the RabbitMQ that runs for all tests: names of queues have to be a test's own."""
    return needed("TEST_RABBITMQ_URL")


@pytest.fixture(scope="session")
def redis_url() -> str:
    """Return the address of the Redis that runs for all tests: keys have to be a test's own."""
    return needed("TEST_REDIS_URL")


@pytest.fixture(scope="session")
def ports() -> set[int]:
    """Return the ports of 127.0.0.1 that were opened for this run."""
    return Server.opened


@pytest.fixture(autouse=True)
def only_servers_of_this_run(ports: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test connect to those ports, and to a server that the environment names."""
    pytest_socket.enable_socket()

    def guarded(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        def check(self: socket.socket, address: Any) -> Any:
            if self.family != socket.AF_UNIX:
                named = [urlsplit(os.environ.get(name, "")) for name in SERVERS.values()]
                allowed = {f"127.0.0.1:{port}" for port in ports} | {f"{part.hostname}:{part.port}" for part in named}
                host = f"{address[0]}:{address[1]}"
                if host not in allowed:
                    # Not an exception that the code under test could take for a failing network.
                    pytest.fail(f"connection to {host}, which was not opened for this run")
            return connect(self, address)

        return check

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))


@pytest.fixture
def start(ports: set[int]) -> Generator[Start]:
    """Return a function that starts a server of the sandbox; it is stopped after the test."""
    started: list[Server] = []

    def run(module: str, *options: str) -> Server:
        server = Server(f"venue_sandbox.{module}", *options)
        started.append(server)
        return server

    yield run
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture
def database() -> Generator[URL]:
    """Return the address of an empty schema in the PostgreSQL server."""
    address = make_url(needed("TEST_POSTGRES_URL"))
    schema = f"test_{uuid4().hex}"
    engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    yield address.update_query_dict({"options": f"-csearch_path={schema}"})
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def proxy(database: URL, start: Start) -> Server:
    """Return a proxy in front of the PostgreSQL server."""
    return start("servers.fault_proxy", "--to", f"{database.host}:{database.port or 5432}")


SPLIT_CATALOG = """
from dataclasses import replace
from quant_platform_kit.domain.strategy import Adjustment
from us_equity_strategies.catalog import CATALOG as CATALOG_OF_THE_HOUSE

def split(strategy):
    manifest = replace(
        strategy.manifest, profile=f"split_{strategy.manifest.profile}", adjustment=Adjustment.SPLIT
    )
    return type(strategy.__class__.__name__, (strategy.__class__,), {"manifest": manifest})()

CATALOG = {f"split_{name}": split(strategy) for name, strategy in CATALOG_OF_THE_HOUSE.items()}
"""
SPLIT_SERVICE = """
from pathlib import Path
from quant_platform_kit.web.serve import main
from APP_app import compose

compose.description = lambda: Path(__file__).with_name("APP.toml")
main(compose.compose)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of modules: every profile as one that takes prices adjusted for splits, called ``split_...``.

    The services ``split_paper``, ``split_ibkr`` and ``split_schwab`` there may run them.
    """
    folder = tmp_path / "site"
    installed = folder / "split_strategy-1.dist-info"
    installed.mkdir(parents=True)
    (folder / "split_strategy.py").write_text(SPLIT_CATALOG)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: split-strategy\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[quant.strategies]\nsplit = split_strategy:CATALOG\n")
    names = json.dumps([f"split_{name}" for name in CATALOG])
    platforms = {"paper": "quant_platform_kit.paper.platform"}
    for app in ("paper", "ibkr", "schwab"):
        described: Path = import_module(platforms.get(app, f"{app}_app.platform")).description()
        (folder / f"split_{app}.py").write_text(SPLIT_SERVICE.replace("APP", app))
        enabled = re.subn(r"enabled = \[[^\]]*\]", f"enabled = {names}", described.read_text())
        assert enabled[1] == 1
        (folder / f"{app}.toml").write_text(enabled[0])
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture(scope="session")
def sdk() -> ModuleType:
    """Return the client library of Interactive Brokers: ib_async, or ib_insync where only that is installed."""
    return import_module("ib_async" if find_spec("ib_async") else "ib_insync")


@pytest.fixture
def gateway(start: Start, tmp_path: Path) -> Start:
    """Return a function that starts a Gateway with the account DUSBX1, or starts it again with all it has kept.

    Its clock begins on a Friday, an hour and a half after the open; more options follow, and win.
    """

    def run(*options: str) -> Server:
        given = ("--folder", str(tmp_path / "venue"), "--clock", "2023-06-02T15:00:00+00:00", *options)
        funding = () if "--account" in options else ("--account", "DUSBX1=100000")
        return start("venues.tws", *given, *funding)

    return run


@pytest.fixture
def connect(sdk: ModuleType) -> Generator[Callable[..., Any]]:
    """Return a function that connects a client of the library to a Gateway; it notes its errors in ``seen``."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    clients: list[Any] = []

    def run(server: Server, client: int = 1, speaks: int | None = None, **options: Any) -> Any:
        ib = sdk.IB()
        ib.client.MaxClientVersion = speaks or ib.client.MaxClientVersion
        ib.seen = []
        ib.errorEvent += lambda request, code, text, contract: ib.seen.append((request, code))
        clients.append(ib)
        return ib.connect("127.0.0.1", server.port, clientId=client, **{"timeout": 60, **options})

    yield run
    # A client that has not noticed yet that its connection is gone fails to close it.
    loop.run_until_complete(asyncio.sleep(0.01))
    for ib in clients:
        ib.disconnect()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def schwab() -> ModuleType:
    """Return schwab-py, with the parts of it that tests use."""
    import_module("authlib.deprecate")  # it has its own warnings shown always, in front of other filters
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The httpx module is deprecated")
        warnings.filterwarnings("ignore", "websockets.legacy is deprecated")
        warnings.filterwarnings("ignore", r"websockets\.\w+.* is deprecated")
        for part in ("auth", "orders.equities", "orders.common", "utils"):
            import_module(f"schwab.{part}")
        return import_module("schwab")


@pytest.fixture
def schwab_venue(start: Start, tmp_path: Path) -> Start:
    """Return a function that starts Schwab with the account DUSBX1, or starts it again with all it has kept.

    Its clock begins at noon of a Friday; more options follow, and win.
    """

    def run(*options: str) -> Server:
        given = ("--folder", str(tmp_path / "schwab"), "--clock", "2023-06-02T16:00:00+00:00", *options)
        funding = () if "--account" in options else ("--account", "DUSBX1=100000")
        return start("venues.schwab", *given, *funding)

    return run


@pytest.fixture
def redirect() -> Callable[..., None]:
    """Return a function that sends all that a session asks of Schwab to a venue, and lets it ask nobody else."""

    def run(session: Any, server: Server) -> None:
        def to_venue(request: Any) -> None:
            if request.url.host not in ("api.schwabapi.com", "127.0.0.1"):
                raise RuntimeError(f"a request for {request.url.host}, which is not Schwab")
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=server.port)

        async def to_venue_async(request: Any) -> None:
            to_venue(request)

        is_async = hasattr(session, "aclose")
        session.event_hooks = {"request": [to_venue_async if is_async else to_venue]}

    return run


@pytest.fixture
def schwab_client(schwab: ModuleType, redirect: Callable[..., None], tmp_path: Path) -> Generator[Callable[..., Any]]:
    """Return a function that logs in at a venue and makes a client of schwab-py with the token file of it."""
    sessions: list[Any] = []

    def run(server: Server, expires_in: float | None = None, **options: Any) -> Any:
        token = server.control("POST", "login")
        if expires_in is not None:
            token["token"]["expires_at"] = int(time.time() + expires_in)
        path = tmp_path / "token.json"
        path.write_text(json.dumps(token))
        client = schwab.auth.client_from_token_file(path, "sandbox-key", "sandbox-secret", **options)
        redirect(client.session, server)
        if not options.get("asyncio"):
            sessions.append(client.session)
        return client

    yield run
    for session in sessions:
        session.close()


@pytest.fixture(scope="session", params=["longbridge", "longport"])
def openapi(request: pytest.FixtureRequest) -> ModuleType:
    """Return the client library of LongBridge under its present and its former name."""
    return pytest.importorskip(f"{request.param}.openapi", exc_type=ImportError)


@pytest.fixture
def longbridge_venue(start: Start, tmp_path: Path) -> Start:
    """Return a function that starts LongBridge with the account DUSBX1, or starts it again with all it has kept.

    Its clock begins at noon of a Friday; more options follow, and win.
    """

    def run(*options: str) -> Server:
        given = ("--folder", str(tmp_path / "longbridge"), "--clock", "2023-06-02T16:00:00+00:00", *options)
        funding = () if "--account" in options else ("--account", "DUSBX1=HKD:780000,USD:100000")
        return start("venues.longbridge", *given, *funding)

    return run


@pytest.fixture
def longbridge_config(openapi: ModuleType) -> Callable[..., Any]:
    """Return a function that makes the library's configuration for an account of a venue."""

    def run(server: Server, account: str = "DUSBX1", **changes: str) -> Any:
        make = getattr(openapi.Config, "from_apikey", openapi.Config)
        return make(**{**longbridge_login(server, account), **changes}, enable_print_quote_packages=False)

    return run
