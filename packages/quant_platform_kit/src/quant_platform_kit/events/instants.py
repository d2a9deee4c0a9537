"""Instants of events: aware, and of years from which times can be counted in either direction."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

__all__ = ["FIRST_YEAR", "LAST_YEAR", "Instant", "is_countable"]

FIRST_YEAR, LAST_YEAR = 1970, 2500
"""Nanoseconds since 1970 fit 64 bits until 2554; nothing that is meant is so far away."""


def is_countable(instant: datetime) -> bool:
    """Whether times can be counted from an instant, in nanoseconds too."""
    return FIRST_YEAR <= instant.year <= LAST_YEAR


def _checked(instant: datetime) -> datetime:
    if not is_countable(instant):
        raise ValueError(f"an instant is of the years {FIRST_YEAR} to {LAST_YEAR}")
    return instant


Instant = Annotated[AwareDatetime, AfterValidator(_checked)]
"""A time in a payload."""
