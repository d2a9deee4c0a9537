"""All services on Kafka and PostgreSQL, each restarted under load; then what people do with a deployment that runs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from confluent_kafka import Producer
from event_trading_app.names import Service, Topic
from event_trading_app.supervising import Site, ordered
from quant_platform_kit.events.bus import Settings, producer_config
from quant_platform_kit.events.dead_letters import Letter, letters
from quant_platform_kit.events.reading import history
from venue_sandbox.servers.kafka import kafka
from venue_sandbox.servers.postgresql import postgresql
from venue_sandbox.stands.event_services import EventServices
from venue_sandbox.stands.near import NearStand

LOAD: dict[str, Any] = {"rate": 4.0, "out_share": 0.3, "max_wait_ms": 120_000, "min_deadline_ms": 5_000}
"""Auctions that end with their first answer, and are open for long: what is late is lost, and none may be."""
START_SECONDS, WORK_SECONDS, END_SECONDS = 90.0, 60.0, 90.0
STOP_SECONDS = 15.0
"""Less than after which a service ends whatever it waits for, which would be status 0 too."""
BAD = b'{"no": "event"}'
NAMES = tuple(service.value for service in ordered(Service))
WAY = (Topic.RAW_QUOTE, Topic.SWAP_DEMAND, Topic.EXECUTE_TRADE)
ENDS = ("SETTLED", "NOT_SELECTED", "REJECTED", "EXPIRED")
COMMAND = str(Path(sys.executable).with_name("event-trading"))


@dataclass
class Rolled:
    """What a restart of every service has shown.

    Attributes
    ----------
    exits
        By service: the exit status, and how many seconds the stop took.
    auctions
        How many were opened by the end of each restart.
    opened
        How many in all.
    """

    services: EventServices
    exits: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    auctions: list[int] = field(default_factory=list[int])
    opened: int = 0

    def restart(self, service: Service) -> None:
        """Restart a service; a second ingestor is there before the first one goes, as the venue tells nothing twice."""
        site, name = self.services.site, service.value
        second = f"{name}-2"
        if service is Service.INGESTOR:
            site.start(service, second)
            self.services.wait_for(f"{second} works", lambda: site.works(second), WORK_SECONDS)
        begun = time.monotonic()
        self.exits[name] = site.end(name), time.monotonic() - begun
        if service is not Service.INGESTOR:
            site.start(service, name)
            self.services.wait_for(f"{name} works", lambda: site.works(name), WORK_SECONDS)
        self.auctions.append(self.services.venue.look("drive")["opened"])

    def run(self, *words: str, status: int = 0, variables: Mapping[str, str] | None = None) -> str:
        """Run a command against this deployment, and return what it printed."""
        environment = {**self.services.site.environment, **(variables or {})}
        ended = subprocess.run(
            [COMMAND, *words], env=environment, capture_output=True, text=True, timeout=90, check=False
        )
        assert ended.returncode == status, (ended.stdout, ended.stderr)
        return ended.stdout


@pytest.fixture(scope="module")
def rolled(tmp_path_factory: pytest.TempPathFactory) -> Generator[Rolled]:
    """Return all services, each restarted while auctions came; names of topics are fixed, so Kafka is their own."""
    pytest_socket.enable_socket()
    folder = tmp_path_factory.mktemp("rolling")
    with ExitStack() as running:
        broker, database = running.enter_context(kafka()), running.enter_context(postgresql())
        venue = running.enter_context(NearStand(folder, ("--seed", "7")))
        bus = Settings(broker.url)
        services = running.enter_context(EventServices(folder, venue, bus, database.url))
        services.start(START_SECONDS)
        found = Rolled(services)
        venue.do("drive", **LOAD)
        put(bus, Topic.RAW_QUOTE, BAD)
        for service in ordered(Service):
            found.restart(service)
        venue.do("stop")
        found.opened = venue.look("drive")["opened"]
        services.wait_for("every command has its end", lambda: services.ended() >= found.opened, END_SECONDS)
        yield found


def put(bus: Settings, topic: Topic, value: bytes) -> None:
    producer = Producer(producer_config(bus))
    producer.produce(topic.value, value)
    assert producer.flush(30) == 0


def there(rolled: Rolled, topic: str) -> dict[str, set[bytes]]:
    """Return the events of a topic by their ids, of which two ingestors tell two; what is no event is passed over."""
    found = dict[str, set[bytes]]()
    for message in history(rolled.services.bus, (topic,)):
        if message.value != BAD:
            found.setdefault(message.event().event_id, set()).add(message.value)
    return found


def test_every_service_ends_with_status_0_in_time(rolled: Rolled) -> None:
    assert {name: status for name, (status, _) in rolled.exits.items()} == dict.fromkeys(NAMES, 0)
    assert all(seconds < STOP_SECONDS for _, seconds in rolled.exits.values()), rolled.exits


def test_there_was_load_all_the_time(rolled: Rolled) -> None:
    assert rolled.auctions == sorted(rolled.auctions)
    assert rolled.opened >= len(NAMES)
    assert rolled.auctions[0] < rolled.auctions[-1] <= rolled.opened


def test_no_auction_is_lost_and_none_is_answered_twice(rolled: Rolled) -> None:
    services = rolled.services
    taken = services.venue.taken()
    assert len(taken) == rolled.opened
    assert [quote for quote, answers in taken.items() if len(answers) != 1] == []
    assert len({answer["quote_id"] for answer in services.venue.answers()}) == rolled.opened
    assert {topic: len(there(rolled, topic)) for topic in WAY} == dict.fromkeys(WAY, rolled.opened)


def test_every_command_is_settled_and_that_is_told_once(rolled: Rolled) -> None:
    states = [state for state in rolled.services.events(Topic.TRADE_RESULT).values() if state in ENDS]
    assert states == ["SETTLED"] * rolled.opened
    assert len(rolled.services.venue.settled()) == rolled.opened


def test_check_finds_everything_in_order_and_names_what_is_not(rolled: Rolled) -> None:
    checked = json.loads(rolled.run("check", "--json"))
    assert {each["what"]: each["good"] for each in checked} == dict.fromkeys(
        ("mode", "quoter", "bus", "ledger", "venue"), True
    )
    variables = {"EVENT_TRADING_NEAR_NODE_URL": f"{rolled.services.venue.near_url}/nothing"}
    table = rolled.run("check", status=1, variables=variables).splitlines()
    assert [line.split()[0] for line in table if "FAILED" in line] == ["venue"]


def test_a_message_that_is_no_event_is_listed_replayed_and_dropped(rolled: Rolled) -> None:
    (first,), (archived,) = dead(rolled, "normalizer"), dead(rolled, "archiver")  # both read the topic that it is in
    assert first.content.original.value == archived.content.original.value == BAD
    listed = rolled.run("dead-letters", "list").splitlines()
    assert [line.split()[:2] for line in listed[1:]] == [
        [each.content.stage, str(each.number)] for each in (first, archived)
    ]
    assert all("no event: it lacks event_id" in line for line in listed[1:])
    assert rolled.run("dead-letters", "replay", "normalizer", str(first.number)) == "replayed: 1\n"
    rolled.services.wait_for("it is a letter again", lambda: len(dead(rolled, "archiver")) == 2, WORK_SECONDS)
    rolled.services.wait_for("it is a letter again", lambda: len(dead(rolled, "normalizer")) == 1, WORK_SECONDS)
    (again,) = dead(rolled, "normalizer")
    assert again.number > first.number
    assert rolled.run("dead-letters", "drop", "normalizer", str(first.number), status=1) == ""
    assert rolled.run("dead-letters", "drop", "normalizer", str(again.number)) == "dropped: 1\n"
    numbers = [str(each.number) for each in dead(rolled, "archiver")]
    assert rolled.run("dead-letters", "drop", "archiver", *numbers) == "dropped: 2\n"
    assert rolled.run("dead-letters", "list") == "no dead letters\n"


def test_an_hour_of_the_archive_is_judged_again_and_told_again_in_a_namespace(rolled: Rolled) -> None:
    services, now = rolled.services, datetime.now(UTC)
    span = [f"{now + each:%Y-%m-%dT%H:%M:%S}" for each in (timedelta(hours=-1), timedelta(minutes=1))]
    words = ["replay", "--since", span[0], "--until", span[1]]

    # A quote that two ingestors told may be decided on twice: one command, told twice.
    services.wait_for("all is archived", lambda: services.judged().commands >= rolled.opened, WORK_SECONDS)
    verdict = json.loads(rolled.run(*words, "--json"))
    assert (verdict["normalized"], verdict["differences"]) == (rolled.opened, [])
    answers, made = services.venue.answers(), f"again.{Topic.SWAP_DEMAND}"
    variables = {"EVENT_TRADING_DRY_RUN_ONLY": "true", "EVENT_TRADING_NEAR_KEY": "", "EVENT_TRADING_NEAR_TOKEN": ""}
    told = rolled.run(*words, "--namespace", "again.", variables=variables)
    assert told.startswith("told again in again.*: ")
    assert there(rolled, f"again.{Topic.RAW_QUOTE}") == there(rolled, Topic.RAW_QUOTE)
    with Site({**services.site.environment, **variables, "EVENT_TRADING_NAMESPACE": "again."}) as site:
        site.start(Service.NORMALIZER)
        services.wait_for(
            "demands are made again, byte for byte",
            lambda: there(rolled, made) == there(rolled, Topic.SWAP_DEMAND),
            WORK_SECONDS,
        )
    assert services.venue.answers() == answers


def dead(rolled: Rolled, stage: str) -> tuple[Letter, ...]:
    return letters(rolled.services.bus, stage)
