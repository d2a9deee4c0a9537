"""Reading events back, in the order in which they came on the bus."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import Damaged, InvalidInput
from quant_platform_kit.events.bus import Settings
from quant_platform_kit.events.errors import Unreadable
from quant_platform_kit.events.reading import history
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode

from event_trading_app.archive.files import Row, hour_folder, rows_of, span_in
from event_trading_app.archive.writing import Manifest

__all__ = ["archived", "retained"]

MOST_HOURS = 24 * 31


def archived(store: VersionedStore, topics: Collection[str], since: datetime, until: datetime) -> list[Row]:
    """Return what the archive has of some topics from one time to another, which is not included.

    Raises
    ------
    InvalidInput
        The times are no span, or a longer one than is read at once.
    Damaged
        A file is not what its manifest says, or is not there.
    """
    hours = (until - since) / timedelta(hours=1)
    if not 0 < hours <= MOST_HOURS:
        raise InvalidInput(f"from {since} to {until}: that is no span of up to {MOST_HOURS} hours")
    found: list[Row] = []
    hour = since.replace(minute=0, second=0, microsecond=0)
    while hour < until:
        for topic in topics:
            for name in store.keys(hour_folder(topic, hour)):
                found += [row for row in _rows(store, name, topic) if since <= row.event.ingested_at < until]
        hour += timedelta(hours=1)
    return sorted(found, key=_order)


def retained(settings: Settings, topics: Collection[str], since: datetime, until: datetime) -> list[Row]:
    """Return what the bus still has of some topics, likewise; what is no event is left out."""
    found: list[Row] = []
    for message in history(settings, topics):
        try:
            row = Row.of(message)
        except Unreadable:
            continue
        if since <= row.event.ingested_at < until:
            found.append(row)
    return sorted(found, key=_order)


def _rows(store: VersionedStore, name: str, topic: str) -> Iterator[Row]:
    """Yield the rows of a file that a manifest vouches for; one without is not finished, and comes from the bus."""
    span = span_in(name)
    if span is None:
        return
    key = f"manifests/{topic}/{span.place.partition:05}/{span.first:020}"
    stored, file = store.get(key), store.get(name)
    if stored is None:
        return
    manifest = decode(Manifest, stored.data, key)
    if file is None or manifest.file != name or sha256(file.data) != manifest.sha256:
        raise Damaged(f"file {name} of the archive is not the one that {key} names")
    yield from rows_of(file.data, topic)


def _order(row: Row) -> tuple[datetime, str, int, int]:
    return row.event.ingested_at, row.message.topic, row.message.partition, row.message.offset
