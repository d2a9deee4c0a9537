"""The requests of version 1: as much of it as gcloud needs."""

from __future__ import annotations

import re

from aiohttp import web

from venue_sandbox.cloud.rest import ApiError, invalid, json_object, unserved
from venue_sandbox.cloud.run.board import Board
from venue_sandbox.cloud.run.fields import Document
from venue_sandbox.cloud.run.knative.reading import LOCATION, read
from venue_sandbox.cloud.run.knative.showing import SERVICE_LABEL, configuration, listed, revision, service
from venue_sandbox.cloud.run.records import Revision, Service
from venue_sandbox.cloud.run.requests import page, who

__all__ = ["KnativeApi", "region_of"]

NAMESPACE = "/apis/serving.knative.dev/v1/namespaces/{namespace}"
EVERYWHERE = "/v1/projects/{namespace}/locations/{location}/services"
REGION = re.compile(r"([a-z]+-[a-z]+[0-9]+)-.+", re.ASCII)


class KnativeApi:
    """The handlers, one for each request.

    The region is the beginning of the host name, as gcloud puts it there; a request to a host without one is about
    every region.
    """

    def __init__(self, board: Board) -> None:
        self._board = board

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(f"{NAMESPACE}/services", self.list_services),
            web.get(EVERYWHERE, self.list_services),
            web.post(f"{NAMESPACE}/services", self.create),
            web.get(f"{NAMESPACE}/services/{{service}}", self.get),
            web.put(f"{NAMESPACE}/services/{{service}}", self.replace),
            web.delete(f"{NAMESPACE}/services/{{service}}", self.delete),
            web.get(f"{NAMESPACE}/revisions", self.list_revisions),
            web.get(f"{NAMESPACE}/revisions/{{revision}}", self.get_revision),
            web.get(f"{NAMESPACE}/configurations", self.list_configurations),
            web.get(f"{NAMESPACE}/configurations/{{service}}", self.get_configuration),
        ]

    async def list_services(self, request: web.Request) -> web.Response:
        """Return one page of the services."""
        return _page(request, "Service", [service(each) for each in self._services(request)])

    async def create(self, request: web.Request) -> web.Response:
        """Make a service in the region of its label, or of the host."""
        _refuse_rehearsal(request)
        order = await json_object(request)
        spec = read(order)
        metadata: Document = order.get("metadata") or {}
        labels: Document = metadata.get("labels") or {}
        location, identity = labels.get(LOCATION) or region_of(request), metadata.get("name") or ""
        if not location:
            raise invalid("metadata.labels", labels, f"{LOCATION} says where, or the host name begins with a region")
        name = f"projects/{request.match_info['namespace']}/locations/{location}/services/{identity}"
        await self._board.create(name, spec, who(request), dry=False)
        return web.json_response(service(self._board.service(name)))

    async def get(self, request: web.Request) -> web.Response:
        """Return a service."""
        return web.json_response(service(self._service(request)))

    async def replace(self, request: web.Request) -> web.Response:
        """Write a service whole; the resource version must be that of the service, if there is one."""
        _refuse_rehearsal(request)
        order = await json_object(request)
        one, spec = self._service(request), read(order)
        metadata: Document = order.get("metadata") or {}
        if metadata.get("name", one.id) != one.id:
            raise invalid("metadata.name", metadata["name"], f"the request is about {one.id}")
        version = str(metadata.get("resourceVersion") or "")
        self._board.write(one, lambda _: spec, version, who(request))
        return web.json_response(service(one))

    async def delete(self, request: web.Request) -> web.Response:
        """Remove a service."""
        _refuse_rehearsal(request)
        self._board.delete(self._service(request).name, "", dry=False)
        return web.json_response({"status": "Success"})

    async def list_revisions(self, request: web.Request) -> web.Response:
        """Return one page of the revisions, the newest of each service first; of one service if labels say so."""
        wanted = _selected(request)
        services = [each for each in self._services(request) if wanted in (None, each.id)]
        found = [self._shown(one) for each in services for one in self._board.revisions(each.name)]
        return _page(request, "Revision", found)

    async def get_revision(self, request: web.Request) -> web.Response:
        """Return a revision."""
        wanted = request.match_info["revision"]
        for each in self._services(request):
            for one in self._board.revisions(each.name):
                if one.id == wanted:
                    return web.json_response(self._shown(one))
        raise ApiError(404, "NOT_FOUND", f"Revision {wanted!r} not found.")

    async def list_configurations(self, request: web.Request) -> web.Response:
        """Return one page of the configurations."""
        wanted = _selected(request)
        found = [configuration(each) for each in self._services(request) if wanted in (None, each.id)]
        return _page(request, "Configuration", found)

    async def get_configuration(self, request: web.Request) -> web.Response:
        """Return the configuration of a service."""
        return web.json_response(configuration(self._service(request)))

    def _services(self, request: web.Request) -> list[Service]:
        region, asked = region_of(request), request.match_info.get("location", "-")
        found = self._board.services(project=request.match_info["namespace"])
        places = {place for place in (region, asked) if place not in (None, "-")}
        return [each for each in found if all(each.location.endswith(f"/{place}") for place in places)]

    def _service(self, request: web.Request) -> Service:
        identity = request.match_info["service"]
        found = [each for each in self._services(request) if each.id == identity]
        if not found:
            raise ApiError(404, "NOT_FOUND", f"Resource '{identity}' of kind 'SERVICE' does not exist.")
        return found[0]

    def _shown(self, one: Revision) -> Document:
        targets = self._board.service(one.service).targets
        return revision(one, active=any(target.revision == one.id for target in targets))


def region_of(request: web.Request) -> str | None:
    """Return the region that the name of a request's host begins with; None if it begins with none."""
    found = REGION.fullmatch(request.host)
    return None if found is None else found[1]


def _refuse_rehearsal(request: web.Request) -> None:
    if request.query.get("dryRun"):
        raise unserved("dryRun is not served in version 1.")


def _selected(request: web.Request) -> str | None:
    """Return the service that a label selector names; None if there is no selector."""
    text = request.query.get("labelSelector", "")
    if not text:
        return None
    label, _, wanted = text.replace(" ", "").replace("==", "=").partition("=")
    if label != SERVICE_LABEL:
        raise unserved(f"labelSelector {text!r} is not served; {SERVICE_LABEL}=SERVICE is.")
    return wanted


def _page(request: web.Request, kind: str, entries: list[Document]) -> web.Response:
    query = request.query
    found, following = page(entries, query.get("limit", "0"), query.get("continue", ""))
    return web.json_response(listed(kind, found, following))
