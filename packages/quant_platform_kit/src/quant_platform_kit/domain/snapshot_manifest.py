"""The manifest of a published feature snapshot: what the file holds, what it was made from, and for whom."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, NoReturn, cast

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["COLUMN_TYPES", "MANIFEST_TYPE", "MOST_BYTES", "Column", "SnapshotManifest", "Source", "encode", "parse"]

MANIFEST_TYPE = "feature_snapshot"
MOST_BYTES = 1 << 20
"""A longer manifest is none."""
COLUMN_TYPES = ("date", "string", "int8", "int16", "int32", "float64")
"""What a column of a snapshot may hold."""


class Column(NamedTuple):
    """A column of the file; ``type`` is one of `COLUMN_TYPES`."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A file that a snapshot was built from.

    Attributes
    ----------
    role
        prices, benchmarks, sectors, membership or fundamentals.
    name
        The file's name without its folder.
    sha256, bytes
        Of its content.
    """

    role: str
    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class SnapshotManifest:
    """What is published beside the rows of a snapshot.

    Attributes
    ----------
    config_name
        The profile, or what the configuration file calls itself.
    config_path
        Name of the configuration file, for people; None without one.
    config_sha256
        Of the file's bytes; without one, of the default configuration in canonical JSON.
    snapshot_path
        Relative to the root, ends in ``<snapshot_sha256>.parquet``.
    snapshot_sha256, snapshot_bytes
        Of the file's bytes.
    snapshot_as_of
        The session the features are of (exchange-local date).
    columns
        In the file's order.
    generated_at
        When it was built, aware UTC; not before the close of ``snapshot_as_of``.
    code_version
        Distribution, version and commit of the code that built it.
    """

    strategy_profile: str
    contract_version: str
    config_name: str
    config_path: str | None
    config_sha256: str
    snapshot_path: str
    snapshot_sha256: str
    snapshot_bytes: int
    snapshot_as_of: date
    row_count: int
    columns: tuple[Column, ...]
    generated_at: datetime
    sources: tuple[Source, ...]
    code_version: str
    manifest_type: str = MANIFEST_TYPE
    source_project: str = "snapshot_pipelines"


def encode(manifest: SnapshotManifest) -> bytes:
    """Return the bytes of a manifest: JSON in one form, so that equal manifests are equal files."""
    written = (f" {_json(name)}: {_written(getattr(manifest, name))}" for name in _FIELDS)
    return ("{\n" + ",\n".join(written) + "\n}\n").encode()


def parse(data: bytes) -> SnapshotManifest:
    """Return the manifest that a file holds; fields that are not known are passed over.

    Raises
    ------
    InvalidInput
        It is too long, no JSON object, or a field is missing, there twice, or of another type.
    """
    if len(data) > MOST_BYTES:
        raise InvalidInput(f"manifest has {len(data)} bytes; at most {MOST_BYTES} are read")
    document = _document(data)
    if lacking := next((name for name in _FIELDS if name not in document), None):
        raise InvalidInput(f"manifest lacks {lacking}")
    return SnapshotManifest(**{name: _read(name, rule, document[name]) for name, rule in _FIELDS.items()})


# --- writing -----------------------------------------------------------------------------------


def _written(value: object) -> str:
    if isinstance(value, tuple):
        rules = {Column: _COLUMN, Source: _SOURCE}
        items = (json.dumps({key: getattr(item, key) for key in rules[type(item)]}) for item in cast("Any", value))
        return "[\n  " + ",\n  ".join(items) + "\n ]" if value else "[]"
    if isinstance(value, datetime):
        return _json(f"{value.astimezone(UTC).replace(tzinfo=None).isoformat()}Z")
    return _json(value.isoformat() if isinstance(value, date) else value)


def _json(value: object) -> str:
    return json.dumps(value)


# --- reading -----------------------------------------------------------------------------------


def _document(data: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(data, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"manifest is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidInput(f"manifest is {_shown(found)}; expected a JSON object")
    return cast("Mapping[str, object]", found)


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidInput(f"manifest has {next(name for name in names if names.count(name) > 1)} twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Wrong(Exception):
    """A field of another type: what was expected, and where below the field it was found."""

    def __init__(self, value: object, expected: str, below: str = "") -> None:
        self.value, self.expected, self.below = value, expected, below


def _read(name: str, rule: _Rule, value: object) -> Any:
    try:
        return rule(value)
    except _Wrong as wrong:
        raise InvalidInput(
            f"manifest: {name}{wrong.below} is {_shown(wrong.value)}; expected {wrong.expected}"
        ) from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _Wrong(value, "a text")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise _Wrong(value, "a SHA-256 of 64 small hexadecimal digits")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong(value, "a whole number")
    if value < 0:
        raise _Wrong(value, "a whole number of at least 0")
    return value


def _positive(value: object) -> int:
    if (found := _count(value)) < 1:
        raise _Wrong(value, "a whole number of at least 1")
    return found


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(value, "true or false")
    return value


def _date(value: object) -> date:
    try:
        found = date.fromisoformat(cast("str", value))
    except (TypeError, ValueError):
        found = None
    if found is None or found.isoformat() != value:
        raise _Wrong(value, "a date such as 2018-11-30")
    return found


def _instant(value: object) -> datetime:
    try:
        if isinstance(value, str) and _UTC.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise _Wrong(value, "a UTC time such as 2018-11-30T22:15:04Z")


def _type(value: object) -> str:
    if value not in COLUMN_TYPES:
        raise _Wrong(value, f"one of {', '.join(COLUMN_TYPES)}")
    return cast("str", value)


def _columns(value: object) -> tuple[Column, ...]:
    columns = tuple(Column(**item) for item in _items(value, _COLUMN))
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"manifest: columns names {twice} twice")
    return columns


def _sources(value: object) -> tuple[Source, ...]:
    return tuple(Source(**item) for item in _items(value, _SOURCE))


def _items(value: object, rules: Mapping[str, _Rule]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, each read by the rules of its fields."""
    if not isinstance(value, list):
        raise _Wrong(value, "a list")
    for number, item in enumerate(cast("list[object]", value)):
        if not isinstance(item, dict):
            raise _Wrong(item, "an object", f"[{number}]")
        yield _item(cast("dict[str, object]", item), rules, number)


def _item(item: Mapping[str, object], rules: Mapping[str, _Rule], number: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, rule in rules.items():
        if key not in item:
            raise _Wrong(item, f"an object with {key}", f"[{number}]")
        try:
            found[key] = rule(item[key])
        except _Wrong as wrong:
            raise _Wrong(wrong.value, wrong.expected, f"[{number}].{key}") from None
    return found


_Rule = Callable[[object], Any]
_HEX = re.compile(r"[0-9a-f]{64}")
_UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")
_COLUMN: Mapping[str, _Rule] = {"name": _text, "type": _type, "nullable": _flag}
_SOURCE: Mapping[str, _Rule] = {"role": _text, "name": _text, "sha256": _digest, "bytes": _count}
_FIELDS: Mapping[str, _Rule] = {
    "manifest_type": _text,
    "contract_version": _text,
    "strategy_profile": _text,
    "config_name": _text,
    "config_path": _text_or_none,
    "config_sha256": _digest,
    "snapshot_path": _text,
    "snapshot_sha256": _digest,
    "snapshot_bytes": _positive,
    "snapshot_as_of": _date,
    "row_count": _positive,
    "generated_at": _instant,
    "source_project": _text,
    "code_version": _text,
    "columns": _columns,
    "sources": _sources,
}
"""Every field in the order it is written, with how it is read."""
