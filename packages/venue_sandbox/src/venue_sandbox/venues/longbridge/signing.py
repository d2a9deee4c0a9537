"""Who sends a request: its key, its access token, and a signature over all of it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["SIGNATURE", "Parts", "signature"]

SIGNATURE = "X-Api-Signature"
SIGNED_HEADERS = "authorization;x-api-key;x-timestamp"


@dataclass(frozen=True, slots=True)
class Parts:
    """What is signed of a request; path and query as they were sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def signature(parts: Parts, secret: str) -> str:
    """Return the header that a request has to carry."""
    values = "".join(f"{name}:{parts.headers.get(name, '')}\n" for name in SIGNED_HEADERS.split(";"))
    text = f"{parts.method}|{parts.path}|{parts.query}|{values}|{SIGNED_HEADERS}|"
    if parts.body:
        text += _sha1(parts.body)
    signed = hmac.new(secret.encode(), f"HMAC-SHA256|{_sha1(text.encode())}".encode(), hashlib.sha256).hexdigest()
    return f"HMAC-SHA256 SignedHeaders={SIGNED_HEADERS}, Signature={signed}"


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
