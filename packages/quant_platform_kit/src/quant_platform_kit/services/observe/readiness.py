"""Whether a store takes writes: ``ready``, an object that is rewritten at most every few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from quant_platform_kit.domain.errors import Conflict, Damaged
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import READY, decode, encode

__all__ = ["make_sure_it_writes"]

TRUSTED = timedelta(seconds=10)
"""How long a write proves that the next one is taken."""


@dataclass(frozen=True, slots=True)
class _Written:
    at: datetime


def _written(data: bytes) -> datetime:
    """Return when the object was written; long ago where that is lost: it holds nothing else, and is written anew."""
    try:
        return decode(_Written, data, READY).at
    except Damaged:
        return datetime.min.replace(tzinfo=UTC)


def make_sure_it_writes(store: VersionedStore) -> None:
    """Raise `StoreError` unless the store took a write within the last seconds, or takes one now."""
    stored, now = store.get(READY), store.now()
    if stored is not None and timedelta(0) <= now - _written(stored.data) < TRUSTED:
        return
    data = encode(_Written(now), READY)
    try:
        if stored is None:
            store.create(READY, data)
        else:
            store.replace(READY, data, stored.generation)
    except Conflict:
        return  # somebody else's write was taken
