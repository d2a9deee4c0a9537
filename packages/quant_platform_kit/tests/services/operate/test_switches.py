"""The switches of an operator: every change is kept, the newest counts, and in doubt an account is halted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.domain.errors import Conflict, StoreError
from quant_platform_kit.services.operate.switches import FlagEntry, Flags, allowed, halts

from ...exactly_once import MemoryStore, moment

AT = moment("2023-11-28 15:00")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(FrozenClock(AT))


def entry(on: bool, who: str = "mira", why: str = "test", minutes: int = 0) -> FlagEntry:
    return FlagEntry(on, who, why, AT + timedelta(minutes=minutes))


def test_a_switch_that_was_never_set_is_off_and_has_no_history(store: MemoryStore) -> None:
    assert halts(store).on() == frozenset()
    assert halts(store).entries("all") == []


def test_a_switch_is_on_until_it_is_switched_off(store: MemoryStore) -> None:
    switches = halts(store)
    switches.set("all", entry(True))
    assert switches.on() == {"all"}
    switches.set("all", entry(False))
    assert switches.on() == frozenset()
    switches.set("all", entry(True))
    assert switches.on() == {"all"}


def test_what_is_set_is_seen_by_everyone_as_soon_as_it_is_set(store: MemoryStore) -> None:
    reader = halts(store)
    assert reader.on() == frozenset()
    halts(store).set("account-DUSBX001", entry(True))
    assert reader.on() == {"account-DUSBX001"}


def test_every_change_is_kept_with_who_when_and_why(store: MemoryStore) -> None:
    story = [
        entry(True, "mira", "prices look wrong", 0),
        entry(False, "jon", "they were right", 5),
        entry(True, "mira", "they were not — “see” mail", 9),
    ]
    for change in story:
        halts(store).set("service-dca", change)
    assert halts(store).entries("service-dca") == story
    assert {stored.generation for stored in store.objects.values()} == {1}, "created, never rewritten"
    assert len(store.objects) == 3


def test_more_than_nine_changes_stay_in_order(store: MemoryStore) -> None:
    for number in range(25):
        halts(store).set("all", entry(number % 2 == 0, why=str(number)))
    assert [change.why for change in halts(store).entries("all")] == [str(number) for number in range(25)]
    assert halts(store).on() == {"all"}


def test_a_scope_is_not_mistaken_for_one_that_begins_like_it(store: MemoryStore) -> None:
    switches = halts(store)
    switches.set("account-DUSBX1", entry(True))
    switches.set("account-DUSBX12", entry(True))
    switches.set("account-DUSBX1", entry(False))
    assert switches.on() == {"account-DUSBX12"}
    assert len(switches.entries("account-DUSBX12")) == 1


def test_halts_and_the_allow_list_are_two_sets_of_switches(store: MemoryStore) -> None:
    halts(store).set("DUSBX001", entry(True))
    assert allowed(store).on() == frozenset()
    allowed(store).set("DUSBX002", entry(True))
    assert (halts(store).on(), allowed(store).on()) == ({"DUSBX001"}, {"DUSBX002"})


def test_asking_what_is_on_is_one_listing(store: MemoryStore) -> None:
    for scope in ("all", "service-dca", "account-DUSBX001"):
        halts(store).set(scope, entry(True))
    asked: list[str] = []
    store.fault = lambda operation, key, done: asked.append(operation)
    halts(store).on()
    assert asked == ["keys"]


# --- two at once ----------------------------------------------------------------------------------


def overtaken(store: MemoryStore, other: Callable[[], None]) -> None:
    """Let somebody else set a switch just before the next write."""

    def overtake(operation: str, key: str, done: bool) -> None:
        if operation == "create" and not done:
            store.fault = lambda operation, key, done: None
            other()

    store.fault = overtake


@pytest.mark.parametrize("later", [True, False])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_of_on_and_off_at_the_same_moment_on_wins_and_both_are_kept(
    store: MemoryStore, before: int, later: bool
) -> None:
    switches = halts(store)
    for number in range(before):
        switches.set("all", entry(number % 2 == 0, "before"))
    overtaken(store, lambda: switches.set("all", entry(not later, "first")))
    switches.set("all", entry(later, "second"))
    assert switches.on() == {"all"}
    assert {change.who for change in switches.entries("all")[before:]} == {"first", "second"}
    switches.set("all", entry(False, "afterwards"))
    assert switches.on() == frozenset()


def test_of_two_that_halt_at_the_same_moment_both_are_kept(store: MemoryStore) -> None:
    switches = halts(store)
    overtaken(store, lambda: switches.set("all", entry(True, "first")))
    switches.set("all", entry(True, "second"))
    assert [change.who for change in switches.entries("all")] == ["first", "second"]


def test_of_twenty_at_once_none_is_lost(store: MemoryStore) -> None:
    start = Barrier(20)

    def halt(number: int) -> None:
        start.wait()
        halts(store).set("all", entry(True, f"operator {number}"))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(halt, range(20)))
    assert sorted(change.who for change in halts(store).entries("all")) == sorted(f"operator {n}" for n in range(20))


# --- a store that fails ---------------------------------------------------------------------------


def test_a_store_that_cannot_be_read_is_no_answer(store: MemoryStore) -> None:
    store.down = True
    with pytest.raises(StoreError):
        halts(store).on()


def test_a_change_that_could_not_be_written_changed_nothing(store: MemoryStore) -> None:
    store.down = True
    with pytest.raises(StoreError):
        halts(store).set("all", entry(True))
    store.down = False
    assert halts(store).on() == frozenset()


@pytest.mark.parametrize("error", [StoreError, Conflict])
def test_a_halt_whose_answer_was_lost_is_in_force_and_may_be_set_again(
    store: MemoryStore, error: type[StoreError]
) -> None:
    """Either the caller hears that it is not certain, or the switch stands; never neither."""

    def lose(operation: str, key: str, done: bool) -> None:
        if operation == "create" and done:
            store.fault = lambda operation, key, done: None
            raise error("no answer")

    store.fault = lose
    if error is StoreError:
        with pytest.raises(StoreError):
            halts(store).set("all", entry(True))
    else:
        halts(store).set("all", entry(True))
    assert halts(store).on() == {"all"}
    halts(store).set("all", entry(True))
    assert halts(store).on() == {"all"}
    halts(store).set("all", entry(False))
    assert halts(store).on() == frozenset()


def test_other_prefixes_are_other_switches(store: MemoryStore) -> None:
    Flags(store, "halts-of-others").set("all", entry(True))
    assert halts(store).on() == frozenset()


@pytest.mark.parametrize("stray", ["foo", "000001-1-on.bak", "000002", "zz/000009-0-off.orig"])
def test_what_is_no_entry_of_a_switch_lifts_no_halt(store: MemoryStore, stray: str) -> None:
    halts(store).set("all", entry(True))
    store.create(f"halts/all/{stray}", b"{}")
    assert halts(store).on() == {"all"}
    halts(store).set("all", entry(False))
    assert halts(store).on() == frozenset()
    assert [change.on for change in halts(store).entries("all")] == [True, False]
