"""The requests of the REST API."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any, cast

import google_crc32c
from aiohttp import web

from venue_sandbox.cloud.enforcing import Needed, enforcing
from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.rest import (
    ApiError,
    account,
    errors_as,
    invalid,
    json_object,
    page_size,
    put_policy,
    refuse,
    unserved,
)
from venue_sandbox.cloud.secrets.vault import State, Vault, Version
from venue_sandbox.servers.control import control_routes, faulty
from venue_sandbox.servers.faults import FaultBook

__all__ = ["MOST_BYTES", "application"]

SECRETS = "/v1/projects/{project}/secrets"
SECRET = SECRETS + "/{secret:[^/:]+}"
VERSIONS = SECRET + "/versions"
VERSION = VERSIONS + "/{version:[^/:]+}"
MOST_BYTES = 1 << 16
LONGEST_BODY = 1 << 18
MOST_ENTRIES = 25_000
PERMISSIONS = {
    **{name: f"secretmanager.secrets.{name}" for name in ("get", "delete")},
    "get_policy": "secretmanager.secrets.getIamPolicy",
    "set_policy": "secretmanager.secrets.setIamPolicy",
    "versions": "secretmanager.versions.list",
    "version": "secretmanager.versions.get",
    **{name: f"secretmanager.versions.{name}" for name in ("add", "access", "enable", "disable", "destroy")},
}
"""What the operations on one secret take."""
IDENTITY = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)


def application(vault: Vault, policies: Policies | None = None) -> web.Application:
    """Return the service over a vault; with policies it keeps to them."""
    vault.policies = policies or vault.policies
    book, api = FaultBook(), Api(vault)
    middlewares = [
        faulty(book, _operation, refuse),
        errors_as(f"A request has {LONGEST_BODY} bytes at most."),
        enforcing(policies, _needs),
    ]
    made = web.Application(middlewares=middlewares, client_max_size=LONGEST_BODY)
    made.add_routes(control_routes(book))
    made.add_routes(
        [
            web.post(SECRETS, api.create, name="create"),
            web.get(SECRETS, api.list_secrets, name="list"),
            web.get(SECRET, api.get, name="get"),
            web.delete(SECRET, api.delete, name="delete"),
            web.post(SECRET + ":addVersion", api.add, name="add"),
            web.get(SECRET + ":getIamPolicy", api.get_policy, name="get_policy"),
            web.post(SECRET + ":setIamPolicy", api.set_policy, name="set_policy"),
            web.get(VERSIONS, api.list_versions, name="versions"),
            web.get(VERSION, api.version, name="version"),
            web.get(VERSION + ":access", api.access, name="access"),
            web.post(VERSION + ":enable", api.enable, name="enable"),
            web.post(VERSION + ":disable", api.disable, name="disable"),
            web.post(VERSION + ":destroy", api.destroy, name="destroy"),
        ]
    )
    return made


class Api:
    """The handlers, one for each request."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def create(self, request: web.Request) -> web.Response:
        """Create a secret; how it is replicated is taken as it is."""
        identity = request.query.get("secretId", "")
        if not IDENTITY.fullmatch(identity):
            raise invalid("secretId", identity, "it has 1 to 255 letters, digits, hyphens and underscores")
        if "replication" not in await json_object(request):
            raise invalid("replication", None, "a secret needs one")
        name = f"projects/{request.match_info['project']}/secrets/{identity}"
        return web.json_response(_secret(name, self._vault.create(name)))

    async def list_secrets(self, request: web.Request) -> web.Response:
        """Return one page of the secrets of a project."""
        found = self._vault.names(f"projects/{request.match_info['project']}")
        return _page(request, "secrets", [_secret(name, self._vault.created(name)) for name in found])

    async def get(self, request: web.Request) -> web.Response:
        """Return a secret, which tells no value."""
        name = _name(request)
        return web.json_response(_secret(name, self._vault.created(name)))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a secret with all its versions."""
        self._vault.delete(_name(request))
        return web.json_response({})

    async def add(self, request: web.Request) -> web.Response:
        """Add a version."""
        self._require(request, ("roles/secretmanager.secretVersionAdder", "roles/secretmanager.admin"), "versions.add")
        order = await json_object(request)
        added = self._vault.add(_name(request), _payload(order))
        checked = "dataCrc32c" in order["payload"]
        return web.json_response({**_shown(added), "clientSpecifiedPayloadChecksum": checked})

    async def get_policy(self, request: web.Request) -> web.Response:
        """Return who may do what with a secret."""
        return web.json_response(self._vault.policies.get(self._known(request)))

    async def set_policy(self, request: web.Request) -> web.Response:
        """Replace who may do what with a secret."""
        return web.json_response(put_policy(self._vault.policies, self._known(request), await json_object(request)))

    async def list_versions(self, request: web.Request) -> web.Response:
        """Return one page of the versions of a secret, the latest first."""
        return _page(request, "versions", [_shown(each) for each in self._vault.versions(_name(request))])

    async def version(self, request: web.Request) -> web.Response:
        """Return a version, which tells no value."""
        return web.json_response(_shown(self._vault.find(*_names(request))))

    async def access(self, request: web.Request) -> web.Response:
        """Return the value of a version, with its checksum."""
        self._require(request, ("roles/secretmanager.secretAccessor", "roles/secretmanager.admin"), "versions.access")
        found = self._vault.readable(*_names(request))
        payload = {"data": base64.b64encode(found.data).decode(), "dataCrc32c": _crc32c(found.data)}
        return web.json_response({"name": found.name, "payload": payload})

    async def enable(self, request: web.Request) -> web.Response:
        """Make a version readable again."""
        return await self._change(request, State.ENABLED)

    async def disable(self, request: web.Request) -> web.Response:
        """Make a version unreadable until it is enabled."""
        return await self._change(request, State.DISABLED)

    async def destroy(self, request: web.Request) -> web.Response:
        """Forget the value of a version for good."""
        return await self._change(request, State.DESTROYED)

    def _require(self, request: web.Request, roles: tuple[str, ...], call: str) -> None:
        """Refuse a service account that a secret with a policy gives none of some roles; let everybody else in."""
        caller, name, policies = account(request), self._known(request), self._vault.policies
        if caller is None or not policies.known(name):
            return
        if not any(policies.allows(name, role, f"serviceAccount:{caller}") for role in roles):
            message = f"Permission 'secretmanager.{call}' denied for resource '{name}' (or it may not exist)."
            raise ApiError(403, "PERMISSION_DENIED", message)

    def _known(self, request: web.Request) -> str:
        """Return the name of a secret that is there."""
        name = _name(request)
        self._vault.created(name)
        return name

    async def _change(self, request: web.Request, state: State) -> web.Response:
        if (await json_object(request)).get("etag"):
            raise unserved("An etag is not served.")
        return web.json_response(_shown(self._vault.change(*_names(request), state)))


async def _needs(request: web.Request) -> list[Needed]:
    """Return what a request takes, by its operation."""
    operation, project = _operation(request), f"projects/{request.match_info.get('project', '')}"
    if operation in ("create", "list"):
        return [Needed(f"secretmanager.secrets.{operation}", (project,))]
    return [Needed(PERMISSIONS[operation], (_name(request), project))] if operation in PERMISSIONS else []


def _operation(request: web.Request) -> str:
    return request.match_info.route.name or "unknown"


def _name(request: web.Request) -> str:
    return f"projects/{request.match_info['project']}/secrets/{request.match_info['secret']}"


def _names(request: web.Request) -> tuple[str, str]:
    return _name(request), request.match_info["version"]


def _payload(order: dict[str, Any]) -> bytes:
    """Return the value of a request to add one, if its size and its checksum are right."""
    payload: dict[str, Any] = order.get("payload") or {}
    try:
        data = base64.b64decode(payload.get("data", ""), validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise invalid("payload.data", "a text", f"it is base64: {error}") from error
    if not 0 < len(data) <= MOST_BYTES:
        raise invalid("payload.data", f"{len(data)} bytes long", f"it has 1 to {MOST_BYTES} bytes")
    claimed = payload.get("dataCrc32c")
    if claimed is not None and str(claimed) != _crc32c(data):
        raise invalid("payload.data_crc32c", claimed, "the data has another one")
    return data


def _crc32c(data: bytes) -> str:
    return str(cast("int", google_crc32c.value(data)))  # pyright: ignore[reportUnknownMemberType]


def _page(request: web.Request, field: str, entries: list[dict[str, Any]]) -> web.Response:
    """Return a page; its token is where the next one begins."""
    token = request.query.get("pageToken") or "0"
    if not (token.isascii() and token.isdigit()):
        raise invalid("pageToken", token, "it is that of the page before")
    begin, size = int(token[:9]), page_size(request, MOST_ENTRIES)
    page: dict[str, Any] = {field: entries[begin : begin + size], "totalSize": len(entries)}
    if begin + size < len(entries):
        page["nextPageToken"] = str(begin + size)
    return web.json_response(page)


def _secret(name: str, created: float) -> dict[str, Any]:
    return {"name": name, "createTime": _time(created), "replication": {"automatic": {}}}


def _shown(version: Version) -> dict[str, Any]:
    shown = {"name": version.name, "createTime": _time(version.created), "state": version.state.value}
    return shown if version.destroyed is None else {**shown, "destroyTime": _time(version.destroyed)}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
