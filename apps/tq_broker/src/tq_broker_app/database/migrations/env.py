"""Run the migrations on the connection that is given; without one, write them as SQL."""

from __future__ import annotations

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes.get("connection"),
    dialect_name="postgresql",
    version_table=attributes["version_table"],
)
with context.begin_transaction():
    context.run_migrations()
