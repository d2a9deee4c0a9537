"""What Cloud Run says when it refuses a request, or when a revision cannot serve."""

from __future__ import annotations

from venue_sandbox.cloud.rest import ApiError

__all__ = ["NotReady", "absent", "conflict", "denied", "exists", "held", "not_started", "taken"]

NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, INTERNAL = 5, 7, 9, 13


class NotReady(Exception):
    """A revision cannot serve.

    Parameters
    ----------
    reason
        The reason of its condition, as the API has it.
    why
        In words.
    code
        The number of the operation's error.
    """

    def __init__(self, reason: str, why: str, code: int = FAILED_PRECONDITION) -> None:
        super().__init__(why)
        self.reason = reason
        self.why = why
        self.code = code

    @classmethod
    def no_image(cls, image: str) -> NotReady:
        """Return the error of an image that is nowhere."""
        return cls("CONTAINER_MISSING", f"Image '{image}' not found.", NOT_FOUND)

    @classmethod
    def unreadable(cls, image: str, why: str) -> NotReady:
        """Return the error of an image that this server cannot look up."""
        return cls("CONTAINER_MISSING", f"Image '{image}' could not be read: {why}", INTERNAL)

    @classmethod
    def no_secret(cls, place: int, why: str, code: int) -> NotReady:
        """Return the error of a variable whose secret cannot be read."""
        where = f"spec.template.spec.containers[0].env[{place}].value_from.secret_key_ref.name"
        return cls("SECRETS_ACCESS_CHECK_FAILED", f"{where}: {why}", code)


def not_started(port: int) -> NotReady:
    """Return the error of a container that does not listen."""
    return NotReady(
        "HEALTH_CHECK_CONTAINER_ERROR",
        "The user-provided container failed to start and listen on the port defined provided by the "
        f"PORT={port} environment variable within the allocated timeout. This can happen when the container port is "
        "misconfigured or if the timeout is too short. The health check timeout can be extended. Logs for this "
        "revision might contain more information.",
    )


def absent(name: str) -> ApiError:
    """Return the error of a resource that is not there."""
    return ApiError(404, "NOT_FOUND", f"Resource '{name.rpartition('/')[2]}' of kind '{_kind(name)}' does not exist.")


def exists(name: str) -> ApiError:
    """Return the error of a service that is there already."""
    return ApiError(409, "ALREADY_EXISTS", f"Resource '{name.rpartition('/')[2]}' already exists.")


def conflict(name: str, given: str, version: str) -> ApiError:
    """Return the error of a write that was planned on a version that is no more."""
    message = f"Conflict for resource '{name.rpartition('/')[2]}': version '{given}' was specified but current version"
    return ApiError(409, "ABORTED", f"{message} is '{version}'.")


def taken(revision: str) -> ApiError:
    """Return the error of a template whose revision is there already."""
    return ApiError(409, "ALREADY_EXISTS", f"Revision named '{revision}' with different configuration already exists.")


def held(revision: str, why: str) -> ApiError:
    """Return the error of a revision that cannot be deleted."""
    return ApiError(400, "FAILED_PRECONDITION", f"Revision '{revision}' cannot be deleted: {why}.")


def denied(permission: str, name: str) -> ApiError:
    """Return the error of an account that lacks a permission."""
    message = f"Permission '{permission}' denied on resource '{name}' (or resource may not exist)."
    return ApiError(403, "PERMISSION_DENIED", message)


def _kind(name: str) -> str:
    return {
        "services": "SERVICE",
        "revisions": "REVISION",
        "jobs": "JOB",
        "executions": "EXECUTION",
        "operations": "OPERATION",
    }.get(name.rpartition("/")[0].rpartition("/")[2], "RESOURCE")
