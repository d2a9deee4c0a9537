"""One page of a bucket's objects."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from venue_sandbox.cloud.storage.errors import invalid

__all__ = ["Listing", "Page"]

MOST_RESULTS = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """The objects and the common prefixes of a page, both ascending; ``token`` asks for the next page."""

    names: tuple[str, ...]
    prefixes: tuple[str, ...]
    token: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list request asks for.

    Attributes
    ----------
    prefix
        What every name begins with.
    delimiter
        Names that have it behind the prefix are shown once, cut off after it; empty shows them all.
    start, end
        Names before the first and from the second on are left out.
    after
        The last name or prefix of the page before.
    most
        The most names and prefixes on a page.
    """

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    end: str = ""
    after: str | None = None
    most: int = MOST_RESULTS

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Read the query of a list request."""
        most = query.get("maxResults", str(MOST_RESULTS))
        if not most.isdecimal() or int(most) < 1:
            raise invalid(f"Invalid value for maxResults: {most}")
        return cls(
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            start=query.get("startOffset", ""),
            end=query.get("endOffset", ""),
            after=_after(query.get("pageToken")),
            most=min(int(most), MOST_RESULTS),
        )

    def page(self, names: Iterable[str]) -> Page:
        """Return the page out of all names, which ascend."""
        entries: list[tuple[str, bool]] = []
        for name in names:
            if not name.startswith(self.prefix) or name < self.start or (self.end and name >= self.end):
                continue
            entry = self._entry(name)
            if (self.after is not None and entry[0] <= self.after) or (entries and entries[-1] == entry):
                continue
            if len(entries) == self.most:
                return self._page(entries, base64.urlsafe_b64encode(entries[-1][0].encode()).decode())
            entries.append(entry)
        return self._page(entries, None)

    def _entry(self, name: str) -> tuple[str, bool]:
        """Return what a name is shown as, and whether that is a prefix."""
        if self.delimiter:
            cut = name.find(self.delimiter, len(self.prefix))
            if cut >= 0:
                return name[: cut + len(self.delimiter)], True
        return name, False

    def _page(self, entries: list[tuple[str, bool]], token: str | None) -> Page:
        return Page(
            tuple(name for name, prefix in entries if not prefix),
            tuple(name for name, prefix in entries if prefix),
            token,
        )


def _after(token: str | None) -> str | None:
    if token is None:
        return None
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise invalid(f"Invalid value for pageToken: {token}") from None
