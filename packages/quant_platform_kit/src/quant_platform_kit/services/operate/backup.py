"""The ledger as lines of text: every object of the store and of the reports, and back into an empty place.

The first line is a header, every further one an object with a digest of its own, the last one the SHA-256 of all
before it. A damaged line is named, and nothing is restored from a file that has one.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import Conflict, InProgress, InvalidInput, Refused
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.owners import accounts_in
from quant_platform_kit.services.operate.switches import halts
from quant_platform_kit.services.record.leases import LeaseState, LeaseTerms, read_lease
from quant_platform_kit.services.record.objects import READY

__all__ = ["Area", "BackupContent", "Places", "backup_lines", "check_backup", "restore"]

VERSION = 1
"""Of the lines' form; a reader refuses any other."""

Lines = Callable[[], Iterable[bytes]]
_T = TypeVar("_T")


class Area(StrEnum):
    """Which of the two stores an object is in."""

    STORE = "store"
    REPORTS = "reports"


Places = Mapping[Area, VersionedStore]


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class _Header:
    format: Literal["quant-ledger"]
    version: Literal[1]
    created_at: datetime
    objects: int


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class _Object:
    """One object; its data is text where it can be, base64 where it cannot."""

    area: Area
    key: str
    sha256: str
    text: str | None = None
    base64: str | None = None

    @property
    def data(self) -> bytes:
        """The content."""
        return b64decode(self.base64) if self.text is None and self.base64 else (self.text or "").encode()


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class _Trailer:
    sha256: str


_HEADER, _OBJECT, _TRAILER = TypeAdapter(_Header), TypeAdapter(_Object), TypeAdapter(_Trailer)


@dataclass(frozen=True, slots=True)
class BackupContent:
    """What a backup holds.

    Attributes
    ----------
    created_at
        By the clock of the store it was made of, aware UTC.
    objects
        Number of objects by area.
    sha256
        Of all lines before the last.
    """

    created_at: datetime
    objects: Mapping[Area, int]
    accounts: tuple[str, ...]
    sha256: str


# --- out --------------------------------------------------------------------------------------------


def backup_lines(places: Places, *, empty: bool = False) -> Generator[bytes]:
    """Yield the lines of a backup; a fault before the last line is raised, and what came before is worthless.

    Parameters
    ----------
    empty
        Whether the store may hold nothing.

    Raises
    ------
    InProgress
        A worker is on an account, or was while the objects were read: they may not fit together.
    Refused
        There is nothing to keep.
    """
    store = places[Area.STORE]
    leases = _idle_leases(store)
    keys = [(area, key) for area, place in places.items() for key in _kept(place)]
    if not (keys or empty):
        raise Refused("the store holds nothing; check its address, or add --empty")
    digest = hashlib.sha256()
    for line in _content(places, keys):
        digest.update(line)
        yield line
    if _idle_leases(store) != leases:
        raise InProgress("a run ended while its account was read", LeaseTerms().duration)
    yield canonical_json(_Trailer(digest.hexdigest())) + b"\n"


def _kept(place: VersionedStore) -> list[str]:
    """Return the keys of all that was recorded: the mark of a service that is ready is none of it."""
    return [key for key in place.keys("") if key != READY]


def _content(places: Places, keys: list[tuple[Area, str]]) -> Generator[bytes]:
    header = _Header("quant-ledger", VERSION, places[Area.STORE].now(), len(keys))
    yield canonical_json(header) + b"\n"
    for area, key in keys:
        stored = places[area].get(key)
        assert stored is not None, "nothing is ever deleted from a ledger"
        yield canonical_json(_line(area, key, stored.data)) + b"\n"


def _line(area: Area, key: str, data: bytes) -> dict[str, str]:
    known = {"area": area.value, "key": key, "sha256": _object_digest(area, key, data)}
    try:
        return {**known, "text": data.decode()}
    except UnicodeDecodeError:
        return {**known, "base64": b64encode(data).decode()}


def _object_digest(area: Area, key: str, data: bytes) -> str:
    return sha256(b"\0".join((area.value.encode(), key.encode(), data)))


def _idle_leases(store: VersionedStore) -> dict[str, LeaseState | None]:
    """Return the lease of every account; raise `InProgress` while one is held."""
    leases = {account: read_lease(store, account) for account in accounts_in(store)}
    now = store.now()
    for account, lease in leases.items():
        if lease and lease.expires_at and lease.expires_at > now:
            raise InProgress(f"{lease.holder} works on account {account}", lease.expires_at - now)
    return leases


# --- in ---------------------------------------------------------------------------------------------


def check_backup(lines: Iterable[bytes], is_key: Callable[[str], bool]) -> BackupContent:
    """Read a backup from its first line to its last; return what it holds.

    Raises
    ------
    InvalidInput
        It is damaged; the message begins with the number of the line.
    """
    header: _Header | None = None
    trailer: _Trailer | None = None
    digest, keys, number = hashlib.sha256(), set[tuple[Area, str]](), 0
    for number, line in enumerate(lines, start=1):
        if trailer is not None:
            raise InvalidInput(f"line {number}: there is more after the last line")
        if header is None:
            header = _read(_HEADER, line, number)
        elif len(keys) == header.objects:
            trailer = _read(_TRAILER, line, number)
            if trailer.sha256 != digest.hexdigest():
                raise InvalidInput(f"line {number}: the digest of the lines before it is another")
        else:
            keys.add(_checked_key(_read_object(line, number), keys, is_key, number))
        digest.update(line)
    if header is None or trailer is None:
        raise InvalidInput(f"line {number + 1}: the file ends too early")
    counted = {area: sum(1 for found, _ in keys if found is area) for area in Area}
    accounts = {key.split("/")[1] for area, key in keys if area is Area.STORE and key.startswith("accounts/")}
    return BackupContent(header.created_at, counted, tuple(sorted(accounts)), trailer.sha256)


def _read(adapter: TypeAdapter[_T], line: bytes, number: int) -> _T:
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"line {number}: {f'{where}: ' if where else ''}{first['msg']}") from None


def _read_object(line: bytes, number: int) -> _Object:
    found = _read(_OBJECT, line, number)
    try:
        intact = _object_digest(found.area, found.key, found.data) == found.sha256
    except ValueError:
        intact = False
    if not intact:
        raise InvalidInput(f"line {number}: object {found.key} is damaged, its digest is another")
    return found


def _checked_key(
    found: _Object, known: set[tuple[Area, str]], is_key: Callable[[str], bool], number: int
) -> tuple[Area, str]:
    if not is_key(found.key):
        raise InvalidInput(f"line {number}: {found.key!r} is no key of a store")
    if (found.area, found.key) in known:
        raise InvalidInput(f"line {number}: object {found.key} is there twice")
    return found.area, found.key


def restore(
    operator: Operator, places: Places, lines: Lines, content: BackupContent, *, halts_all: bool = False
) -> None:
    """Write a checked backup into an empty place, and halt every account of it before its first object.

    Parameters
    ----------
    halts_all
        Whether ``all`` is halted as well: accounts that were opened after the backup, which is silent about them.

    Raises
    ------
    Refused
        The place is not empty, or it is one for store and reports, and the backup has two objects of a key. Nothing was
        changed.
    """
    for area, place in places.items():
        if present := _kept(place):
            raise Refused(
                f"the {area.value} place holds {len(present)} objects, such as {present[0]}: use an empty one"
            )
    if places[Area.STORE] is places[Area.REPORTS]:
        _require_one_of_each(_every_object(lines, content))
    made = f"{content.created_at:%Y-%m-%d}"
    why = f"restored from a backup of {made}: reconcile first"
    operator.audit("ledger import", why, created_at=content.created_at, sha256=content.sha256)
    for found in _objects(lines, content, halting=True):
        _put(places[found.area], found)
    scopes = [*(["all"] if halts_all else []), *(f"account-{account}" for account in content.accounts)]
    for scope in scopes:
        halts(operator.store).command(operator, "halt", scope, why, on=True, scope=scope)
    for found in _objects(lines, content, halting=False):
        _put(places[found.area], found)


def _require_one_of_each(objects: Iterable[_Object]) -> None:
    """Raise `Refused` where store and reports have different objects of a key."""
    known: dict[str, str] = {}
    for found in objects:
        if known.setdefault(found.key, own := sha256(found.data)) != own:
            raise Refused(f"store and reports both have an object {found.key}: give the reports a place of their own")


def _every_object(lines: Lines, content: BackupContent) -> Generator[_Object]:
    for number, line in enumerate(islice(lines(), 1, 1 + sum(content.objects.values())), start=2):
        yield _read_object(line, number)


def _objects(lines: Lines, content: BackupContent, *, halting: bool) -> Generator[_Object]:
    """Yield the halts of a checked backup, or all its other objects."""
    for found in _every_object(lines, content):
        if (found.area is Area.STORE and found.key.startswith("halts/")) is halting:
            yield found


def _put(place: VersionedStore, found: _Object) -> None:
    try:
        place.create(found.key, found.data)
    except Conflict:
        stored = place.get(found.key)
        if stored is None or stored.data != found.data:
            raise
