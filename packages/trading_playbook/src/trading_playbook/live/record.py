"""A live session in the store: a run of its account's chain, with its terms, its events and the steps of its orders.

Below ``accounts/<account>/runs/<run_id>/`` stand ``session``, the terms; ``events/<number>``, six digits from 000001;
and ``orders/<client_order_id>.<n>``. Nothing is ever changed or removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from quant_platform_kit.domain.errors import Conflict, LeaseLost
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.chain import Chain, append
from quant_platform_kit.services.record.listing import read_all
from quant_platform_kit.services.record.objects import decode
from quant_platform_kit.services.record.order_steps import OrderSteps

from trading_playbook.live.events import Event, Terms

__all__ = ["SessionRecord", "recorded_sessions"]

_EVENT: Any = Annotated[Event, Field(discriminator="kind")]


class SessionRecord:
    """What the store knows of one session.

    Parameters
    ----------
    chain
        Of the account, held by the worker that may append; None for readers.

    Attributes
    ----------
    steps
        Of its orders.
    """

    def __init__(self, store: VersionedStore, account_id: str, run_id: str, chain: Chain | None = None) -> None:
        self._store, self._chain = store, chain
        self._root = f"accounts/{account_id}/runs/{run_id}"
        self._count = 0
        self.steps = OrderSteps(store, f"{self._root}/orders", chain)

    def terms(self) -> Terms | None:
        """Return the terms; None where the run is no session, or has recorded nothing yet."""
        key = f"{self._root}/session"
        stored = self._store.get(key)
        return None if stored is None else decode(Terms, stored.data, key)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is recorded below the run."""
        return not self._store.keys(f"{self._root}/")

    def open(self, terms: Terms) -> Terms:
        """Record the terms; return those that were recorded first."""
        try:
            append(self._store, self._chain, f"{self._root}/session", terms)
        except Conflict:
            known = self.terms()
            assert known is not None, "it exists and is never deleted"
            return known
        return terms

    def events(self) -> Sequence[Event]:
        """Return the recorded events in their order, and go on after the last one."""
        keys = self._store.keys(f"{self._root}/events/")
        self._count = len(keys)
        return [decode(_EVENT, stored.data, key) for key, stored in read_all(self._store, keys)]

    def append(self, event: Event) -> None:
        """Record the next event.

        Raises
        ------
        LeaseLost
            Another worker recorded it.
        """
        key = f"{self._root}/events/{self._count + 1:06}"
        try:
            append(self._store, self._chain, key, event)
        except Conflict as error:
            raise LeaseLost(f"another worker recorded {key}") from error
        self._count += 1


def recorded_sessions(store: VersionedStore, account_id: str) -> list[str]:
    """Return the run ids of an account's live sessions, ascending by date."""
    keys = store.keys(f"accounts/{account_id}/runs/")
    return [key.split("/")[3] for key in keys if key.endswith("/session")]
