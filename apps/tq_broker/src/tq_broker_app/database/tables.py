"""The tables, as the migrations leave them."""

from __future__ import annotations

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

__all__ = ["IDENTITY", "METADATA", "ORDER_EVENT", "ORDER_HISTORY"]

METADATA = MetaData()

ORDER_HISTORY = Table(
    "order_history",
    METADATA,
    Column("id", String, primary_key=True),
    Column("exchange_order_id", String),
    Column("portfolio_id", String, nullable=False),
    Column("symbol", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("offset", String, nullable=False, quote=True),  # a reserved word
    Column("status", String, nullable=False),
    Column("volume_orign", Integer),
    Column("volume_left", Integer),
    Column("filled_quantity", Integer),
    Column("limit_price", Numeric),
    Column("trade_price", Numeric),
    Column("insert_date_time", BigInteger),
    Column("created_at", TIMESTAMP, server_default=func.now()),
    Column("updated_at", TIMESTAMP, server_default=func.now()),
    Column("parent_order_id", String),
    Column("trading_day", String),
    Column("reason", String),
    Column("told_at", TIMESTAMP(timezone=True)),
    Index("ix_order_history_parent_order_id", "parent_order_id"),
    Index("ix_order_history_portfolio_id_status", "portfolio_id", "status"),
)

ORDER_EVENT = Table(
    "order_event",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("order_id", String, nullable=False),
    Column("portfolio_id", String, nullable=False),
    Column("status", String, nullable=False),
    Column("msg", JSONB),
    Column("created_at", TIMESTAMP, server_default=func.now()),
    Column("event_id", String, nullable=False),
    UniqueConstraint("event_id", name="uq_order_event_event_id"),
    Index("ix_order_event_order_id", "order_id"),
)

IDENTITY = ("portfolio_id", "symbol", "direction", "offset", "volume_orign")
"""Columns by which an order is the same one; they never change, but for a volume that was not known."""
