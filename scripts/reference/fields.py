"""What is said of a field of a pydantic model: its default, and the values it may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import SecretStr
from pydantic.fields import FieldInfo

__all__ = ["default", "values"]

KINDS = {bool: "`true` or `false`", int: "whole number", float: "number", Decimal: "number", str: "text", Path: "path"}
SIGNS = {Ge: ("ge", "at least"), Gt: ("gt", "more than"), Le: ("le", "at most"), Lt: ("lt", "less than")}


def default(field: FieldInfo) -> str:
    """Return the default of a setting, as a table shows it."""
    if field.is_required():
        return "**required**"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value in (None, "", (), {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def values(field: FieldInfo) -> str:
    """Return the values that a setting may have, as a table shows them."""
    kinds = [kind for kind in (get_args(field.annotation) or (field.annotation,)) if kind is not NoneType]
    if get_origin(field.annotation) is Literal:
        return _choices(get_args(field.annotation))
    if get_origin(kinds[0]) is Literal:
        return _choices(get_args(kinds[0]))
    kind = kinds[0]
    if get_origin(field.annotation) is Mapping:
        choices: Iterable[Any] = get_args(field.annotation)[1]
        return f"by name: {_choices([member.value for member in choices])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choices([member.value for member in kind])
    if get_origin(field.annotation) is tuple:
        return "texts"
    word = "**secret**" if kind is SecretStr else KINDS[kind]
    return ", ".join([word, *_bounds(field)])


def _choices(values: Iterable[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _bounds(field: FieldInfo) -> Iterable[str]:
    for bound in field.metadata:
        if type(bound) in SIGNS:
            attribute, words = SIGNS[type(bound)]
            yield f"{words} {getattr(bound, attribute)}"
        elif isinstance(bound, MinLen):
            yield f"at least {bound.min_length} characters"
        elif pattern := getattr(bound, "pattern", None):
            yield f"as `{pattern}`"
