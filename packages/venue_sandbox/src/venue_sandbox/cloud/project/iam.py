"""IAM: service accounts, who may act as them, and roles of the project's own."""

from __future__ import annotations

import hashlib
import re

from aiohttp import web

from venue_sandbox.cloud.accounts import account_name
from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.project.shelf import Document, Shelf, checked, listed
from venue_sandbox.cloud.rest import ApiError, invalid, json_object, put_policy

__all__ = ["IamApi"]

ACCOUNTS = "/v1/projects/{project}/serviceAccounts"
ACCOUNT = ACCOUNTS + "/{account:[^/:]+}"
ROLES = "/v1/projects/{project}/roles"
ROLE = ROLES + "/{role:[^/:]+}"
ACCOUNT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII)
ROLE_ID = re.compile(r"[a-zA-Z0-9_.]{3,64}", re.ASCII)
PERMISSION = re.compile(r"[a-z][a-zA-Z0-9]*(\.[a-zA-Z0-9]+){2,3}", re.ASCII)
STAGES = {"ALPHA", "BETA", "GA", "DEPRECATED", "DISABLED", "EAP"}
OF_ROLE: dict[str, object] = {
    **{"name": str, "title": str, "description": str, "etag": str, "deleted": bool},
    **{"includedPermissions": [PERMISSION], "stage": STAGES},
}
OF_ACCOUNT: dict[str, object] = {"displayName": str, "description": str, "name": str, "email": str}


class IamApi:
    """The handlers, one for each request."""

    def __init__(self, shelf: Shelf, policies: Policies) -> None:
        self._shelf = shelf
        self._policies = policies

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ACCOUNTS, self.list_accounts, name="list_accounts"),
            web.post(ACCOUNTS, self.create_account, name="create_account"),
            web.get(ACCOUNT, self.get_account, name="get_account"),
            web.delete(ACCOUNT, self.delete_account, name="delete_account"),
            web.post(f"{ACCOUNT}:getIamPolicy", self.get_policy, name="get_account_policy"),
            web.post(f"{ACCOUNT}:setIamPolicy", self.set_policy, name="set_account_policy"),
            web.get(ROLES, self.list_roles, name="list_roles"),
            web.post(ROLES, self.create_role, name="create_role"),
            web.get(ROLE, self.get_role, name="get_role"),
            web.patch(ROLE, self.patch_role, name="update_role"),
            web.post("/v1/permissions:queryTestablePermissions", self.permissions, name="permissions"),
        ]

    async def list_accounts(self, request: web.Request) -> web.Response:
        """Return the service accounts."""
        return listed(request, "accounts", self._shelf.below("account", f"{_parent(request)}/serviceAccounts"))

    async def create_account(self, request: web.Request) -> web.Response:
        """Make a service account."""
        order = checked(await json_object(request), "the request", {"accountId": str, "serviceAccount": OF_ACCOUNT})
        identity, project = order.get("accountId", ""), request.match_info["project"]
        if not ACCOUNT_ID.fullmatch(identity):
            raise invalid("accountId", identity, "it has 6 to 30 small letters, digits and hyphens")
        email = f"{identity}@{project}.iam.gserviceaccount.com"
        name = f"{_parent(request)}/serviceAccounts/{email}"
        number = str(int(hashlib.sha256(email.encode()).hexdigest(), 16))[:21]
        shown = {"name": name, "projectId": project, "email": email, "uniqueId": number, "oauth2ClientId": number}
        return web.json_response(self._shelf.create("account", name, {**order.get("serviceAccount", {}), **shown}))

    async def get_account(self, request: web.Request) -> web.Response:
        """Return a service account."""
        return web.json_response(self._shelf.get("account", self._account(request)))

    async def delete_account(self, request: web.Request) -> web.Response:
        """Remove a service account."""
        self._shelf.delete("account", self._account(request))
        return web.json_response({})

    async def get_policy(self, request: web.Request) -> web.Response:
        """Return who may act as a service account."""
        return web.json_response(self._policies.get(self._account(request)))

    async def set_policy(self, request: web.Request) -> web.Response:
        """Replace who may act as a service account."""
        return web.json_response(put_policy(self._policies, self._account(request), await json_object(request)))

    async def list_roles(self, request: web.Request) -> web.Response:
        """Return the project's roles, with what they allow if the request asks for it."""
        found = self._shelf.below("role", f"{_parent(request)}/roles")
        if request.query.get("view", "BASIC") != "FULL":
            found = [{key: value for key, value in each.items() if key != "includedPermissions"} for each in found]
        return listed(request, "roles", found)

    async def create_role(self, request: web.Request) -> web.Response:
        """Make a role."""
        order = checked(await json_object(request), "the request", {"roleId": str, "role": OF_ROLE})
        identity = order.get("roleId", "")
        if not ROLE_ID.fullmatch(identity):
            raise invalid("roleId", identity, "it has 3 to 64 letters, digits, dots and underscores")
        name = f"{_parent(request)}/roles/{identity}"
        made = self._shelf.create("role", name, {**order.get("role", {}), "name": name})
        self._policies.define(name, made.get("includedPermissions", []))
        return web.json_response(made)

    async def get_role(self, request: web.Request) -> web.Response:
        """Return a role."""
        return web.json_response(self._shelf.get("role", _role(request)))

    async def patch_role(self, request: web.Request) -> web.Response:
        """Replace fields of a role; its etag must be that of the role, if it is there."""
        changes = checked(await json_object(request), "the request", OF_ROLE)
        named = [_camel(each) for each in request.query.get("updateMask", "").split(",") if each] or list(changes)
        before = self._shelf.get("role", _role(request))
        after: Document = {**before, **{name: changes[name] for name in named if name in changes}}
        after["etag"] = changes.get("etag", before["etag"])
        self._policies.define(_role(request), after.get("includedPermissions", []))
        return web.json_response(self._shelf.put("role", _role(request), after))

    async def permissions(self, request: web.Request) -> web.Response:
        """Return the permissions that roles may have with a reservation; here there is none of that kind."""
        checked(await json_object(request), "the request", {"fullResourceName": str, "pageSize": int, "pageToken": str})
        return web.json_response({"permissions": []})

    def _account(self, request: web.Request) -> str:
        """Return the name of an account that is there, whatever project the request says."""
        email = request.match_info["account"]
        name = account_name(email)
        if not email.endswith(".iam.gserviceaccount.com"):
            raise ApiError(404, "NOT_FOUND", f"Unknown service account {email}")
        self._shelf.get("account", name)
        return name


def _parent(request: web.Request) -> str:
    return f"projects/{request.match_info['project']}"


def _role(request: web.Request) -> str:
    return f"{_parent(request)}/roles/{request.match_info['role']}"


def _camel(name: str) -> str:
    return re.sub("_([a-z])", lambda found: found[1].upper(), name)
