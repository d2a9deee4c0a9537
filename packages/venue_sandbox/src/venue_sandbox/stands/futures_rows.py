"""What the handlers have written, wherever they write: rows and keys as plain values, comparable between places."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

__all__ = ["EVENT_COLUMNS", "ORDER_COLUMNS", "Written", "written"]

ORDER_COLUMNS = (
    "id",
    "parent_order_id",
    "symbol",
    "direction",
    "offset",
    "status",
    "volume_orign",
    "volume_left",
    "filled_quantity",
    "limit_price",
    "trade_price",
    "exchange_order_id",
    "trading_day",
    "reason",
)
EVENT_COLUMNS = ("order_id", "status", "event_id")
Row = Mapping[str, Any]
_DIGEST = re.compile(r":[0-9a-f]{16}$")


@dataclass(frozen=True, slots=True)
class Written:
    """Rows of ``order_history`` by id, rows of ``order_event`` in their order, and keys with their values.

    Times of writing are left out, and digests of requests, which have the time in them: they are never the same twice.
    """

    orders: Mapping[str, Row]
    events: tuple[Row, ...]
    cache: Mapping[str, Any]

    def events_of(self, order_id: str) -> list[str]:
        """Return what happened to an order, oldest first."""
        return [row["status"] for row in self.events if row["order_id"] == order_id]


def written(orders: Iterable[Row], events: Iterable[Row], cache: Mapping[str, str]) -> Written:
    """Return what was written, out of rows with more columns and of values as they are kept."""
    rows = [{name: _plain(row[name]) for name in ORDER_COLUMNS} for row in orders]
    return Written(
        orders={row["id"]: row for row in sorted(rows, key=lambda row: row["id"])},
        events=tuple(_event(row) for row in events),
        cache={key: _value(cache[key]) for key in sorted(cache)},
    )


def _event(row: Row) -> Row:
    event = {name: _plain(row[name]) for name in EVENT_COLUMNS}
    return {**event, "event_id": _DIGEST.sub(":(digest of the request)", event["event_id"])}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return "" if value is None else value


def _value(text: str) -> Any:
    value: Any = json.loads(text)
    if not isinstance(value, dict):
        return value
    return {name: each for name, each in cast(dict[str, Any], value).items() if name != "timestamp"}
