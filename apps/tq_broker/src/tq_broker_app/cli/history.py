"""What ``order_history`` says, for commands; imported by those that ask, as services have no need of it."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from tq_broker_app.database.engine import open_engine
from tq_broker_app.database.reading import has_tables, rows_of, unknown_orders
from tq_broker_app.settings import Settings

__all__ = ["history_is_there", "history_rows", "history_unknown"]


def history_rows(settings: Settings, order_ids: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """Return rows by id."""
    with _engine(settings) as engine:
        return rows_of(engine, order_ids)


def history_unknown(settings: Settings) -> dict[str, str]:
    """Return why orders of the deployment's portfolio are UNKNOWN, by id; none before the tables are there."""
    with _engine(settings) as engine:
        return unknown_orders(engine, settings.tq.portfolio_id) if has_tables(engine) else {}


def history_is_there(settings: Settings) -> bool:
    """Return whether the tables are there."""
    with _engine(settings) as engine:
        return has_tables(engine)


@contextmanager
def _engine(settings: Settings) -> Generator[Any]:
    engine = open_engine(settings.database.url)
    try:
        yield engine
    finally:
        engine.dispose()
