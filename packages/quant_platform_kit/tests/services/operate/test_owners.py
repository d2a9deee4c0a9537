"""Owners of accounts: one service trades an account, whoever comes first, until a person hands it over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import Refused, StoreError
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator, audit_entries
from quant_platform_kit.services.operate.owners import accounts_in, hand_over, owner_of, require_ownership

from ...exactly_once import ACCOUNT, MemoryStore, moment

CLOCK = FrozenClock(moment("2023-11-28 20:00"))
REFUSED = (
    f"account {ACCOUNT} belongs to service blue since 2023-11-28, this is green: trade another account here, or hand "
    "it over with `quant owner`"
)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(FrozenClock(moment("2023-11-28 20:00")))


def operator(store: VersionedStore) -> Operator:
    """Return a person at work."""
    return Operator(store, CLOCK, "mira")


def test_an_account_nobody_has_belongs_to_the_first_service_that_runs_on_it(store: MemoryStore) -> None:
    assert (owner_of(store, ACCOUNT), accounts_in(store)) == (None, ())
    require_ownership(store, ACCOUNT, "blue")
    owner = owner_of(store, ACCOUNT)
    assert owner is not None
    assert (owner.service, owner.since) == ("blue", moment("2023-11-28 20:00"))
    assert accounts_in(store) == (ACCOUNT,)


def test_the_owner_may_come_again_and_is_written_once(store: MemoryStore) -> None:
    for _ in range(3):
        require_ownership(store, ACCOUNT, "blue")
    assert store.writes == [f"owners/{ACCOUNT}"]


def test_another_service_is_refused_and_told_what_to_do(store: MemoryStore) -> None:
    require_ownership(store, ACCOUNT, "blue")
    before = dict(store.objects)
    with pytest.raises(Refused) as refused:
        require_ownership(store, ACCOUNT, "green")
    assert str(refused.value) == REFUSED
    assert store.objects == before


def test_accounts_are_listed_in_order(store: MemoryStore) -> None:
    for account in ("DUC", "DUA", "DUB"):
        require_ownership(store, account, "blue")
    assert accounts_in(store) == ("DUA", "DUB", "DUC")


def test_of_services_at_the_same_moment_one_gets_the_account_and_the_others_are_refused(tmp_path: Path) -> None:
    def claim(name: str) -> str | None:
        try:
            require_ownership(FileStore(tmp_path), ACCOUNT, name)
        except Refused:
            return None
        return name

    with ThreadPoolExecutor(8) as pool:
        owners = {name for name in pool.map(claim, (f"service-{n % 8}" for n in range(64))) if name}
    owner = owner_of(FileStore(tmp_path), ACCOUNT)
    assert owner is not None
    assert owners == {owner.service}


def test_an_account_that_is_handed_over_belongs_to_the_other_service_only(store: MemoryStore) -> None:
    require_ownership(store, ACCOUNT, "blue")
    store.clock.instant = moment("2023-12-01 09:30")
    given = hand_over(operator(store), ACCOUNT, "green", "moved to its own project")
    assert (given.service, given.since) == ("green", moment("2023-12-01 09:30"))
    require_ownership(store, ACCOUNT, "green")
    with pytest.raises(Refused, match="belongs to service green since 2023-12-01, this is blue"):
        require_ownership(store, ACCOUNT, "blue")
    (entry,) = audit_entries(store)
    assert (entry.who, entry.command, entry.why) == ("mira", "owner", "moved to its own project")
    assert entry.arguments == {"account": ACCOUNT, "service": "green"}


def test_an_account_that_never_ran_cannot_be_handed_over(store: MemoryStore) -> None:
    with pytest.raises(Refused, match=f"account {ACCOUNT} is not in this store; it gets an owner with its first run"):
        hand_over(operator(store), ACCOUNT, "green", "test")
    assert store.objects == {}


def test_of_two_people_who_hand_an_account_over_at_the_same_moment_one_is_told_to_look_again(
    store: MemoryStore,
) -> None:
    require_ownership(store, ACCOUNT, "blue")

    def meanwhile(operation: str, key: str, done: bool) -> None:
        if operation == "replace" and not done:
            store.fault = lambda operation, key, done: None
            hand_over(operator(store), ACCOUNT, "red", "first")

    store.fault = meanwhile
    with pytest.raises(Refused, match="changed at the same moment; look again, then repeat"):
        hand_over(operator(store), ACCOUNT, "green", "second")
    owner = owner_of(store, ACCOUNT)
    assert owner is not None
    assert owner.service == "red"


def test_a_damaged_owner_stops_everything_and_is_named(store: MemoryStore) -> None:
    store.create(f"owners/{ACCOUNT}", b'{"service": 7}')
    with pytest.raises(StoreError, match=f"object owners/{ACCOUNT} is damaged: .*restore it from a backup"):
        require_ownership(store, ACCOUNT, "blue")
