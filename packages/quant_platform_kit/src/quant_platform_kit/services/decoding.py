"""Reading recorded objects back."""

from __future__ import annotations

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from quant_platform_kit.domain.errors import StoreError

__all__ = ["decode"]

_T = TypeVar("_T")


def decode(adapter: TypeAdapter[_T], data: bytes, key: str) -> _T:
    """Return the value that an object holds.

    Raises
    ------
    StoreError
        The object is damaged, or of another version.
    """
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"object {key} is damaged: {where} {first['msg']}; restore it from a backup") from error
