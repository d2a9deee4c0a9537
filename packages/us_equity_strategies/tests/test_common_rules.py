"""What all profiles of prices share: complete intents, repeatable answers, months that end by the calendar."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import pairwise
from math import nan
from typing import Any

import numpy as np
import pytest
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import TargetMode
from us_equity_strategies.catalog import CATALOG

DIRECT = [profile for profile, strategy in CATALOG.items() if strategy.manifest.input_mode == "direct"]
EVERY_PROFILE = pytest.mark.parametrize("profile", DIRECT)

# profile -> a session on which its rule fires and one on which the calendar says HOLD
RULE_DAYS = {
    "global_etf_rotation": (date(2015, 6, 30), date(2015, 6, 29)),
    "dual_momentum": (date(2015, 6, 30), date(2015, 6, 29)),
    "tactical_asset_allocation": (date(2015, 6, 30), date(2015, 6, 29)),
    "nasdaq_sp500_smart_dca": (date(2015, 6, 1), date(2015, 6, 2)),
}
BY_CALENDAR = pytest.mark.parametrize("profile", list(RULE_DAYS))

Desks = Callable[..., Any]


def cut(desk: Any, last: date) -> Any:
    """Return a desk whose prices end on ``last``."""
    stop = desk.table.sessions.index(last) + 1
    closes = desk.table.fields["close"][:stop]
    return type(desk)(PriceTable(desk.table.dates[:stop], desk.table.symbols, {"close": closes}), desk.calendar)


def rule_day(profile: str) -> date:
    return RULE_DAYS.get(profile, (date(2015, 6, 10),))[0]


@EVERY_PROFILE
def test_a_rebalance_names_every_managed_symbol_and_no_other(profile: str, invented_desk: Desks) -> None:
    day = rule_day(profile)
    intent = invented_desk(profile, day).decide(profile, day).decision.intent
    assert list(intent.targets) == sorted(CATALOG[profile].manifest.managed)


@EVERY_PROFILE
def test_an_intent_is_kept_at_the_precision_it_is_digested_at(profile: str, invented_desk: Desks) -> None:
    day = rule_day(profile)
    intent = invented_desk(profile, day).decide(profile, day, cash=98_765.4321).decision.intent
    step = Decimal("1e-9") if intent.target_mode is TargetMode.WEIGHT else Decimal("0.01")
    assert all(target == target.quantize(step) for target in intent.targets.values())


@EVERY_PROFILE
def test_the_same_inputs_give_the_same_decision(profile: str, invented_desk: Desks) -> None:
    day = rule_day(profile)
    first, second = (invented_desk(profile, day).decide(profile, day) for _ in range(2))
    assert first == second


@EVERY_PROFILE
def test_prices_before_everything_a_rule_reads_do_not_matter(profile: str, invented_desk: Desks) -> None:
    """The manifest's history_sessions is what a run asks a broker for: more history must not change an answer."""
    day = rule_day(profile)
    long = invented_desk(profile, day, sessions=600)
    needed = CATALOG[profile].manifest.history_sessions
    stop = len(long.table.sessions)
    rng = np.random.default_rng(3)
    closes = 100 * np.cumprod(1 + 0.02 * rng.standard_normal((stop, len(long.table.symbols))), axis=0)
    whole = PriceTable(long.table.dates, long.table.symbols, {"close": closes})
    recent = PriceTable(long.table.dates[-needed:], long.table.symbols, {"close": closes[-needed:]})
    on_all, on_recent = (type(long)(table, long.calendar).decide(profile, day) for table in (whole, recent))
    assert on_all.decision.action.value == "REBALANCE"
    assert on_all.digest == on_recent.digest


@pytest.mark.parametrize(
    ("profile", "month_ends"), [("global_etf_rotation", 12), ("dual_momentum", 12), ("tactical_asset_allocation", 9)]
)
def test_the_history_a_profile_asks_for_reaches_its_oldest_month_end_on_every_session(
    profile: str, month_ends: int, calendar: ExchangeCalendar
) -> None:
    sessions = calendar.sessions
    ends = [at for at, (day, after) in enumerate(pairwise(sessions)) if day.month != after.month]
    needed = max(last - ends[which - month_ends] + 1 for which, last in enumerate(ends) if which >= month_ends)
    assert needed <= CATALOG[profile].manifest.history_sessions


@BY_CALENDAR
def test_the_session_that_decides_is_the_calendars_whether_or_not_prices_go_on_after_it(
    profile: str, invented_desk: Desks
) -> None:
    fires, holds = RULE_DAYS[profile]
    desk = invented_desk(profile, date(2015, 7, 15))
    for day, action in ((fires, "REBALANCE"), (holds, "HOLD")):
        going_on, ending = desk.decide(profile, day), cut(desk, day).decide(profile, day)
        assert going_on.decision.action.value == action
        assert ending.digest == going_on.digest


@pytest.mark.parametrize(
    ("profile", "day_before", "day_after"),
    [
        ("global_etf_rotation", "HOLD", "REBALANCE"),
        ("dual_momentum", "HOLD", "HOLD"),
        ("tactical_asset_allocation", "HOLD", "BLOCKED"),
        ("nasdaq_sp500_smart_dca", "HOLD", "BLOCKED"),
    ],
)
def test_a_month_end_without_bars_is_not_moved_to_the_sessions_beside_it(
    profile: str, day_before: str, day_after: str, invented_desk: Desks
) -> None:
    """Nobody has a bar on the last session of June 2015 and the first of July.

    Afterwards a rule that reads the month end is BLOCKED; to the rotation its four canaries are unknown, and that is an
    emergency; dual momentum reads the month end of July 2014 next.
    """
    desk = invented_desk(profile, date(2015, 7, 15))
    for symbol in desk.table.symbols:
        desk = desk.put(symbol, nan, date(2015, 6, 30), date(2015, 7, 1))
    assert desk.decide(profile, date(2015, 6, 29)).decision.action.value == day_before
    assert desk.decide(profile, date(2015, 7, 2)).decision.action.value == day_after
