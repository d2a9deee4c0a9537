"""Every profile of the catalog, with bars of a decision's session that come late: nothing due is skipped silently.

An account has been running. On a session that its profile decides on some bars are missing, for one to five sessions;
on some of the days nothing runs at all. Whatever happens, the decision is made as soon as it can be, or somebody is
told; and it is never executed twice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.adapters.strategies import bind, catalog
from quant_platform_kit.domain.carry import CARRY_SESSIONS, Evaluated, supersedes
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.strategy import Action

from ...cli.test_every_profile_once import PROFILES, decided_sessions, invented
from ...exactly_once import CALENDAR, NAN, World

RUNS = 7
"""Sessions after the decision's own that are watched: longer than any bar is late and any decision is carried."""
EXAMPLES = 8
UNDOUBTED = ExecutionPolicy(limits=replace(RiskLimits(), price_jump=None, price_jump_alone=None, price_basis=None))
"""Invented prices jump as they like."""


@cache
def without(profile: str, day: date, symbols: Collection[str]) -> PriceTable:
    """Return the market of a profile without some bars of a day."""
    whole = invented(profile)
    close = np.array(whole.fields["close"])
    close[whole.sessions.index(day), [whole.column[symbol] for symbol in symbols]] = NAN
    return PriceTable(whole.dates, whole.symbols, {"close": close})


def test_the_profiles_are_those_of_the_catalog_that_read_prices() -> None:
    assert sorted(PROFILES) == sorted(name for name, one in catalog().items() if one.manifest.features is None)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_decision_whose_bars_come_late_is_made_or_told_and_never_executed_twice(profile: str) -> None:
    strategy = bind(catalog()[profile])
    manifest = strategy.manifest
    days = [CALENDAR.before(session) for session in decided_sessions(profile)[1:]]

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(
        day=st.sampled_from(days),
        late=st.integers(1, 5),
        missing=st.sets(st.sampled_from(sorted(manifest.history_symbols)), min_size=1),
        idle=st.sets(st.integers(2, RUNS - 1), max_size=3),
    )
    def every_case(day: date, late: int, missing: set[str], idle: set[int]) -> None:
        world = World(invented(profile), strategy, Decimal(100_000), UNDOUBTED)
        before = CALENDAR.before(day)
        assert world.run(before).outcome is not Outcome.BLOCKED
        assert world.run(day).outcome is not Outcome.BLOCKED
        whole, holed = world.market, FileMarketData(without(profile, day, frozenset(missing)), CALENDAR, world.clock)
        reports: dict[int, RunReport] = {}
        made: dict[date, Evaluated] = {}
        decided_at: int | None = None
        session = day
        for number in range(1, RUNS + 1):
            session = CALENDAR.after(session)
            if number in idle:
                continue
            world.market = holed if number <= late else whole
            reports[number] = world.run(session)
            made = {decision.as_of: decision for decision in world.decisions(profile).history()}
            if decided_at is None and day in made:
                decided_at = number
        judge(reports, made, day, late, decided_at, every_session=manifest.every_session)

    every_case()


def judge(
    reports: dict[int, RunReport],
    made: dict[date, Evaluated],
    day: date,
    late: int,
    decided_at: int | None,
    *,
    every_session: bool,
) -> None:
    told = [number for number, report in reports.items() if day in report.behind]
    executed = [number for number, report in reports.items() if report.executes == day and report.outcome.good]
    superseded = any(past > day and supersedes(d.action, every_session=every_session) for past, d in made.items())
    assert len(executed) <= 1
    assert decided_at or told or superseded, "skipped silently"
    if (now := made.get(day)) is not None and now.action is Action.REBALANCE:
        assert executed or told or superseded, "not executed, and nobody was told"
    can_be = [number for number in reports if late < number <= CARRY_SESSIONS + 1]
    if can_be and not superseded:
        assert decided_at is not None
        assert decided_at <= can_be[0]
        assert told == [] or now.action is Action.REBALANCE
