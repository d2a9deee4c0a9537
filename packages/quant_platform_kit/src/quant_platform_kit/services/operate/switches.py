"""Switches that an operator or a release sets and a run reads: halts, and the accounts that may trade live.

A switch is a list of create-only entries, the newest of which counts, so that who set it, when and why is never lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from quant_platform_kit.domain.errors import Conflict, InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.ports.versioned_store import Keys, VersionedStore
from quant_platform_kit.services.operate.audit import AUDIT, Operator, switches_asked_for
from quant_platform_kit.services.record.objects import decode, encode

__all__ = [
    "HALT_KINDS",
    "FlagEntry",
    "Flags",
    "allowed",
    "check_scope",
    "entry_number",
    "halt_words",
    "halted",
    "halts",
    "lost_switches",
    "scopes_of",
    "switch_prefixes",
    "switched_off",
]

HALT_KINDS = ("all", "service", "account", "release", "playbook")
"""What a halt may be of. A release holds a service by a halt of its own kind: nobody's halt lifts another's. One of the
playbook is of an account's live sessions with one symbol, ``playbook-ID.SYMBOL``: their breakers set it.
"""


@dataclass(frozen=True, slots=True)
class FlagEntry:
    """Who set a switch, when (aware UTC), and why."""

    on: bool
    who: str
    why: str
    at: datetime


_HALTS, _ALLOWED = "halts", "allowed"
_OFF, _ON = "-0-off", "-1-on"
_ENTRY = re.compile(r"(?P<number>[0-9]{6})-(0-off|1-on)")
"""What an entry is named; anything else below a switch, such as a copy that an editor left, says nothing."""


class Flags:
    """The switches below one prefix of the store; each has the name of its scope."""

    def __init__(self, store: VersionedStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    def on(self) -> frozenset[str]:
        """Return the scopes that are switched on; one listing, no reads."""
        return _switched_on(self._store, self._prefix)

    def audited(self) -> tuple[frozenset[str], dict[str, bool]]:
        """Return the scopes that are switched on, and those whose newest entry was asked for and is not there.

        Of the latter it says whether that entry switched them on.
        """
        asked = switches_asked_for(self._store.keys(AUDIT))
        there = self._keys()
        newest = _newest({*there, *(key for key in asked if key.startswith(f"{self._prefix}/"))})
        return _on(there), {scope: key.endswith(_ON) for scope, key in newest.items() if key not in there}

    def set(self, scope: str, entry: FlagEntry) -> None:
        """Switch a scope on or off; durable when it returns. Of two at the same moment, "on" wins."""
        while not self._written(self._next(scope, on=entry.on), entry):
            pass

    def command(
        self, operator: Operator, command: str, scope: str, reason: str, /, *, on: bool, **arguments: object
    ) -> FlagEntry:
        """Switch a scope on or off as an operator's command, which is audited first; see `set`."""
        while True:
            key = self._next(scope, on=on)
            asked = operator.audit(command, reason, switch=key, **arguments)
            entry = FlagEntry(on, asked.who, reason, asked.at)
            if self._written(key, entry):
                return entry

    def _written(self, key: str, entry: FlagEntry) -> bool:
        """Write an entry; False where another has its key, who was quicker."""
        try:
            self._store.create(key, encode(entry, key))
        except Conflict:
            return False
        return True

    def _next(self, scope: str, *, on: bool) -> str:
        """Return the key of the next entry: its number is beyond those that are there and those that were lost."""
        prefix = f"{self._prefix}/{scope}/"
        asked = (key for key in switches_asked_for(self._store.keys(AUDIT)) if key.startswith(prefix))
        newest = max((entry_number(key) for key in (*self._keys(scope), *asked)), default=0)
        return f"{prefix}{newest + 1:06}{_ON if on else _OFF}"

    def entries(self, scope: str) -> list[FlagEntry]:
        """Return the history of a scope, oldest first."""
        found = {key: self._store.get(key) for key in self._keys(scope)}
        return [decode(FlagEntry, stored.data, key) for key, stored in found.items() if stored is not None]

    def _keys(self, scope: str | None = None) -> list[str]:
        """Return the keys of the entries, of one scope or of all, ascending."""
        below = f"{self._prefix}/{scope}/" if scope else f"{self._prefix}/"
        return [key for key in self._store.keys(below) if entry_number(key)]


def entry_number(key: str) -> int:
    """Return the number of a switch's entry, 0 of what is none."""
    entry = _ENTRY.fullmatch(key.rpartition("/")[2])
    return int(entry["number"]) if entry else 0


def _newest(keys: Iterable[str]) -> dict[str, str]:
    """Return the newest entry of each scope."""
    return {key.rsplit("/", 2)[1]: key for key in sorted(keys)}


def _switched_on(store: Keys, prefix: str) -> frozenset[str]:
    return _on(key for key in store.keys(f"{prefix}/") if entry_number(key))


def _on(keys: Iterable[str]) -> frozenset[str]:
    return frozenset(scope for scope, key in _newest(keys).items() if key.endswith(_ON))


def halts(store: VersionedStore) -> Flags:
    """Return the halt switches: ``all``, ``service-<name>``, ``account-<id>``, ``release-<service>`` and so on."""
    return Flags(store, _HALTS)


_SCOPE = re.compile(rf"{HALT_KINDS[0]}|({'|'.join(HALT_KINDS[1:])})-[^/]+")


def check_scope(scope: str) -> str:
    """Return the scope of a halt; `InvalidInput` for what is none, so that no name reaches another's switch."""
    if _SCOPE.fullmatch(scope) is None:
        known = "all, service-NAME, account-ID, release-NAME or playbook-ID.SYMBOL, and a name has no slash"
        raise InvalidInput(f"the scope of a halt is {scope[:200]!r}; it is {known}")
    return scope


def scopes_of(service: str | None, account_id: str) -> tuple[str, ...]:
    """Return the halts that stop a service on an account; those of no service where it is None."""
    names = {"service": service, "account": account_id, "release": service}
    return ("all", *(f"{kind}-{name}" for kind, name in names.items() if name))


def halt_words(scope: str) -> str:
    """Return what a halt means to an operator, and what lifts it."""
    if scope.startswith("release-"):
        return f"held by a release: {scope}; `release open` lifts it"
    return f"halted: {scope}; lift it with `quant resume`"


def halted(store: Keys, service: str, account_id: str) -> list[str]:
    """Return which halts stop a service on an account, in words; one listing."""
    on = _switched_on(store, _HALTS)
    return [halt_words(scope) for scope in scopes_of(service, account_id) if scope in on]


def lost_switches(store: VersionedStore, service: str, account_id: str, mode: Mode) -> list[str]:
    """Return which switches against a service on an account were set and are lost from the store, in words.

    A run asks once, when it starts or is taken over: a halt that was lost goes on halting, and an account that was
    struck off the allow-list stays off it.
    """
    lost = halts(store).audited()[1]
    reasons = [
        f"{halt_words(scope)}; the audit has this halt, the store has lost it: `quant ledger verify` first"
        for scope in scopes_of(service, account_id)
        if lost.get(scope)
    ]
    if mode is Mode.LIVE and allowed(store).audited()[1].get(account_id) is False:
        reasons.append(f"account {account_id} was struck off the allow-list, which the store has lost: allow it anew")
    return reasons


def allowed(store: VersionedStore) -> Flags:
    """Return the allow-list: account ids that may trade live."""
    return Flags(store, _ALLOWED)


def switch_prefixes(mode: Mode) -> tuple[str, ...]:
    """Return what `switched_off` lists in a mode, for a `Listing` that has more in it."""
    return (f"{_HALTS}/", f"{_ALLOWED}/") if mode is Mode.LIVE else (f"{_HALTS}/",)


def switched_off(store: Keys, service: str, account_id: str, mode: Mode) -> list[str]:
    """Return which switches forbid a service to send orders of an account in a mode that sends, in words."""
    reasons = halted(store, service, account_id)
    listed = mode is not Mode.LIVE or account_id in _switched_on(store, _ALLOWED)
    return reasons if listed else [*reasons, f"account {account_id} is not on the allow-list for live trading"]
