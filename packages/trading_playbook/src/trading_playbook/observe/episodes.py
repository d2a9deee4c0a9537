"""How long a bound has been exceeded: an episode begins with its first excess and ends when the figure is back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import encode

from trading_playbook.attempts import slug

__all__ = ["Episodes"]


@dataclass(frozen=True, slots=True)
class _Mark:
    at: datetime
    value: float | None


class Episodes:
    """The episodes of one symbol's bounds in a store, below ``playbook/SYMBOL/episodes``; objects are created only."""

    def __init__(self, store: VersionedStore, symbol: str) -> None:
        self._store = store
        self._root = f"playbook/{slug(symbol)}/episodes"

    def open(self, bound: str, value: float) -> str:
        """Return the name of the episode that a bound is in; a new one begins where it is in none."""
        marks = self._marks(bound)
        number = _number(marks[-1]) if marks else 0
        if not marks or marks[-1].endswith(".over"):
            number += 1
            self._create(f"{bound}/{number:06d}.begun", value)
        return f"{bound}-{number}"

    def close(self, bound: str, value: float | None) -> None:
        """End the episode that a bound is in, if it is in one."""
        marks = self._marks(bound)
        if marks and marks[-1].endswith(".begun"):
            self._create(f"{bound}/{_number(marks[-1]):06d}.over", value)

    def _marks(self, bound: str) -> list[str]:
        """Return the names of a bound's objects, ascending: each episode begins before it is over."""
        names = (key.rpartition("/")[2] for key in self._store.keys(f"{self._root}/{bound}/"))
        return sorted(names)

    def _create(self, name: str, value: float | None) -> None:
        key = f"{self._root}/{name}"
        with suppress(Conflict):  # another check at the same time has made it
            self._store.create(key, encode(_Mark(self._store.now(), value), key))


def _number(name: str) -> int:
    return int(name.partition(".")[0])
