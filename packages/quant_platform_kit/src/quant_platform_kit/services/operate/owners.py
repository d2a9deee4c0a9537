"""Which service an account belongs to: ``owners/<account>``, so that two services never trade one account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from quant_platform_kit.domain.errors import Conflict, Damaged, Refused
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.objects import decode, encode

__all__ = ["Owner", "accounts_in", "hand_over", "owner_of", "require_ownership"]

_PREFIX = "owners/"


@dataclass(frozen=True, slots=True)
class Owner:
    """A service, and since when (aware UTC, by the store's clock) an account belongs to it."""

    service: str
    since: datetime


def accounts_in(store: VersionedStore) -> tuple[str, ...]:
    """Return every account that the store knows, ascending."""
    return tuple(key.removeprefix(_PREFIX) for key in store.keys(_PREFIX))


def owner_of(store: VersionedStore, account_id: str) -> Owner | None:
    """Return who an account belongs to, None before its first run."""
    stored = store.get(_PREFIX + account_id)
    return None if stored is None else decode(Owner, stored.data, _PREFIX + account_id)


def require_ownership(store: VersionedStore, account_id: str, service: str) -> None:
    """Make sure that an account belongs to a service; one that belongs to nobody does from now on.

    Raises
    ------
    Refused
        It belongs to another service.
    Damaged
        Whom it belonged to was lost.
    """
    key = _PREFIX + account_id
    known = owner_of(store, account_id)
    if known is None and read_lease(store, account_id) is not None:
        known = owner_of(store, account_id)
        if known is None:
            raise Damaged(f"object {key} is missing, and the account has had runs")
    if known is None:
        try:
            store.create(key, encode(Owner(service, store.now()), key))
        except Conflict:
            require_ownership(store, account_id, service)
        return
    if known.service != service:
        raise Refused(
            f"account {account_id} belongs to service {known.service} since {known.since:%Y-%m-%d}, this is {service}: "
            "trade another account here, or hand it over with `quant owner`"
        )


def hand_over(operator: Operator, account_id: str, service: str, reason: str) -> Owner:
    """Give an account to another service; durable when it returns.

    Raises
    ------
    Refused
        The account is not known, or its owner changed at the same moment.
    """
    store = operator.store
    key = _PREFIX + account_id
    stored = store.get(key)
    if stored is None and read_lease(store, account_id) is None:
        raise Refused(f"account {account_id} is not in this store; it gets an owner with its first run")
    operator.audit("owner", reason, account=account_id, service=service)
    owner = Owner(service, store.now())
    try:
        if stored is None:
            store.create(key, encode(owner, key))
        else:
            store.replace(key, encode(owner, key), stored.generation)
    except Conflict:
        raise Refused(f"the owner of {account_id} changed at the same moment; look again, then repeat") from None
    return owner
