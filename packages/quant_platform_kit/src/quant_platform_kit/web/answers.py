"""What a service answers: JSON without secrets, and one status for what became of several accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Response

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.runtime.run_accounts import AccountResult, Ending

__all__ = ["PRIVATE", "answered", "as_json", "described", "error_answer", "status_of"]

PRIVATE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_STATUS = {
    Ending.RETRY: HTTPStatus.SERVICE_UNAVAILABLE,
    Ending.IN_PROGRESS: HTTPStatus.CONFLICT,
    Ending.DEFECT: HTTPStatus.INTERNAL_SERVER_ERROR,
    Ending.REFUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Ending.REPORTED: HTTPStatus.OK,
}
"""By how much an account needs another try: the first that any account has stands for all."""


def as_json(document: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Return a document as JSON, secrets removed; no cache keeps it."""
    content = redact(canonical_json(document).decode())
    return Response(content, status, {**PRIVATE, **(headers or {})}, "application/json")


def error_answer(message: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as JSON."""
    return as_json({"error": message}, status, headers)


_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_OF_ACCOUNTS = {"type": "object", "required": ["runs"], "properties": {"runs": {"type": "array"}}}


def described(*statuses: int, page: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return a route's answers as OpenAPI describes them.

    Parameters
    ----------
    page
        Whether a browser gets a page instead of the document.
    """
    return {int(status): _described(HTTPStatus(status), page=page) for status in statuses}


def _described(status: HTTPStatus, *, page: bool) -> dict[str, Any]:
    is_ok = status == HTTPStatus.OK
    content = {"application/json": {"schema": {"type": "object"} if is_ok else {"anyOf": [_ERROR, _OF_ACCOUNTS]}}}
    if page and is_ok:
        content["text/html"] = {"schema": {"type": "string"}}
    return {"description": status.phrase, "content": content}


def answered(results: Sequence[AccountResult]) -> Response:
    """Return what became of every account, with the status that stands for all and when to come back."""
    waits = [result.retry_after for result in results if result.retry_after]
    headers = {"Retry-After": str(max(1, round(max(waits).total_seconds())))} if waits else {}
    runs = [
        {
            "account_id": result.account_id,
            "status": _STATUS[result.ending],
            "report": result.report,
            "error": result.error,
        }
        for result in results
    ]
    return as_json({"runs": runs}, status_of(results), headers)


def status_of(results: Sequence[AccountResult]) -> HTTPStatus:
    """Return the one status that stands for all: that of the account which most needs another try."""
    endings = {result.ending for result in results}
    return next((status for ending, status in _STATUS.items() if ending in endings), HTTPStatus.OK)
