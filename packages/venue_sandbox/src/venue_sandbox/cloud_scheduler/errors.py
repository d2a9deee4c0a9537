"""Errors in the shape of Google's REST APIs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

__all__ = ["ApiError", "error_for", "exists", "invalid", "no_job", "unserved", "wrong_state"]

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


def no_job(name: str) -> ApiError:
    """Return the error of a job that is not there."""
    return ApiError(404, "NOT_FOUND", f"Job not found: {name}")


def exists(name: str) -> ApiError:
    """Return the error of a job that is there already."""
    return ApiError(409, "ALREADY_EXISTS", f"Job {name} already exists.")


def wrong_state(name: str, state: str, needed: str) -> ApiError:
    """Return the error of an operation that needs a job in another state."""
    return ApiError(400, "FAILED_PRECONDITION", f"Job {name} is {state}; it must be {needed}.")
