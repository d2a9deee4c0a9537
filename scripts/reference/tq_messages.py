"""docs/reference/tq-messages.md and .json, made out of the messages of the futures app."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from tq_broker_app import messages
from tq_broker_app.messages import (
    AccountUpdate,
    CancelRequest,
    OrderRowUpdate,
    OrdersSeen,
    OrderUpdate,
    PositionUpdate,
    RequestAnswer,
    SubmitRequest,
)

from reference.markdown import table

MESSAGES = (
    SubmitRequest,
    CancelRequest,
    OrderUpdate,
    OrderRowUpdate,
    RequestAnswer,
    OrdersSeen,
    PositionUpdate,
    AccountUpdate,
)
KINDS = {"int": "whole number", "float": "number", "str": "text", "AwareDatetime": "time", "tuple": "list of texts"}
ADDED = frozenset({"event_id", "reason", "trading_day"})
"""Fields that the founding document does not have."""
MEANINGS = {
    "type": "which message it is",
    "request_id": "the engine's name of the request; nothing depends on it",
    "timestamp": "when it was sent: ISO 8601 with an offset",
    "payload": "what is asked for, see below",
    "symbol": "`EXCHANGE.contract` as tqsdk writes it, such as `SHFE.rb2505`; upper and lower case count",
    "direction": "what is done",
    "offset": "whether it opens or closes a position; of a part the offset that the exchange was told",
    "volume": "lots, at least 1",
    "limit_price": "CNY per unit of the contract's quotation, on its tick; none for a market order",
    "order_id": "the engine's, `[A-Za-z0-9_-]{1,64}`, used once for ever; of a part with `_close` or `_closetoday`",
    "portfolio_id": "the portfolio; a deployment trades one",
    "exchange_order_id": "the exchange's; of several parts all of theirs, separated by commas; empty before that",
    "status": "where it stands: UNKNOWN is what nobody can tell; of an answer its outcome",
    "event_type": "what happened",
    "event_id": "the same whenever the same thing is told again: readers keep one of each",
    "volume_orign": "lots ordered; the spelling is tqsdk's",
    "volume_left": "lots that have not traded; they may still, or never will",
    "filled_quantity": "lots that have traded",
    "trade_price": "CNY, the volume-weighted mean of all trades so far; null without any",
    "insert_date_time": "nanoseconds since 1970 at which the exchange's front took it; null before that",
    "trading_day": "`yyyymmdd`; a night session belongs to the next trading day",
    "reason": "why, in words, of what was rejected, cancelled or is unknown; empty otherwise",
    "parent_order_id": "of a part the engine's order, null otherwise",
    "order_ids": "all orders that the login shows, and those that they are parts of",
    "net_position": "lots, long less short",
    "breakdown": "lots by side and age, see below",
    "balance": "CNY, equity of the account",
    "available": "CNY that orders may still use",
    "margin": "CNY bound by positions",
    "float_profit": "CNY, of open positions since they were opened",
    "position_profit": "CNY, of open positions since the last settlement",
    "risk_ratio": "margin by balance, as a share",
    "pos_long": "lots bought",
    "pos_short": "lots sold short",
    "pos_long_today": "of those bought, opened on this trading day",
    "pos_long_his": "of those bought, opened earlier",
    "pos_short_today": "of those sold, opened on this trading day",
    "pos_short_his": "of those sold, opened earlier",
}
ANSWERS = """\
Every SUBMIT that has an order id is answered by events of that id; every CANCEL by events of its order, or by a \
REQUEST_ANSWER. The same request again has the same answer, with the same `event_id`. What is no request at all is a \
[dead letter](tq-broker.md#queues).

ORDER_UPDATE and REQUEST_ANSWER are kept in `order_event`, ORDER_UPDATE and ORDER_ROW in `order_history`, whose rows \
never go back: FINISHED stays, fills never fall. An order that SHFE and INE want closed in parts has a row for each \
part, with `parent_order_id`, and events of its own only.\
"""


def page() -> str:
    """Return the page."""
    parts = [
        "# Messages of tq-broker",
        "Generated from the code by `scripts/generate_reference.py`; the repository's check fails when it is out of "
        "date. JSON schemas of all of them are in [tq-messages.json](tq-messages.json).",
        "Messages are JSON in UTF-8, at most 64 KB of a request. Reading is strict: a number in a string, a fraction "
        "of a lot, NaN or a field that nobody knows is refused, with its name. A field in *italics* is an addition of "
        "this app's to the documented ones; ORDER_ROW, REQUEST_ANSWER and ORDERS_SEEN are additions as a whole.",
        ANSWERS,
        *(part for model in MESSAGES for part in _message(model)),
    ]
    return "\n\n".join(parts) + "\n"


def schemas() -> str:
    """Return the JSON schema of any message, with those of each below ``$defs``: of requests, what is taken."""
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "validation" if model in (SubmitRequest, CancelRequest) else "serialization") for model in MESSAGES
    ]
    names, document = models_json_schema(modes)
    each = [names[mode] for mode in modes]
    for model, mode in modes:
        if mode == "serialization":
            document["$defs"][model.__name__]["required"] = list(model.model_fields)  # whatever it is, it is told
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Messages of tq-broker"}
    return json.dumps({**whole, "oneOf": each, **document}, indent=2, ensure_ascii=False) + "\n"


def _message(model: type[BaseModel]) -> Iterable[str]:
    first, _, rest = " ".join((model.__doc__ or "").split()).replace("``", "`").partition(", ")
    yield f"## {first}"
    yield rest[:1].upper() + rest[1:]
    yield _table(model)
    for name, field in model.model_fields.items():
        if (inner := _inner(field.annotation)) is not None:
            yield f"`{name}`: " + " ".join((inner.__doc__ or "").split()).replace("``", "`")
            yield _table(inner)


def _table(model: type[BaseModel]) -> str:
    rows: list[tuple[str, str, str]] = []
    for name, field in model.model_fields.items():
        shown = f"*`{name}`*" if name in ADDED or (name == "parent_order_id") else f"`{name}`"
        rows.append((shown, _kind(field.annotation, name), MEANINGS[name]))
    return table(("field", "type", "meaning"), rows)


def _inner(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _kind(annotation: Any, name: str) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    parts = get_args(annotation) if get_origin(annotation) is not tuple else ()
    kinds = [part for part in parts if part is not NoneType]
    if NoneType in parts:
        return f"{_kind(kinds[0], name)} or null"
    if _inner(annotation) is not None:
        return "object"
    if name in ("limit_price", "trade_price"):
        return "number"
    plain = get_origin(annotation) or annotation
    return KINDS[getattr(plain, "__name__", "str")]


assert {model.__name__ for model in MESSAGES} <= set(messages.__all__), "every message is public"
