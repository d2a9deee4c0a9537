"""`event-trading demo`: auctions at a relay of this machine, answered over a bus by all services; one is killed."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from quant_platform_kit.events.bus import Settings

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True)

UNTAKEN: dict[str, float] = {"count": 20, "take_share": 0.5, "max_wait_ms": 10_000, "min_deadline_ms": 2_000}
"""Auctions of which takers leave every second answer: these come to their end after their deadline."""
TAKEN: dict[str, float] = {"count": 30, "take_share": 1.0, "max_wait_ms": 60_000, "min_deadline_ms": 5_000}
"""Auctions that are open for long, so that a killed executor misses none."""
RATE, OUT_SHARE = 10.0, 0.3
START_SECONDS, END_SECONDS = 60.0, 60.0


class Kafka(StrEnum):
    """Which broker, and with it which ledger."""

    MOCK = "mock"
    REAL = "real"


@app.callback()
def demo(
    kafka: Annotated[
        Kafka, typer.Option(help="`mock`: librdkafka's own and SQLite; `real`: Kafka and PostgreSQL.")
    ] = Kafka.MOCK,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Answer auctions, with one executor killed on the way; exit 1 unless every command came to its end once."""
    from quant_platform_kit.domain.digests import canonical_json
    from quant_platform_kit.domain.errors import QuantError

    from venue_sandbox.servers.launch import Unhealthy
    from venue_sandbox.servers.machine import CannotRun

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="events-demo-") as name:
        try:
            found = _shown(Path(name), kafka)
        except (CannotRun, Unhealthy) as error:
            raise QuantError(f"the demo did not come to its end: {error}") from error
    found["seconds"] = round(time.monotonic() - began, 1)
    if as_json:
        sys.stdout.write(canonical_json(found).decode() + "\n")
    else:
        _tell(found)
    if found["wrong"]:
        raise typer.Exit(1)


def _shown(folder: Path, kafka: Kafka) -> dict[str, Any]:
    from venue_sandbox.stands.event_services import EventServices
    from venue_sandbox.stands.near import NearStand

    with _servers(folder, kafka) as (bus, store_url), NearStand(folder, ("--seed", "7")) as venue:
        with EventServices(folder, venue, bus, store_url) as services:
            services.start(START_SECONDS)
            venue.do("drive", rate=RATE, out_share=OUT_SHARE, **UNTAKEN)
            first, all_of_them = int(UNTAKEN["count"]), int(UNTAKEN["count"] + TAKEN["count"])
            services.wait_for("every command has its end", lambda: services.ended() >= first, END_SECONDS)
            venue.do("drive", rate=RATE, out_share=OUT_SHARE, **TAKEN)
            services.wait_for("some more answers", lambda: len(venue.answers()) >= first + 5, END_SECONDS)
            services.site.kill("executor")
            services.wait_for("every command has its end", lambda: services.ended() >= all_of_them, END_SECONDS)
            counts, outcomes = services.counts(), services.outcomes()
            exits, again = services.site.stop(), services.judged()
        taken, settled = venue.taken(), venue.settled()
    wrong = [f"quote {quote} has {len(each)} answers" for quote, each in taken.items() if len(each) != 1]
    wrong += [f"{name} ended with status {code}" for name, code in exits.items() if code]
    if outcomes.get("SETTLED", 0) != len(settled):
        wrong.append(f"{len(settled)} answers were settled, and {outcomes.get('SETTLED', 0)} are told")
    if not settled:
        wrong.append("no answer was settled: this machine is too slow for the windows of auctions, or busy")
    wrong += again.differences
    for topic, made in (("norm.swap_demand", again.normalized), ("cmd.execute_trade", again.commands)):
        if made != counts[topic]:
            wrong.append(f"{made} of {counts[topic]} events of {topic} were made again out of the archive")
    return {
        "kafka": kafka.value,
        "topics": counts,
        "outcomes": outcomes,
        "answers": len(taken),
        "made_again": {"normalized": again.normalized, "commands": again.commands},
        "late": outcomes.get("EXPIRED", 0),
        "wrong": wrong,
    }


@contextmanager
def _servers(folder: Path, kafka: Kafka) -> Generator[tuple[Settings, str]]:
    from quant_platform_kit.events.bus import Settings as Bus
    from quant_platform_kit.events.mock import mock_broker

    if kafka is Kafka.MOCK:
        with mock_broker() as bus:
            yield bus, f"sqlite:///{folder}/ledger.db"
        return
    from venue_sandbox.servers.kafka import kafka as private_kafka
    from venue_sandbox.servers.postgresql import postgresql

    with private_kafka() as broker, postgresql() as database:
        yield Bus(broker.url), database.url


def _tell(found: dict[str, Any]) -> None:
    say = sys.stdout.write
    if found["kafka"] == Kafka.MOCK:
        say("the broker is librdkafka's mock: it shows aborted messages, and proves nothing about a real one\n")
    for name, count in found["topics"].items():
        say(f"{count:7}  {name}\n")
    say("of the commands, one executor killed meanwhile:\n")
    for state, count in found["outcomes"].items():
        say(f"{count:7}  {state}\n")
    say(f"{found['answers']:7}  quotes with an answer at the venue, each with exactly one\n")
    say("made again out of the archive, all alike:\n")
    for what, count in found["made_again"].items():
        say(f"{count:7}  {what}\n")
    if found["late"]:
        say(f"{found['late']:7}  commands were too late to be sent: this machine is slow or busy\n")
    for text in found["wrong"]:
        say(f"WRONG: {text}\n")
    say(f"{found['seconds']} s\n")
