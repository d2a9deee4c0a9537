"""Writing to a store out of an event loop: what is asked for while a write is under way is written together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from quant_platform_kit.domain.errors import Conflict, Damaged, StoreError
from quant_platform_kit.ports.versioned_store import BatchStore, VersionedStore

__all__ = ["Gathering"]

AT_ONCE = 64
"""So many writes become one at most."""

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Wanted:
    """Objects to be written, what is done after that, and what became of it."""

    objects: Mapping[str, bytes]
    then: Callable[[], Any]
    done: asyncio.Future[Any]
    value: Any = None
    error: Exception | None = None


class Gathering:
    """Creates objects. It belongs to one event loop; the store is asked in one thread at a time."""

    def __init__(self, store: VersionedStore) -> None:
        self._store = store
        self._waiting: deque[_Wanted] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def create(self, objects: Mapping[str, bytes], then: Callable[[], T]) -> T:
        """Write objects that must not exist, by key, then do something; durable when this returns.

        Parameters
        ----------
        objects
            All of them are written, or none; in a store that is no `BatchStore` one after the other, so that those
            before the first that exists are written.
        then
            Done in the thread of the write, right after it; its value is returned. What several want that are written
            together is done once for all of them.

        Raises
        ------
        Conflict
            One of them exists.
        StoreError
            The store does not answer: nobody knows whether they are there.
        """
        wanted = _Wanted(objects, then, asyncio.get_running_loop().create_future())
        self._waiting.append(wanted)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await wanted.done

    async def _write(self) -> None:
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            group = [each for each in group if not each.done.done()]
            try:
                await asyncio.to_thread(self._visit, group)
            except BaseException:
                for each in (*group, *self._waiting):
                    each.done.cancel()
                self._waiting.clear()
                raise
            for each in group:
                if each.done.done():
                    continue
                if each.error is None:
                    each.done.set_result(each.value)
                else:
                    each.done.set_exception(each.error)

    def _visit(self, group: Sequence[_Wanted]) -> None:
        """Write, and do what is to be done after it; every one of a group is told by itself how it went.

        Once the store does not answer, it is not asked again for those that are left: each question takes its time.
        """
        down = self._create(group)
        followers: dict[Callable[[], Any], list[_Wanted]] = {}
        for each in group:
            if each.error is None:
                followers.setdefault(each.then, []).append(each)
        for then, of_one in followers.items():
            value, failure = None, down
            if down is None:
                try:
                    value = then()
                except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                    failure, down = error, error if _is_down(error) else None
            for each in of_one:
                each.value, each.error = value, failure

    def _create(self, group: Sequence[_Wanted]) -> Exception | None:
        """Write what is wanted, and note what fails; return that the store does not answer, if so."""
        together = {key: data for each in group for key, data in each.objects.items()}
        apart = len(together) == sum(len(each.objects) for each in group)
        if len(group) > 1 and apart and isinstance(self._store, BatchStore):
            try:
                self._store.create_all(together)
            except Exception as error:  # noqa: BLE001 - whose fault it is, is found out one by one
                if _is_down(error):
                    return error
            else:
                return None
        for each in group:
            try:
                self._create_all(each.objects)
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                each.error = error
                if _is_down(error):
                    return error
        return None

    def _create_all(self, objects: Mapping[str, bytes]) -> None:
        if isinstance(self._store, BatchStore):
            self._store.create_all(objects)
        else:
            for key, data in objects.items():
                self._store.create(key, data)


def _is_down(error: Exception) -> bool:
    """Whether the store does not answer: then nobody knows what of the question was done."""
    return isinstance(error, StoreError) and not isinstance(error, Conflict | Damaged)
