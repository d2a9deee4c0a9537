"""A rolling restart of every event service under load, against an equal run in which nothing is restarted.

All services are processes, one of each, at a Kafka and a PostgreSQL of their own; quotes come at a rate and are open
for three seconds at most. As where they are deployed, another one is there and works before a service goes. What counts
is the venue's: quotes without an answer, quotes with two, and the longest time between two answers.
"""

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from event_trading_app.names import Service
from event_trading_app.supervising import ordered
from quant_platform_kit.events.bus import Settings
from venue_sandbox.servers.kafka import kafka
from venue_sandbox.servers.postgresql import postgresql
from venue_sandbox.stands.event_services import EventServices
from venue_sandbox.stands.near import NearStand

__all__ = ["measure"]

RATE, SECONDS, WAIT_MS = 200.0, 120.0, 3_000
WARM_UP_SECONDS = 5.0
"""Of load before the first service is restarted."""
MOST_MISSED = 0.02
"""Of all quotes, more than in the run without a restart."""
START_SECONDS, WORK_SECONDS, DRIVEN_SECONDS = 120.0, 60.0, 60.0


@dataclass(frozen=True, slots=True)
class Run:
    """What the venue has seen in one run.

    Attributes
    ----------
    restarted
        How many services were restarted while quotes came.
    missed
        Quotes without an answer.
    doubles
        Quotes of which two answers were taken.
    gap
        The longest time between two answers, in seconds.
    """

    quotes: int
    restarted: int
    missed: int
    doubles: int
    gap: float


def measure(rate: str = str(RATE), seconds: str = str(SECONDS)) -> dict[str, Any]:
    """Return both runs and what is between them; ``met`` needs every service to be restarted under load."""
    still = _run(float(rate), float(seconds), restarts=False)
    rolled = _run(float(rate), float(seconds), restarts=True)
    missed = rolled.missed / rolled.quotes - still.missed / still.quotes
    return {
        "rate": float(rate),
        "seconds": float(seconds),
        "quotes": rolled.quotes,
        "restarted": rolled.restarted,
        "missed": rolled.missed,
        "missed_without_restart": still.missed,
        "missed_more": round(missed, 4),
        "longest_gap_s": round(rolled.gap, 3),
        "longest_gap_s_without_restart": round(still.gap, 3),
        "doubles": rolled.doubles + still.doubles,
        "bound": MOST_MISSED,
        "met": missed <= MOST_MISSED and not rolled.doubles + still.doubles and rolled.restarted == len(Service),
    }


def _run(rate: float, seconds: float, *, restarts: bool) -> Run:
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="bench-rollout-")))
        broker, database = running.enter_context(kafka()), running.enter_context(postgresql())
        venue = running.enter_context(NearStand(folder, ("--seed", "7")))
        services = running.enter_context(
            EventServices(folder, venue, Settings(broker.url), database.url, {"archive_seconds": "30"})
        )
        services.start(START_SECONDS)
        plan: dict[str, Any] = {"out_share": 0.3, "max_wait_ms": WAIT_MS, "min_deadline_ms": 5_000}
        venue.do("drive", rate=rate, count=round(rate * seconds), **plan)
        restarted = _restart_all(services) if restarts else 0
        progress = venue.driven(seconds + DRIVEN_SECONDS)
        answers = venue.answers()
        taken = venue.taken()
        return Run(
            quotes=progress["opened"],
            restarted=restarted,
            missed=progress["opened"] - len({answer["quote_id"] for answer in answers}),
            doubles=sum(len(each) > 1 for each in taken.values()),
            gap=_longest_gap([answer["at"] for answer in answers]),
        )


def _restart_all(services: EventServices) -> int:
    """Replace every service in turn; return for how many of them that was done while quotes still came."""
    time.sleep(WARM_UP_SECONDS)
    site, in_time = services.site, 0
    for service in ordered(Service):
        name = service.value
        second = f"{name}-2"
        site.start(service, second)
        services.wait_for(f"{second} works", lambda second=second: site.works(second), WORK_SECONDS)
        site.end(name)
        in_time += services.venue.look("drive")["running"]
    return in_time


def _longest_gap(instants: Sequence[str]) -> float:
    moments = sorted(datetime.fromisoformat(each) for each in instants)
    return max(((after - before).total_seconds() for before, after in pairwise(moments)), default=float("inf"))
