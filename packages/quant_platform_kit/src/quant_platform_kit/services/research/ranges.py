"""The numbers of a configuration that have bounds, as axes to draw from."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from quant_platform_kit.domain.axes import Axis

__all__ = ["ranges_of"]

NUMBERS: tuple[Any, ...] = (int, float, Decimal)


def ranges_of(model: type[BaseModel]) -> Iterator[Axis]:
    """Yield an axis for each number with a lower and an upper bound, each switch and each choice, in their order.

    A bound that is itself out of bounds is left out of whole numbers; of others it is drawn as good as never.
    """
    for name, field in model.model_fields.items():
        if field.annotation is bool:
            yield Axis(name, ("false", "true"))
        elif get_origin(field.annotation) is Literal:
            yield Axis(name, tuple(str(each) for each in get_args(field.annotation)))
        elif field.annotation in NUMBERS:
            yield from _range(name, field)


def _range(name: str, field: FieldInfo) -> Iterator[Axis]:
    low, above = _bound(field, "ge"), _bound(field, "gt")
    high, below = _bound(field, "le"), _bound(field, "lt")
    whole = field.annotation is int
    if whole:
        low, high = low if above is None else above + 1, high if below is None else below - 1
    first, last = low if low is not None else above, high if high is not None else below
    if first is not None and last is not None:
        yield Axis(name, low=first, high=last, whole=whole)


def _bound(field: FieldInfo, kind: str) -> Decimal | None:
    found: list[Any] = [getattr(each, kind) for each in field.metadata if hasattr(each, kind)]
    return Decimal(str(found[-1])) if found else None
