"""Reading what brokers send: a number that is none, a name that is not known, are told and never guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from loguru import logger

from quant_platform_kit.domain.errors import BrokerError

__all__ = ["fill_price", "instant", "mapping", "mappings", "number", "optional_number", "real", "text", "unknown_name"]

MOST, LEAST = Decimal("1e15"), Decimal("1e-15")
"""No amount, price or quantity is larger; one that is smaller has more digits than it can mean."""
_MOST_REAL, _LEAST_REAL = float(MOST), float(LEAST)
MOST_NAMES = 200
_told: set[tuple[str, str]] = set()


def number(value: object, what: str) -> Decimal:
    """Return an amount, a price or a quantity; whole ones without decimals.

    Raises
    ------
    BrokerError
        It is no number, not finite, or beyond what can be meant.
    """
    exact = _decimal(value)
    if exact is None or not exact.is_finite() or abs(exact) > MOST:
        raise BrokerError(f"{what} is {_short(value)}, not a number up to {MOST:.0f}")
    if exact and abs(exact) < LEAST:
        return Decimal(0)
    whole = exact.to_integral_value()
    return whole if exact == whole else exact


def real(value: object, what: str) -> float:
    """Return a number that need not be exact, such as a price of a history; raises as `number`."""
    if type(value) is Decimal or type(value) is float or type(value) is int:
        near = float(value)
        if _LEAST_REAL <= abs(near) <= _MOST_REAL:
            return near
    return float(number(value, what))


def optional_number(value: object, what: str) -> Decimal | None:
    """Return a number, None where there is none."""
    return None if value is None or value == "" else number(value, what)


def fill_price(value: object) -> Decimal:
    """Return the price of an execution; zero, which is no price, for anything that is none: its units count."""
    try:
        return max(Decimal(0), number(value, "price"))
    except BrokerError:
        return Decimal(0)


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, int) and abs(value) > MOST:
        return None
    try:
        return Decimal(value if isinstance(value, Decimal | int) else str(value)[:60])
    except InvalidOperation:
        return None


def text(value: object, what: str) -> str:
    """Return a name; `BrokerError` for anything else, and for none."""
    if isinstance(value, str) and value:
        return value
    raise BrokerError(f"{what} is {_short(value)}, not a name")


def instant(value: object, what: str) -> datetime:
    """Return an instant written in ISO 8601, in UTC; without a zone it is UTC. `BrokerError` for anything else."""
    try:
        at = datetime.fromisoformat(cast("str", value))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise BrokerError(f"{what} is {_short(value)}, not an instant") from None


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """Return an object, an empty one for none; `BrokerError` for anything else."""
    if value is None:
        return {}
    if type(value) is dict or isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value)
    raise BrokerError(f"{what} is {_short(value)}, not an object")


def mappings(value: object, what: str) -> list[Mapping[str, Any]]:
    """Return a list of objects, an empty one for none; `BrokerError` for anything else."""
    if value is None:
        return []
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [mapping(item, what) for item in cast("Sequence[object]", value) if item is not None]
    raise BrokerError(f"{what} is {_short(value)}, not a list")


def unknown_name(what: str, name: object) -> None:
    """Log once that a broker said a name that is not known, such as a new status, and how it is taken."""
    key = (what, _short(name))
    if key not in _told and len(_told) < MOST_NAMES:
        _told.add(key)
        logger.warning("{} {} is not known", *key)


def _short(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MOST:
        return "a number of too many digits"
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."
