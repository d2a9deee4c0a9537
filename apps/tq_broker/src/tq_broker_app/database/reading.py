"""Reading what was written of orders, for those who look after them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Engine, func, select

from tq_broker_app.database.errors import sorted_errors
from tq_broker_app.database.tables import ORDER_HISTORY

__all__ = ["has_tables", "rows_of", "unknown_orders"]

_ROWS = ORDER_HISTORY.c


def rows_of(engine: Engine, order_ids: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """Return the rows of ``order_history`` by id; raises `StoreError` where the database does not answer."""
    with sorted_errors("order_history"), engine.connect() as connection:
        found = connection.execute(ORDER_HISTORY.select().where(_ROWS.id.in_(order_ids))).mappings().all()
    return {row["id"]: {str(name): value for name, value in row.items()} for row in found}


def unknown_orders(engine: Engine, portfolio_id: str) -> dict[str, str]:
    """Return why orders of a portfolio are UNKNOWN, by id, in their order."""
    wanted = select(_ROWS.id, _ROWS.reason).where(_ROWS.portfolio_id == portfolio_id, _ROWS.status == "UNKNOWN")
    with sorted_errors("order_history"), engine.connect() as connection:
        return {row.id: row.reason or "" for row in connection.execute(wanted.order_by(_ROWS.id))}


def has_tables(engine: Engine) -> bool:
    """Return whether the tables are there; raises `StoreError` where the database does not answer."""
    with sorted_errors("connection"), engine.connect() as connection:
        return connection.execute(select(func.to_regclass(ORDER_HISTORY.name))).scalar_one() is not None
