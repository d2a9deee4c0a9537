"""Reading recorded objects back."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from quant_platform_kit.domain.errors import StoreError

__all__ = ["decode"]

_T = TypeVar("_T")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the adapter of a type, made when it is first needed: making all of them would double a cold start."""
    return TypeAdapter(kind)


def decode(kind: type[_T], data: bytes, key: str) -> _T:
    """Return the value of a type that an object holds.

    Raises
    ------
    StoreError
        The object is damaged, or of another version.
    """
    try:
        return _adapter(kind).validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"object {key} is damaged: {where} {first['msg']}; restore it from a backup") from error
