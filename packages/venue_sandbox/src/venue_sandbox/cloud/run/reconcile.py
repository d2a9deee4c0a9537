"""Carries out what owners want: starts revisions, leads requests to them, says how it went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from typing import Any

from aiohttp import web

from venue_sandbox.cloud.run.errors import FAILED_PRECONDITION, NotReady, not_started
from venue_sandbox.cloud.run.faults import ADDRESS, RunFaults, RunKind
from venue_sandbox.cloud.run.fields import Document
from venue_sandbox.cloud.run.gateways import Forbidden, Gateways
from venue_sandbox.cloud.run.instances import Instances
from venue_sandbox.cloud.run.operations import Operation
from venue_sandbox.cloud.run.records import PENDING, READY, Condition, Revision, Service
from venue_sandbox.cloud.run.specs import container
from venue_sandbox.cloud.run.traffic import Split, Target, resolved

__all__ = ["Reconciler"]

VERSION = "/version"
NOT_SERVING = "Revision '{}' is not ready and cannot serve traffic. {}"


class Reconciler:
    """Carries out the writes of each service one after the other.

    Parameters
    ----------
    instances
        The processes of the revisions.
    gateways
        The addresses.
    faults
        What goes wrong.
    now
        The time, in UTC.
    delay
        Seconds that every operation takes longer than what it does.

    Attributes
    ----------
    revisions
        Every revision by its full name, the oldest first.
    lets_in
        Whether a request may reach the service of a full name.
    """

    lets_in: Callable[[str, web.Request], bool]

    def __init__(
        self, instances: Instances, gateways: Gateways, faults: RunFaults, now: Callable[[], datetime], delay: float
    ) -> None:
        self.revisions: dict[str, Revision] = {}
        self.lets_in = lambda service, request: True
        self._instances = instances
        self._gateways = gateways
        self._faults = faults
        self._now = now
        self._delay = delay
        self._turns: dict[str, asyncio.Lock] = {}
        self._routed: dict[str, set[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Carry out until the end; then end every process."""
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._instances.close()

    async def open_main(self, service: Service) -> str:
        """Open the main address of a service; return it."""
        split = Split()
        return await self._gateways.open(lambda request: self._led(service, request, split.next(service.targets)))

    def begin(self, service: Service, revision: Revision | None, operation: Operation) -> None:
        """Carry out a write.

        Parameters
        ----------
        revision
            The one it has made, if it has.
        """
        self._hold(self._carry_out(service, revision, operation, service.spec, service.generation))

    def forget(self, service: Service, operation: Operation) -> None:
        """Let go of a service that was deleted."""
        self._hold(self._let_go(service, operation))

    async def _let_go(self, service: Service, operation: Operation) -> None:
        async with self._turn(service):
            self._lead(service, [])
            await self._finish(service, operation, None)

    def _turn(self, service: Service) -> asyncio.Lock:
        return self._turns.setdefault(service.uid, asyncio.Lock())

    async def _carry_out(
        self, service: Service, revision: Revision | None, operation: Operation, spec: Document, generation: int
    ) -> None:
        async with self._turn(service):
            with nullcontext() if revision is None else self._instances.held(revision.name):
                if revision is not None:
                    await self._bring_up(service, revision)
                await self._route(service, spec["traffic"])
            last = generation == service.generation
            service.configurations = self._standing(service) if last else PENDING
            service.observed, service.changed = max(generation, service.observed), self._now()
            failed = next((each for each in (service.configurations, service.routes) if each.ready is False), None)
            code = 0 if revision is None else revision.code
            await self._finish(
                service, operation, None if failed is None else (code or FAILED_PRECONDITION, failed.message)
            )

    async def _bring_up(self, service: Service, revision: Revision) -> None:
        late = self._faults.take(RunKind.READY_LATE, service.name)
        await asyncio.sleep(0 if late is None else late.seconds)
        try:
            if self._faults.take(RunKind.START_FAILS, service.name) is not None:
                raise not_started(container(revision.template)["ports"][0]["containerPort"])
            await self._instances.start(revision)
        except NotReady as error:
            message = NOT_SERVING.format(revision.id, error.why)
            revision.settle(Condition(ready=False, message=message, reason=error.reason), self._now(), error.code)
            return
        revision.settle(READY, self._now())
        service.latest_ready = revision.id

    def _standing(self, service: Service) -> Condition:
        """Return whether the latest revision is ready."""
        latest = self.revisions.get(service.revision(service.latest_created))
        return READY if latest is None else latest.condition

    async def _route(self, service: Service, traffic: list[Document]) -> None:
        """Lead requests to the targets, unless one of them cannot serve."""
        targets = resolved(traffic, service.latest_ready)
        for target in targets:
            revision = self.revisions.get(service.revision(target.revision))
            if target.revision and (revision is None or not revision.ready):
                message = NOT_SERVING.format(target.revision, "").strip()
                service.routes = Condition(ready=False, message=message, reason="REVISION_FAILED")
                self._lead(service, service.targets)
                return
        for tag in (target.tag for target in targets if target.tag and target.tag not in service.tags):
            service.tags[tag] = await self._open_tag(service, tag)
        service.routes = READY if any(target.revision for target in targets) else self._standing(service)
        changes = service.targets and targets != service.targets
        stays = changes and self._faults.take(RunKind.TRAFFIC_STAYS, service.name) is not None
        self._lead(service, service.targets if stays else targets)

    async def _open_tag(self, service: Service, tag: str) -> str:
        def tagged(request: web.Request) -> Revision | None:
            found = next((target.revision for target in service.targets if target.tag == tag), None)
            return self._led(service, request, found)

        return await self._gateways.open(tagged)

    def _lead(self, service: Service, targets: list[Target]) -> None:
        service.targets = targets
        served = {service.revision(target.revision) for target in targets if target.percent or target.tag}
        self._routed[service.uid] = served - {""}
        self._instances.keep(set[str]().union(*self._routed.values()))

    def _led(self, service: Service, request: web.Request, short: str | None) -> Revision | None:
        """Return the revision that a request goes to, or another one if a fault says so."""
        if self._faults.take(RunKind.FORBIDDEN, service.name, ADDRESS) is not None:
            raise Forbidden
        if not self.lets_in(service.name, request):
            raise Forbidden
        found = self.revisions.get(service.revision(short or ""))
        if found is not None and request.path == VERSION:
            other = self._another(service, found)
            if other is not None and self._faults.take(RunKind.VERSION_LIES, service.name) is not None:
                return other
        return found

    def _another(self, service: Service, than: Revision) -> Revision | None:
        """Return another ready revision: one that serves the main address, or else the newest."""
        main = {target.revision for target in service.targets if target.percent}
        ready = [each for each in reversed(self.revisions.values()) if each.service == service.name and each.ready]
        others = [each for each in ready if each is not than]
        return next((each for each in others if each.id in main), others[0] if others else None)

    async def _finish(self, service: Service, operation: Operation, error: tuple[int, str] | None) -> None:
        hangs = self._faults.take(RunKind.OPERATION_HANGS, service.name)
        await asyncio.sleep(self._delay)
        if hangs is None:
            operation.end(error)

    def _hold(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
