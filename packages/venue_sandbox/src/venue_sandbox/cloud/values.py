"""Durations and moments as Google's JSON writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from venue_sandbox.cloud.rest import invalid

__all__ = ["duration_text", "read_duration", "read_time", "time_text"]

DURATION = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?s", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def read_duration(field: str, value: object) -> float:
    """Return the seconds of a duration such as ``"3.5s"``."""
    if not isinstance(value, str) or not DURATION.fullmatch(value):
        raise invalid(field, value, 'a duration is a number of seconds from 0 on with an s behind it, such as "180s"')
    return float(value[:-1])


def duration_text(seconds: float) -> str:
    """Return a duration as JSON writes it."""
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def read_time(field: str, value: object) -> datetime:
    """Return a moment written as RFC 3339 has it, in UTC."""
    if isinstance(value, str) and MOMENT.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise invalid(field, value, "a time is written like 2023-12-01T20:45:00Z")


def time_text(moment: datetime) -> str:
    """Return a moment in UTC as RFC 3339 has it, with microseconds only if there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
