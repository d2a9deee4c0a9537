"""What the documented columns do not say: which order a child is part of, its trading day, why, when; events once.

Events that are there get ids of their own, which no event of the services has.
"""

from __future__ import annotations

from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    """Add the columns, and what finds rows by them."""
    op.execute(
        "ALTER TABLE order_history ADD COLUMN IF NOT EXISTS parent_order_id VARCHAR, "
        "ADD COLUMN IF NOT EXISTS trading_day VARCHAR, ADD COLUMN IF NOT EXISTS reason VARCHAR, "
        "ADD COLUMN IF NOT EXISTS told_at TIMESTAMPTZ"
    )
    op.execute("ALTER TABLE order_event ADD COLUMN IF NOT EXISTS event_id VARCHAR")
    op.execute("UPDATE order_event SET event_id = ':' || id WHERE event_id IS NULL")
    op.alter_column("order_event", "event_id", nullable=False)
    op.create_unique_constraint("uq_order_event_event_id", "order_event", ["event_id"])
    op.create_index("ix_order_event_order_id", "order_event", ["order_id"], if_not_exists=True)
    op.create_index("ix_order_history_parent_order_id", "order_history", ["parent_order_id"], if_not_exists=True)
    op.create_index(
        "ix_order_history_portfolio_id_status", "order_history", ["portfolio_id", "status"], if_not_exists=True
    )
