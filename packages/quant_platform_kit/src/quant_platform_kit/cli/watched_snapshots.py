"""The feature snapshots that `quant watchdog` looks after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import typer
from rich.markup import escape

from quant_platform_kit.adapters.snapshot_places import SnapshotRoot, SnapshotSettings
from quant_platform_kit.adapters.snapshot_versions import MANIFEST
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.cli.place import say
from quant_platform_kit.domain.errors import InvalidInput, StoreError, UnknownSession
from quant_platform_kit.services.observe.snapshot_watch import (
    SnapshotDue,
    WatchedSnapshot,
    snapshot_alert,
    snapshot_due,
)
from quant_platform_kit.services.observe.watchdog import Alert, Kind, Watch

__all__ = ["SNAPSHOT_GRACE", "SnapshotFound", "document_of", "read_snapshots", "show_snapshots"]

SNAPSHOT_GRACE = timedelta(hours=2)
"""How long after a close its snapshot may take."""


@dataclass(frozen=True, slots=True)
class SnapshotFound:
    """A snapshot that was looked at; ``due`` is None where the calendar does not reach."""

    watched: WatchedSnapshot
    due: SnapshotDue | None
    alert: Alert | None


def read_snapshots(texts: Sequence[str], asked: Watch, grace: timedelta) -> list[SnapshotFound]:
    """Look at what ``PROFILE=ADDRESS`` names; what cannot be read is an alert, a wrong text a usage error."""
    return [_found(_named(text), asked, grace) for text in texts]


def _named(text: str) -> WatchedSnapshot:
    profile, equals, address = text.partition("=")
    if not (equals and profile and address):
        raise typer.BadParameter(f"--snapshot {text!r}: write PROFILE=ADDRESS, the address of a root or a manifest")
    known = {name: strategy.manifest for name, strategy in catalog().items() if strategy.manifest.features}
    if profile not in known:
        raise typer.BadParameter(f"--snapshot {profile}: no profile of that name reads one; known: {', '.join(known)}")
    declared = known[profile]
    assert declared.features is not None
    return WatchedSnapshot(profile, declared.features, declared.cadence, address)


def _found(watched: WatchedSnapshot, asked: Watch, grace: timedelta) -> SnapshotFound:
    calendar = asked.schedule.calendar
    try:
        due = snapshot_due(asked.now, watched.cadence, grace, calendar)
    except UnknownSession as error:
        text = f"feature snapshot {watched.profile}: it is not known which one is due: {error}"
        return SnapshotFound(watched, None, Alert(Kind.CALENDAR, None, text))
    try:
        watched = _read(watched)
    except StoreError as error:
        text = f"feature snapshot {watched.profile}: {watched.address} cannot be read: {error}; check its address"
        return SnapshotFound(watched, due, Alert(Kind.STORE, None, text))
    return SnapshotFound(watched, due, snapshot_alert(watched, asked.now, due, calendar))


def _read(watched: WatchedSnapshot) -> WatchedSnapshot:
    """Return a snapshot with what services start from; `StoreError` where the store cannot answer."""
    address = watched.address
    where = SnapshotSettings("", address) if address.endswith(MANIFEST) else SnapshotRoot(address)
    try:
        latest = where.place(watched.profile, None).versions(watched.profile).latest
    except InvalidInput as error:
        return replace(watched, fault=str(error))
    return replace(watched, manifest=latest.manifest if latest else None)


def document_of(found: Sequence[SnapshotFound]) -> dict[str, object]:
    """Return what was looked at as a part of the document; nothing where nothing was asked for."""
    if not found:
        return {}
    return {
        "snapshots": [
            {
                "profile": one.watched.profile,
                "address": one.watched.address,
                "as_of": one.watched.manifest.snapshot_as_of if one.watched.manifest else None,
                "due": one.due.as_of if one.due else None,
                "next": one.due.next if one.due else None,
                "next_due": one.due.next_due if one.due else None,
            }
            for one in found
        ]
    }


def show_snapshots(found: Sequence[SnapshotFound]) -> None:
    """Print when the next snapshots are due."""
    for one in found:
        if one.due is None:
            continue
        has = f"is of {one.watched.manifest.snapshot_as_of}" if one.watched.manifest else "is not there"
        due = f"the next, of {one.due.next}, is due {one.due.next_due:%Y-%m-%d %H:%M} UTC"
        say(f"  feature snapshot {escape(one.watched.profile)} {has}; {due}")
