"""What a request to run asks for, read from its header and its body."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, cast

import anyio
from fastapi import Request
from starlette.requests import ClientDisconnect

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.runtime.run_accounts import Trigger
from quant_platform_kit.web.patience import REQUEST_SECONDS

__all__ = [
    "LARGEST_BODY",
    "SCHEDULE_TIME",
    "TRIGGER",
    "TooLarge",
    "TooSlow",
    "read_body",
    "read_due",
    "read_fields",
    "read_schedule_time",
    "read_trigger",
]

LARGEST_BODY = 16 * 1024
SCHEDULE_TIME = "X-CloudScheduler-ScheduleTime"
TRIGGER: dict[str, Any] = {
    "parameters": [
        {
            "name": SCHEDULE_TIME,
            "in": "header",
            "required": True,
            "description": "When the trigger was due; the same in every retry.",
            "schema": {"type": "string", "format": "date-time"},
        }
    ],
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"mode": {"type": "string", "enum": [mode.value for mode in Mode]}},
                    "additionalProperties": False,
                }
            }
        },
    },
}
"""What a request to run is made of, as OpenAPI describes it."""


class TooLarge(InvalidInput):
    """The body of a request is larger than a service reads."""


class TooSlow(InvalidInput):
    """The body of a request took longer than a service waits."""


def read_schedule_time(text: str) -> datetime:
    """Read a schedule time as Cloud Scheduler writes it, to the second; `InvalidInput` for anything else."""
    try:
        due = datetime.fromisoformat(text)
        if due.tzinfo is not None:
            return due.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(f"X-CloudScheduler-ScheduleTime is {text[:60]!r}; it is an instant such as 2023-12-01T20:45:00Z")


async def read_trigger(request: Request) -> Trigger:
    """Read what a request to run asks for; `InvalidInput` says what of it cannot be meant."""
    body = await read_body(request)
    return Trigger(read_due(request), _mode(body))


def read_due(request: Request) -> datetime:
    """Read when a trigger was due (aware UTC); `InvalidInput` where its header is missing or cannot be meant."""
    times = request.headers.getlist(SCHEDULE_TIME)
    if not times:
        raise InvalidInput(f"{SCHEDULE_TIME} is missing: runs are named by it; trigger them with Cloud Scheduler")
    if len(times) > 1:
        raise InvalidInput(f"{SCHEDULE_TIME} is there {len(times)} times; a run has one")
    return read_schedule_time(times[0])


async def read_body(request: Request) -> bytes:
    """Read a whole body; `TooLarge` and `TooSlow` say why it is not read."""
    announced = request.headers.get("Content-Length", "0")
    if not announced.isdecimal() or len(announced) > 9 or int(announced) > LARGEST_BODY:
        raise TooLarge(f"the body is {announced[:20]} bytes; at most {LARGEST_BODY} are read")
    try:
        with anyio.fail_after(REQUEST_SECONDS):
            return await _read(request)
    except ClientDisconnect:
        raise InvalidInput("the client went away before its body had come") from None
    except TimeoutError:
        raise TooSlow(f"the body did not come within {REQUEST_SECONDS:.0f} s; send it at once") from None


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise TooLarge(f"the body is longer than {LARGEST_BODY} bytes, which is the most that is read")
    return bytes(body)


def read_fields(body: bytes, known: Collection[str], example: str) -> dict[str, object]:
    """Read the fields of a body, none of an empty one; `InvalidInput` where it is no object, or has unknown ones.

    Parameters
    ----------
    example
        A body that can be meant, for the message.
    """
    if not body.strip():
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput(f"the body is not JSON; leave it empty or send {example}") from None
    if not isinstance(document, dict):
        raise InvalidInput(f"the body is no JSON object; leave it empty or send {example}")
    fields = cast("dict[str, object]", document)
    if unknown := sorted(fields.keys() - {*known}):
        may = " and ".join(f'"{name}"' for name in sorted(known))
        raise InvalidInput(f"the body names {unknown[0][:60]!r}; only {may} may be given")
    return fields


def _mode(body: bytes) -> Mode | None:
    fields = read_fields(body, ("mode",), '{"mode": "probe"}')
    try:
        return Mode(fields["mode"]) if "mode" in fields else None
    except ValueError:
        known = ", ".join(mode.value for mode in Mode)
        raise InvalidInput(f"mode is {str(fields['mode'])[:60]!r}; it is one of {known}") from None
