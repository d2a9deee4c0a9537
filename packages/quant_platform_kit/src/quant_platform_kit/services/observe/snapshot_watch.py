"""Whether the feature snapshot that a service will decide on is there before the service needs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from quant_platform_kit.domain.features import FeatureContract
from quant_platform_kit.domain.sessions import Cadence, ExchangeCalendar
from quant_platform_kit.domain.snapshot_checks import Asked, Moment, identity_faults, path_faults, session_faults
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest
from quant_platform_kit.services.observe.watchdog import Alert, Kind

__all__ = ["SnapshotDue", "WatchedSnapshot", "snapshot_alert", "snapshot_due"]


@dataclass(frozen=True, slots=True)
class WatchedSnapshot:
    """What services of a profile start from.

    Attributes
    ----------
    address
        Where it was looked for.
    manifest
        None where there is none.
    fault
        Why it cannot be read; empty if it can.
    """

    profile: str
    contract: FeatureContract
    cadence: Cadence
    address: str
    manifest: SnapshotManifest | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotDue:
    """What has to be published by now.

    Attributes
    ----------
    as_of
        The newest session decided on that closed long enough ago (exchange-local date).
    needed
        The opening after it, when services begin to decide on it; aware UTC.
    next
        The session that comes after it.
    next_due
        When that has to be published, aware UTC.
    """

    as_of: date
    needed: datetime
    next: date
    next_due: datetime


def snapshot_due(now: datetime, cadence: Cadence, grace: timedelta, calendar: ExchangeCalendar) -> SnapshotDue:
    """Return what has to be published at ``now`` (aware UTC): ``grace`` after a close, and before the next opening.

    Raises
    ------
    UnknownSession
        The calendar does not reach as far.
    """
    as_of = calendar.last_decision(calendar.last_closed(now), cadence)
    following = calendar.next_decision(as_of, cadence)
    if now < _due(as_of, grace, calendar):
        as_of, following = calendar.last_decision(calendar.before(as_of), cadence), as_of
    return SnapshotDue(as_of, calendar.hours(calendar.after(as_of)).open, following, _due(following, grace, calendar))


def _due(as_of: date, grace: timedelta, calendar: ExchangeCalendar) -> datetime:
    return min(calendar.hours(as_of).close + grace, calendar.hours(calendar.after(as_of)).open)


def snapshot_alert(
    watched: WatchedSnapshot, now: datetime, due: SnapshotDue, calendar: ExchangeCalendar
) -> Alert | None:
    """Return the alert for a snapshot on which services block, or will at the next opening; None if all is well."""
    if (fault := next(_faults(watched, now, due, calendar), None)) is None:
        return None
    when = f"{due.needed:%Y-%m-%d %H:%M} UTC"
    block = f"its services block since {when}" if now >= due.needed else f"its services block from {when} on"
    advice = "run the job that publishes it (`snapshots run`), docs/runbooks/snapshots.md says what else there is"
    return Alert(Kind.SNAPSHOT, None, f"feature snapshot {watched.profile}: {fault}; {block}: {advice}")


def _faults(watched: WatchedSnapshot, now: datetime, due: SnapshotDue, calendar: ExchangeCalendar) -> Iterator[str]:
    """Yield what a service would say of the manifest, as far as it can be told without its rows."""
    if watched.fault:
        yield watched.fault
    elif watched.manifest is None:
        yield f"no manifest at {watched.address}"
    else:
        due_name = Moment.of(due.as_of, watched.cadence, calendar).due_name
        moment = Moment(calendar.last_closed(now), due.as_of, due_name)
        yield from identity_faults(watched.manifest, Asked(watched.profile, watched.contract))
        yield from session_faults(watched.manifest, calendar, moment)
        yield from path_faults(watched.manifest)
