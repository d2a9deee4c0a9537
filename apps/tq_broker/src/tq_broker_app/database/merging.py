"""How an update meets the row that is there: in one statement, and so that the order of updates does not matter.

Each column takes the greater of two values in an order of its own, so that updates that come twice, late or the wrong
way round leave the row that the same updates leave in order:

- ``status``: FINISHED stays; of ALIVE and UNKNOWN the one that was told later counts; ``reason`` and ``told_at`` are
  those of the status that stays;
- ``filled_quantity`` never falls, ``volume_left`` never rises; ``trade_price`` is that of the more fills;
- ``exchange_order_id`` grows as children get theirs; ``insert_date_time`` is the earliest;
- the rest is known or is not.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Executable, and_, case, func, or_, text, tuple_
from sqlalchemy.dialects.postgresql import insert

from tq_broker_app.database.rows import STATUSES
from tq_broker_app.database.tables import IDENTITY, ORDER_HISTORY

__all__ = ["upsert"]

_Column = ColumnElement[Any]


def upsert() -> Executable:
    """Return the statement that writes a row, or merges it with the one that is there.

    Its parameters are the columns of a row but ``created_at`` and ``updated_at``. It returns the status that the row
    has then; nothing where the row that is there is of another order, and stays as it is.
    """
    statement = insert(ORDER_HISTORY)
    known, said = ORDER_HISTORY.c, statement.excluded
    wins, ties = _compared(known, said)
    merged = {
        "exchange_order_id": _longer(known.exchange_order_id, said.exchange_order_id),
        "status": case((wins, said.status), else_=known.status),
        "told_at": case((wins, said.told_at), else_=known.told_at),
        "volume_orign": func.coalesce(known.volume_orign, said.volume_orign),
        "volume_left": func.least(known.volume_left, said.volume_left),
        "filled_quantity": func.greatest(known.filled_quantity, said.filled_quantity),
        "limit_price": func.coalesce(known.limit_price, said.limit_price),
        "trade_price": case(
            (said.filled_quantity > func.coalesce(known.filled_quantity, -1), said.trade_price),
            (said.filled_quantity == known.filled_quantity, func.coalesce(known.trade_price, said.trade_price)),
            else_=known.trade_price,
        ),
        "insert_date_time": func.least(known.insert_date_time, said.insert_date_time),
        "parent_order_id": func.coalesce(known.parent_order_id, said.parent_order_id),
        "trading_day": func.coalesce(known.trading_day, said.trading_day),
        "reason": case((ties, func.greatest(known.reason, said.reason)), (wins, said.reason), else_=known.reason),
        "updated_at": func.now(),
    }
    return statement.on_conflict_do_update(
        index_elements=[known.id],
        set_=merged,
        where=and_(*(_same(name, known[name], said[name]) for name in IDENTITY)),
    ).returning(known.status)


def _same(name: str, known: _Column, said: _Column) -> _Column:
    """Whether a column of an order's identity is the same; a volume that is not known is any."""
    same = known == said
    return or_(same, known.is_(None), said.is_(None)) if ORDER_HISTORY.c[name].nullable else same


def _compared(known: Any, said: Any) -> tuple[_Column, _Column]:
    """Return whether the status that is said counts, and whether it is the same, told at the same time."""
    before, after = ((_finished(row.status), _told(row.told_at), _rank(row.status)) for row in (known, said))
    return tuple_(*after) > tuple_(*before), tuple_(*after) == tuple_(*before)


def _finished(status: _Column) -> _Column:
    return case((status == "FINISHED", 1), else_=0)


def _told(at: _Column) -> _Column:
    """Return when something was told; before everything where that is not known."""
    return func.coalesce(at, text("'-infinity'::timestamptz"))


def _rank(status: _Column) -> _Column:
    return case({name: rank for rank, name in enumerate(STATUSES)}, value=status, else_=-1)


def _longer(known: _Column, said: _Column) -> _Column:
    """Return the longer of two texts; of two of the same length the greater."""
    lengths = func.coalesce(func.length(known), 0), func.coalesce(func.length(said), 0)
    same = func.greatest(known, said)
    return case((lengths[1] > lengths[0], said), (lengths[1] == lengths[0], same), else_=known)
