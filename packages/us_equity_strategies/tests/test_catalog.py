"""What the catalog declares: every profile's name, inputs, symbols, configuration and sources."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import Adjustment, Status
from us_equity_strategies.catalog import CATALOG

RUSSELL, MEGA, TECH = (
    "russell_1000_multi_factor_defensive",
    "mega_cap_leader_rotation",
    "tech_communication_pullback_enhancement",
)


Needed = Mapping[str, Mapping[str, Any]]


class Declared(NamedTuple):
    """What a profile has to declare; symbols are separated by spaces, their order does not matter."""

    profile: str
    display_name: str
    target_mode: str
    required_inputs: str
    managed: str
    watched: str = ""
    benchmarks: str = ""
    indicators: str = ""
    optional: str = ""
    features: str = ""
    compared_with: str = ""


POOL = "QQQ IWM EFA EEM EWJ VNQ TLT IEF LQD HYG GLD DBC XLK XLF XLE XLV XLI XLY XLP XLU XLB SMH"

PROFILES = [
    Declared(
        "global_etf_rotation",
        "Global ETF Rotation",
        "weight",
        "market_history portfolio_snapshot",
        managed=f"{POOL} BIL",
        watched="SPY EFA EEM AGG",
        optional=f"{POOL} SPY AGG",
    ),
    Declared(
        "tqqq_growth_income",
        "TQQQ Growth & Income",
        "value",
        "benchmark_history portfolio_snapshot",
        managed="TQQQ QQQ BIL XLP XLU LQD",
        benchmarks="QQQ",
    ),
    Declared(
        "soxl_soxx_trend_income",
        "SOXL/SOXX Trend & Income",
        "value",
        "derived_indicators portfolio_snapshot",
        managed="SOXL SOXX BIL",
        indicators="close sma_140 realised_vol_20",
    ),
    Declared(
        "dual_momentum",
        "Dual Momentum (GEM)",
        "weight",
        "market_history",
        managed="SPY EFA AGG",
        watched="BIL",
    ),
    Declared(
        "tactical_asset_allocation",
        "Tactical Asset Allocation",
        "weight",
        "market_history",
        managed="SPY EFA IEF DBC VNQ BIL",
    ),
    Declared(
        "nasdaq_sp500_smart_dca",
        "Nasdaq & S&P 500 Smart DCA",
        "value",
        "market_history portfolio_snapshot",
        managed="QQQ SPY",
    ),
    Declared(
        "russell_1000_multi_factor_defensive",
        "Russell 1000 Multi-Factor Defensive",
        "weight",
        "feature_snapshot portfolio_snapshot",
        managed="BIL",
        features="mom_6_1 mom_12_1 sma200_gap vol_126 beta_252",
        compared_with="SPY",
    ),
    Declared(
        "mega_cap_leader_rotation",
        "Mega Cap Leader Rotation",
        "weight",
        "feature_snapshot portfolio_snapshot",
        managed="BIL",
        features="mom_6_1 mom_12_1 sma200_gap vol_63 dvol63_usd",
    ),
    Declared(
        "tech_communication_pullback_enhancement",
        "Tech & Communication Pullback Enhancement",
        "weight",
        "feature_snapshot portfolio_snapshot",
        managed="BIL",
        features="mom_6_1 mom_12_1 sma20_gap sma200_gap high_63_gap vol_63",
        compared_with="QQQ",
    ),
]

BY_PROFILE = pytest.mark.parametrize("declared", PROFILES, ids=lambda declared: declared.profile)
EVERY_PROFILE = pytest.mark.parametrize("profile", list(CATALOG))


def words(text: str) -> set[str]:
    return set(text.split())


def test_the_catalog_holds_these_nine_profiles_in_this_order() -> None:
    assert list(CATALOG) == [declared.profile for declared in PROFILES]


@EVERY_PROFILE
def test_a_profile_is_listed_under_its_own_name(profile: str) -> None:
    assert CATALOG[profile].manifest.profile == profile


@BY_PROFILE
def test_a_profile_declares_its_names_mode_inputs_and_symbols(declared: Declared) -> None:
    manifest = CATALOG[declared.profile].manifest

    assert manifest.display_name == declared.display_name
    assert manifest.target_mode.value == declared.target_mode
    assert {name.value for name in manifest.required_inputs} == words(declared.required_inputs)
    assert set(manifest.managed) == words(declared.managed)
    assert set(manifest.watched) == words(declared.watched)
    assert set(manifest.benchmarks) == words(declared.benchmarks)
    assert set(manifest.optional) == words(declared.optional)
    assert {name for names in manifest.indicators.values() for name in names} == words(declared.indicators)


@BY_PROFILE
def test_a_profile_declares_what_it_reads_of_a_snapshot_and_whom_it_compares_with(declared: Declared) -> None:
    manifest = CATALOG[declared.profile].manifest
    assert (manifest.features is not None) == bool(declared.features)
    if manifest.features:
        assert manifest.features.reads == ("history", "adv20_usd", *declared.features.split())
        assert set(manifest.features.benchmarks) == words(declared.compared_with)
        assert manifest.features.benchmark_reads == ("sma200_gap",) * bool(declared.compared_with)
        assert manifest.features.name(declared.profile) == f"{declared.profile}.feature_snapshot.v1"
        assert (manifest.history_symbols, manifest.cadence) == ((), Cadence.MONTH_END)


@EVERY_PROFILE
def test_a_profile_names_each_symbol_once(profile: str) -> None:
    manifest = CATALOG[profile].manifest
    assert len(manifest.managed) == len(set(manifest.managed))
    assert len(manifest.watched) == len(set(manifest.watched))


def test_the_indicators_of_the_semiconductor_profile_are_those_of_soxx() -> None:
    assert set(CATALOG["soxl_soxx_trend_income"].manifest.indicators) == {"SOXX"}


@EVERY_PROFILE
def test_every_profile_is_a_us_equity_profile_that_may_run(profile: str) -> None:
    manifest = CATALOG[profile].manifest
    assert manifest.domain == "us_equity"
    assert manifest.status is Status.RUNTIME_ENABLED
    assert manifest.input_mode == ("snapshot" if manifest.features else "direct")
    assert manifest.required_capabilities == frozenset()


@EVERY_PROFILE
def test_a_profile_says_whether_it_decides_anew_in_every_session(profile: str) -> None:
    anew = {"tqqq_growth_income", "soxl_soxx_trend_income"}
    assert CATALOG[profile].manifest.every_session is (profile in anew)


@EVERY_PROFILE
def test_every_profile_decides_on_total_return_prices(profile: str) -> None:
    assert CATALOG[profile].manifest.adjustment is Adjustment.TOTAL_RETURN


@EVERY_PROFILE
def test_every_profile_says_where_its_rule_comes_from(profile: str) -> None:
    sources = CATALOG[profile].manifest.sources
    assert sources
    assert all(len(source) > 20 for source in sources)


@pytest.mark.parametrize(
    ("profile", "author"),
    [("global_etf_rotation", "Keller"), ("dual_momentum", "Antonacci"), ("tactical_asset_allocation", "Faber")],
)
def test_a_published_rule_names_its_author(profile: str, author: str) -> None:
    assert author in " ".join(CATALOG[profile].manifest.sources)


@pytest.mark.parametrize(
    ("profile", "defaults"),
    [
        ("global_etf_rotation", {}),
        ("tqqq_growth_income", {"drift": 0.05}),
        ("soxl_soxx_trend_income", {"drift": 0.05}),
        ("dual_momentum", {}),
        ("tactical_asset_allocation", {}),
        ("nasdaq_sp500_smart_dca", {"monthly_amount": Decimal(1000)}),
        (
            "russell_1000_multi_factor_defensive",
            {
                "holdings": 30,
                "keep_rank": 45,
                "max_per_sector": 7,
                "name_cap": 0.05,
                "sector_cap": 0.25,
                "exposure_on": 1.0,
                "exposure_soft": 0.6,
                "exposure_hard": 0.2,
                "breadth_soft": 0.55,
                "breadth_hard": 0.35,
                "min_adv20_usd": 20e6,
            },
        ),
        (
            "mega_cap_leader_rotation",
            {"universe": 50, "holdings": 4, "keep_rank": 6, "target_vol": 0.25, "min_adv20_usd": 20e6},
        ),
    ],
)
def test_a_profile_runs_without_configuration(profile: str, defaults: dict[str, object]) -> None:
    assert CATALOG[profile].Config().model_dump() == defaults


@pytest.mark.parametrize(
    ("profile", "key", "value"),
    [
        ("tqqq_growth_income", "drift", 0),
        ("tqqq_growth_income", "drift", 0.5),
        ("soxl_soxx_trend_income", "drift", 0),
        ("soxl_soxx_trend_income", "drift", 0.5),
        ("nasdaq_sp500_smart_dca", "monthly_amount", "0.01"),
        ("nasdaq_sp500_smart_dca", "monthly_amount", 10_000_000),
        (RUSSELL, "holdings", 10),
        (RUSSELL, "holdings", 45),
        (RUSSELL, "keep_rank", 30),
        (RUSSELL, "keep_rank", 120),
        (RUSSELL, "max_per_sector", 1),
        (RUSSELL, "max_per_sector", 60),
        (RUSSELL, "name_cap", 0.2),
        (RUSSELL, "sector_cap", 1),
        (RUSSELL, "exposure_on", 0.6),
        (RUSSELL, "exposure_soft", 0.2),
        (RUSSELL, "exposure_hard", 0.6),
        (RUSSELL, "breadth_soft", 1),
        (RUSSELL, "breadth_hard", 0.55),
        (RUSSELL, "min_adv20_usd", 0),
        (MEGA, "universe", 10),
        (MEGA, "universe", 200),
        (MEGA, "holdings", 1),
        (MEGA, "keep_rank", 4),
        (MEGA, "keep_rank", 40),
        (MEGA, "target_vol", 2),
        (TECH, "holdings", 12),
        (TECH, "pullback_depth", 0),
        (TECH, "pullback_limit", 0.081),
        (TECH, "exposure_on", 1),
    ],
)
def test_a_setting_on_its_bound_is_accepted(profile: str, key: str, value: object, needed: Needed) -> None:
    config = bind(CATALOG[profile], {**needed[profile], key: value}).config
    assert float(getattr(config, key)) == float(str(value))


@pytest.mark.parametrize(
    ("profile", "key", "value"),
    [
        ("tqqq_growth_income", "drift", -0.01),
        ("tqqq_growth_income", "drift", 0.51),
        ("tqqq_growth_income", "drift", "nan"),
        ("soxl_soxx_trend_income", "drift", -0.01),
        ("soxl_soxx_trend_income", "drift", 0.51),
        ("soxl_soxx_trend_income", "drift", "inf"),
        ("nasdaq_sp500_smart_dca", "monthly_amount", 0),
        ("nasdaq_sp500_smart_dca", "monthly_amount", -5),
        ("nasdaq_sp500_smart_dca", "monthly_amount", 10_000_001),
        ("nasdaq_sp500_smart_dca", "monthly_amount", "NaN"),
        ("nasdaq_sp500_smart_dca", "monthly_amount", "a lot"),
        (RUSSELL, "holdings", 9),
        (RUSSELL, "holdings", 61),
        (RUSSELL, "keep_rank", 29),
        (RUSSELL, "keep_rank", 121),
        (RUSSELL, "max_per_sector", 0),
        (RUSSELL, "max_per_sector", 61),
        (RUSSELL, "name_cap", 0),
        (RUSSELL, "name_cap", 0.21),
        (RUSSELL, "sector_cap", 0),
        (RUSSELL, "sector_cap", 1.01),
        (RUSSELL, "exposure_on", 1.01),
        (RUSSELL, "exposure_hard", -0.01),
        (RUSSELL, "exposure_hard", 0.61),
        (RUSSELL, "breadth_hard", 0.56),
        (RUSSELL, "min_adv20_usd", -1),
        (RUSSELL, "min_adv20_usd", "nan"),
        (MEGA, "universe", 9),
        (MEGA, "universe", 201),
        (MEGA, "holdings", 0),
        (MEGA, "holdings", 21),
        (MEGA, "keep_rank", 3),
        (MEGA, "keep_rank", 41),
        (MEGA, "target_vol", 0),
        (MEGA, "target_vol", 2.01),
        (TECH, "profile", "dual_momentum"),
        (TECH, "benchmark", "AAPL"),
        (TECH, "sectors", []),
        (TECH, "sectors", ["Information Technology", "Software"]),
        (TECH, "sectors", ["Unknown"]),
        (TECH, "holdings", 0),
        (TECH, "keep_rank", 7),
        (TECH, "pullback_depth", 0.51),
        (TECH, "pullback_limit", 0.08),
        (TECH, "pullback_limit", 1),
        (TECH, "exposure_soft", 0.9),
    ],
)
def test_a_setting_out_of_its_bounds_is_refused_by_name_and_value(
    profile: str, key: str, value: object, needed: Needed
) -> None:
    with pytest.raises(InvalidInput, match=rf"^config of {profile}: {key} is {re.escape(repr(value))}: [^\n]+$"):
        bind(CATALOG[profile], {**needed[profile], key: value})


def test_a_bound_that_another_setting_moves_is_held_against_the_default_too() -> None:
    with pytest.raises(InvalidInput, match=r"keep_rank is 45: it is at least holdings, 46$"):
        bind(CATALOG[RUSSELL], {"holdings": 46})
    with pytest.raises(InvalidInput, match=r"exposure_soft is 0\.6: it is at most exposure_on, 0\.5$"):
        bind(CATALOG[RUSSELL], {"exposure_on": 0.5})


def test_a_profile_that_needs_its_file_names_the_key_that_is_missing(needed: Needed) -> None:
    for key in needed[TECH]:
        given = {name: value for name, value in needed[TECH].items() if name != key}
        with pytest.raises(InvalidInput, match=rf"^config of {TECH}: {key} is missing; give a JSON file with all of: "):
            bind(CATALOG[TECH], given)


def test_the_default_configuration_has_the_digest_that_manifests_of_its_snapshots_carry() -> None:
    known = "a7d2adbeb1efeeb1b11ef948b7a0cbab18c15b6ef19d1df5666bd65c84601bab"
    assert bind(CATALOG[MEGA]).config_digest == known


@EVERY_PROFILE
def test_a_setting_the_profile_does_not_know_is_refused(profile: str, needed: Needed) -> None:
    with pytest.raises(InvalidInput, match=f"config of {profile}: leverage is not known"):
        bind(CATALOG[profile], {**needed[profile], "leverage": 2})


@EVERY_PROFILE
def test_a_configuration_cannot_be_changed_after_it_was_read(profile: str, needed: Needed) -> None:
    config = CATALOG[profile].Config(**needed[profile])
    for name in type(config).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(config, name, 1)


def test_a_yes_or_no_is_no_number() -> None:
    with pytest.raises(InvalidInput, match="holdings is true; write a number or a text"):
        bind(CATALOG["mega_cap_leader_rotation"], {"holdings": True})
