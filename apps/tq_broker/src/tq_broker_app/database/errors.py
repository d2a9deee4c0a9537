"""Whose fault an error of the database is: the message's, which no retry helps, or not."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

__all__ = ["sorted_errors"]

_DATA, _INTEGRITY, _LIMITS = "22", "23", "54"
"""Classes of SQLSTATE that are about the values: out of range, against a constraint, too long for an index."""


@contextmanager
def sorted_errors(what: str) -> Generator[None]:
    """Name what could not be done, and sort its error.

    Raises
    ------
    InvalidInput
        The values cannot be written: another try ends the same way.
    StoreError
        Anything else, such as a lost connection, a server that shuts down or another transaction in the way: nothing
        was written, or it is not known; another try may succeed, and writes nothing twice.
    """
    try:
        yield
    except UnicodeError as error:
        raise InvalidInput(f"database, {what}: {error}") from error
    except StatementError as error:
        reason = " ".join(str(error.orig or error).split())
        kind = InvalidInput if _is_of_values(error) else StoreError
        raise kind(f"database, {what}: {reason}") from error
    except SQLAlchemyError as error:
        raise StoreError(f"database, {what}: {' '.join(str(error).split())}") from error


def _is_of_values(error: StatementError) -> bool:
    if not isinstance(error, DBAPIError):
        return True  # a value could not even be made a parameter
    if isinstance(error.orig, psycopg.Error) and error.orig.sqlstate:
        return error.orig.sqlstate[:2] in (_DATA, _INTEGRITY, _LIMITS)
    return isinstance(error.orig, psycopg.DataError | psycopg.ProgrammingError)
