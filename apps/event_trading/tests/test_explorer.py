"""No history of two executors sends two answers, sends one late or loses one; and each defect shows in one."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import pytest
from loguru import logger

from .explorer import COMMANDS, Variant, explore
from .mutants import MUTANTS

RIVALS = (COMMANDS[0], COMMANDS[2])
"""Two commands for one quote, in two partitions."""


@pytest.fixture(autouse=True)
def nothing_is_logged() -> Generator[None]:
    logger.disable("event_trading_app")
    yield
    logger.enable("event_trading_app")


def test_nothing_is_wrong_in_any_history_of_three_commands_in_which_one_thing_goes_wrong() -> None:
    found = explore(Variant(), budget=1)
    assert found.wrong == {}
    assert found.states > 1000


def test_nothing_is_wrong_in_any_history_of_two_commands_for_one_quote_in_which_two_things_go_wrong() -> None:
    found = explore(Variant(commands=RIVALS), budget=2)
    assert found.wrong == {}
    assert found.states > 10_000


@pytest.mark.services
def test_nothing_is_wrong_in_any_history_of_three_commands_in_which_two_things_go_wrong() -> None:
    """Needs no server, and longer than tests without one may take."""
    found = explore(Variant(), budget=2)
    assert found.wrong == {}
    assert found.states > 40_000


@pytest.mark.parametrize("name", MUTANTS)
def test_the_explorer_finds_what_a_defect_does(name: str) -> None:
    variant, kind = MUTANTS[name]
    found = explore(variant, budget=1, until=kind)
    if kind not in found.wrong:
        found = explore(replace(variant, commands=COMMANDS[:1]), budget=2, until=kind)
    assert kind in found.wrong
