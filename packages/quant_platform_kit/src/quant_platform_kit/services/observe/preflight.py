"""Whether a login will hold until the next run, asked while a person still has time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.ports.notifier import Notification, Severity

__all__ = ["AHEAD", "Brief", "about_concern", "concerns"]

AHEAD = timedelta(hours=13)
"""How long before a run it is looked for it: twelve hours, and one for the changes of clocks."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What a short look at one account told.

    Attributes
    ----------
    account
        None where the login did not even tell which accounts there are.
    failed
        Why login, clock or quote failed; empty where all went well.
    open_run
        The run that is under way: then nothing was asked, as a login would cut its connection.
    now
        By the broker's clock, aware UTC; None where it was not told.
    ends
        When a person has to log in again, aware UTC; None where nobody knows.
    """

    account: str | None
    failed: str = ""
    open_run: str = ""
    now: datetime | None = None
    ends: datetime | None = None


def concerns(brief: Brief, due: datetime) -> list[str]:
    """Return why the run that is due (aware UTC) may not be made, each with what to do; empty if all is well."""
    if brief.open_run:
        return []
    found: list[str] = []
    if brief.failed:
        found.append(f"{brief.failed}: see to the login before the run at {due:%Y-%m-%d %H:%M} UTC")
    if brief.ends is not None and brief.ends <= due:
        found.append(
            f"the login ends at {brief.ends:%Y-%m-%d %H:%M} UTC, before the run at {due:%H:%M} UTC: log in again before"
        )
    if brief.now is not None and brief.now >= due:
        found.append(f"by the broker's clock it is {brief.now:%Y-%m-%d %H:%M} UTC already: compare the clocks")
    return found


def about_concern(service: str, account: str | None, text: str, due: datetime) -> Notification:
    """Return what is told about a run that may not be made; the same words about the same run are told once."""
    whose = f"{service}, account {account}" if account else service
    digest = sha256(f"{whose} {text}".encode())[:16]
    return Notification(
        f"preflight/{due:%Y%m%dT%H%M}-{digest}", Severity.FAILURE, f"{whose}: before the next run", text
    )
