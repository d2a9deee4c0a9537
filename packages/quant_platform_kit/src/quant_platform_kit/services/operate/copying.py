"""Every object of one place copied to another, and whether a copy is whole.

Objects that are never rewritten, such as files of an archive or feature snapshots, need no form of their own: their
backup is the same objects elsewhere, and a list of their digests, `MANIFEST`, which is written after them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import Conflict, Damaged, InvalidInput, Refused
from quant_platform_kit.ports.versioned_store import VersionedStore

__all__ = ["MANIFEST", "Copied", "back_up", "bring_back", "check_copy"]

MANIFEST = "copy-manifest"
"""The key below which lists stand: one for each time that the place was copied, the newest counts."""
_LIST = TypeAdapter(dict[str, str])


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds, and what of it was written now.

    Attributes
    ----------
    size
        Bytes of all objects.
    """

    objects: int
    written: int
    size: int


def back_up(source: VersionedStore, target: VersionedStore, *, empty: bool = False) -> Copied:
    """Copy what the target does not have yet, and list all of it.

    Parameters
    ----------
    empty
        Whether the source may hold nothing.

    Raises
    ------
    Refused
        There is nothing to keep.
    Damaged
        An object of the target is another than the one of the source: one of both was changed.
    """
    keys = _own(source.keys(""))
    if not (keys or empty):
        raise Refused("the place holds nothing; check its address, or add --empty")
    there, written, size, digests = set(target.keys("")), 0, 0, dict[str, str]()
    for key in keys:
        data = _read(source, key)
        size += len(data)
        digests[key] = sha256(data)
        if key in there:
            if _read(target, key) != data:
                raise Damaged(f"{key} is another object in the copy: one of both was changed; use an empty place")
        else:
            target.create(key, data)
            written += 1
    number = len(target.keys(f"{MANIFEST}/")) + 1
    target.create(f"{MANIFEST}/{number:06}", canonical_json(digests))
    return Copied(len(keys), written, size)


def check_copy(copy: VersionedStore) -> dict[str, str]:
    """Read a copy to its end; return the digests of its objects by key.

    Raises
    ------
    InvalidInput
        It has no list, or is not what the newest one says: the message names the first object.
    """
    lists = copy.keys(f"{MANIFEST}/")
    if not lists:
        raise InvalidInput("the copy has no list of its objects: it was not made to its end; take another")
    digests = _digests(_read(copy, lists[-1]))
    there = set(copy.keys(""))
    for key, digest in digests.items():
        if key not in there:
            raise InvalidInput(f"object {key} is missing in the copy; take another")
        if sha256(_read(copy, key)) != digest:
            raise InvalidInput(f"object {key} is damaged in the copy, its digest is another; take another")
    return digests


def bring_back(copy: VersionedStore, target: VersionedStore) -> Copied:
    """Write a copy, read to its end before, into an empty place.

    Raises
    ------
    Refused
        The place is not empty; nothing was changed.
    """
    if present := target.keys(""):
        raise Refused(f"the place holds {len(present)} objects, such as {present[0]}: use an empty one")
    digests, size = check_copy(copy), 0
    for key in digests:
        data = _read(copy, key)
        size += len(data)
        try:
            target.create(key, data)
        except Conflict:
            raise Refused(f"{key} was written meanwhile: stop who writes there, and use an empty place") from None
    return Copied(len(digests), len(digests), size)


def _own(keys: list[str]) -> list[str]:
    """Return the keys of what a place is there for: the lists of a copy that is copied are none of it."""
    return [key for key in keys if not key.startswith(f"{MANIFEST}/")]


def _read(place: VersionedStore, key: str) -> bytes:
    stored = place.get(key)
    if stored is None:
        raise Damaged(f"{key} was removed while it was read; begin again")
    return stored.data


def _digests(data: bytes) -> dict[str, str]:
    try:
        return _LIST.validate_json(data)
    except ValidationError:
        raise InvalidInput("the list of the copy's objects is damaged; take another") from None
