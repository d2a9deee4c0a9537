"""What operators gave up of records that were damaged: ``restarts/<account>/<n>``, ``acknowledged/<n>``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode

__all__ = ["Restart", "given_up"]


@dataclass(frozen=True, slots=True)
class Restart:
    """What an operator gave up of an account: the damage by key, and the run that was open then.

    Attributes
    ----------
    account_id
        Empty for what belongs to no account.
    at
        By the store's clock, aware UTC.
    """

    account_id: str
    who: str
    why: str
    at: datetime
    damage: Mapping[str, str]
    open_run: str | None


def given_up(store: VersionedStore, account_id: str) -> frozenset[str]:
    """Return the keys that were damaged when an account began anew."""
    found = {key: store.get(key) for key in store.keys(f"restarts/{account_id}/")}
    known = [decode(Restart, stored.data, key) for key, stored in found.items() if stored]
    return frozenset(key for restart in known for key in restart.damage)
