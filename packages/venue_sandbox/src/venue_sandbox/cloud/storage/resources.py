"""How buckets and objects are shown: JSON resources, headers and checksums."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import cast

import google_crc32c

from venue_sandbox.cloud.storage.buckets import Bucket
from venue_sandbox.cloud.storage.errors import invalid
from venue_sandbox.cloud.storage.state import METAGENERATION, Blob, Resource

__all__ = ["CHOSEN", "bucket_resource", "check_sums", "media_headers", "object_resource"]

CHOSEN = (
    *("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType"),
    *("customTime", "metadata", "storageClass"),
)
"""The fields of an object's resource that the client chooses; it may send others, which are checked or ignored."""

DEFAULT_TYPE = "application/octet-stream"
PROJECT = "1"
SOFT_DELETE_SECONDS = "604800"
"""What a bucket has that its owner said nothing of: a week."""


def bucket_resource(bucket: Bucket) -> Resource:
    """Return the resource of a bucket."""
    time = _rfc3339(bucket.created)
    access = {"uniformBucketLevelAccess": {"enabled": True}, **bucket.settings.get("iamConfiguration", {})}
    made: Resource = {
        "storageClass": "STANDARD",
        "softDeletePolicy": {"retentionDurationSeconds": SOFT_DELETE_SECONDS, "effectiveTime": time},
        **bucket.settings,
        "location": bucket.settings.get("location", "US").upper(),
        "kind": "storage#bucket",
        "id": bucket.name,
        "name": bucket.name,
        "projectNumber": PROJECT,
        "metageneration": str(bucket.metageneration),
        "etag": _tag(bucket.metageneration),
        "locationType": "multi-region" if len(bucket.settings.get("location", "US")) < 5 else "region",
        "timeCreated": time,
        "updated": time,
        "iamConfiguration": access,
    }
    for name in ("retentionPolicy", "softDeletePolicy"):
        if name in made:
            made[name] = {"effectiveTime": time, **made[name]}
    return made


def object_resource(blob: Blob) -> Resource:
    """Return the resource of an object; numbers of 64 bits are texts, as the API has them."""
    time = _rfc3339(blob.written)
    return {
        "contentType": DEFAULT_TYPE,
        "storageClass": "STANDARD",
        **blob.resource,
        "kind": "storage#object",
        "id": f"{blob.bucket}/{blob.name}/{blob.generation}",
        "name": blob.name,
        "bucket": blob.bucket,
        "generation": str(blob.generation),
        "metageneration": str(METAGENERATION),
        "size": str(len(blob.data)),
        "md5Hash": _md5(blob.data),
        "crc32c": _crc32c(blob.data),
        "etag": _etag(blob),
        "timeCreated": time,
        "updated": time,
        "timeStorageClassUpdated": time,
    }


def media_headers(blob: Blob) -> dict[str, str]:
    """Return the headers of an object's content."""
    resource = object_resource(blob)
    headers = {
        "Content-Type": resource["contentType"],
        "Cache-Control": resource.get("cacheControl", "private, max-age=0"),
        "Content-Encoding": resource.get("contentEncoding"),
        "Content-Disposition": resource.get("contentDisposition"),
        "Content-Language": resource.get("contentLanguage"),
        "ETag": resource["etag"],
        "Last-Modified": formatdate(blob.written, usegmt=True),
        "X-Goog-Generation": resource["generation"],
        "X-Goog-Metageneration": resource["metageneration"],
        "X-Goog-Hash": f"crc32c={resource['crc32c']},md5={resource['md5Hash']}",
        "X-Goog-Storage-Class": resource["storageClass"],
        "X-Goog-Stored-Content-Encoding": resource.get("contentEncoding", "identity"),
        "X-Goog-Stored-Content-Length": resource["size"],
        "Accept-Ranges": "bytes",
    }
    return {name: value for name, value in headers.items() if value is not None}


def check_sums(data: bytes, resource: Resource, headers: Mapping[str, str]) -> None:
    """Compare the checksums that came with an upload.

    Raises
    ------
    ApiError
        400: one of them is not that of the data.
    """
    claimed = dict(part.strip().split("=", 1) for part in headers.get("X-Goog-Hash", "").split(",") if "=" in part)
    for name, wanted in (
        ("crc32c", (claimed.get("crc32c"), resource.get("crc32c"))),
        ("MD5", (claimed.get("md5"), resource.get("md5Hash"), headers.get("Content-MD5"))),
    ):
        actual = _crc32c(data) if name == "crc32c" else _md5(data)
        for value in wanted:
            if value not in (None, actual):
                raise invalid(f'Provided {name} "{value}" doesn\'t match calculated {name} "{actual}".')


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _crc32c(data: bytes) -> str:
    value = cast(int, google_crc32c.value(data))  # pyright: ignore[reportUnknownMemberType]
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def _tag(metageneration: int) -> str:
    return base64.b64encode(f"bucket/{metageneration}".encode()).decode()


def _etag(blob: Blob) -> str:
    return base64.b64encode(f"{blob.generation}/{METAGENERATION}".encode()).decode()


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
