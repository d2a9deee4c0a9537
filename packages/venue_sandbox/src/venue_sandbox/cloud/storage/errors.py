"""Errors in the shape of the JSON API."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from venue_sandbox.cloud.enforcing import Needed

__all__ = [
    "ApiError",
    "denied",
    "ended",
    "error_for",
    "invalid",
    "no_bucket",
    "no_object",
    "retained",
    "stale",
    "too_many",
    "unchanged",
]

REASONS = {
    HTTPStatus.TOO_MANY_REQUESTS: "rateLimitExceeded",
    HTTPStatus.REQUEST_TIMEOUT: "uploadBrokenConnection",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internalError",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.UNAUTHORIZED: "required",
}
DEFAULT_REASON = "backendError"


class ApiError(Exception):
    """A request is answered with an error."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message

    def document(self) -> dict[str, Any]:
        """Return the JSON document that is the answer's body."""
        detail = {"message": self.message, "domain": "global", "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [detail]}}


def error_for(status: int) -> ApiError:
    """Return the error that the service itself has with a status."""
    reason = REASONS.get(HTTPStatus(status), DEFAULT_REASON) if status in set(HTTPStatus) else DEFAULT_REASON
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ApiError(status, reason, "The request rate is too high. Please reduce your request rate.")
    return ApiError(status, reason, "We encountered an internal error. Please try again.")


def no_bucket() -> ApiError:
    """Return the error of a bucket that is not there."""
    return ApiError(404, "notFound", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> ApiError:
    """Return the error of an object that is not there."""
    return ApiError(404, "notFound", f"No such object: {bucket}/{name}")


def stale() -> ApiError:
    """Return the error of a precondition that does not hold."""
    return ApiError(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")


def unchanged() -> ApiError:
    """Return the answer to a read of a generation that the client has already."""
    return ApiError(304, "notModified", "Not Modified")


def too_many(bucket: str, name: str) -> ApiError:
    """Return the error of an object that is changed too often."""
    return ApiError(
        429,
        "rateLimitExceeded",
        f"The object {bucket}/{name} exceeded the rate limit for object mutation operations (create, update, and "
        "delete). Please reduce your request rate. See https://cloud.google.com/storage/docs/gcs429.",
    )


def retained(bucket: str, name: str, until: float) -> ApiError:
    """Return the error of an object that its bucket holds on to until an instant, in seconds since 1970."""
    when = datetime.fromtimestamp(until, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return ApiError(
        403,
        "retentionPolicyNotMet",
        f"Object '{bucket}/{name}' is subject to bucket's retention policy or object retention and cannot be deleted "
        f"or overwritten until {when}",
    )


def denied(who: str, needed: Needed) -> ApiError:
    """Return the error of somebody who lacks a permission, in the words of Cloud Storage."""
    whose = who.partition(":")[2] or "Anonymous caller"
    message = f"{whose} does not have {needed.permission} access to the Google Cloud Storage bucket."
    why = f"Permission '{needed.permission}' denied on resource (or it may not exist)."
    return ApiError(403, "forbidden", f"{message} {why}")


def invalid(message: str) -> ApiError:
    """Return the error of a request that makes no sense."""
    return ApiError(400, "invalid", message)


def ended() -> ApiError:
    """Return the error of a resumable upload that is not there, or is complete."""
    return ApiError(404, "notFound", "The upload session was not found or has ended.")
