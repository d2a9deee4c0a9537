"""Services and revisions as the server remembers them, and as version 2 of the API shows them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from venue_sandbox.cloud.run.fields import HIDDEN, Document
from venue_sandbox.cloud.run.traffic import Target
from venue_sandbox.cloud.values import time_text

__all__ = ["EXIT", "NEVER", "PENDING", "READY", "Condition", "Revision", "Service", "fresh_version"]

EXIT = "NON_ZERO_EXIT_CODE"
"""Why an execution failed whose container ended with another status than 0."""
SERVICE_TYPE = "type.googleapis.com/google.cloud.run.v2.Service"
REVISION_TYPE = "type.googleapis.com/google.cloud.run.v2.Revision"


def fresh_version() -> str:
    """Return a version that nothing has had."""
    return f"AAY{uuid.uuid4().hex[:13]}"


@dataclass(frozen=True, slots=True)
class Condition:
    """How something stands: ready (True), failed (False), or neither yet (None)."""

    ready: bool | None
    message: str = ""
    reason: str = ""

    def document(self, kind: str, at: datetime) -> Document:
        """Return it as the condition of a type."""
        states = {True: "CONDITION_SUCCEEDED", False: "CONDITION_FAILED", None: "CONDITION_RECONCILING"}
        made: Document = {"type": kind, "state": states[self.ready], "lastTransitionTime": time_text(at)}
        if self.message:
            made["message"] = self.message
        if self.ready is False:
            # A common reason, one of revisions and one of executions are fields of their own.
            fields = {"HEALTH_CHECK_CONTAINER_ERROR": "revisionReason", EXIT: "executionReason"}
            made[fields.get(self.reason, "reason")] = self.reason
            made["severity"] = "ERROR"
        return made


NEVER = datetime.min.replace(tzinfo=UTC)
READY, PENDING = Condition(ready=True), Condition(ready=None)


@dataclass(slots=True)
class Revision:
    """A revision: what a template was when it was made.

    Attributes
    ----------
    name
        Its full name.
    template
        The template, which never changes.
    code
        The number of the error that its operation ends with, if it failed.
    """

    name: str
    template: Document
    creator: str
    created: datetime
    condition: Condition = PENDING
    code: int = 0
    changed: datetime = NEVER
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    version: str = field(default_factory=fresh_version)

    @property
    def id(self) -> str:
        """Its short name."""
        return self.name.rpartition("/")[2]

    @property
    def service(self) -> str:
        """The full name of its service."""
        return self.name.partition("/revisions/")[0]

    @property
    def ready(self) -> bool:
        """Whether it can serve."""
        return self.condition.ready is True

    def settle(self, condition: Condition, now: datetime, code: int = 0) -> None:
        """Say how it stands."""
        self.condition, self.changed, self.code = condition, now, code

    def typed(self) -> Document:
        """Return the resource as operations have it."""
        return {"@type": REVISION_TYPE, **self.document()}

    def document(self) -> Document:
        """Return the resource."""
        shown = {name: value for name, value in self.template.items() if name not in (HIDDEN, "revision")}
        kinds = ("Ready", "ContainerReady", "ResourcesAvailable")
        return {
            "name": self.name,
            "uid": self.uid,
            "generation": "1",
            "createTime": time_text(self.created),
            "updateTime": time_text(self.changed),
            "service": self.service.rpartition("/")[2],
            **shown,
            "conditions": [self.condition.document(kind, self.changed) for kind in kinds],
            "reconciling": self.condition.ready is None,
            "observedGeneration": "1",
            "logUri": f"http://127.0.0.1/logs/{self.id}",
            "creator": self.creator,
            "etag": f'"{self.version}"',
        }


@dataclass(slots=True)
class Service:
    """A service: what its owner wants, and what is the case.

    Attributes
    ----------
    name
        Its full name.
    spec
        What its owner wants.
    version
        Changes with every write; the etag.
    generation, observed
        Number of the last write, and of the last one that has been carried out.
    modifier
        Who wrote last.
    targets
        Who gets the requests.
    configurations, routes
        Whether the latest revision is ready, and whether the requests go where they should.
    uri
        The main address.
    tags
        The addresses of the tags it has had.
    """

    name: str
    spec: Document
    creator: str
    modifier: str
    created: datetime
    updated: datetime
    uri: str
    generation: int = 0
    observed: int = 0
    latest_created: str = ""
    latest_ready: str = ""
    configurations: Condition = PENDING
    routes: Condition = PENDING
    targets: list[Target] = field(default_factory=list[Target])
    tags: dict[str, str] = field(default_factory=dict[str, str])
    changed: datetime = NEVER
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    version: str = field(default_factory=fresh_version)

    @property
    def id(self) -> str:
        """Its short name."""
        return self.name.rpartition("/")[2]

    @property
    def location(self) -> str:
        """Project and location."""
        return self.name.partition("/services/")[0]

    @property
    def project(self) -> str:
        """The project."""
        return self.name.split("/")[1]

    def revision(self, short: str) -> str:
        """Return the full name of a revision, which may be of a service that is gone."""
        return f"{self.name}/revisions/{short}" if short else ""

    @property
    def ready(self) -> Condition:
        """Whether all is as wanted: the worse of the two."""
        both = (self.configurations, self.routes)
        return next((each for each in both if each.ready is False), both[both[0].ready is True])

    def statuses(self) -> list[Document]:
        """Return who gets the requests, with the addresses of tags."""
        return [target.document(self.tags.get(target.tag)) for target in self.targets]

    def typed(self) -> Document:
        """Return the resource as operations have it."""
        return {"@type": SERVICE_TYPE, **self.document()}

    def document(self) -> Document:
        """Return the resource."""
        spec = {name: value for name, value in self.spec.items() if name != HIDDEN}
        spec["template"] = {name: value for name, value in self.spec["template"].items() if name != HIDDEN}
        made: dict[str, Any] = {
            "name": self.name,
            "uid": self.uid,
            "generation": str(self.generation),
            **spec,
            "createTime": time_text(self.created),
            "updateTime": time_text(self.updated),
            "creator": self.creator,
            "lastModifier": self.modifier,
            "observedGeneration": str(self.observed),
            "terminalCondition": self.ready.document("Ready", self.changed),
            "conditions": [
                self.routes.document("RoutesReady", self.changed),
                self.configurations.document("ConfigurationsReady", self.changed),
            ],
            "latestCreatedRevision": self.revision(self.latest_created),
            "latestReadyRevision": self.revision(self.latest_ready),
            "trafficStatuses": self.statuses(),
            "uri": self.uri,
            "urls": [self.uri],
            "reconciling": self.observed != self.generation,
            "etag": f'"{self.version}"',
        }
        return {name: value for name, value in made.items() if value not in ("", [], False)}
