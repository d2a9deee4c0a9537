"""Delivers executions: requests with the scheduler's headers, made again until one succeeds or enough have failed."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from multidict import CIMultiDict
from yarl import URL

from venue_sandbox.cloud.scheduler.clock import Clock, Pace
from venue_sandbox.cloud.scheduler.executions import Attempt, Execution
from venue_sandbox.cloud.scheduler.faults import DeliveryFaults, DeliveryKind
from venue_sandbox.cloud.scheduler.jobs import APIS
from venue_sandbox.cloud.scheduler.tokens import Tokens
from venue_sandbox.cloud.values import time_text

__all__ = ["Courier", "Network", "headers", "session"]

DEFAULT_TYPE = "application/octet-stream"
AGENT = "Google-Cloud-Scheduler"
IGNORED = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect"})
IGNORED_PREFIXES = ("x-google-", "x-appengine-", "x-cloudscheduler")
BODY_CHARACTERS = 100_000
BODY_BYTES = 4 * BODY_CHARACTERS
MILLISECONDS = 3


def session() -> ClientSession:
    """Return what requests to targets go through: a connection for each, nothing kept between them."""
    return ClientSession(connector=TCPConnector(force_close=True, limit=0), cookie_jar=DummyCookieJar())


def headers(execution: Execution) -> CIMultiDict[str]:
    """Return the headers of every attempt of an execution, but for its token."""
    target, made = execution.job.target, CIMultiDict[str]()
    if target.body:
        made["Content-Type"] = DEFAULT_TYPE
    for name, value in target.headers.items():
        if name.lower() not in IGNORED and not name.lower().startswith(IGNORED_PREFIXES):
            made[name] = value
    made["User-Agent"] = AGENT
    made["X-CloudScheduler"] = "true"
    made["X-CloudScheduler-JobName"] = execution.job.id
    made["X-CloudScheduler-ScheduleTime"] = time_text(execution.schedule_time)
    return made


@dataclass(frozen=True, slots=True)
class Network:
    """Where requests of jobs go.

    Attributes
    ----------
    run
        Address of the Cloud Run that stands for ``https://run.googleapis.com``; None if there is none.
    deadline_scale
        How many real seconds an attempt has for each second of its deadline.
    """

    run: str | None = None
    deadline_scale: float = 1.0

    def place(self, uri: str) -> URL:
        """Return where a request goes; `ValueError` if that is nowhere on this machine."""
        url = URL(uri)
        if url.host not in APIS:
            return url
        if self.run is None:
            raise ValueError(f"{url.host} is nowhere: this scheduler was started without --run")
        return URL(f"{self.run}{url.raw_path_qs}", encoded=True)


class Courier:
    """Delivers executions over HTTP.

    Parameters
    ----------
    clock
        The scheduler's time.
    faults
        What goes wrong.
    tokens
        Mints the tokens of requests.
    requests
        What requests go through.
    network
        Where requests go, and how long they have.
    """

    def __init__(
        self, clock: Clock, faults: DeliveryFaults, tokens: Tokens, requests: ClientSession, network: Network
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._tokens = tokens
        self._requests = requests
        self._network = network

    async def deliver(self, execution: Execution) -> None:
        """Deliver an execution, and return when there will be no further attempt."""
        copies = 1 if self._faults.take(DeliveryKind.DUPLICATE, execution.job) is None else 2
        now = self._clock.now()
        end = execution.job.schedule.after(max(now, execution.schedule_time))
        async with asyncio.TaskGroup() as group:
            for number in range(1, copies + 1):
                group.create_task(self._deliver(execution, number, end))

    async def _deliver(self, execution: Execution, delivery: int, end: datetime | None) -> None:
        """Make one delivery; no retry begins when the job is due again or later."""
        retries, pace = execution.job.retries, self._clock.pace()
        began, failures, made = pace.now(), 0, 0
        while True:
            attempt = await self._attempt(execution, delivery, pace)
            if attempt.succeeded:
                return
            failures += 1
            backoff = retries.backoff(failures)
            again = pace.now() + timedelta(seconds=backoff)
            if not attempt.lost:
                if (end is not None and again >= end) or not retries.allow(made, (again - began).total_seconds()):
                    return
                made += 1
            await pace.wait(backoff)

    async def _attempt(self, execution: Execution, delivery: int, pace: Pace) -> Attempt:
        attempt = Attempt(pace.now(), delivery)
        execution.attempts.append(attempt)
        execution.entry.attempt = attempt
        began = time.monotonic()
        try:
            await self._request(execution, attempt)
        finally:
            attempt.seconds = round(time.monotonic() - began, MILLISECONDS)
        if attempt.succeeded and self._faults.take(DeliveryKind.LOST_ANSWER, execution.job) is not None:
            attempt.lost, attempt.error = True, "the answer was lost"
        return attempt

    async def _request(self, execution: Execution, attempt: Attempt) -> None:
        """Send the request of an attempt, and note what comes of it."""
        target, sent = execution.job.target, headers(execution)
        if target.identity is not None:
            sent["Authorization"] = f"Bearer {self._tokens.mint(target.identity)}"
        if target.access is not None:
            # The servers of the sandbox take an account's address for its access token.
            sent["Authorization"] = f"Bearer {target.access}"
        limit = execution.job.deadline
        try:
            async with (
                asyncio.timeout(limit * self._network.deadline_scale),
                self._requests.request(
                    target.method,
                    self._network.place(target.uri),
                    data=target.body or None,
                    headers=sent,
                    skip_auto_headers=("Content-Type",),
                    allow_redirects=False,
                    timeout=ClientTimeout(),
                ) as answer,
            ):
                body = await _beginning(answer)
                attempt.status, attempt.body = answer.status, body
        except TimeoutError:
            attempt.timed_out, attempt.error = True, f"no answer within {limit:g} s"
        except (ClientError, OSError, ValueError) as error:
            attempt.error = f"{type(error).__name__}: {error}"


async def _beginning(answer: ClientResponse) -> str:
    """Read a body to its end, and return how it begins."""
    kept = bytearray()
    async for chunk in answer.content.iter_any():
        if len(kept) < BODY_BYTES:
            kept += chunk
    encoding = "utf-8"
    with suppress(LookupError):
        "".encode(answer.charset or encoding)
        encoding = answer.charset or encoding
    return kept.decode(encoding, "replace")[:BODY_CHARACTERS]
