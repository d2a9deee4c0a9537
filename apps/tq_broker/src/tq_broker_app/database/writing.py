"""Writing orders and their events: whatever comes twice, late or the wrong way round."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, TIMESTAMP, Connection, Engine, String, any_, bindparam, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from tq_broker_app.database.errors import sorted_errors
from tq_broker_app.database.merging import upsert
from tq_broker_app.database.rows import Mismatch, OrderEvent, OrderRow
from tq_broker_app.database.tables import IDENTITY, ORDER_EVENT, ORDER_HISTORY

__all__ = ["OrderWriter"]

_UPSERT = upsert()
_INSERT_EVENT = (
    insert(ORDER_EVENT)
    .on_conflict_do_nothing(index_elements=[ORDER_EVENT.c.event_id])
    .returning(ORDER_EVENT.c.event_id)
)
_IDENTITY_OF = select(*(ORDER_HISTORY.c[name] for name in IDENTITY)).where(ORDER_HISTORY.c.id == bindparam("order_id"))
UNKNOWN = "UNKNOWN"
_ABSENT = ("exchange_order_id", "parent_order_id", "trading_day", "reason")
"""Columns of text that are NULL where there is nothing to say."""

_rows, _children = ORDER_HISTORY.c, ORDER_HISTORY.alias("children")
_shown = any_(bindparam("known_ids", type_=ARRAY(String)))
_MARK_UNKNOWN = (
    update(ORDER_HISTORY)
    .where(
        _rows.portfolio_id == bindparam("portfolio"),
        _rows.status == "ALIVE",
        _rows.trading_day <= bindparam("day"),
        or_(_rows.told_at.is_(None), _rows.told_at < bindparam("at", type_=TIMESTAMP(timezone=True))),
        ~(_rows.id == _shown),
        ~exists().where(_children.c.parent_order_id == _rows.id, _children.c.id == _shown),
    )
    .values(status="UNKNOWN", reason=bindparam("why"), told_at=bindparam("at"), updated_at=func.now())
    .returning(*(column for column in _rows if column.name not in ("created_at", "updated_at", "told_at")))
)


class OrderWriter:
    """Writes `order_history` and `order_event`; several may write at once.

    Every method is one transaction. It raises `InvalidInput` where the values cannot be written, which no retry helps,
    and `StoreError` where the database could not do it: another try may succeed, and writes nothing twice.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write_update(self, row: OrderRow, event: OrderEvent | None = None) -> Mismatch | None:
        """Write where an order stands, and what happened to it, if anything did.

        A row that is there never goes back: see `tq_broker_app.database.merging`. An event UNKNOWN is written only
        where the row is UNKNOWN then.

        Returns
        -------
        What differs, where the row that is there is of another order; then neither is written. None otherwise.
        """
        with sorted_errors(f"order {row.id}"), self._engine.begin() as connection:
            status: str | None = connection.execute(_UPSERT, _values(row)).scalar_one_or_none()
            if status is None:
                return _mismatch(connection, row)
            if event is not None and (event.status != UNKNOWN or status == UNKNOWN):
                connection.execute(_INSERT_EVENT, _event(event))
            return None

    def write_event_only(self, event: OrderEvent) -> bool:
        """Write an event that changes no order; return False where it was written before."""
        with sorted_errors(f"event {event.event_id}"), self._engine.begin() as connection:
            return connection.execute(_INSERT_EVENT, _event(event)).one_or_none() is not None

    def mark_unknown(self, portfolio_id: str, trading_day: str, known_ids: Collection[str], at: datetime) -> list[str]:
        """Mark orders of a portfolio UNKNOWN that cannot be ALIVE any more, as far as anybody can tell.

        Parameters
        ----------
        trading_day
            Of the login (``yyyymmdd``): orders of it and of earlier ones are meant. One whose day is not known is left.
        known_ids
            All orders that the login shows. An order of several children is shown where one of them is.
        at
            When the login showed them, aware: what was told of an order since then counts more.

        Returns
        -------
        The ids that were marked, ascending; each has an event UNKNOWN.
        """
        values = {
            "portfolio": portfolio_id,
            "day": trading_day,
            "known_ids": list(known_ids),
            "at": at,
            "why": f"the login of trading day {trading_day} does not show it: what became of it is not known",
        }
        with sorted_errors(f"orders up to {trading_day}"), self._engine.begin() as connection:
            marked = connection.execute(_MARK_UNKNOWN, values).mappings().all()
            if marked:
                connection.execute(_INSERT_EVENT, [_event(_unknown(row)) for row in marked])
        return sorted(row["id"] for row in marked)


def _values(row: OrderRow) -> dict[str, Any]:
    return {name: None if name in _ABSENT and not value else value for name, value in asdict(row).items()}


def _event(event: OrderEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in ("event_id", "order_id", "portfolio_id", "status")} | {
        "msg": dict(event.msg)
    }


def _mismatch(connection: Connection, row: OrderRow) -> Mismatch:
    """Return in what a row that is there is another order."""
    known: Sequence[Any] = connection.execute(_IDENTITY_OF, {"order_id": row.id}).one()
    pairs = ((name, value, getattr(row, name)) for name, value in zip(IDENTITY, known, strict=True))
    differs = {name: (value, said) for name, value, said in pairs if value != said and None not in (value, said)}
    return Mismatch(row.id, differs)


def _unknown(row: Mapping[Any, Any]) -> OrderEvent:
    """Return the event of an order that was marked UNKNOWN: its message is the row, as an update tells it."""
    identity, filled = row["id"], row["filled_quantity"] or 0
    event_id = f"{identity}:UNKNOWN:{filled}"
    told = {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items() if name != "id"}
    msg = {"order_id": identity, **told, "event_type": "UNKNOWN", "event_id": event_id}
    return OrderEvent(event_id, identity, row["portfolio_id"], "UNKNOWN", msg)
