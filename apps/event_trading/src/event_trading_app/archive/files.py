"""Files of the archive: what their names say, and what is in them.

A file holds events of one partition of a topic whose hour of ingestion is one. Its rows have what an event has, and
``value``: the message as it was, byte for byte.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from quant_platform_kit.adapters.arrow import arrow_module
from quant_platform_kit.events.bus import Place, Received
from quant_platform_kit.events.envelope import Event, Unreadable, canonical, decode

pa = arrow_module("pyarrow", "the archive")
pq = arrow_module("pyarrow.parquet", "the archive")

__all__ = ["Row", "Span", "file_name", "hour_folder", "parquet_of", "rows_of", "span_in"]

SCHEMA = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("event_id", pa.string()),
        ("event_type", pa.string()),
        ("venue", pa.string()),
        ("observed_at", pa.timestamp("us", "UTC")),
        ("ingested_at", pa.timestamp("us", "UTC")),
        ("schema_version", pa.int32()),
        ("payload", pa.string()),
        ("raw", pa.string()),
        ("key", pa.binary()),
        ("value", pa.binary()),
    ]
)
EVENT_FIELDS = ("event_id", "event_type", "venue", "observed_at", "ingested_at", "schema_version", "raw")
"""Columns that are fields of the event as they are."""
MOST_VERSION = 2**31 - 1
"""The column has 32 bits."""
_NAME = re.compile(
    r"topic=(?P<topic>[^/]+)/date=(?P<date>[0-9-]{10})/hour=(?P<hour>[0-9]{2})/"
    r"(?P<partition>[0-9]{5})-(?P<first>[0-9]{20})-(?P<last>[0-9]{20})\.parquet"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of a partition, both of them included."""

    place: Place
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Row:
    """A message, and the event that it is."""

    message: Received
    event: Event

    @classmethod
    def of(cls, message: Received) -> Row:
        """Return the row of a message; raises `Unreadable`."""
        event = message.event()
        if event.schema_version > MOST_VERSION:
            raise Unreadable(f"schema_version {event.schema_version}: the archive holds versions up to {MOST_VERSION}")
        return cls(message, event)

    @property
    def hour(self) -> datetime:
        """The hour in which it came on the bus first."""
        return self.event.ingested_at.replace(minute=0, second=0, microsecond=0)


def hour_folder(topic: str, hour: datetime) -> str:
    """Return where the files of a topic and an hour are."""
    return f"topic={topic}/date={hour:%Y-%m-%d}/hour={hour:%H}/"


def file_name(span: Span, hour: datetime) -> str:
    """Return the name of the file with a span of offsets."""
    return f"{hour_folder(span.place.topic, hour)}{span.place.partition:05}-{span.first:020}-{span.last:020}.parquet"


def span_in(name: str) -> Span | None:
    """Return the span of offsets that the name of a file says; None for a name of another kind."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return Span(Place(found["topic"], int(found["partition"])), int(found["first"]), int(found["last"]))


def parquet_of(rows: Sequence[Row]) -> bytes:
    """Return a file with rows: the same rows are the same bytes."""
    messages, events = [row.message for row in rows], [row.event for row in rows]
    columns: dict[str, list[object]] = {
        "partition": [message.partition for message in messages],
        "offset": [message.offset for message in messages],
        **{name: [getattr(event, name) for event in events] for name in EVENT_FIELDS},
        "payload": [canonical(event.payload) for event in events],
        "key": [message.key for message in messages],
        "value": [message.value for message in messages],
    }
    table = pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def rows_of(data: bytes, topic: str) -> Iterator[Row]:
    """Yield the rows of a file."""
    table = pq.ParquetFile(io.BytesIO(data)).read(columns=["partition", "offset", "key", "value"])
    for partition, offset, key, value in zip(*(column.to_pylist() for column in table.columns), strict=True):
        yield Row(Received(topic, partition, offset, key, value), decode(value))
