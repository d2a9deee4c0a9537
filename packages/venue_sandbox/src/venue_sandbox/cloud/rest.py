"""Requests and errors in the shape of Google's REST APIs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from venue_sandbox.cloud.policies import BadPolicy, Policies, Policy, StalePolicy
from venue_sandbox.servers.control import CONTROL

__all__ = [
    "ApiError",
    "account",
    "document",
    "error_for",
    "errors_as",
    "invalid",
    "json_object",
    "page_size",
    "put_policy",
    "refuse",
    "unserved",
]

CODES = {
    HTTPStatus.BAD_REQUEST: "INVALID_ARGUMENT",
    HTTPStatus.UNAUTHORIZED: "UNAUTHENTICATED",
    HTTPStatus.FORBIDDEN: "PERMISSION_DENIED",
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
    HTTPStatus.CONFLICT: "ABORTED",
    HTTPStatus.TOO_MANY_REQUESTS: "RESOURCE_EXHAUSTED",
    HTTPStatus.INTERNAL_SERVER_ERROR: "INTERNAL",
    HTTPStatus.NOT_IMPLEMENTED: "UNIMPLEMENTED",
    HTTPStatus.SERVICE_UNAVAILABLE: "UNAVAILABLE",
    HTTPStatus.GATEWAY_TIMEOUT: "DEADLINE_EXCEEDED",
}


class ApiError(Exception):
    """A request is answered with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def document(self) -> dict[str, Any]:
        """Return the JSON document that is the answer's body."""
        return {"error": {"code": self.status, "message": self.message, "status": self.code}}


def error_for(status: int) -> ApiError:
    """Return the error that the service itself has with a status."""
    code = CODES.get(HTTPStatus(status), "UNKNOWN") if status in set(HTTPStatus) else "UNKNOWN"
    return ApiError(status, code, "The service is currently unable to handle the request.")


def invalid(field: str, value: object, rule: str) -> ApiError:
    """Return the error of a field whose value breaks a rule."""
    return ApiError(400, "INVALID_ARGUMENT", f"{field} is {value!r}, but {rule}.")


def unserved(message: str) -> ApiError:
    """Return the error of something that this server leaves out."""
    return ApiError(501, "UNIMPLEMENTED", message)


async def document(request: web.Request) -> Any:
    """Return the JSON document of a request."""
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise ApiError(400, "INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error


async def json_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of a request."""
    read = await document(request)
    if not isinstance(read, dict):
        raise invalid("the request", read, "it is a JSON object")
    return cast("dict[str, Any]", read)


def account(request: web.Request) -> str | None:
    """Return the service account that asks, where its bearer token is its address; None for anybody else."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return token if re.fullmatch(r"[^\s@]+@[^\s@]+\.gserviceaccount\.com", token) else None


def page_size(request: web.Request, most: int) -> int:
    """Return how many entries a page of a list is to have."""
    text = request.query.get("pageSize", "0")
    if not (text.isascii() and text.isdigit()):
        raise invalid("pageSize", text, "it is a whole number from 0 on")
    return min(int(text[:9]) or most, most)


def put_policy(policies: Policies, name: str, order: Mapping[str, Any]) -> Policy:
    """Replace the policy of a resource by that of a request, and return it."""
    if unknown := sorted(set(order) - {"policy", "updateMask"}):
        raise invalid("the request", unknown[0], "it has policy and updateMask")
    try:
        return policies.put(name, order.get("policy"))
    except BadPolicy as error:
        raise ApiError(400, "INVALID_ARGUMENT", str(error)) from error
    except StalePolicy as error:
        raise ApiError(409, "ABORTED", str(error)) from error


def errors_as(too_large: str) -> Middleware:
    """Return a middleware that answers errors in the shape of the API, those of the control endpoint as plain text.

    Parameters
    ----------
    too_large
        What is said of a request that has too many bytes.
    """

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return _shape(request, error)
        except web.HTTPNotFound:
            return _shape(request, ApiError(404, "NOT_FOUND", f"Not found: {request.path}"))
        except web.HTTPMethodNotAllowed:
            return _shape(request, ApiError(405, "UNIMPLEMENTED", f"{request.method} {request.path} is not served."))
        except web.HTTPRequestEntityTooLarge:
            return _shape(request, ApiError(400, "INVALID_ARGUMENT", too_large))

    return answer


def refuse(request: web.Request, status: int) -> web.Response:
    """Answer a request with the error that the service itself has with a status."""
    return _shape(request, error_for(status))


def _shape(request: web.Request, error: ApiError) -> web.Response:
    if request.path.startswith(CONTROL):
        return web.Response(status=error.status, text=f"{error.message}\n")
    return web.json_response(error.document(), status=error.status)
