"""Service Usage and Resource Manager: which APIs are enabled, and who may do what in the project."""

from __future__ import annotations

import re

from aiohttp import web

from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.project.shelf import Document, Shelf, checked, listed
from venue_sandbox.cloud.rest import ApiError, invalid, json_object, put_policy

__all__ = ["UsageApi"]

SERVICES = "/v1/projects/{project}/services"
PROJECT = "/v1/projects/{project:[^/:]+}"
API = re.compile(r"[a-z0-9-]+\.googleapis\.com", re.ASCII)
KIND = "api"
MOST_AT_ONCE = 20


class UsageApi:
    """The handlers, one for each request.

    Parameters
    ----------
    number
        The project's number, which Google gives it.
    """

    def __init__(self, shelf: Shelf, policies: Policies, number: str) -> None:
        self._shelf = shelf
        self._policies = policies
        self._number = number

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(SERVICES, self.list_services, name="list_services"),
            web.get(f"{SERVICES}/{{api:[^/:]+}}", self.get_service, name="get_service"),
            web.post(f"{SERVICES}:batchEnable", self.enable_many, name="enable"),
            web.post(f"{SERVICES}/{{api:[^/:]+}}:enable", self.enable_one, name="enable_one"),
            web.get("/v1/operations/{operation:.+}", self.operation, name="operation"),
            web.get(PROJECT, self.get_project, name="project"),
            web.post(f"{PROJECT}:getIamPolicy", self.get_policy, name="get_project_policy"),
            web.post(f"{PROJECT}:setIamPolicy", self.set_policy, name="set_project_policy"),
        ]

    async def list_services(self, request: web.Request) -> web.Response:
        """Return the APIs that are enabled; no other ones are known here."""
        if request.query.get("filter", "state:ENABLED") != "state:ENABLED":
            raise invalid("filter", request.query["filter"], "state:ENABLED is served")
        return listed(request, "services", self._shelf.below(KIND, f"{_parent(request)}/services"))

    async def get_service(self, request: web.Request) -> web.Response:
        """Return whether an API is enabled."""
        api = _api(request.match_info["api"])
        name = f"{_parent(request)}/services/{api}"
        enabled = any(each["name"] == name for each in self._shelf.below(KIND, f"{_parent(request)}/services"))
        return web.json_response(self._shelf.get(KIND, name) if enabled else self._document(name, "DISABLED"))

    async def enable_many(self, request: web.Request) -> web.Response:
        """Enable APIs at once."""
        order = checked(await json_object(request), "the request", {"serviceIds": [str]})
        apis = [_api(each) for each in order.get("serviceIds", [])]
        if not 0 < len(apis) <= MOST_AT_ONCE:
            raise invalid("serviceIds", f"{len(apis)} APIs", f"there are 1 to {MOST_AT_ONCE} at once")
        return self._enabled(request, apis)

    async def enable_one(self, request: web.Request) -> web.Response:
        """Enable an API."""
        return self._enabled(request, [_api(request.match_info["api"])])

    async def operation(self, request: web.Request) -> web.Response:
        """Return an operation; all of them have ended."""
        return web.json_response(
            {"name": f"operations/{request.match_info['operation']}", "done": True, "response": {}}
        )

    async def get_project(self, request: web.Request) -> web.Response:
        """Return the project."""
        project = request.match_info["project"]
        state = {"lifecycleState": "ACTIVE", "name": project}
        return web.json_response({"projectId": project, "projectNumber": self._number, **state})

    async def get_policy(self, request: web.Request) -> web.Response:
        """Return who may do what in the project."""
        return web.json_response(self._policies.get(_parent(request)))

    async def set_policy(self, request: web.Request) -> web.Response:
        """Replace who may do what in the project."""
        return web.json_response(put_policy(self._policies, _parent(request), await json_object(request)))

    def _enabled(self, request: web.Request, apis: list[str]) -> web.Response:
        present = {each["name"] for each in self._shelf.below(KIND, f"{_parent(request)}/services")}
        for api in apis:
            name = f"{_parent(request)}/services/{api}"
            if name not in present:
                self._shelf.create(KIND, name, self._document(name, "ENABLED"))
        return web.json_response({"name": "operations/acat.p2-enabled", "done": True, "response": {}})

    def _document(self, name: str, state: str) -> Document:
        api = name.rpartition("/")[2]
        parent = f"projects/{self._number}"
        return {"name": name, "parent": parent, "config": {"name": api, "title": api}, "state": state}


def _parent(request: web.Request) -> str:
    return f"projects/{request.match_info['project']}"


def _api(name: str) -> str:
    if not API.fullmatch(name):
        raise ApiError(404, "NOT_FOUND", f"Service {name!r} was not found: APIs are called NAME.googleapis.com.")
    return name
