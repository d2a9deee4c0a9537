"""The objects of an account as a chain: each names the one before it, so that a missing one is missed.

Whoever holds the account's lease appends; the lease carries the newest link, the head, whenever it is written. What a
worker appended after its last write of the lease is found again by reading the runs it can belong to. An object whose
predecessor is there is no damage, whichever lease it was written under: a worker that was stopped for longer than its
lease leaves such a side branch when it goes on for one more write. The newest object has no successor: its loss shows
only where the lease names it, or at the broker.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import groupby

from quant_platform_kit.domain.errors import Conflict, Damaged
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import Link, encode, link_of, written

__all__ = ["BEGINNING", "Chain", "append", "newest"]

BEGINNING = Link(0, 0, "")
"""Before the first object."""


def _held() -> None:
    """Hold for ever."""


@dataclass(slots=True)
class Chain:
    """The end of an account's chain, held by the worker that may append.

    Attributes
    ----------
    epoch
        Of the worker's lease.
    head
        The newest object.
    hold
        Raises `LeaseLost` once the worker's lease has run out. Asked before every object: a worker that was stopped
        goes on for one more at most, whose predecessor was there before another one took the account.
    """

    store: VersionedStore
    epoch: int
    head: Link = BEGINNING
    hold: Callable[[], None] = _held

    def append(self, key: str, value: object) -> None:
        """Write the next object.

        Raises
        ------
        Conflict
            The key is taken by other content.
        LeaseLost
            The worker's lease has run out: nothing was written.
        """
        self.hold()
        link = Link(self.epoch, self.head.number + 1, self.head.digest)
        data = encode(value, key, link)
        _create(self.store, key, data)
        self.head = written(data, link)


def append(store: VersionedStore, chain: Chain | None, key: str, value: object) -> None:
    """Write an object as the next of a chain, or without a place in one.

    Raises
    ------
    Conflict
        The key is taken by other content.
    """
    if chain is None:
        _create(store, key, encode(value, key))
    else:
        chain.append(key, value)


def _create(store: VersionedStore, key: str, data: bytes) -> None:
    try:
        store.create(key, data)
    except Conflict:
        stored = store.get(key)
        if stored is None or stored.data != data:
            raise


@dataclass(slots=True)
class _Links:
    """Links that were read, by key and by digest."""

    store: VersionedStore
    given_up: Collection[str]
    by_key: dict[str, Link] = field(default_factory=dict[str, Link])
    digests: set[str] = field(default_factory=set[str])

    def read(self, keys: Iterable[str]) -> None:
        for key in keys:
            if key in self.given_up:
                continue
            stored = self.store.get(key)
            link = link_of(stored.data, key) if stored else None
            if link is not None:
                self.by_key[key] = link
                self.digests.add(link.digest)

    def loose(self, since: int, head: Link) -> dict[str, Link]:
        """Return the objects written after a number whose predecessor was not read, and the head if it was not."""
        found = {
            key: link
            for key, link in self.by_key.items()
            if link.number > since + 1 and link.previous not in self.digests and link.previous != head.digest
        }
        if head.number > since and head.digest not in self.digests:
            found["the lease"] = Link(head.epoch, head.number + 1, head.digest)
        return found


def newest(
    store: VersionedStore,
    runs: Iterable[str],
    decisions: Iterable[str],
    since: int,
    head: Link,
    given_up: Collection[str] = (),
) -> Link:
    """Return the newest object of an account, and make sure that none before it is missing.

    Parameters
    ----------
    runs, decisions
        Prefixes of what may have been written since: the runs, and their profiles' decisions.
    since
        The number from which on nothing may be missing.
    head
        What the lease says, which may be older.
    given_up
        Objects whose damage is known: they are passed over.

    Raises
    ------
    Damaged
        An object is missing or was changed; the message names it, or the one after it.
    """
    links = _Links(store, given_up)
    for prefix in runs:
        links.read(store.keys(prefix))
    for keys in _by_session(store, decisions):
        links.read(keys)
        if not links.loose(since, head):
            break
    if lost := links.loose(since, head):
        key, link = min(lost.items(), key=lambda item: item[1].number)
        raise Damaged(f"object {link.number - 1} of the account, the one before {key}, is missing")
    later = (link for link in links.by_key.values() if link.number > since)
    return max((head, *later), key=lambda link: (link.epoch, link.number))


def _by_session(store: VersionedStore, decisions: Iterable[str]) -> list[list[str]]:
    """Return the keys of decisions, a session at a time, the newest first."""
    keys = sorted((key for prefix in decisions for key in store.keys(prefix)), key=_session, reverse=True)
    return [list(group) for _, group in groupby(keys, key=_session)]


def _session(key: str) -> str:
    return key.rsplit("/", 2)[1]
