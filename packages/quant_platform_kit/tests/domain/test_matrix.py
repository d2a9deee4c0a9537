"""Which profile may run on which platform, why not, and descriptions that are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from quant_platform_kit.adapters.platforms import platforms, read_platform
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.features import FeatureContract
from quant_platform_kit.domain.matrix import MatrixRow, PlatformDescription, Reads, matrix, reasons_against
from quant_platform_kit.domain.strategy import (
    Adjustment,
    BoundStrategy,
    InputName,
    Status,
    StrategyManifest,
    TargetMode,
)
from quant_platform_kit.paper.platform import description

PLATFORM = PlatformDescription(
    name="broker",
    display_name="Broker",
    native_mode=TargetMode.VALUE,
    domains=frozenset({"us_equity"}),
    target_modes=frozenset({TargetMode.WEIGHT}),
    inputs=frozenset({InputName.MARKET_HISTORY}),
    adjustments=frozenset({Adjustment.TOTAL_RETURN}),
    capabilities=frozenset({"market_orders"}),
    enabled=frozenset({"scripted"}),
)
TOML = """
name = "broker"
display_name = "Broker"
native_mode = "value"
domains = ["us_equity"]
target_modes = ["weight"]
inputs = ["market_history"]
adjustments = ["total_return"]
capabilities = ["market_orders"]
enabled = ["scripted"]
"""


@pytest.fixture
def manifest(scripted: Callable[..., BoundStrategy]) -> StrategyManifest:
    return scripted(
        lambda manifest, ctx: manifest.hold(ctx), required_capabilities=frozenset({"market_orders"})
    ).manifest


def test_a_profile_that_asks_for_what_the_platform_has_is_eligible_and_enabled(manifest: StrategyManifest) -> None:
    assert matrix([manifest], [PLATFORM]) == [
        MatrixRow("scripted", "broker", True, True, "weight", "direct", ()),
    ]


def test_an_eligible_profile_that_is_not_listed_is_not_enabled(manifest: StrategyManifest) -> None:
    assert matrix([manifest], [replace(PLATFORM, enabled=frozenset({"other"}))]) == [
        MatrixRow("scripted", "broker", True, False, "weight", "direct", ("not enabled in platform.toml",)),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": Status.RESEARCH_ONLY}, "status is research_only"),
        ({"status": Status.RETIRED}, "status is retired"),
        ({"domain": "cn_futures"}, "domain cn_futures is not served"),
        ({"target_mode": TargetMode.VALUE}, "target mode value cannot be translated"),
        (
            {"required_inputs": frozenset({InputName.PORTFOLIO_SNAPSHOT, InputName.DERIVED_INDICATORS})},
            "inputs not available: derived_indicators, portfolio_snapshot",
        ),
        (
            {"adjustment": Adjustment.RAW},
            "needs raw prices, delivered: total_return",
        ),
        ({"required_capabilities": frozenset({"shorts", "auctions"})}, "capabilities missing: auctions, shorts"),
    ],
)
def test_what_a_platform_lacks_is_the_reason_even_where_the_profile_is_listed(
    manifest: StrategyManifest, change: dict[str, object], reason: str
) -> None:
    lacking = replace(manifest, **change)
    (row,) = matrix([lacking], [PLATFORM])
    assert (row.eligible, row.enabled, row.reasons) == (False, False, (reason,))


def test_every_reason_is_given_at_once(manifest: StrategyManifest) -> None:
    lacking = replace(manifest, status=Status.RETIRED, domain="cn_futures", target_mode=TargetMode.VALUE)
    bare = replace(PLATFORM, inputs=frozenset(), adjustments=frozenset(), capabilities=frozenset())
    assert reasons_against(lacking, bare) == [
        "status is retired",
        "domain cn_futures is not served",
        "target mode value cannot be translated",
        "inputs not available: market_history",
        "needs total_return prices, delivered: none",
        "capabilities missing: market_orders",
    ]


def test_every_profile_stands_on_every_platform_in_the_order_given(manifest: StrategyManifest) -> None:
    others = [manifest, replace(manifest, profile="another")]
    rows = matrix(others, (platform for platform in (PLATFORM, replace(PLATFORM, name="other"))))
    assert [(row.profile, row.platform) for row in rows] == [
        ("scripted", "broker"),
        ("scripted", "other"),
        ("another", "broker"),
        ("another", "other"),
    ]


def test_a_profile_that_reads_features_is_snapshot_backed(manifest: StrategyManifest) -> None:
    backed = replace(manifest, required_inputs=frozenset({InputName.FEATURE_SNAPSHOT}))
    assert matrix([backed], [PLATFORM])[0].input_mode == "snapshot"


def test_a_profile_that_reads_no_prices_needs_no_adjustment_and_no_price_source(manifest: StrategyManifest) -> None:
    inputs = frozenset({InputName.FEATURE_SNAPSHOT})
    contract = FeatureContract(("mom_12_1",), ("SPY",), ("sma200_gap",))
    backed = replace(manifest, required_inputs=inputs, adjustment=Adjustment.RAW, features=contract)
    platform = replace(PLATFORM, inputs=inputs, adjustments=frozenset(), price_source=frozenset())
    (row,) = matrix([backed], [platform])
    assert (row.enabled, row.needs_source, row.reasons) == (True, False, ())
    assert row.reads == Reads((), backed.history_sessions, contract)


def test_a_profile_with_indicators_of_its_own_reads_prices(manifest: StrategyManifest) -> None:
    inputs = frozenset({InputName.DERIVED_INDICATORS})
    backed = replace(manifest, required_inputs=inputs, indicators={"SPY": ("close",)}, adjustment=Adjustment.RAW)
    (row,) = matrix([backed], [replace(PLATFORM, inputs=inputs)])
    assert row.reasons == ("needs raw prices, delivered: total_return",)
    assert row.reads.symbols == ("SPY",)


def test_a_description_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "platform.toml"
    path.write_text(TOML)
    assert read_platform(path) == PLATFORM


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "broker"', "", "name: Field required"),
        ('name = "broker"', 'name = "broker"\ncolour = "red"', "colour is not known; remove it"),
        ('"market_history"', '"gossip"', "inputs.*market_history"),
        ('native_mode = "value"', 'native_mode = "units"', "native_mode: .*'weight' or 'value'"),
        ('name = "broker"', "name broker", "is not TOML"),
    ],
)
def test_a_wrong_description_is_refused_in_one_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "platform.toml"
    path.write_text(TOML.replace(old, new, 1))
    with pytest.raises(InvalidInput, match=rf"{path}.*{words}") as refused:
        read_platform(path)
    assert "\n" not in str(refused.value)


def test_a_description_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"platform\.toml: No such file"):
        read_platform(tmp_path / "platform.toml")


def test_a_checkout_adds_its_apps_to_the_installed_platforms(tmp_path: Path) -> None:
    installed = platforms(tmp_path)
    assert read_platform(description()) in installed
    folder = tmp_path / "apps" / "broker"
    folder.mkdir(parents=True)
    (folder / "platform.toml").write_text(TOML)
    assert platforms(tmp_path) == (*installed, PLATFORM)


def test_two_descriptions_that_differ_under_one_name_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "apps" / "paper"
    folder.mkdir(parents=True)
    (folder / "platform.toml").write_text(TOML.replace('"broker"', '"paper"'))
    with pytest.raises(InvalidInput, match="describes paper differently from its installed package"):
        platforms(tmp_path)
