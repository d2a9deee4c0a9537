"""Buckets: what their owner chose of them, and for how long they hold on to their objects."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from dataclasses import dataclass
from typing import Any, cast

from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.storage.errors import ApiError, invalid, no_bucket, stale

__all__ = ["Bucket", "Buckets", "Settings"]

Settings = dict[str, Any]
"""The part of a bucket's resource that its owner chose."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS bucket_settings (
    name TEXT PRIMARY KEY, project TEXT NOT NULL, metageneration INTEGER NOT NULL, settings TEXT NOT NULL
);
"""
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)
SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
MOST_SOFT_DELETE, LEAST_SOFT_DELETE = 90 * 86_400, 7 * 86_400
LONGEST_RETENTION = 3_155_760_000
OBJECTS = {
    "versioning": {"enabled"},
    "retentionPolicy": {"retentionPeriod", "effectiveTime", "isLocked"},
    "softDeletePolicy": {"retentionDurationSeconds", "effectiveTime"},
    "iamConfiguration": {"uniformBucketLevelAccess", "bucketPolicyOnly", "publicAccessPrevention"},
}
"""Settings that are objects, and the fields of each."""
PLAIN = frozenset({"location", "storageClass", "labels", "lifecycle", "cors", "website", "logging", "billing"})
OUTPUT_ONLY = frozenset(
    {
        *("kind", "id", "name", "projectNumber", "metageneration", "timeCreated", "updated", "etag", "selfLink", "acl"),
        *("locationType", "generation", "defaultObjectAcl", "owner", "softDeleteTime", "hardDeleteTime"),
    }
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket: ``created`` is seconds since 1970, ``metageneration`` counts its changes."""

    name: str
    created: float
    project: str
    metageneration: int
    settings: Settings

    @property
    def versioned(self) -> bool:
        """Whether an object that is replaced or deleted stays as a version that is not current."""
        return bool(self.settings.get("versioning", {}).get("enabled"))

    @property
    def retention(self) -> float:
        """For how many seconds no object may be replaced or deleted; 0 for no such time."""
        return float(self.settings.get("retentionPolicy", {}).get("retentionPeriod", 0))


class Buckets:
    """The buckets by name.

    Parameters
    ----------
    database
        Where they are kept.

    Attributes
    ----------
    policies
        Who may do what with a bucket.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(SCHEMA)
        self.policies = Policies(database)

    def create(self, name: str, project: str, wanted: Settings) -> bool:
        """Create a bucket; False if it is there already."""
        if not NAME.fullmatch(name):
            raise invalid(f"Invalid bucket name: '{name}'")
        settings = _changed({}, wanted)
        made = self._database.execute("INSERT INTO buckets VALUES (?, ?) ON CONFLICT DO NOTHING", (name, time.time()))
        if made.rowcount == 1:
            self._keep(name, project, 1, settings)
        return made.rowcount == 1

    def get(self, name: str) -> Bucket:
        """Return a bucket."""
        row = self._database.execute("SELECT created FROM buckets WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise no_bucket()
        more = self._database.execute(
            "SELECT project, metageneration, settings FROM bucket_settings WHERE name = ?", (name,)
        ).fetchone()
        project, metageneration, settings = more or ("", 1, "{}")
        return Bucket(name, row[0], project, metageneration, json.loads(settings))

    def of(self, project: str) -> list[Bucket]:
        """Return the buckets of a project, in the order of their names."""
        names = self._database.execute("SELECT name FROM bucket_settings WHERE project = ? ORDER BY name", (project,))
        return [self.get(name) for (name,) in names.fetchall()]

    def patch(self, name: str, changes: Settings, metageneration: str | None) -> Bucket:
        """Replace settings of a bucket; null removes one.

        Parameters
        ----------
        metageneration
            What the bucket's has to be; None for any.
        """
        found = self.get(name)
        if metageneration not in (None, str(found.metageneration)):
            raise stale()
        held = found.settings.get("retentionPolicy", {})
        settings = _changed(found.settings, changes)
        if held.get("isLocked") and int(settings.get("retentionPolicy", {}).get("retentionPeriod", 0)) < int(
            held["retentionPeriod"]
        ):
            message = f"Cannot reduce retention duration of a locked Retention Policy for bucket '{name}'."
            raise ApiError(403, "forbidden", message)
        self._keep(name, found.project, found.metageneration + 1, settings)
        return self.get(name)

    def _keep(self, name: str, project: str, metageneration: int, settings: Settings) -> None:
        row = (name, project, metageneration, json.dumps(settings))
        self._database.execute("INSERT OR REPLACE INTO bucket_settings VALUES (?, ?, ?, ?)", row)


def _changed(settings: Settings, changes: Settings) -> Settings:
    """Return settings with some of them replaced, all of them such as the service takes."""
    made = dict(settings)
    for name, value in changes.items():
        if name in OUTPUT_ONLY:
            continue
        if name not in OBJECTS and name not in PLAIN:
            raise invalid(f"Unknown or unserved field of a bucket: {name}")
        if value is None:
            made.pop(name, None)
            continue
        if name in OBJECTS:
            if not isinstance(value, dict) or set(cast("Settings", value)) - OBJECTS[name]:
                raise invalid(f"Invalid argument: {name} is {value!r}")
            made[name] = {**made.get(name, {}), **cast("Settings", value)}
        else:
            made[name] = value
    _check_seconds(made, "retentionPolicy", "retentionPeriod", (1, LONGEST_RETENTION))
    _check_seconds(made, "softDeletePolicy", "retentionDurationSeconds", (LEAST_SOFT_DELETE, MOST_SOFT_DELETE))
    return made


def _check_seconds(settings: Settings, name: str, field: str, bounds: tuple[int, int]) -> None:
    if name not in settings:
        return
    text = str(settings[name].get(field, ""))
    off = name == "softDeletePolicy" and text == "0"
    if not SECONDS.fullmatch(text) or not (off or bounds[0] <= int(text) <= bounds[1]):
        least, most = bounds
        raise invalid(f"Invalid argument: {name}.{field} is {text!r}, but it is from {least} to {most} seconds")
    settings[name] = {**settings[name], field: text}
