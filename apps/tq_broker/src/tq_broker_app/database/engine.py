"""Connections to PostgreSQL that notice when they are dead."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url

__all__ = ["open_engine"]


def open_engine(url: str, *, timeout_seconds: float = 10.0) -> Engine:
    """Return an engine for a database; nothing connects before the first statement.

    Parameters
    ----------
    url
        ``postgresql+psycopg://user:password@host:port/database``.
    timeout_seconds
        How long connecting, or one statement, may take; also after how long a host that is gone is noticed.
    """
    address = make_url(url)
    seconds = max(1, int(timeout_seconds))
    given = address.query.get("options", ())
    settings = f"-c synchronous_commit=on -c statement_timeout={seconds * 1000}"
    return create_engine(
        address.difference_update_query(["options"]),
        pool_timeout=seconds,
        use_native_hstore=False,
        connect_args={
            "connect_timeout": seconds,
            "options": " ".join([*([given] if isinstance(given, str) else given), settings]),
            "target_session_attrs": "read-write",
            "prepare_threshold": None,
            "keepalives_idle": seconds,
            "keepalives_interval": max(1, seconds // 3),
            "keepalives_count": 3,
            "tcp_user_timeout": seconds * 1000,
        },
    )
