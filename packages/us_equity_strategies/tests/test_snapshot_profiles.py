"""What the profiles over feature snapshots share, on invented snapshots: what blocks, and what an intent keeps to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import nan
from typing import Any

import numpy as np
import pytest
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.inputs import build_context
from quant_platform_kit.domain.portfolio import PortfolioSnapshot
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from us_equity_strategies.catalog import CATALOG

RUSSELL, MEGA, TECH = PROFILES = (
    "russell_1000_multi_factor_defensive",
    "mega_cap_leader_rotation",
    "tech_communication_pullback_enhancement",
)
SECTORS = {RUSSELL: (10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60), MEGA: (10, 45), TECH: (45, 50)}
EVERY_PROFILE = pytest.mark.parametrize("profile", PROFILES)
COMPARED = pytest.mark.parametrize(("profile", "benchmark"), [(RUSSELL, "SPY"), (TECH, "QQQ")])
MONTH_END, DAY_AFTER, NEXT_MONTH_END = date(2018, 11, 30), date(2018, 12, 3), date(2018, 12, 31)

Needed = Mapping[str, Mapping[str, object]]
Decide = Callable[..., Any]


@pytest.fixture
def decide(needed: Needed) -> Decide:
    """Return a function that decides a profile on a desk, under the configuration it needs."""
    return lambda desk, profile, as_of=None, held=(), **config: desk.decide(
        profile, as_of, held, {**needed[profile], **config}
    )


@pytest.fixture
def desk(invented_features: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that invents a snapshot which fits a profile."""
    return lambda profile, seed=5: invented_features(seed=seed, sectors=SECTORS[profile])


def targets(decided: Any) -> dict[str, float]:
    """Return the stocks that a decision holds."""
    assert decided.decision.action.value == "REBALANCE", decided.decision.reasons
    return {s: float(w) for s, w in decided.decision.intent.targets.items() if w and s != "BIL"}


def reason(decided: Any) -> str:
    assert decided.decision.action.value == "BLOCKED"
    (said,) = decided.decision.reasons
    return said


# --- when it decides, and when it cannot ----------------------------------------------------------


@EVERY_PROFILE
def test_it_decides_on_the_last_session_of_a_month_and_holds_on_others(
    profile: str, desk: Decide, decide: Decide
) -> None:
    assert targets(decide(desk(profile), profile))
    for day in (DAY_AFTER, date(2018, 12, 28)):
        assert decide(desk(profile), profile, day).decision.action.value == "HOLD"
    daily = replace(desk(profile), of=date(2018, 12, 10))
    assert decide(daily, profile, date(2018, 12, 10)).decision.action.value == "HOLD"


@EVERY_PROFILE
def test_a_snapshot_of_a_later_session_blocks(profile: str, desk: Decide, decide: Decide) -> None:
    said = reason(decide(desk(profile), profile, date(2018, 11, 29)))
    assert said == (
        f"feature snapshot {profile}: as_of 2018-11-30 is after the session decided on, 2018-11-29; publish that of "
        "2018-11-29"
    )


@EVERY_PROFILE
@pytest.mark.parametrize(("day", "sessions"), [(NEXT_MONTH_END, 19), (date(2019, 1, 2), 20)])
def test_a_snapshot_older_than_the_newest_month_end_blocks_on_every_day_and_says_how_late_it_is(
    profile: str, day: date, sessions: int, desk: Decide, decide: Decide
) -> None:
    assert reason(decide(desk(profile), profile, day)) == (
        f"feature snapshot {profile}: stale: as_of 2018-11-30 is {sessions} sessions before {day}; the newest month "
        "end is 2018-12-31; build and publish it"
    )


@EVERY_PROFILE
def test_on_a_month_end_nothing_but_its_own_snapshot_will_do(
    profile: str, desk: Decide, calendar: ExchangeCalendar, needed: Needed
) -> None:
    """Whoever gave the snapshot does not say what was due."""
    strategy, session = bind(CATALOG[profile], needed[profile]), calendar.session(NEXT_MONTH_END)
    snapshot = replace(desk(profile).snapshot(NEXT_MONTH_END), newest_due=None)
    empty = PriceHistory(PriceTable(np.array([], dtype="datetime64[D]"), (), {"close": np.empty((0, 0))}))
    portfolio = PortfolioSnapshot("TEST", calendar.hours(session.next).close, "USD", Decimal(1000), ())
    said = strategy.decide(build_context(strategy.manifest, session, empty, portfolio, snapshot)).reasons
    assert said == (
        f"feature snapshot {profile}: as_of 2018-11-30 is not 2018-12-31, the month end decided on; build and publish "
        "it",
    )
    none = strategy.decide(build_context(strategy.manifest, session, empty, portfolio, None)).reasons
    assert none == (f"feature snapshot {profile}: there is none for 2018-12-31; build and publish it",)


@COMPARED
@pytest.mark.parametrize("day", [MONTH_END, DAY_AFTER])
def test_a_benchmark_without_a_row_or_a_trend_blocks(
    profile: str, benchmark: str, day: date, desk: Decide, decide: Decide
) -> None:
    gone, unknown = desk(profile).without(benchmark), desk(profile).put(benchmark, sma200_gap=nan)
    assert f"feature snapshot {profile}: no row for {benchmark}; " in reason(decide(gone, profile, day))
    assert f"sma200_gap of {benchmark} is unknown; " in reason(decide(unknown, profile, day))
    other = {"SPY": "QQQ", "QQQ": "SPY"}[benchmark]
    assert decide(desk(profile).without(other), profile, day).decision.action.value != "BLOCKED"


def test_the_leaders_are_compared_with_nothing(desk: Decide, decide: Decide) -> None:
    assert targets(decide(desk(MEGA).without("SPY").without("QQQ"), MEGA))


@EVERY_PROFILE
@pytest.mark.parametrize("day", [MONTH_END, DAY_AFTER])
def test_too_few_eligible_stocks_block_on_every_day(profile: str, day: date, desk: Decide, decide: Decide) -> None:
    needs = {RUSSELL: 30, MEGA: 50, TECH: 8}[profile]
    whole = desk(profile)
    for few, action in ((needs, {MONTH_END: "REBALANCE", DAY_AFTER: "HOLD"}[day]), (needs - 1, "BLOCKED")):
        thin = whole
        for symbol in [symbol for symbol in whole.rows if symbol.startswith("A")][few:]:
            thin = thin.put(symbol, history=273)
        decided = decide(thin, profile, day)
        assert decided.decision.action.value == action
    assert f"{needs - 1} stocks are eligible, {needs} are needed" in reason(decided)


@pytest.mark.parametrize(
    ("profile", "day", "first"),
    [
        (RUSSELL, date(2018, 11, 29), "is after the session decided on"),
        (RUSSELL, NEXT_MONTH_END, "stale"),
        (RUSSELL, DAY_AFTER, "sma200_gap of SPY is unknown"),
        (MEGA, NEXT_MONTH_END, "stale"),
        (MEGA, DAY_AFTER, "0 stocks are eligible"),
        (TECH, NEXT_MONTH_END, "stale"),
        (TECH, DAY_AFTER, "sma200_gap of QQQ is unknown"),
    ],
)
def test_of_several_faults_the_first_is_told(profile: str, day: date, first: str, desk: Decide, decide: Decide) -> None:
    assert first in reason(decide(desk(profile).put_all(sma200_gap=nan, history=0), profile, day))


# --- what an intent keeps to ----------------------------------------------------------------------


@EVERY_PROFILE
@pytest.mark.parametrize("seed", range(6))
def test_weights_sum_to_one_and_every_stock_and_holding_is_named(
    profile: str, seed: int, desk: Decide, decide: Decide
) -> None:
    features = desk(profile, seed)
    symbols = [symbol for symbol in features.rows if symbol.startswith("A")]
    intent = decide(features, profile, held=["A001", "A002", "GONE"]).decision.intent
    assert list(intent.targets) == sorted([*symbols, "BIL", "GONE"])
    assert intent.targets["GONE"] == 0
    rounding = Decimal("0.5e-9") * sum(1 for weight in intent.targets.values() if weight)
    assert abs(sum(intent.targets.values()) - 1) <= rounding


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gap", [0.02, -0.02])
def test_the_defensive_profile_keeps_its_caps_and_its_exposure(
    seed: int, gap: float, desk: Decide, decide: Decide
) -> None:
    features = desk(RUSSELL, seed).put("SPY", sma200_gap=gap)
    decided = decide(features, RUSSELL)
    held, exposure = targets(decided), {0.02: 1.0, -0.02: 0.6}[gap]
    sectors = Counter(features.rows[symbol]["sector_code"] for symbol in held)
    assert len(held) == 30
    assert max(sectors.values()) <= 7
    assert max(held.values()) <= 0.05 * exposure + 1e-9
    for sector in sectors:
        invested = sum(w for symbol, w in held.items() if features.rows[symbol]["sector_code"] == sector)
        assert invested <= 0.25 * exposure + 1e-8
    assert sum(held.values()) <= exposure + 3e-8
    calm = sorted(held, key=lambda symbol: features.rows[symbol]["vol_126"])
    weights = [held[symbol] for symbol in calm]
    assert weights == sorted(weights, reverse=True), "the calmer, the more: no sector is at its cap here"


def test_a_sector_of_the_defensive_profile_is_scaled_to_its_cap_and_the_rest_is_in_bills(
    invented_features: Callable[..., Any], decide: Decide
) -> None:
    decided = decide(invented_features(sectors=(45, 50)), RUSSELL, max_per_sector=20)
    intent = decided.decision.intent
    assert float(intent.targets["BIL"]) == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_leaders_have_equal_slots_that_volatility_shrinks(seed: int, desk: Decide, decide: Decide) -> None:
    features = desk(MEGA, seed)
    held = targets(decide(features, MEGA))
    assert len(held) == 4
    for symbol, weight in held.items():
        row = features.rows[symbol]
        assert weight == pytest.approx(0.25 * min(1, 0.25 / row["vol_63"]), abs=1e-9)
        assert row["sma200_gap"] > 0


def test_the_leaders_are_those_of_the_most_traded_and_an_empty_slot_is_in_bills(desk: Decide, decide: Decide) -> None:
    features = desk(MEGA)
    traded = sorted(features.rows, key=lambda s: (-features.rows[s]["dvol63_usd"] * features.rows[s]["is_stock"], s))
    ranking = features.ranking(MEGA)
    assert set(ranking) == {symbol for symbol in traded[:50] if features.rows[symbol]["sma200_gap"] > 0}
    sinking = features.put_all(sma200_gap=-0.1).put(ranking[3], sma200_gap=0.1)
    assert list(targets(decide(sinking, MEGA))) == [ranking[3]]
    assert decide(features.put_all(sma200_gap=-0.1), MEGA).decision.intent.targets["BIL"] == 1


def test_of_equally_traded_stocks_the_smaller_symbol_is_in_the_universe(desk: Decide) -> None:
    equal = desk(MEGA).put_all(dvol63_usd=1e9, sma200_gap=0.1)
    assert sorted(equal.ranking(MEGA)) == [f"A{number:03}" for number in range(50)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("gap", "each"), [(0.02, 0.1), (-0.02, 0.075)])
def test_the_pullback_profile_holds_equal_shares_up_to_five_of_a_sector(
    seed: int, gap: float, each: float, desk: Decide, decide: Decide
) -> None:
    features = desk(TECH, seed).put("QQQ", sma200_gap=gap)
    held = targets(decide(features, TECH))
    assert len(held) == 8
    assert set(held.values()) == {each}
    assert max(Counter(features.rows[symbol]["sector_code"] for symbol in held).values()) <= 5
    for symbol in held:
        assert features.rows[symbol]["sma200_gap"] > 0
        assert features.rows[symbol]["high_63_gap"] > -0.25


def test_the_pullback_profile_looks_at_the_sectors_of_its_file_only(
    invented_features: Callable[..., Any], decide: Decide, needed: Needed
) -> None:
    features = invented_features(sectors=(45, 10, 50, 20))
    codes = {features.rows[symbol]["sector_code"] for symbol in features.ranking(TECH, needed[TECH])}
    assert codes == {45, 50}
    held = targets(decide(features, TECH, sectors=["Energy"], max_per_sector=8))
    assert {features.rows[symbol]["sector_code"] for symbol in held} == {10}
    assert sum(held.values()) == pytest.approx(0.5, abs=1e-8), "a sector is scaled to its cap"


def test_in_a_bad_market_the_pullback_profile_is_all_in_bills(desk: Decide, decide: Decide) -> None:
    bad = desk(TECH).put_all(sma200_gap=-0.1)
    decided = decide(bad, TECH)
    assert (decided.decision.diagnostics["regime"], targets(decided)) == ("hard", {})
    assert decided.decision.intent.targets["BIL"] == 1


def test_a_fall_is_liked_the_better_the_nearer_it_is_to_the_depth_of_the_file_from_either_side(
    desk: Decide, needed: Needed
) -> None:
    features = desk(TECH).put_all(mom_6_1=0.1, mom_12_1=0.1, sma20_gap=0.0, sma200_gap=0.1)
    falls = (-0.04, -0.08, -0.13, -0.2, -0.249, -0.25)
    for number in range(120):
        features = features.put(f"A{number:03}", high_63_gap=falls[number % len(falls)])
    ranking = features.ranking(TECH, needed[TECH])
    liked = list(dict.fromkeys(features.rows[symbol]["high_63_gap"] for symbol in ranking))
    assert liked == [-0.08, -0.04, -0.13, -0.2, -0.249], "one on the limit is no candidate"


# --- scores ----------------------------------------------------------------------------------------


def test_quality_counts_where_the_snapshot_knows_it_and_an_unknown_figure_counts_nothing(desk: Decide) -> None:
    features = desk(RUSSELL)
    plain = features.ranking(RUSSELL)
    unknown = features.put_all(return_on_equity=nan, gross_margins=nan)
    assert unknown.ranking(RUSSELL) == plain
    last = plain[-1]
    good = unknown.put_all(return_on_equity=0.1).put(last, return_on_equity=0.9)
    assert good.ranking(RUSSELL).index(last) < plain.index(last)
    strategy = bind(CATALOG[RUSSELL])
    score = {row.symbol: row.score for row in strategy.strategy.ranking(good.snapshot(good.of), strategy.config)}
    before = {row.symbol: row.score for row in strategy.strategy.ranking(unknown.snapshot(good.of), strategy.config)}
    assert score[last] - before[last] == pytest.approx(0.2 * 3 / 2, abs=1e-8), "one of two figures, three deviations"


def test_without_quality_figures_the_other_factors_make_up_the_whole_score(desk: Decide) -> None:
    features, strategy = desk(RUSSELL), bind(CATALOG[RUSSELL])
    alone, zero = (
        {row.symbol: row.score for row in strategy.strategy.ranking(each.snapshot(each.of), strategy.config)}
        for each in (features, features.put_all(gross_margins=0.3))
    )
    assert {symbol: score * 0.8 for symbol, score in alone.items()} == pytest.approx(zero, abs=2e-9)


@EVERY_PROFILE
def test_a_ranking_does_not_depend_on_what_is_held_and_a_decision_keeps_what_is_held(
    profile: str, desk: Decide, decide: Decide, needed: Needed
) -> None:
    features = desk(profile)
    ranking = features.ranking(profile, needed[profile])
    last = {RUSSELL: 45, MEGA: 6, TECH: 12}[profile]
    kept, lost = ranking[last - 1], ranking[last]
    assert kept in targets(decide(features, profile, held=[kept, lost]))
    assert lost not in targets(decide(features, profile, held=[kept, lost]))
    assert kept not in targets(decide(features, profile))
    assert set(targets(decide(features, profile))) <= set(ranking)


# --- what may not matter ---------------------------------------------------------------------------


@EVERY_PROFILE
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_does_not_matter(profile: str, seed: int, desk: Decide, decide: Decide) -> None:
    features = desk(profile, seed)
    symbols = np.random.default_rng(seed).permutation(list(features.rows)).tolist()
    shuffled = replace(features, rows={symbol: features.rows[symbol] for symbol in symbols})
    assert decide(shuffled, profile).digest == decide(features, profile).digest


@EVERY_PROFILE
def test_an_unknown_value_takes_its_stock_out_as_if_it_were_no_member_and_changes_nothing_else(
    profile: str, desk: Decide, decide: Decide
) -> None:
    features = desk(profile)
    leader = next(iter(targets(decide(features, profile))))
    without = decide(features.put(leader, member=0.0), profile)
    assert leader not in targets(without)
    contract = CATALOG[profile].manifest.features
    assert contract is not None
    for column in (*contract.reads, "member", "primary"):
        unknown = decide(features.put(leader, **{column: nan}), profile)
        assert unknown.digest == without.digest, column
        assert unknown.decision.diagnostics == without.decision.diagnostics


@EVERY_PROFILE
def test_columns_that_it_does_not_read_do_not_matter(profile: str, desk: Decide, decide: Decide) -> None:
    features = desk(profile)
    contract = CATALOG[profile].manifest.features
    assert contract is not None
    read = {*contract.reads, "is_stock", "member", "primary", "sector_code"}
    others = {name: nan for name in features.rows["A000"] if name not in read}
    assert others
    assert decide(features.put_all(**others), profile).digest == decide(features, profile).digest


def test_a_stock_without_a_sector_is_not_for_the_profiles_that_compare_within_sectors(
    desk: Decide, needed: Needed
) -> None:
    for profile in PROFILES:
        features = desk(profile)
        leader = features.ranking(profile, needed[profile])[0]
        for code in (0.0, nan):
            ranking = features.put(leader, sector_code=code).ranking(profile, needed[profile])
            assert (leader in ranking) == (profile == MEGA)
