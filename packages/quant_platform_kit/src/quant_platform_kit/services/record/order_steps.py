"""The steps of orders: each is a create-only object ``<root>/<client_order_id>.<nnn>``, numbered from 001.

A step is a new object, never a new version of an old one: whoever creates step n decides what it is, and everyone
else finds out by failing to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quant_platform_kit.domain.errors import Conflict, LeaseLost, Refused
from quant_platform_kit.domain.orders import TRANSITIONS
from quant_platform_kit.domain.runs import OrderRecord, Transition
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.chain import Chain, append
from quant_platform_kit.services.record.listing import Listing, read_all
from quant_platform_kit.services.record.objects import decode

__all__ = ["OrderSteps", "followed"]


class OrderSteps:
    """What the store knows of the orders below one key.

    Every method raises `StoreError` when the store cannot answer, and `Damaged` where a step was changed after it was
    written.

    Parameters
    ----------
    root
        The key, such as ``accounts/<account>/runs/<run_id>/orders``. Nothing but steps of orders stands below it, and
        their ids have no dot and no slash.
    chain
        Of the account, held by the worker that may append; None where the steps have no place in one.
    """

    def __init__(self, store: VersionedStore, root: str, chain: Chain | None = None) -> None:
        self._store, self._root, self._chain = store, root, chain

    def record(self, record: OrderRecord, step: Transition) -> OrderRecord:
        """Record the next step of an order; one that is there already with the same content counts as written.

        Raises
        ------
        Refused
            The step may not follow the state the order is in.
        LeaseLost
            Another worker recorded that step: it is at work on this order.
        """
        key = self.next_key(record, step)
        try:
            append(self._store, self._chain, key, step)
        except Conflict as error:
            name, _, number = key.rpartition("/")[2].rpartition(".")
            raise LeaseLost(f"another worker recorded step {int(number)} of {name}") from error
        return followed(record, step)

    def next_key(self, record: OrderRecord, step: Transition) -> str:
        """Return the key of the next step of an order; raises `Refused` for one that may not follow."""
        identity = record.order.client_order_id
        if step.state not in TRANSITIONS[record.state]:
            raise Refused(f"order {identity} is {record.state.value}; it cannot become {step.state.value}")
        return f"{self._root}/{identity}.{len(record.transitions) + 1:03}"

    def reread(self, record: OrderRecord) -> OrderRecord:
        """Return an order with the steps that the store has of it."""
        return OrderRecord(record.order, self.of(record.order.client_order_id))

    def of(self, client_order_id: str) -> tuple[Transition, ...]:
        """Return the steps of one order, oldest first; none for an order that has no step."""
        return self._read(self._store.keys(f"{self._root}/{client_order_id}."))

    def of_each(self, client_order_ids: Iterable[str]) -> dict[str, tuple[Transition, ...]]:
        """Return the steps of some of few orders by client order id, oldest first: all are listed, those are read."""
        keys: dict[str, list[str]] = {identity: [] for identity in client_order_ids}
        for key in self._keys():
            if (identity := _identity(key)) in keys:
                keys[identity].append(key)
        return {identity: self._read(each) for identity, each in keys.items()}

    def of_some(self, client_order_ids: Sequence[str]) -> dict[str, tuple[Transition, ...]]:
        """Return the steps of some of many orders by client order id, oldest first: no others are listed."""
        prefixes = {identity: f"{self._root}/{identity}." for identity in client_order_ids}
        listing = Listing(self._store, tuple(prefixes.values()))
        keys = {identity: listing.keys(prefix) for identity, prefix in prefixes.items()}
        found = dict(read_all(self._store, [key for each in keys.values() for key in each]))
        return {
            identity: tuple(decode(Transition, found[key].data, key) for key in each if key in found)
            for identity, each in keys.items()
        }

    def newest(self) -> dict[str, Transition]:
        """Return the newest step of every order that has one, by client order id.

        A listing, and a read for each; of a `BatchStore` one read for hundreds.
        """
        newest = {_identity(key): key for key in self._keys()}
        found = read_all(self._store, tuple(newest.values()))
        return {_identity(key): decode(Transition, stored.data, key) for key, stored in found}

    def _keys(self) -> list[str]:
        return self._store.keys(f"{self._root}/")

    def _read(self, keys: Sequence[str]) -> tuple[Transition, ...]:
        return tuple(decode(Transition, stored.data, key) for key, stored in read_all(self._store, keys))


def followed(record: OrderRecord, step: Transition) -> OrderRecord:
    """Return an order with a further step."""
    return OrderRecord(record.order, (*record.transitions, step))


def _identity(key: str) -> str:
    """Return the client order id in the key of a step."""
    return key.rpartition("/")[2].partition(".")[0]
