"""Who asked for what, when and why: create-only entries ``audit/<UTC time>-<8 hex>``, written before anything else.

An entry says what an operator asked for. What came of it stands where it took effect: in the ledger, in the switches,
at the broker.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from quant_platform_kit.domain.digests import canonical_json, plain
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.decoding import decode

__all__ = ["AuditEntry", "Operator", "audit_entries"]

_PREFIX = "audit/"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One command of an operator.

    Attributes
    ----------
    at
        By the store's clock, aware UTC.
    arguments
        Of the command, by name; addresses of stores, which may hold passwords, are not among them.
    """

    who: str
    at: datetime
    command: str
    arguments: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class Operator:
    """A person at work on a store: every change goes through `audit` first."""

    store: VersionedStore
    clock: Clock
    who: str

    def audit(self, command: str, why: str, **arguments: object) -> AuditEntry:
        """Record what is about to be done; an argument that is None is left out. Durable when it returns."""
        given = {name: str(plain(value)) for name, value in arguments.items() if value is not None}
        entry = AuditEntry(self.who, self.store.now(), command, given, why)
        data = canonical_json(entry)
        while True:
            try:
                self.store.create(f"{_PREFIX}{entry.at:%Y-%m-%dT%H-%M-%S.%fZ}-{secrets.token_hex(4)}", data)
            except Conflict:
                continue
            return entry


def audit_entries(store: VersionedStore, since: date | None = None) -> list[AuditEntry]:
    """Return the entries from a UTC date on, oldest first; all of them without one."""
    first = f"{_PREFIX}{since.isoformat()}" if since else _PREFIX
    found = {key: store.get(key) for key in store.keys(_PREFIX) if key >= first}
    return [decode(AuditEntry, stored.data, key) for key, stored in found.items() if stored is not None]
