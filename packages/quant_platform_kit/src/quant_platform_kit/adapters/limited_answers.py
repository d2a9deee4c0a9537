"""Connections to PostgreSQL that are given up when it is silent: a stopped server does not keep its own timeouts."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Engine, event

__all__ = ["limit_answers"]

T = TypeVar("T")


def limit_answers(engine: Engine, seconds: float) -> None:
    """Let the connections of an engine wait so long for each answer of the server, and break when it takes longer."""

    def connect(*arguments: Any) -> _Connection:
        connection = _Connection.connect(*arguments[2], **arguments[3])
        connection.answer_seconds = seconds
        return connection

    event.listen(engine, "do_connect", connect)


class _Connection(psycopg.Connection[Any]):
    """A connection that gives up when the server is silent: a stopped server does not keep its own timeout."""

    answer_seconds: float = 5.0

    def wait(self, gen: PQGen[T], *arguments: Any, **keywords: Any) -> T:
        try:
            return super().wait(_limited(gen, self.answer_seconds), *arguments, **keywords)
        except TimeoutError:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {self.answer_seconds:g} s") from None


def _limited(waiting: PQGen[T], seconds: float) -> PQGen[T]:
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
