"""What the catalog declares: every profile's name, inputs, symbols, configuration and sources."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import pytest
from pydantic import ValidationError
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import Adjustment, Status
from us_equity_strategies.catalog import CATALOG


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
]

BY_PROFILE = pytest.mark.parametrize("declared", PROFILES, ids=lambda declared: declared.profile)
EVERY_PROFILE = pytest.mark.parametrize("profile", list(CATALOG))


def words(text: str) -> set[str]:
    return set(text.split())


def test_the_catalog_holds_these_six_profiles_in_this_order() -> None:
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


@EVERY_PROFILE
def test_a_profile_names_each_symbol_once(profile: str) -> None:
    manifest = CATALOG[profile].manifest
    assert len(manifest.managed) == len(set(manifest.managed))
    assert len(manifest.watched) == len(set(manifest.watched))


def test_the_indicators_of_the_semiconductor_profile_are_those_of_soxx() -> None:
    assert set(CATALOG["soxl_soxx_trend_income"].manifest.indicators) == {"SOXX"}


@EVERY_PROFILE
def test_every_profile_is_a_direct_us_equity_profile_that_may_run(profile: str) -> None:
    manifest = CATALOG[profile].manifest
    assert manifest.domain == "us_equity"
    assert manifest.status is Status.RUNTIME_ENABLED
    assert manifest.input_mode == "direct"
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
    ],
)
def test_a_setting_on_its_bound_is_accepted(profile: str, key: str, value: object) -> None:
    assert float(getattr(bind(CATALOG[profile], {key: value}).config, key)) == float(str(value))


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
    ],
)
def test_a_setting_out_of_its_bounds_is_refused_by_name_and_value(profile: str, key: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f"^config of {profile}: {key} is {value!r}: "):
        bind(CATALOG[profile], {key: value})


@EVERY_PROFILE
def test_a_setting_the_profile_does_not_know_is_refused(profile: str) -> None:
    with pytest.raises(InvalidInput, match=f"config of {profile}: leverage is not known"):
        bind(CATALOG[profile], {"leverage": 2})


@EVERY_PROFILE
def test_a_configuration_cannot_be_changed_after_it_was_read(profile: str) -> None:
    config = CATALOG[profile].Config()
    for name in type(config).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(config, name, 1)
