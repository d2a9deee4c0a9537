"""The errors of jobs and of tokens."""

from __future__ import annotations

from venue_sandbox.cloud.rest import ApiError

__all__ = ["denied", "exists", "no_job", "wrong_state"]


def no_job(name: str) -> ApiError:
    """Return the error of a job that is not there."""
    return ApiError(404, "NOT_FOUND", f"Job not found: {name}")


def exists(name: str) -> ApiError:
    """Return the error of a job that is there already."""
    return ApiError(409, "ALREADY_EXISTS", f"Job {name} already exists.")


def wrong_state(name: str, state: str, needed: str) -> ApiError:
    """Return the error of an operation that needs a job in another state."""
    return ApiError(400, "FAILED_PRECONDITION", f"Job {name} is {state}; it must be {needed}.")


def denied() -> ApiError:
    """Return the error of IAM for whoever may not have tokens in an account's name."""
    permission = "iam.serviceAccounts.getOpenIdToken"
    message = f"Permission '{permission}' denied on resource (or it may not exist)."
    return ApiError(403, "PERMISSION_DENIED", message)
