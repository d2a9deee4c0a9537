"""Who may call services and run jobs: the policies of both, and what they mean for requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.rest import json_object, put_policy
from venue_sandbox.cloud.run.errors import denied

__all__ = ["Access"]

POLICIES = "/v{version:[12]}/projects/{project}/locations/{location}/{kind:services|jobs}/{name:[^/:]+}"
RUNNERS = ("roles/run.invoker", "roles/run.developer", "roles/run.admin")
INVOKER = RUNNERS[0]
EVERYBODY = ("allUsers", "allAuthenticatedUsers")
SERVICE_ACCOUNT = ".gserviceaccount.com"


class Access:
    """The policies of services and jobs.

    A service without a policy answers everybody, as most tests want it; one that has been given a policy answers those
    alone who may call it. A job is run by whoever is no service account, and by those that its policy names.

    Parameters
    ----------
    policies
        Where they are kept.
    find
        Raises `ApiError` where there is no service or job of a full name.
    """

    def __init__(self, policies: Policies, find: Callable[[str], object]) -> None:
        self._policies = policies
        self._find = find

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(f"{POLICIES}:getIamPolicy", self.get_policy),
            web.post(f"{POLICIES}:setIamPolicy", self.set_policy),
        ]

    async def get_policy(self, request: web.Request) -> web.Response:
        """Return who may do what with a service or job."""
        return web.json_response(self._policies.get(self._name(request)))

    async def set_policy(self, request: web.Request) -> web.Response:
        """Replace who may do what with a service or job."""
        return web.json_response(put_policy(self._policies, self._name(request), await json_object(request)))

    def lets_in(self, service: str, request: web.Request) -> bool:
        """Whether a request may reach a service, by the account that its identity token names."""
        if not self._policies.known(service):
            return True
        members = [f"serviceAccount:{caller}" for caller in _callers(request)]
        members += [f"user:{caller}" for caller in _callers(request)] + list(EVERYBODY[:1])
        return any(self._policies.allows(service, role, each) for role in RUNNERS for each in members)

    def require_runner(self, job: str, caller: str) -> None:
        """Raise `ApiError` where a service account may not run a job."""
        if not caller.endswith(SERVICE_ACCOUNT):
            return
        if not any(self._policies.allows(job, role, f"serviceAccount:{caller}") for role in RUNNERS):
            raise denied("run.jobs.run", job)

    def _name(self, request: web.Request) -> str:
        found = request.match_info
        name = f"projects/{found['project']}/locations/{found['location']}/{found['kind']}/{found['name']}"
        self._find(name)
        return name


def _callers(request: web.Request) -> list[str]:
    """Return the address in a request's identity token; whether it is signed is the service's own business."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        part = token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return []
    return [str(claims["email"])] if "email" in claims else []
