"""How the pages write numbers, times and long texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import cast

from quant_platform_kit.domain.redaction import redact

__all__ = ["bps", "brief", "instant", "money", "number", "price", "seconds", "share", "short", "slot", "units"]

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
BRIEF = 140
DIGEST = 12
TARGET_DIGITS = Decimal("0.0001")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z")
MINUTE, HOUR = 60, 3600
EXACT = 120
"""Durations below so many seconds are written with a decimal."""


def money(amount: Decimal | None, *, sign: bool = False) -> str:
    """Return an amount with cents."""
    return NONE if amount is None else _signed(amount, 2, sign=sign)


def price(amount: Decimal | None) -> str:
    """Return a price per unit: two decimals, up to four where it has them."""
    if amount is None:
        return NONE
    text = _signed(amount, 4)
    return text.removesuffix("0").removesuffix("0")


def units(quantity: Decimal | None, *, rounded: bool = False) -> str:
    """Return units, with no more decimals than they have; ``rounded`` to at most four."""
    if quantity is None:
        return NONE
    if rounded:
        quantity = quantity.quantize(TARGET_DIGITS, ROUND_HALF_EVEN)
    return format(quantity.normalize(), ",f").replace("-", MINUS) if quantity else "0"


def bps(value: Decimal | None) -> str:
    """Return a share in basis points."""
    return NONE if value is None else f"{_signed(value * 10_000, 1, sign=True)} bp"


def share(value: Decimal | None) -> str:
    """Return a share in percent."""
    return NONE if value is None else f"{_signed(value * 100, 1)} %"


def instant(at: datetime | None) -> str:
    """Return an instant to the second."""
    return NONE if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def seconds(value: float | None) -> str:
    """Return a duration: seconds with a decimal, minutes from two on, hours from one on."""
    if value is None:
        return NONE
    if value < EXACT:
        return f"{_signed(Decimal(value), 1)} s"
    whole = round(value)
    if whole < HOUR:
        return f"{whole // MINUTE} min" + (f" {whole % MINUTE} s" if whole % MINUTE else "")
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def number(value: object) -> str:
    """Return one of a strategy's numbers, a float with six digits, or several of them with their names."""
    if value is None:
        return "not finite"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.6g}".replace("-", MINUS)
    if isinstance(value, Decimal):
        return units(value)
    if isinstance(value, Mapping):
        named = cast("Mapping[object, object]", value)
        return ", ".join(f"{name} {number(item)}" for name, item in named.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(number(item) for item in cast("Sequence[object]", value)) or "none"
    return str(value)


def brief(text: str, most: int = BRIEF) -> str:
    """Return the beginning of a text; secrets are removed first, for half a secret is not recognised."""
    text = redact(text)
    return text if len(text) <= most else text[: most - 1].rstrip() + ELLIPSIS


def short(digest: str) -> str:
    """Return the beginning of a digest."""
    return digest if len(digest) <= DIGEST else digest[:DIGEST] + ELLIPSIS


def slot(run_id: str) -> str:
    """Return the part of a run's id that tells it from others of its session: the time of its trigger, or a name."""
    session, _, rest = run_id.partition(".")
    name = rest.partition(".")[0]
    time = _TIME.fullmatch(name)
    if time is None:
        return name
    day = "" if time[1] == session else f"{time[1]} "
    return f"{day}{time[2]}:{time[3]}:{time[4]} UTC"


def _signed(value: Decimal, digits: int, *, sign: bool = False) -> str:
    rounded = round(value, digits)
    if not rounded:
        return f"{0:.{digits}f}"
    return format(rounded, f"{'+' if sign else ''},.{digits}f").replace("-", MINUS)
