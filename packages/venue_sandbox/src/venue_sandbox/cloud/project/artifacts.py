"""Artifact Registry: repositories, without what is in them."""

from __future__ import annotations

import re

from aiohttp import web

from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.project.shelf import Shelf, checked, listed
from venue_sandbox.cloud.rest import invalid, json_object, put_policy

__all__ = ["ArtifactsApi"]

LOCATION = "/v1/projects/{project}/locations/{location}"
ONE = LOCATION + "/repositories/{repository:[^/:]+}"
REPOSITORY = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
FIELDS: dict[str, object] = {
    **{"name": str, "description": str, "format": {"DOCKER"}, "mode": {"STANDARD_REPOSITORY", "MODE_UNSPECIFIED"}},
    **{"dockerConfig": {"immutableTags": bool}, "labels": dict, "cleanupPolicyDryRun": bool},
    "vulnerabilityScanningConfig": dict,
}


class ArtifactsApi:
    """The handlers, one for each request."""

    def __init__(self, shelf: Shelf, policies: Policies) -> None:
        self._shelf = shelf
        self._policies = policies

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(f"{LOCATION}/repositories", self.list_repositories, name="list_repositories"),
            web.post(f"{LOCATION}/repositories", self.create_repository, name="create_repository"),
            web.get(ONE, self.get_repository, name="get_repository"),
            web.patch(ONE, self.patch_repository, name="update_repository"),
            web.get(f"{ONE}:getIamPolicy", self.get_policy, name="get_repository_policy"),
            web.post(f"{ONE}:setIamPolicy", self.set_policy, name="set_repository_policy"),
        ]

    async def list_repositories(self, request: web.Request) -> web.Response:
        """Return the repositories of a location."""
        return listed(request, "repositories", self._shelf.below("repository", f"{_place(request)}/repositories"))

    async def create_repository(self, request: web.Request) -> web.Response:
        """Make a repository."""
        identity = request.query.get("repositoryId", "")
        if not REPOSITORY.fullmatch(identity):
            raise invalid("repositoryId", identity, "it has 63 small letters, digits and hyphens at most")
        name = f"{_place(request)}/repositories/{identity}"
        wanted = checked(await json_object(request), "repository", FIELDS)
        if "format" not in wanted:
            raise invalid("repository.format", None, "it is DOCKER")
        made = self._shelf.create("repository", name, {**wanted, "name": name})
        kind = "type.googleapis.com/google.devtools.artifactregistry.v1.Repository"
        operation = f"{_place(request)}/operations/{identity}"
        return web.json_response({"name": operation, "done": True, "response": {"@type": kind, **_bare(made)}})

    async def get_repository(self, request: web.Request) -> web.Response:
        """Return a repository."""
        return web.json_response(_bare(self._shelf.get("repository", _name(request))))

    async def patch_repository(self, request: web.Request) -> web.Response:
        """Replace fields of a repository."""
        changes = checked(await json_object(request), "repository", FIELDS)
        before = self._shelf.get("repository", _name(request))
        return web.json_response(_bare(self._shelf.put("repository", _name(request), {**before, **changes})))

    async def get_policy(self, request: web.Request) -> web.Response:
        """Return who may do what with a repository."""
        return web.json_response(self._policies.get(self._known(request)))

    async def set_policy(self, request: web.Request) -> web.Response:
        """Replace who may do what with a repository."""
        return web.json_response(put_policy(self._policies, self._known(request), await json_object(request)))

    def _known(self, request: web.Request) -> str:
        self._shelf.get("repository", _name(request))
        return _name(request)


def _place(request: web.Request) -> str:
    return f"projects/{request.match_info['project']}/locations/{request.match_info['location']}"


def _name(request: web.Request) -> str:
    return f"{_place(request)}/repositories/{request.match_info['repository']}"


def _bare(document: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in document.items() if name != "etag"}
