"""What a request asks a list for: a span of time, a direction, and how much at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from venue_sandbox.venues.http.front import Refused

__all__ = ["Page", "page_of"]

T = TypeVar("T")
DIRECTIONS = ("asc", "desc")
INVALID = 42210000


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list; ``after`` and ``until`` are aware, and the entry that ``token`` names is the last before."""

    after: datetime | None
    until: datetime | None
    descends: bool
    most: int
    token: str

    def has(self, at: datetime) -> bool:
        """Whether an instant is after the first, and not after the last."""
        return (self.after is None or at > self.after) and (self.until is None or at <= self.until)

    def cut(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the part of a list that ascends."""
        turned = entries[::-1] if self.descends else entries
        ids = [each["id"] for each in turned]
        first = ids.index(self.token) + 1 if self.token in ids else 0
        return turned[first : first + self.most]


def page_of(query: Mapping[str, str], usual: int = 100, most: int = 100, size: str = "page_size") -> Page:
    """Return what a query asks for; `Refused` for what makes no sense."""
    direction, count = query.get("direction", "desc"), query.get(size, str(usual))
    if direction not in DIRECTIONS:
        raise Refused(422, f"invalid direction: {direction}", INVALID)
    if not (count.isdecimal() and 1 <= int(count) <= most):
        raise Refused(422, f"invalid {size}: {count}; 1 to {most}", INVALID)
    after, until = (_instant(query, name) for name in ("after", "until"))
    return Page(after, until, direction == "desc", int(count), query.get("page_token", ""))


def _instant(query: Mapping[str, str], name: str) -> datetime | None:
    if (told := query.get(name)) is None:
        return None
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        raise Refused(422, f"invalid {name}: {told}", INVALID) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
