"""What a live service should be doing and does not, for whoever looks from outside: out of its account's lease."""

from __future__ import annotations

from datetime import date, timedelta

from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.leases import read_lease

__all__ = ["watch"]

LATE = timedelta(minutes=5)
"""How long after the close a session has time to end."""


def watch(store: VersionedStore, calendar: ExchangeCalendar, account_id: str) -> str:
    """Return what is wrong with an account's sessions by the store's clock, in a sentence; empty where nothing is."""
    now, lease = store.now(), read_lease(store, account_id)
    if lease is None or lease.open_run is None:
        today = calendar.local_date(now)
        hours = calendar.hours(today) if calendar.is_session(today) else None
        if hours is None or not hours.open <= now < hours.close:
            return ""
        return f"{today} opened at {hours.open:%H:%M} UTC, and no session is under way on account {account_id}"
    what = f"session {lease.open_run} of account {account_id}"
    closed = calendar.hours(date.fromisoformat(lease.open_run[:10])).close
    if now >= closed + LATE:
        return f"{what} is not over, {(now - closed) // timedelta(minutes=1)} minutes after the close"
    if lease.expires_at is None or now >= lease.expires_at:
        return f"{what} is under way, and nobody works on it"
    return ""
