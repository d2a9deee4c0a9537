"""A failing scenario, cut down to what it needs to fail, and the test that keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from quant_platform_kit.testing.simulation.scenario import Attempt, Behaviour, Day, Fault, Scenario, Trigger, text
from quant_platform_kit.testing.simulation.world import play

__all__ = ["as_test", "shrunk"]

_T = TypeVar("_T")


def shrunk(scenario: Scenario) -> Scenario:
    """Return a scenario that breaks the same invariant, and of which nothing more can be left out.

    Raises
    ------
    ValueError
        It breaks none.
    """
    broken = play(scenario).broken
    if broken is None:
        raise ValueError("a scenario that breaks no invariant cannot be cut down")
    while True:
        smaller = next((one for one in _smaller(scenario) if _breaks(one, broken.invariant)), None)
        if smaller is None:
            return scenario
        scenario = smaller


def as_test(scenario: Scenario) -> str:
    """Return a test that plays a scenario."""
    broken = play(scenario).broken
    what = f"# it broke {broken}\n" if broken else ""
    body = f"    assert play(load('{text(scenario)}')).broken is None\n"
    return f"{what}def test_a_scenario_that_once_failed_holds() -> None:\n{body}"


def _breaks(scenario: Scenario, invariant: str) -> bool:
    broken = play(scenario).broken
    return broken is not None and broken.invariant == invariant


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Yield the scenario with one thing less, the largest things first."""
    for days in _without_one(scenario.days):
        yield replace(scenario, days=days)
    if scenario.behaviours:
        yield replace(scenario, behaviours=())
    for change in ({"even": True}, {"monthly": False}, {"lends": False}, {"backed": False}):
        changed = replace(scenario, **change)
        if changed != scenario:
            yield changed
    for n, day in enumerate(scenario.days):
        for smaller in _smaller_day(day):
            yield replace(scenario, days=_with(scenario.days, n, smaller))
    for n, behaviour in enumerate(scenario.behaviours):
        if behaviour != Behaviour():
            yield replace(scenario, behaviours=_with(scenario.behaviours, n, Behaviour()))
    if scenario.behaviours:
        yield replace(scenario, behaviours=scenario.behaviours[:-1])


def _smaller_day(day: Day) -> Iterator[Day]:
    plain = replace(day, bar_missing=0, snapshot_late=0, split="", liquidated=False, reruns=False, watched=False)
    if plain != day:
        yield plain
    for name, value in (
        ("bar_missing", 0),
        ("snapshot_late", 0),
        ("split", ""),
        ("liquidated", False),
        ("reruns", False),
        ("watched", False),
    ):
        changed = replace(day, **{name: value})
        if changed != day:
            yield changed
    for faults in _without_one(day.operator):
        yield replace(day, operator=faults)
    for triggers in _without_one(day.triggers):
        yield replace(day, triggers=triggers)
    for n, trigger in enumerate(day.triggers):
        for smaller in _smaller_trigger(trigger):
            yield replace(day, triggers=_with(day.triggers, n, smaller))


def _smaller_trigger(trigger: Trigger) -> Iterator[Trigger]:
    for attempts in _without_one(trigger.attempts):
        yield replace(trigger, attempts=attempts)
    for n, attempt in enumerate(trigger.attempts):
        for faults in _without_one(attempt.faults):
            yield replace(trigger, attempts=_with(trigger.attempts, n, replace(attempt, faults=faults)))
        for m, fault in enumerate(attempt.faults):
            for simpler in _simpler(fault):
                faults = _with(attempt.faults, m, simpler)
                yield replace(trigger, attempts=_with(trigger.attempts, n, Attempt(attempt.offset, faults)))


def _simpler(fault: Fault) -> Iterator[Fault]:
    if fault.skip:
        yield replace(fault, skip=fault.skip - 1)
    if fault.until:
        yield replace(fault, until="")


def _without_one(items: tuple[_T, ...]) -> Iterator[tuple[_T, ...]]:
    for n in reversed(range(len(items))):
        yield items[:n] + items[n + 1 :]


def _with(items: tuple[_T, ...], n: int, item: _T) -> tuple[_T, ...]:
    return (*items[:n], item, *items[n + 1 :])
