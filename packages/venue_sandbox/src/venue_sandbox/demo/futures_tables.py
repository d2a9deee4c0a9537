"""The tables of the demo of China futures: made of the same rows, wherever they were written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from quant_platform_kit.cli.output import table
from rich.markup import escape
from rich.table import Table

from venue_sandbox.demo.futures_tour import Step
from venue_sandbox.stands.futures_rows import Written

__all__ = ["cache_table", "events_table", "orders_table", "steps_table"]


def steps_table(steps: list[Step], written: Written) -> Table:
    """Return what was sent, and where each order stands."""
    made = table("Sent", "what", "order", "asked", "status", "filled", "events", right=("filled",))
    for step in steps:
        row = written.orders[step.order_id]
        events = " ".join(written.events_of(step.order_id))
        made.add_row(step.title, step.order_id, step.asked, row["status"], str(row["filled_quantity"]), events)
    return made


def orders_table(written: Written, where: str) -> Table:
    """Return the rows of ``order_history``."""
    numbers = ("volume", "left", "filled", "limit", "traded at")
    columns = ("id", "symbol", "order", "status", *numbers, "exchange id", "reason")
    made = table(f"order_history ({where})", *columns, right=numbers)
    for row in written.orders.values():
        name = f"  {row['id']}" if row["parent_order_id"] else row["id"]
        asked = f"{row['direction']} {row['offset']}"
        figures = (row["volume_orign"], row["volume_left"], row["filled_quantity"])
        prices = (_price(row["limit_price"]), _price(row["trade_price"]))
        made.add_row(
            name,
            row["symbol"],
            asked,
            row["status"],
            *map(str, figures),
            *prices,
            row["exchange_order_id"].replace(",", " "),
            escape(row["reason"]),
        )
    return made


def events_table(written: Written, where: str) -> Table:
    """Return the rows of ``order_event``."""
    made = table(f"order_event ({where})", "order_id", "status", "event_id")
    for row in written.events:
        made.add_row(row["order_id"], row["status"], row["event_id"])
    return made


def cache_table(written: Written, where: str) -> Table:
    """Return the keys of positions and of the account."""
    made = table(f"Redis keys ({where})", "key", "value")
    for key, value in written.cache.items():
        made.add_row(key, escape(_value(value)))
    return made


def _value(value: Any) -> str:
    return json.dumps(_rounded(cast(dict[str, Any], value)) if isinstance(value, dict) else value)


def _rounded(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(each, 4) if isinstance(each, float) else each for name, each in value.items()}


def _price(value: Any) -> str:
    return "" if value == "" else f"{value:.10g}"
