"""Who asked for what, when and why: create-only entries ``audit/<UTC time>-<number>``, written before anything else.

An entry says what an operator asked for. What came of it stands where it took effect: in the ledger, in the switches,
at the broker. Numbers have no gap, and two commands of the same moment may have the same one. The entry of a command
that sets a switch ends with the name that the switch's entry will have: a switch that was set and lost is missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode, encode

__all__ = ["AUDIT", "AuditEntry", "Operator", "audit_entries", "audit_number", "switches_asked_for"]

AUDIT = "audit/"
"""Below it are the entries."""
_NAME = re.compile(r"audit/[0-9TZ.-]+Z-(?P<number>[0-9]{6})(?:\.(?P<prefix>[a-z]+)\.(?P<scope>.+)\.(?P<entry>[^.]+))?")


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

    def audit(self, command: str, why: str, *, switch: str | None = None, **arguments: object) -> AuditEntry:
        """Record what is about to be done; an argument that is None is left out. Durable when it returns.

        Parameters
        ----------
        switch
            Key of the entry that the command will add to a switch.
        """
        given = {name: str(plain(value)) for name, value in arguments.items() if value is not None}
        entry = AuditEntry(self.who, self.store.now(), command, given, why)
        ending = f".{switch.replace('/', '.')}" if switch else ""
        number = max(map(audit_number, self.store.keys(AUDIT)), default=0)
        while True:
            number += 1
            key = f"{AUDIT}{entry.at:%Y-%m-%dT%H-%M-%S.%fZ}-{number:06}{ending}"
            try:
                self.store.create(key, encode(entry, key))
            except Conflict:
                continue
            return entry


def audit_number(key: str) -> int:
    """Return the number of an entry, 0 of one that has none: earlier versions gave none."""
    name = _NAME.fullmatch(key)
    return int(name["number"]) if name else 0


def switches_asked_for(keys: Iterable[str]) -> frozenset[str]:
    """Return the keys of the switches' entries that the entries of the audit foretell."""
    names = (_NAME.fullmatch(key) for key in keys)
    return frozenset(f"{n['prefix']}/{n['scope']}/{n['entry']}" for n in names if n and n["prefix"])


def audit_entries(store: VersionedStore, since: date | None = None) -> list[AuditEntry]:
    """Return the entries from a UTC date on, oldest first; all of them without one."""
    first = f"{AUDIT}{since.isoformat()}" if since else AUDIT
    found = {key: store.get(key) for key in store.keys(AUDIT) if key >= first}
    return [decode(AuditEntry, stored.data, key) for key, stored in found.items() if stored is not None]
