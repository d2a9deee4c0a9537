"""How a recorded object is written and read back: canonical JSON that ends with a seal.

The seal is the last member of the object, ``"~"``. It holds a digest of the key and of everything before it, so that a
changed, cut or exchanged object is known as one. In an account's objects it is a link too: under which lease the object
was written, its number, and the digest of the one before (`quant_platform_kit.services.record.chain`). Objects without
a seal are those of earlier versions, and are read as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import Damaged

__all__ = ["READY", "Link", "decode", "encode", "link_of", "written"]

_T = TypeVar("_T")

READY = "ready"
"""The key of the one object that is no record: a service writes it to see that its store takes writes."""

_SEAL = re.compile(
    rb',"~":\{(?:"epoch":(?P<epoch>[0-9]{1,15}),"number":(?P<number>[0-9]{1,15}),"previous":"(?P<previous>[0-9a-f]{64}|)",)?'
    rb'"sha256":"(?P<sha256>[0-9a-f]{64})"\}\}\Z'
)
_LONGEST = 256
"""More bytes than a seal has."""
_MARKS = (b',"~":', b'"previous":"', b'"sha256":"')
"""What a seal that was damaged in one place still shows of itself."""


@dataclass(frozen=True, slots=True)
class Link:
    """The place of an object among those of its account.

    Attributes
    ----------
    epoch
        Of the lease under which it was written.
    number
        One more than that of the object before it.
    previous
        The digest of the object before it, empty for the first.
    digest
        Its own; empty while it is not written.
    """

    epoch: int
    number: int
    previous: str
    digest: str = ""


def encode(value: object, key: str, link: Link | None = None) -> bytes:
    """Return what is kept of a value, a JSON object that is not empty, under a key."""
    content = canonical_json(value)[:-1]
    place = b""
    if link is not None:
        place = b'"epoch":%d,"number":%d,"previous":"%s",' % (link.epoch, link.number, link.previous.encode())
    head = content + b',"~":{' + place
    return head + b'"sha256":"%s"}}' % _digest(key, head)


def written(data: bytes, link: Link) -> Link:
    """Return a link with the digest of the object that `encode` made of it."""
    return replace(link, digest=data[-67:-3].decode())


def decode(kind: type[_T], data: bytes, key: str) -> _T:
    """Return the value of a type that the object under a key holds.

    Raises
    ------
    Damaged
        The object was changed after it was written, or is of another version.
    """
    seal = _seal(data, key)
    content = data if seal is None else data[: seal.start()] + b"}"
    try:
        return _adapter(kind).validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Damaged(f"object {key} is damaged: {where} {first['msg']}") from error


def link_of(data: bytes, key: str) -> Link | None:
    """Return the place of an object among those of its account; None for one that has none.

    Raises
    ------
    Damaged
        The object was changed after it was written.
    """
    seal = _seal(data, key)
    if seal is None or seal["number"] is None:
        return None
    return Link(int(seal["epoch"]), int(seal["number"]), seal["previous"].decode(), seal["sha256"].decode())


def _seal(data: bytes, key: str) -> re.Match[bytes] | None:
    """Return the seal of an object; None for one of a version that had none."""
    start = max(0, len(data) - _LONGEST)
    seal = _SEAL.search(data, start)
    if seal is None:
        if any(mark in data[start:] for mark in _MARKS):
            raise Damaged(f"object {key} is damaged: its seal is broken")
        return None
    if _digest(key, data[: seal.start("sha256") - len(b'"sha256":"')]) != seal["sha256"]:
        raise Damaged(f"object {key} was changed after it was written")
    return seal


def _digest(key: str, head: bytes) -> bytes:
    return sha256(key.encode() + b"\0" + head).encode()


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the adapter of a type, made when it is first needed: making all of them would double a cold start."""
    return TypeAdapter(kind)
