"""`tq-broker watch` and `check`, at services that run and servers that answer."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from tq_broker_app.bus.ports import Queue
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.names import Role
from venue_sandbox.servers.launch import Server

from .conftest import COMMAND, Deploy, Deployment

HANDLERS = ("order-handler", "position-handler", "account-handler")


def free_port() -> int:
    """Return a port that the following seven are free beside."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
        if port < 65000 and all(_free(port + offset) for offset in range(len(Role))):
            return port


def _free(port: int) -> bool:
    with socket.socket() as asked:
        try:
            asked.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@pytest.fixture
def deployment(deploy: Deploy, ports: set[int]) -> Deployment:
    port = free_port()
    ports.update(range(port, port + len(Role)))
    return deploy(operations={"port": port})


def publish(deployment: Deployment, queue: Queue, body: bytes) -> None:
    async def put(bus: RabbitBus) -> None:
        await bus.publish(queue, body)

    asyncio.run(deployment.with_bus(put))


def seen(deployment: Deployment) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    document = deployment.told("watch", "--once", code=1)
    return document, [(each["kind"], each["name"]) for each in document["findings"]]


def test_one_look_names_what_is_down_and_what_waits(deployment: Deployment) -> None:
    deployment.site.start(HANDLERS)
    document, found = seen(deployment)
    assert not document["quiet"]
    assert {name for kind, name in found if kind == "service"} == {role.value for role in Role} - {*HANDLERS}
    assert {document["services"][name]["phase"] for name in HANDLERS} == {"working"}
    assert document["services"]["order-monitor"]["phase"] == "down"
    assert [kind for kind, _ in found if kind != "service"] == ["calendar"]  # the venue's clock is near its end
    publish(deployment, Queue.ACCOUNT, b"no JSON")
    deadline = time.monotonic() + 20
    while "dead-letters" not in [kind for kind, _ in seen(deployment)[1]]:
        assert time.monotonic() < deadline
    ended = deployment.run("watch", "--once")
    assert ended.returncode == 1
    assert "1 dead letter; see `tq-broker dead-letters list`" in ended.stdout


def test_servers_that_are_gone_are_findings(deploy: Deploy, deployment: Deployment, ports: set[int]) -> None:
    ports.add(9)
    own = deployment.site.document()
    port = own["operations"]["port"]
    rabbit, database = {"url": "amqp://quant:sesame-rabbit@127.0.0.1:9/quant"}, {"port": 9}
    ended = deploy(operations={"port": port}, rabbitmq=rabbit, database=database, redis={"port": 9}).run_alone(
        "watch", "--once"
    )
    assert ended.returncode == 1
    assert "RabbitMQ does not answer" in ended.stdout
    assert "server: database" in ended.stdout
    assert "server: Redis at 127.0.0.1:9" in ended.stdout
    assert "sesame" not in ended.stdout + ended.stderr
    assert ended.stderr == ""


class Inbox(BaseHTTPRequestHandler):
    """Takes notifications."""

    taken: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        """Take one."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Inbox.taken.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def inbox(ports: set[int]) -> Generator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Inbox)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Inbox.taken = []
    yield server
    server.shutdown()
    server.server_close()


def test_people_are_told_once_of_a_service_that_stays_down(deploy: Deploy, inbox: HTTPServer, ports: set[int]) -> None:
    port = free_port()
    ports.update(range(port, port + len(Role)))
    urls = f"json://127.0.0.1:{inbox.server_address[1]}/"
    deployment = deploy(operations={"port": port, "notify_urls": urls})
    config = str(deployment.site.write_config())
    words = (COMMAND, "watch", "--every", "1", "--patience", "2", "--json", "--config", config)
    watching = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while len(titles(Inbox.taken, "order-monitor")) < 1:
            assert time.monotonic() < deadline, watching.poll()
            time.sleep(0.1)
        time.sleep(3)
    finally:
        watching.terminate()
        out, _ = watching.communicate(timeout=10)
    assert len(titles(Inbox.taken, "order-monitor")) == 1
    events = [json.loads(line) for line in out.splitlines()]
    assert len([each for each in events if "order-monitor is down" in each["text"]]) == 1
    assert {each["event"] for each in events} == {"alert"}


def titles(taken: list[Any], word: str) -> list[str]:
    return [each["title"] for each in taken if word in each["title"]]


def test_check_changes_nothing(deployment: Deployment) -> None:
    found = {each["what"]: each for each in deployment.told("check")}
    assert all(each["good"] for each in found.values())
    assert deployment.site.portfolio in found["settings"]["found"]
    assert f"tq_dead_letters_{deployment.portfolio}" in found["queues"]["found"]
    assert "not there yet" in found["queues"]["found"]
    again = {each["what"]: each for each in deployment.told("check")}
    assert "not there yet" in again["queues"]["found"]
    assert "2026-12-31" in found["calendar"]["found"]
    assert deployment.run("check").returncode == 0


def test_check_fails_where_a_server_refuses(deploy: Deploy) -> None:
    deployment = deploy(redis={"password": "sesame-wrong"})
    found = {each["what"]: each for each in deployment.told("check", code=1)}
    assert [what for what, each in found.items() if not each["good"]] == ["redis"]
    assert "sesame" not in json.dumps(found)


def test_the_page_of_another_service_is_none(deployment: Deployment, ports: set[int]) -> None:
    port = int(deployment.site.document()["operations"]["port"])
    deployment.site.changes = {**deployment.site.changes, "operations": {"port": port + 1}}
    deployment.site.start(["order-handler"])
    deployment.site.changes = {**deployment.site.changes, "operations": {"port": port}}
    document, _ = seen(deployment)
    assert document["services"]["position-handler"]["phase"] == "down"
    assert "is the page of order-handler" in document["services"]["position-handler"]["error"]
    assert port + 6 in Server.opened
