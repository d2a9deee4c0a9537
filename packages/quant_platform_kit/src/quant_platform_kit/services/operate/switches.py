"""Switches that an operator sets and a run reads: halts, and the accounts that may trade live.

A switch is a list of create-only entries, the newest of which counts, so that who set it, when and why is never lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.decoding import decode

__all__ = ["FlagEntry", "Flags", "allowed", "halted", "halts", "switched_off"]


@dataclass(frozen=True, slots=True)
class FlagEntry:
    """Who set a switch, when (aware UTC), and why."""

    on: bool
    who: str
    why: str
    at: datetime


_OFF, _ON = "-0-off", "-1-on"


class Flags:
    """The switches below one prefix of the store; each has the name of its scope."""

    def __init__(self, store: VersionedStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    def on(self) -> frozenset[str]:
        """Return the scopes that are switched on; one listing, no reads."""
        newest: dict[str, str] = {}
        for key in self._store.keys(f"{self._prefix}/"):
            _, scope, entry = key.rsplit("/", 2)
            newest[scope] = entry
        return frozenset(scope for scope, entry in newest.items() if entry.endswith(_ON))

    def set(self, scope: str, entry: FlagEntry) -> None:
        """Switch a scope on or off; durable when it returns. Of two at the same moment, "on" wins."""
        number = len(self._store.keys(f"{self._prefix}/{scope}/")) + 1
        state = _ON if entry.on else _OFF
        try:
            self._store.create(f"{self._prefix}/{scope}/{number:06}{state}", canonical_json(entry))
        except Conflict:
            self.set(scope, entry)

    def entries(self, scope: str) -> list[FlagEntry]:
        """Return the history of a scope, oldest first."""
        found = {key: self._store.get(key) for key in self._store.keys(f"{self._prefix}/{scope}/")}
        return [decode(FlagEntry, stored.data, key) for key, stored in found.items() if stored is not None]


def halts(store: VersionedStore) -> Flags:
    """Return the halt switches: ``all``, ``service-<name>``, ``account-<id>``."""
    return Flags(store, "halts")


def halted(store: VersionedStore, service: str, account_id: str) -> list[str]:
    """Return which halts stop a service on an account, in words; one listing."""
    on = halts(store).on()
    scopes = ("all", f"service-{service}", f"account-{account_id}")
    return [f"halted: {scope}; lift it with `quant resume`" for scope in scopes if scope in on]


def allowed(store: VersionedStore) -> Flags:
    """Return the allow-list: account ids that may trade live."""
    return Flags(store, "allowed")


def switched_off(store: VersionedStore, service: str, account_id: str, mode: Mode) -> list[str]:
    """Return which switches forbid a service to send orders of an account in a mode that sends, in words."""
    reasons = halted(store, service, account_id)
    listed = mode is not Mode.LIVE or account_id in allowed(store).on()
    return reasons if listed else [*reasons, f"account {account_id} is not on the allow-list for live trading"]
