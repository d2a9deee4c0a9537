"""How the report writes numbers: thousands separators, percent with one decimal, a true minus sign."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["compact", "duration", "money", "multiple", "number", "percent", "price", "quantity"]

MINUS = "\N{MINUS SIGN}"
THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
TIMES = "\N{MULTIPLICATION SIGN}"
DAYS_PER_YEAR = 365.25
FULL_YEAR = 364
SMALL_MONEY = 1_000
SMALL_PRICE = 10
LARGE_MULTIPLE = 100
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def number(value: float | Decimal, digits: int = 0, *, sign: bool = False) -> str:
    """Return ``value`` with ``digits`` decimals, such as 1,234.5; ``sign`` writes a plus too. Zero has no sign."""
    rounded = round(value, digits)
    if not rounded:
        return f"{0:.{digits}f}"
    return format(rounded, f"{'+' if sign else ''},.{digits}f").replace("-", MINUS)


def percent(value: float, digits: int = 1, *, sign: bool = False) -> str:
    """Return a fraction in percent: 0.0785 becomes 7.9 %."""
    return f"{number(100 * value, digits, sign=sign)}{THIN_SPACE}%"


def money(value: float | Decimal) -> str:
    """Return an amount in the portfolio's currency, with cents below 1,000."""
    return number(value, 2 if 0 < abs(value) < SMALL_MONEY else 0)


def price(value: Decimal) -> str:
    """Return a price per unit: two decimals, four below 10."""
    return number(value, 2 if abs(value) >= SMALL_PRICE else 4)


def quantity(value: Decimal) -> str:
    """Return units, with no more decimals than they have."""
    return format(value.normalize(), ",f").replace("-", MINUS)


def multiple(value: float) -> str:
    """Return a factor: 3.2332 becomes 3.23x, with a true multiplication sign."""
    return f"{number(value, 2 if abs(value) < LARGE_MULTIPLE else 0)}{TIMES}"


def compact(value: float) -> str:
    """Return an axis label of few letters: 1500000 becomes 1.5M."""
    for size, letter in _UNITS:
        if abs(value) >= size:
            return f"{value / size:.7g}{letter}".replace("-", MINUS)
    return f"{value:.7g}".replace("-", MINUS)


def duration(days: int) -> str:
    """Return calendar days as a person says them: years from one year on, days below."""
    if days >= FULL_YEAR:
        years = number(days / DAYS_PER_YEAR, 1)
        return "1 year" if years == "1.0" else f"{years} years"
    return "1 day" if days == 1 else f"{days} days"
