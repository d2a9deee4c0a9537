"""When a job is due: a crontab line in a time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from venue_sandbox.cloud.rest import invalid

__all__ = ["Schedule"]

FIELDS = 5
# The library also knows L, LW and #, which are not part of crontab.
CRONTAB = re.compile(
    r"([0-9*,/\s-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)+", re.I
)
SOME_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A crontab line and the time zone it is read in.

    Attributes
    ----------
    line
        Minute, hour, day of the month, month, day of the week.
    zone
        The name of the time zone.
    """

    line: str
    zone: str

    def check(self) -> None:
        """Raise `ApiError` unless the zone is known and the line falls due at some time."""
        if _zone(self.zone) is None:
            raise invalid("timeZone", self.zone, "the tz database has no time zone of that name")
        rule = "a schedule has the five fields of crontab, such as 45 15 * * 1-5"
        if len(self.line.split()) != FIELDS or not CRONTAB.fullmatch(self.line):
            raise invalid("schedule", self.line, rule)
        try:
            found = self.after(SOME_MOMENT)
        except CronSimError as error:
            raise invalid("schedule", self.line, f"{rule} ({error})") from error
        if found is None:
            raise invalid("schedule", self.line, "it is never due")

    def after(self, moment: datetime) -> datetime | None:
        """Return the first due time after a moment, in UTC; None if there is none."""
        cron = CronSim(self.line, moment.astimezone(_zone(self.zone)))
        # In the hour that a change to winter time repeats, the first ones found can lie before the moment.
        return next((due for due in (found.astimezone(UTC) for found in cron) if due > moment), None)


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo("UTC" if name.casefold() == "utc" else name)
    except (ValueError, OSError, LookupError):
        return None
