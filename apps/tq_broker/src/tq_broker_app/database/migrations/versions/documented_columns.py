"""The tables as they are documented; those that are there already stay as they are."""

from __future__ import annotations

from alembic import op
from sqlalchemy import TIMESTAMP, BigInteger, Column, Integer, Numeric, String, func
from sqlalchemy.dialects.postgresql import JSONB

revision, down_revision = "0001", None


def upgrade() -> None:
    """Make both tables where they are missing."""
    op.create_table(
        "order_history",
        Column("id", String, primary_key=True),
        Column("exchange_order_id", String),
        Column("portfolio_id", String, nullable=False),
        Column("symbol", String, nullable=False),
        Column("direction", String, nullable=False),
        Column("offset", String, nullable=False, quote=True),
        Column("status", String, nullable=False),
        Column("volume_orign", Integer),
        Column("volume_left", Integer),
        Column("filled_quantity", Integer),
        Column("limit_price", Numeric),
        Column("trade_price", Numeric),
        Column("insert_date_time", BigInteger),
        Column("created_at", TIMESTAMP, server_default=func.now()),
        Column("updated_at", TIMESTAMP, server_default=func.now()),
        if_not_exists=True,
    )
    op.create_table(
        "order_event",
        Column("id", Integer, primary_key=True),
        Column("order_id", String, nullable=False),
        Column("portfolio_id", String, nullable=False),
        Column("status", String, nullable=False),
        Column("msg", JSONB),
        Column("created_at", TIMESTAMP, server_default=func.now()),
        if_not_exists=True,
    )
