"""Connections to PostgreSQL that are given up when it is silent: a stopped server does not keep its own timeouts."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url

__all__ = ["open_engine"]

_T = TypeVar("_T")


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

    def connect(*arguments: Any) -> _Connection:
        connection = _Connection.connect(*arguments[2], **arguments[3])
        connection.answer_seconds = timeout_seconds
        return connection

    event.listen(engine, "do_connect", connect)
    return engine


class _Connection(psycopg.Connection[Any]):
    """A connection that ends where an answer takes too long."""

    answer_seconds = 5.0

    def wait(self, gen: PQGen[_T], *arguments: Any, **keywords: Any) -> _T:
        try:
            return super().wait(_limited(gen, self.answer_seconds), *arguments, **keywords)
        except TimeoutError:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {self.answer_seconds:g} s") from None


def _limited(waiting: PQGen[_T], seconds: float) -> PQGen[_T]:
    """Wait as another does, but raise `TimeoutError` when it takes too long."""
    deadline = time.monotonic() + seconds
    try:
        wanted = next(waiting)
        while True:
            ready = yield wanted
            wanted = waiting.send(ready)
            if time.monotonic() > deadline:
                raise TimeoutError
    except StopIteration as end:
        return end.value
