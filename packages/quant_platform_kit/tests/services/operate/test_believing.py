"""Beliefs: of one symbol and one session, audited, asked for only where something is doubted."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.domain.plausibility import Doubt, DoubtKind
from quant_platform_kit.services.operate.audit import Operator, audit_entries
from quant_platform_kit.services.operate.believing import believe, believe_line, unbelieved

from ...exactly_once import MemoryStore, World, following, prices

MON, TUE, WED = date(2023, 11, 27), date(2023, 11, 28), date(2023, 11, 29)


@pytest.fixture
def operator() -> Operator:
    world = World(prices(MON, AAA=[100.0] * 3, BBB=[50.0] * 3), following({}))
    return Operator(world.store, world.clock, "mira")


def doubt(symbol: str, day: date) -> Doubt:
    return Doubt(symbol, day, DoubtKind.SPIKE, f"{symbol} of {day}")


def test_a_belief_lifts_what_is_doubted_about_its_session_at_any_time(operator: Operator) -> None:
    found = [doubt("AAA", MON), doubt("AAA", TUE), doubt("BBB", MON)]
    assert believe(operator, "AAA", MON, "seen elsewhere")
    assert unbelieved(operator.store, found, WED) == found[1:]


def test_a_belief_lifts_all_that_is_doubted_about_the_symbol_in_a_run_of_its_session(operator: Operator) -> None:
    found = [doubt("AAA", MON), doubt("AAA", TUE), doubt("BBB", MON)]
    believe(operator, "AAA", WED, "seen elsewhere")
    assert unbelieved(operator.store, found, WED) == found[2:]
    assert unbelieved(operator.store, found, TUE) == found


def test_it_is_audited_once(operator: Operator) -> None:
    assert [believe(operator, "BRK B", MON, "the index did") for _ in range(2)] == [True, False]
    (entry,) = audit_entries(operator.store)
    assert (entry.who, entry.command, entry.why) == ("mira", "believe", "the index did")
    assert entry.arguments == {"symbol": "BRK B", "session": "2023-11-27"}
    assert unbelieved(operator.store, [doubt("BRK B", MON)], WED) == []


def test_without_a_doubt_the_store_is_not_asked() -> None:
    class Unasked(MemoryStore):
        def __init__(self) -> None: ...

        def get(self, key: str) -> Any:
            raise AssertionError(key)

    assert unbelieved(Unasked(), [], WED) == []


def test_a_damaged_belief_is_none(operator: Operator) -> None:
    believe(operator, "AAA", MON, "seen elsewhere")
    store = operator.store
    assert isinstance(store, MemoryStore)
    (key,) = store.keys("believed/")
    stored = store.objects[key]
    store.objects[key] = stored._replace(data=stored.data.replace(b"AAA", b"BBB"))
    with pytest.raises(StoreError, match="believed/AAA/2023-11-27"):
        unbelieved(store, [doubt("AAA", MON)], WED)


def test_the_line_can_be_typed() -> None:
    assert believe_line("AAA", MON) == 'quant believe AAA --session 2023-11-27 --reason TEXT --store "$STORE_URL"'
    assert believe_line("BRK B", MON).startswith('quant believe "BRK B" --session')
