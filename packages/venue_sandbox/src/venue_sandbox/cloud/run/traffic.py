"""Who gets the requests: the targets of a service, and how they share."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from venue_sandbox.cloud.rest import invalid
from venue_sandbox.cloud.run.fields import LATEST, NAMED, Document

__all__ = ["Split", "Target", "check", "resolved"]

WHOLE = 100
TAG = re.compile(r"[a-z]([a-z0-9-]{0,44}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """A share of the requests.

    Attributes
    ----------
    latest
        Whether it follows the latest ready revision.
    revision
        The short name of the revision; empty while there is none.
    percent
        Its share of the requests to the main address.
    tag
        Its own address, if it has one.
    """

    latest: bool
    revision: str
    percent: int
    tag: str

    def document(self, uri: str | None) -> Document:
        """Return its status, with the address of its tag."""
        made: Document = {"type": LATEST if self.latest else NAMED}
        if self.revision and not self.latest:
            made["revision"] = self.revision
        if self.percent:
            made["percent"] = self.percent
        return {**made, "tag": self.tag, "uri": uri} if self.tag else made


def check(traffic: list[Document], revisions: Collection[str]) -> None:
    """Raise `ApiError` unless the targets of a service make sense.

    Parameters
    ----------
    revisions
        The short names of those there are.
    """
    shares, tags = [target.get("percent", 0) for target in traffic], [target.get("tag", "") for target in traffic]
    if sum(shares) != WHOLE or min(shares) < 0:
        raise invalid("traffic", shares, f"the percents of its targets add up to {WHOLE}")
    for tag in filter(None, tags):
        if not TAG.fullmatch(tag):
            raise invalid("traffic.tag", tag, "a tag has small letters, digits and hyphens, and begins with a letter")
        if tags.count(tag) > 1:
            raise invalid("traffic.tag", tag, "one target has it at most")
    for target in traffic:
        named, latest = target.get("revision", ""), target.get("type", NAMED) == LATEST
        if latest and named:
            raise invalid("traffic.revision", named, f"a target of type {LATEST} names none")
        if not latest and named not in revisions:
            raise invalid("traffic.revision", named, "there is no such revision of the service")


def resolved(traffic: list[Document], latest: str) -> list[Target]:
    """Return the targets with the revision that is the latest ready one now."""
    return [
        Target(follows, latest if follows else target["revision"], target.get("percent", 0), target.get("tag", ""))
        for target in traffic
        for follows in [target.get("type", NAMED) == LATEST]
    ]


class Split:
    """Shares requests: of any 100 in a row each target gets its percent, evenly spread."""

    def __init__(self) -> None:
        self._owed: dict[str, int] = {}

    def next(self, targets: list[Target]) -> str | None:
        """Return the revision that gets the next request; None if there is none."""
        shares: dict[str, int] = {}
        for target in targets:
            if target.revision and target.percent:
                shares[target.revision] = shares.get(target.revision, 0) + target.percent
        if not shares:
            return None
        self._owed = {revision: self._owed.get(revision, 0) + share for revision, share in shares.items()}
        chosen = max(self._owed, key=self._owed.__getitem__)
        self._owed[chosen] -= sum(shares.values())
        return chosen
