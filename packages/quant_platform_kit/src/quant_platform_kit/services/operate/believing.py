"""What an operator believes of a price that is doubted: ``believed/<symbol>/<session>``.

It is said of one symbol and one session. It lifts every doubt about that session's price, also when the session has
become history, and every doubt about the symbol in a run of that session.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.domain.plausibility import Doubt
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import AuditEntry, Operator
from quant_platform_kit.services.record.objects import decode, encode

__all__ = ["Belief", "believe", "believe_line", "believed", "unbelieved"]

_PREFIX = "believed/"


@dataclass(frozen=True, slots=True)
class Belief:
    """Who believes the prices of a symbol in a session (exchange-local date), and why."""

    symbol: str
    session: date
    entry: AuditEntry


def believe(operator: Operator, symbol: str, session: date, reason: str) -> bool:
    """Believe a symbol's prices in a session; audited, durable when it returns; whether that changed anything."""
    key = _key(symbol, session)
    if operator.store.get(key) is not None:
        return False
    entry = operator.audit("believe", reason, symbol=symbol, session=session)
    with suppress(Conflict):
        operator.store.create(key, encode(Belief(symbol, session, entry), key))
    return True


def believed(store: VersionedStore) -> frozenset[tuple[str, date]]:
    """Return every symbol and session (exchange-local date) whose prices are believed.

    Raises
    ------
    StoreError
        A belief is damaged.
    """
    found = ((key, store.get(key)) for key in store.keys(_PREFIX))
    beliefs = (decode(Belief, stored.data, key) for key, stored in found if stored)
    return frozenset((belief.symbol, belief.session) for belief in beliefs)


def unbelieved(store: VersionedStore, found: Iterable[Doubt], session: date) -> list[Doubt]:
    """Return the doubts that stand in a run of ``session``; without any the store is not asked.

    Raises
    ------
    StoreError
        A belief is damaged.
    """
    every = list(found)
    asked = {(doubt.symbol, day) for doubt in every for day in (doubt.day, session)}
    trusted = {pair for pair in sorted(asked) if _is_believed(store, *pair)}
    return [doubt for doubt in every if not {(doubt.symbol, doubt.day), (doubt.symbol, session)} & trusted]


def _is_believed(store: VersionedStore, symbol: str, session: date) -> bool:
    key = _key(symbol, session)
    stored = store.get(key)
    if stored is None:
        return False
    belief = decode(Belief, stored.data, key)
    return (belief.symbol, belief.session) == (symbol, session)


def believe_line(symbol: str, session: date) -> str:
    """Return the command that lifts a doubt; the reason is to be filled in, and where the store is."""
    name = f'"{symbol}"' if " " in symbol else symbol
    return f'quant believe {name} --session {session} --reason TEXT --store "$STORE_URL"'


def _key(symbol: str, session: date) -> str:
    """Return where a belief is kept; what no key may hold of a symbol is written in hex."""
    return f"{_PREFIX}{quote(symbol, safe='').replace('%', '_').lstrip('.')}/{session.isoformat()}"
