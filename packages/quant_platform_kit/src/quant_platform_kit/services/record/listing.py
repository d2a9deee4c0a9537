"""What a store has below some prefixes, and under some keys: asked in one step where the store can do that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quant_platform_kit.ports.versioned_store import BatchStore, Stored, VersionedStore

__all__ = ["Listing", "read_all"]


class Listing:
    """The keys below some prefixes, as of when this was made.

    Parameters
    ----------
    prefixes
        None of them begins with another.

    Raises
    ------
    StoreError
        The store cannot answer.
    """

    def __init__(self, store: VersionedStore, prefixes: Sequence[str]) -> None:
        self._prefixes = tuple(prefixes)
        if isinstance(store, BatchStore):
            self._keys = store.keys_of(self._prefixes)
        else:
            self._keys = sorted(key for prefix in self._prefixes for key in store.keys(prefix))

    def keys(self, prefix: str) -> list[str]:
        """Return every listed key that starts with a prefix; `LookupError` for one that was not listed."""
        if not prefix.startswith(self._prefixes):
            raise LookupError(f"keys that begin with {prefix} were not listed")
        return [key for key in self._keys if key.startswith(prefix)]


def read_all(store: VersionedStore, keys: Sequence[str]) -> Iterator[tuple[str, Stored]]:
    """Yield what is there under keys, in their order."""
    if len(keys) > 1 and isinstance(store, BatchStore):
        found = store.get_all(keys)
        yield from ((key, found[key]) for key in keys if key in found)
    else:
        yield from ((key, stored) for key in keys if (stored := store.get(key)))
