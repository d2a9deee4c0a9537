"""Reading a request of the engine: what it asks for, or why it cannot be meant."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError
from quant_platform_kit.domain.digests import sha256

from tq_broker_app.bus.ports import Unprocessable
from tq_broker_app.messages import LONGEST_TEXT

__all__ = ["Malformed", "read_request", "request_digest"]

R = TypeVar("R", bound=BaseModel)
LONGEST = 64 * 1024
"""No request is longer, in bytes."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A request that cannot be meant, whose order id can be read."""

    order_id: str
    portfolio_id: str
    reason: str


def request_digest(body: bytes) -> str:
    """Return a short name of a body, the same for the same one."""
    return sha256(body)[:16]


def read_request(kind: type[R], body: bytes) -> R | Malformed:
    """Return what a body asks for, or why it cannot be meant.

    Raises
    ------
    Unprocessable
        It has no order id that could be answered.
    """
    if len(body) > LONGEST:
        raise Unprocessable(f"the message is {len(body)} bytes long; a request has at most {LONGEST}")
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unprocessable(f"the message is no JSON: {error}") from None
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        order_id, portfolio_id = _names(document)
        reason = _reason(error)
        if not order_id:
            raise Unprocessable(f"no order_id can be read: {reason}") from None
        return Malformed(order_id, portfolio_id, reason)


def _names(document: Any) -> tuple[str, str]:
    """Return the order and portfolio id as far as they can be read."""
    payload = cast(dict[str, Any], document).get("payload") if isinstance(document, dict) else None
    if not isinstance(payload, dict):
        return "", ""
    fields = cast(dict[str, Any], payload)
    found = (fields.get("order_id"), fields.get("portfolio_id"))
    order_id, portfolio_id = (name if isinstance(name, str) and _can_be_told(name) else "" for name in found)
    return order_id, portfolio_id


def _can_be_told(name: str) -> bool:
    return len(name) <= LONGEST_TEXT and name.isprintable()


def _shown(name: str) -> str:
    return name if _can_be_told(name) else f"{name!a:.80}"


def _reason(error: ValidationError) -> str:
    told: list[str] = []
    for each in error.errors()[:3]:
        where = _shown(".".join(str(part) for part in each["loc"])) or "the message"
        value = each.get("input")
        shown = f" is {value!r:.80}" if isinstance(value, (str, int, float, bool)) or value is None else ""
        if each["type"] == "missing":
            told.append(f"{where} is missing")
        elif each["type"] == "extra_forbidden":
            told.append(f"{where} is no field of this request")
        else:
            told.append(f"{where}{shown}: {each['msg'].removeprefix('Value error, ')}")
    return "; ".join(dict.fromkeys(told))
