"""The services there are, and what their owners do with them."""

from __future__ import annotations

import copy
import random
import string
from collections.abc import Callable
from datetime import datetime

from venue_sandbox.cloud.run.errors import absent, conflict, exists, held, taken
from venue_sandbox.cloud.run.faults import RunFaults, RunKind
from venue_sandbox.cloud.run.fields import Document, masked, normal, paths
from venue_sandbox.cloud.run.operations import Operation, Operations
from venue_sandbox.cloud.run.reconcile import Reconciler
from venue_sandbox.cloud.run.records import PENDING, Revision, Service, fresh_version
from venue_sandbox.cloud.run.specs import check_names, check_template, filled
from venue_sandbox.cloud.run.traffic import check

__all__ = ["Board"]

Clock = Callable[[], datetime]


class Board:
    """The services and revisions by their full names.

    Every change is checked whole before any of it happens.

    Parameters
    ----------
    reconciler
        Carries changes out.
    faults
        What goes wrong.
    now
        The time, in UTC.
    """

    def __init__(self, reconciler: Reconciler, operations: Operations, faults: RunFaults, now: Clock) -> None:
        self._reconciler = reconciler
        self._operations = operations
        self._faults = faults
        self._now = now
        self._services: dict[str, Service] = {}
        self._revisions = reconciler.revisions

    def services(self, location: str | None = None, project: str | None = None) -> list[Service]:
        """Return the services of a project and location, or of a project, in the order of their names."""
        found = (self._services[name] for name in sorted(self._services))
        return [each for each in found if location in (None, each.location) and project in (None, each.project)]

    def service(self, name: str) -> Service:
        """Return a service."""
        if name not in self._services:
            raise absent(name)
        return self._services[name]

    def has(self, name: str) -> bool:
        """Whether there is a service."""
        return name in self._services

    def revisions(self, service: str) -> list[Revision]:
        """Return the revisions of a service, the newest first."""
        return [each for each in reversed(self._revisions.values()) if each.service == service]

    def revision(self, name: str) -> Revision:
        """Return a revision."""
        if name not in self._revisions:
            raise absent(name)
        return self._revisions[name]

    async def create(self, name: str, wanted: Document, who: str, *, dry: bool) -> Operation:
        """Make a service."""
        if name in self._services:
            raise exists(name)
        spec = filled(wanted, name.split("/")[1])
        self._check(name, spec, touched=True)
        now = self._now()
        service = Service(name, {}, who, who, now, now, "")
        if dry:
            return self._rehearsed(service, spec)
        service.uri = await self._reconciler.open_main(service)
        if name in self._services:
            raise exists(name)
        self._services[name] = service
        return self._write(service, spec, who)

    def patch(self, name: str, document: Document, mask: str | None, who: str, *, dry: bool) -> Operation:
        """Replace fields of a service; the etag of the document must be that of the service, if it has one."""
        service, named, changes = self.service(name), paths(mask), normal(document)
        touched = named is None or any(path[0] == "template" for path in named)
        version = _version(document.get("etag"))
        return self.write(service, lambda spec: masked(spec, changes, named), version, who, touched=touched, dry=dry)

    def write(
        self,
        service: Service,
        change: Callable[[Document], Document],
        version: str,
        who: str,
        *,
        touched: bool | None = None,
        dry: bool = False,
    ) -> Operation:
        """Give a service another specification.

        Parameters
        ----------
        change
            Returns it, given the present one.
        version
            That of the service which the change was planned on; empty for any.
        touched
            Whether the template was written, if only with the values it had; None: if it has others.
        """
        if not dry:
            self._written_by_another(service)
        if version not in ("", service.version):
            raise conflict(service.name, version, service.version)
        spec = filled(change(service.spec), service.project)
        written = spec["template"] != service.spec["template"] if touched is None else touched
        self._check(service.name, spec, touched=written)
        return self._rehearsed(service, spec) if dry else self._write(service, spec, who)

    def delete(self, name: str, etag: str, *, dry: bool) -> Operation:
        """Remove a service with its revisions; its addresses answer 404 from then on."""
        service = self.service(name)
        if _version(etag) not in ("", service.version):
            raise conflict(name, _version(etag), service.version)
        if dry:
            return self._rehearsed(service, service.spec)
        operation = self._operations.begin(service.location, service.typed)
        del self._services[name]
        service.targets = []
        for revision in self.revisions(name):
            del self._revisions[revision.name]
        self._reconciler.forget(service, operation)
        return operation

    def delete_revision(self, name: str, etag: str, *, dry: bool) -> Operation:
        """Remove a revision that no request goes to."""
        revision = self.revision(name)
        service = self.service(revision.service)
        if _version(etag) not in ("", revision.version):
            raise conflict(name, _version(etag), revision.version)
        if any(target.revision == revision.id for target in service.targets):
            raise held(revision.id, "requests go to it, or it has a tag")
        if revision.id in (service.latest_created, service.latest_ready):
            raise held(revision.id, "it is the latest one")
        location = service.location
        operation = (self._operations.unkept if dry else self._operations.begin)(location, revision.typed)
        if not dry:
            del self._revisions[name]
        operation.end()
        return operation

    def _check(self, name: str, spec: Document, *, touched: bool) -> None:
        """Raise `ApiError` unless a service may have a specification.

        Parameters
        ----------
        touched
            Whether its template was written.
        """
        template, known = spec["template"], {each.id for each in self.revisions(name)}
        named = template.get("revision")
        check_names(name.rpartition("/")[2], named)
        check_template(template)
        if touched and named in known:
            raise taken(named)
        check(spec["traffic"], known | {named} - {None})

    def _rehearsed(self, service: Service, spec: Document) -> Operation:
        """Return the operation of a write that is only checked."""
        shown = copy.copy(service)
        shown.spec = spec
        operation = self._operations.unkept(service.location, shown.typed)
        operation.end()
        return operation

    def _write(self, service: Service, spec: Document, who: str) -> Operation:
        operation = self._operations.begin(service.location, service.typed)
        revision = None if spec["template"] == service.spec.get("template") else self._revise(service, spec, who)
        if spec != service.spec:
            service.spec, service.modifier, service.updated = spec, who, self._now()
            service.generation, service.version = service.generation + 1, fresh_version()
            service.configurations = service.routes = PENDING
        self._reconciler.begin(service, revision, operation)
        return operation

    def _revise(self, service: Service, spec: Document, who: str) -> Revision:
        letters = "".join(random.choices(string.ascii_lowercase, k=3))
        short = spec["template"].get("revision") or f"{service.id}-{service.generation + 1:05d}-{letters}"
        made = Revision(service.revision(short), copy.deepcopy(spec["template"]), who, self._now())
        made.changed = made.created
        self._revisions[made.name] = made
        service.latest_created = short
        return made

    def _written_by_another(self, service: Service) -> None:
        fault = self._faults.take(RunKind.ETAG_MOVES, service.name)
        if fault is not None:
            spec = {**service.spec, "labels": {**service.spec.get("labels", {}), **fault.labels}}
            self._write(service, spec, fault.by)


def _version(etag: object) -> str:
    """Return the version that an etag means; empty for none."""
    return str(etag or "").strip('"')
