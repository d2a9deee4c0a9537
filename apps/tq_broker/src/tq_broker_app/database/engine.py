"""Connections to PostgreSQL that are given up when it is silent: a stopped server does not keep its own timeouts."""

from __future__ import annotations

from quant_platform_kit.adapters.limited_answers import limit_answers
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url

__all__ = ["open_engine"]


def open_engine(url: str, *, timeout_seconds: float = 5.0) -> Engine:
    """Return an engine for a database; nothing connects before the first statement.

    Parameters
    ----------
    url
        ``postgresql+psycopg://user:password@host:port/database``.
    timeout_seconds
        How long connecting, or one answer, may take; at least 1.
    """
    address = make_url(url)
    given = address.query.get("options", ())
    settings = f"-c synchronous_commit=on -c statement_timeout={int(timeout_seconds * 900)}"
    engine = create_engine(
        address.difference_update_query(["options"]),
        pool_timeout=timeout_seconds,
        use_native_hstore=False,
        connect_args={
            "connect_timeout": max(1, int(timeout_seconds)),
            "options": " ".join([*([given] if isinstance(given, str) else given), settings]),
            "target_session_attrs": "read-write",
            "prepare_threshold": None,
        },
    )

    limit_answers(engine, timeout_seconds)
    return engine
