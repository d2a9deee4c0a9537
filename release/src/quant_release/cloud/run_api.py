"""Cloud Run over REST: services and revisions read, and services written on the version that was read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import Credentials
from google.cloud import run_v2
from google.protobuf import field_mask_pb2

from quant_release.cloud.calls import CALL_SECONDS, Calls, CloudError, NotThere

__all__ = ["CloudRun", "Deployed", "TrafficTarget"]

_BY_NAME = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
_NEWEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
_WHOLE = 100
_FIRST_POLL, _LAST_POLL = 0.05, 2.0


@dataclass(frozen=True, slots=True)
class TrafficTarget:
    """A share of the requests, or an address of its own (a tag), of one revision; short names."""

    revision: str
    percent: int = 0
    tag: str = ""


@dataclass(frozen=True)
class Deployed:
    """A service as it was read once.

    Attributes
    ----------
    document
        What Cloud Run says; its etag goes with every write that is planned on it.
    """

    document: run_v2.Service

    @property
    def name(self) -> str:
        """Its short name."""
        return _short(self.document.name)

    @cached_property
    def traffic(self) -> tuple[TrafficTarget, ...]:
        """Where requests go now, which need not be where they were told to go."""
        newest = _short(self.document.latest_ready_revision)
        return tuple(
            TrafficTarget(newest if one.type_ == _NEWEST else one.revision, one.percent, one.tag)
            for one in self.document.traffic_statuses
        )

    @property
    def serving(self) -> str | None:
        """The revision that has all the traffic, None where it is split or there is none."""
        shares = {one.revision: 0 for one in self.traffic}
        for one in self.traffic:
            shares[one.revision] += one.percent
        return next((revision for revision, percent in shares.items() if percent == _WHOLE), None)

    @property
    def written_revision(self) -> str:
        """The name that the newest template gives its revision, empty where Cloud Run chose it."""
        return self.document.template.revision

    def tag_address(self, tag: str) -> str | None:
        """Return the address of a tag, None without one."""
        return next((one.uri for one in self.document.traffic_statuses if one.tag == tag and one.uri), None)

    @property
    def address(self) -> str:
        """The main address."""
        return self.document.uri

    @property
    def addresses(self) -> frozenset[str]:
        """Every address without a tag."""
        return frozenset({self.document.uri, *self.document.urls}) - {""}

    @property
    def last_change(self) -> str:
        """Who wrote it last, and when."""
        when = self.document.update_time
        at = f" at {when:%Y-%m-%d %H:%M:%S} UTC" if when else ""
        return f"{self.document.last_modifier or 'somebody'}{at}"


class CloudRun:
    """The services of Cloud Run, for whoever the credentials are of.

    Parameters
    ----------
    url
        A server of this machine instead of Google's.
    timeout
        Seconds that an operation may take.
    """

    def __init__(self, credentials: Credentials, calls: Calls, url: str | None, timeout: float) -> None:
        self._calls, self._timeout = calls, timeout
        options = ClientOptions(api_endpoint=url) if url else None
        self._services: Any = run_v2.ServicesClient(credentials=credentials, transport="rest", client_options=options)
        self._revisions: Any = run_v2.RevisionsClient(credentials=credentials, transport="rest", client_options=options)

    def service(self, name: str) -> Deployed:
        """Return a service by its full name.

        Raises
        ------
        NotThere
            It is not deployed.
        """
        what = f"service {_short(name)}"
        found: run_v2.Service = self._calls.looked_up(
            what, lambda: self._services.get_service(name=name, retry=None, timeout=CALL_SECONDS)
        )
        if found.name != name:
            raise CloudError(f"{what} is answered with something that is no such document: its name is {found.name!r}")
        return Deployed(found)

    def services(self, parent: str) -> list[str]:
        """Return the short names of the services of a project and location."""
        found: list[run_v2.Service] = self._calls.looked_up(
            f"the services of {parent}",
            lambda: list(self._services.list_services(parent=parent, retry=None, timeout=CALL_SECONDS)),
        )
        return [_short(one.name) for one in found]

    def revision(self, service: str, revision: str) -> run_v2.Revision | None:
        """Return a revision of a service (full name) by its short name, None if it is not there."""
        name = f"{service}/revisions/{revision}"
        try:
            found: run_v2.Revision = self._calls.looked_up(
                f"revision {revision}",
                lambda: self._revisions.get_revision(name=name, retry=None, timeout=CALL_SECONDS),
            )
        except NotThere:
            return None
        if found.name != name:
            raise CloudError(f"revision {revision} is answered with something that is no such document")
        return found

    def write_template(
        self, on: Deployed, template: run_v2.RevisionTemplate, revision: str, tag: str, traffic: Sequence[TrafficTarget]
    ) -> None:
        """Make a revision without traffic, at the address of a tag, and wait until the operation has ended.

        Parameters
        ----------
        traffic
            Where requests go now, and go on to go.

        Raises
        ------
        Changed
            The service is no longer what was read.
        CloudError
            The operation failed, or did not end in time.
        """
        document = run_v2.Service(on.document)
        document.template = run_v2.RevisionTemplate(template)
        document.template.revision = revision
        document.traffic = [_target(one) for one in (*traffic, TrafficTarget(revision, tag=tag))]
        self._write(document, f"revision {revision} of {on.name}", "template", "traffic")

    def write_traffic(self, on: Deployed, traffic: Sequence[TrafficTarget]) -> None:
        """Say where requests go, and wait until the operation has ended; see `write_template`."""
        document = run_v2.Service(on.document)
        document.traffic = [_target(one) for one in traffic]
        self._write(document, f"the traffic of {on.name}", "traffic")

    def _write(self, document: run_v2.Service, what: str, *paths: str) -> None:
        request = run_v2.UpdateServiceRequest(service=document, update_mask=field_mask_pb2.FieldMask(paths=list(paths)))
        update = partial(self._services.update_service, request=request, retry=None, timeout=CALL_SECONDS)
        begun = self._calls.written(what, update)
        self._wait(what, begun.operation.name)

    def _wait(self, what: str, name: str) -> None:
        deadline, pause = self._calls.clock.monotonic() + self._timeout, _FIRST_POLL
        while not (operation := self._operation(what, name)).done:
            if self._calls.clock.monotonic() > deadline:
                raise CloudError(
                    f"{what}: the operation has not ended after {self._timeout:g} s; it may still take effect"
                )
            self._calls.clock.sleep(pause)
            pause = min(_LAST_POLL, pause * math.sqrt(2))
        if operation.HasField("error"):
            raise CloudError(f"{what} failed: {' '.join(operation.error.message.split())}")

    def _operation(self, what: str, name: str) -> Any:
        client = self._services.transport.operations_client
        return self._calls.looked_up(
            f"the operation of {what}", lambda: client.get_operation(name, timeout=CALL_SECONDS)
        )


def _target(one: TrafficTarget) -> run_v2.TrafficTarget:
    return run_v2.TrafficTarget(type_=_BY_NAME, revision=one.revision, percent=one.percent, tag=one.tag)


def _short(name: str) -> str:
    return name.rpartition("/")[2]
