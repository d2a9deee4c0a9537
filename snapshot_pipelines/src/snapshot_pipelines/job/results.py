"""What became of a job, profile by profile, and what people are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from quant_platform_kit.ports.notifier import Notification, Severity

__all__ = ["Outcome", "Result", "notification_of"]


class Outcome(StrEnum):
    """How it ended for one snapshot.

    ``WITHDRAWN`` was published once and rolled back since; ``DRIFT`` was built and compared, and not published.
    """

    PUBLISHED = "published"
    ALREADY = "already"
    WITHDRAWN = "withdrawn"
    DRIFT = "drift"
    LATE = "late"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def good(self) -> bool:
        """Whether nothing is left to do that was to be done."""
        return self not in (Outcome.LATE, Outcome.REFUSED, Outcome.FAILED)


_SEVERITY = {
    Outcome.WITHDRAWN: Severity.WARNING,
    Outcome.LATE: Severity.FAILURE,
    Outcome.REFUSED: Severity.FAILURE,
    Outcome.FAILED: Severity.FAILURE,
}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one snapshot.

    Attributes
    ----------
    as_of
        Its session.
    text
        One line with what to do, if anything.
    digest
        Of the manifest it is about; empty without one.
    details
        More lines for people.
    document
        More for machines.
    untold
        Why people were not told; empty if they were, or if there is nobody to tell.
    """

    profile: str
    as_of: date
    outcome: Outcome
    text: str
    digest: str = ""
    details: tuple[str, ...] = ()
    document: Mapping[str, Any] | None = None
    untold: str = ""


def notification_of(result: Result) -> Notification:
    """Return what is told about a result: once per snapshot and outcome.

    A snapshot that was published already is told as published: whoever published it may not have come to that.
    """
    outcome = Outcome.PUBLISHED if result.outcome is Outcome.ALREADY else result.outcome
    of = f"-{result.digest[:12]}" if result.digest else ""
    key = f"snapshot/{result.profile}/{result.as_of}{of}-{outcome}"
    title = f"feature snapshot {result.profile} {result.as_of}: {outcome}"
    severity = _SEVERITY.get(outcome, Severity.INFO)
    return Notification(key, severity, title, "\n".join((result.text, *result.details)))
