"""What an adapter records of an order before it leaves: a second witness beside the ledger's SENT step.

Should that step be lost, the order is found here, and asked for at the broker instead of being sent a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode, encode

__all__ = ["SentOrders"]

_T = TypeVar("_T")


class SentOrders(Generic[_T]):
    """Records by client order id, each written once; what was read or written is remembered, as it never changes.

    Parameters
    ----------
    root
        Under which key they are: ``<root>/<client order id>``, or deeper and with an ending where a record is so named.
    kind
        What a record is: a frozen dataclass.
    """

    def __init__(self, store: VersionedStore, root: str, kind: type[_T]) -> None:
        self._store, self._root, self._kind = store, root, kind
        self._known: dict[str, _T] = {}

    def record(self, client_order_id: str, value: _T, name: str | None = None) -> bool:
        """Record that an order is about to be sent; False if that was done, by whomever.

        Parameters
        ----------
        name
            Of the record below the root, its last part beginning with the id; the id alone if absent.
        """
        key = f"{self._root}/{name or client_order_id}"
        try:
            self._store.create(key, encode(value, key))
        except Conflict:
            return False
        self._known[client_order_id] = value
        return True

    def find(self, client_order_id: str) -> _T | None:
        """Return the record of an order, None if it was never about to be sent."""
        if client_order_id in self._known:
            return self._known[client_order_id]
        return self._read(client_order_id, f"{self._root}/{client_order_id}")

    def search(self, client_order_id: str) -> _T | None:
        """Return the record of an order, however it is named; it takes a list of all that were ever recorded."""
        if client_order_id in self._known:
            return self._known[client_order_id]
        names = self.names("")
        return next((self.named(name) for name in names if _identity(name) == client_order_id), None)

    def names(self, folder: str) -> Sequence[str]:
        """Return the names of the records in a folder below the root (``a/``), with the folder, ascending."""
        return [key.removeprefix(f"{self._root}/") for key in self._store.keys(f"{self._root}/{folder}")]

    def named(self, name: str) -> _T:
        """Return a record that `names` told of."""
        identity = _identity(name)
        known = self._known.get(identity) or self._read(identity, f"{self._root}/{name}")
        assert known is not None, "what is listed is never deleted"
        return known

    def _read(self, client_order_id: str, key: str) -> _T | None:
        if (stored := self._store.get(key)) is None:
            return None
        return self._known.setdefault(client_order_id, decode(self._kind, stored.data, key))


def _identity(name: str) -> str:
    """Return the client order id in the name of a record."""
    return name.rpartition("/")[2].partition(".")[0]
