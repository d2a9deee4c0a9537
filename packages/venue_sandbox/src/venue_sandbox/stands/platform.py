"""A platform on this machine: a venue, the service that trades on it, and a scheduler that triggers it.

Three processes, as in production. Time is the venue's: it is set to the instant of each trigger before the scheduler
fires it, so that years pass in minutes.
"""

from __future__ import annotations

import json
import time
from abc import ABC
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Self

from venue_sandbox.servers.launch import Server, Unhealthy
from venue_sandbox.servers.loopback import Answer, ask
from venue_sandbox.stands.stand import ACCOUNT, Opening, Stand

__all__ = ["ACCOUNT", "Attempt", "Delivered", "Platform"]

JOB = "projects/sandbox/locations/local/jobs/run"
SCHEDULE, TIME_ZONE = "45 15 * * 1-5", "America/New_York"
FIRE_SECONDS = 120
START_SECONDS = 30
LATENCY = timedelta(seconds=1)
"""How long after its time a trigger arrives."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery of a trigger: the answer's status and body, or why there was none."""

    status: int | None
    body: str
    error: str | None

    @property
    def said(self) -> str:
        """What became of it, in a word or a sentence."""
        if self.status is None:
            return f"no answer: {self.error}"
        document = json.loads(self.body)
        answers = [document] if "error" in document else document["runs"]
        words = [answer["error"] or answer["report"]["outcome"] for answer in answers]
        return f"{self.status} {'; '.join(words)}"


@dataclass(frozen=True, slots=True)
class Delivered:
    """One execution of the scheduler's job: its schedule time (aware UTC) and its attempts."""

    due: datetime
    attempts: tuple[Attempt, ...]

    @property
    def status(self) -> int | None:
        """Status of the last answer; None if there was none."""
        return self.attempts[-1].status

    @property
    def said(self) -> str:
        """What became of it in the end."""
        return self.attempts[-1].said

    @property
    def run_id(self) -> str:
        """The run that was reported in the end.

        Raises
        ------
        Unhealthy
            The last attempt was not answered with a report.
        """
        last = self.attempts[-1]
        if last.status != HTTPStatus.OK:
            raise Unhealthy(f"the trigger of {self.due:%Y-%m-%d} ended with {last.status or last.error}: {last.body}")
        return json.loads(last.body)["runs"][0]["report"]["run_id"]


@dataclass
class Platform(ABC):
    """The three processes; leaving the context stops them. A subclass names the stand and the app.

    Parameters
    ----------
    folder
        Where everything is kept: the venue's journal, the store, the reports, the log.
    prices
        The price file of the venue.
    profile
        Of the catalog.
    settings
        Further settings of the service.
    clock
        ``virtual``: the scheduler fires when it is told to; ``real``: at the times of its job.
    opens_at
        What time it is when the venue starts, aware; None for real time.
    dry_run
        Whether the service sends no order.
    """

    folder: Path
    prices: Path
    profile: str
    cash: Decimal = Decimal(100_000)
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    account: str = ACCOUNT
    clock: str = "virtual"
    opens_at: str | None = "2023-06-02T14:00:00+00:00"
    dry_run: bool = False

    kind: ClassVar[type[Stand]]
    """Stand of the broker."""
    app: ClassVar[str]
    """Module of the service."""
    name: ClassVar[str]
    """Name of the platform, and of its service."""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stand = self.open()
        scale = ("--backoff-scale", "0.2") if self.clock == "virtual" else ()
        self.scheduler = Server("venue_sandbox.cloud.scheduler", "--clock", self.clock, *scale)
        self._port = 0
        self.start_service()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self.service, self.scheduler, self.venue):
            if server.process.poll() is None:
                server.stop()

    @property
    def venue(self) -> Server:
        """The venue's process."""
        return self.stand.server

    def open(self) -> Stand:
        """Start the venue, with the account funded."""
        return self.kind.open(self.opening())

    def opening(self) -> Opening:
        """Return how the venue is set up."""
        clock = None if self.opens_at is None else datetime.fromisoformat(self.opens_at)
        funded = {self.account: {"USD": self.cash}}
        return Opening(folder=self.folder, accounts=funded, prices=self.prices, clock=clock)

    def set_clock(self, instant: datetime) -> None:
        """Set the venue's time, from which it runs on."""
        self.stand.set_clock(self.account, instant)

    def sent(self) -> list[str]:
        """Return the references of the orders that reached the venue, in sequence, as often as they came."""
        return self.stand.sent(self.account)

    @property
    def store_url(self) -> str:
        """Address of the service's store."""
        return (self.folder / "store").resolve().as_uri()

    @property
    def report_store_url(self) -> str:
        """Address of the service's reports."""
        return (self.folder / "reports").resolve().as_uri()

    def kill_service(self) -> None:
        """End the service as a crash would."""
        self.service.kill()

    def start_service(self) -> None:
        """Start the service, always on the same port, so that the scheduler finds it again."""
        self.service = self._service()
        self._port = self.service.port

    def restart_service(self) -> None:
        """Start the service again, whether it has ended or still runs, which is then told to stop first."""
        if self.service.process.poll() is None:
            self.service.stop()
        else:
            self.service.kill()  # it has ended; its pipes are closed
        self.start_service()

    def fire(self, due: datetime, *, retries: int = 0) -> Delivered:
        """Let the scheduler fire the job for a schedule time, and wait for the end of its attempts."""
        self.set_clock(due + LATENCY)
        self.schedule(retries)
        asked = {"job": "run", "schedule_time": due.astimezone(UTC).isoformat().replace("+00:00", "Z")}
        answer = self._ask("POST", "/_control/fire", asked)
        if not answer.good:
            raise Unhealthy(f"the scheduler did not fire: {answer.body.decode()}")
        attempts = answer.document["attempts"]
        return Delivered(due, tuple(Attempt(each["status"], each["body"] or "", each["error"]) for each in attempts))

    def get(self, path: str) -> Any:
        """Ask the service for something, as JSON."""
        answer = ask(self.service.port, "GET", path, timeout=FIRE_SECONDS)
        if not answer.good:
            raise Unhealthy(f"the service answered {path} with {answer.status}: {answer.body.decode()}")
        return answer.document

    def environment(self) -> Mapping[str, str]:
        """Return the settings of the service, as a process of it finds them."""
        return {
            "PATH": "/usr/bin:/bin",
            "STRATEGY_PROFILE": self.profile,
            "CLOUD_RUN_SERVICE": f"{self.name}-service",
            "STORE_URL": self.store_url,
            "REPORT_STORE_URL": self.report_store_url,
            **self._account_settings(),
            **self.settings,
        }

    def _account_settings(self) -> Mapping[str, str]:
        """Return what leads the service to its account, with the first switch of live trading."""
        switch = str(self.dry_run).lower()
        found = self.stand.settings(self.account)
        return {name: switch if name.endswith("_DRY_RUN_ONLY") else value for name, value in found.items()}

    def _service(self) -> Server:
        settings = {**self.environment(), "PORT": str(self._port)}
        server = Server(self.app, env=settings, log=self.folder / "service.log")
        self._wait_until_ready(server)
        return server

    def _wait_until_ready(self, server: Server) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError):
                if ask(server.port, "GET", "/ready").good:
                    return
            time.sleep(0.05)
        raise Unhealthy(f"the service was not ready within {START_SECONDS:g} s; see {self.folder / 'service.log'}")

    def schedule(self, retries: int = 3) -> None:
        """Point the scheduler's job at the service, whose port changes with every start."""
        job = {
            "name": JOB,
            "schedule": SCHEDULE,
            "timeZone": TIME_ZONE,
            "httpTarget": {"uri": f"http://127.0.0.1:{self.service.port}/run"},
            "retryConfig": {"retryCount": retries, "minBackoffDuration": "5s"},
        }
        if self._ask("GET", f"/v1/{JOB}").good:
            answer = self._ask("PATCH", f"/v1/{JOB}?updateMask=httpTarget,retryConfig", job)
        else:
            answer = self._ask("POST", f"/v1/{JOB.rpartition('/')[0]}", job)
        if not answer.good:
            raise Unhealthy(f"the scheduler refused the job: {answer.body.decode()}")

    def _ask(self, method: str, path: str, document: object = None) -> Answer:
        return ask(self.scheduler.port, method, path, document, timeout=FIRE_SECONDS)
