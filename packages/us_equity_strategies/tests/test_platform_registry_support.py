"""The matrix of nine profiles and four platforms, out of the descriptions that the platforms ship."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from quant_platform_kit.adapters.platforms import platforms, read_platform
from quant_platform_kit.domain.matrix import MatrixRow, PlatformDescription, matrix
from quant_platform_kit.domain.strategy import Adjustment, InputName, Status, TargetMode
from us_equity_strategies.catalog import CATALOG

TRADED = ("paper", "ibkr", "longbridge", "alpaca")
NEEDS_TOTAL_RETURN = "needs total_return prices, delivered: split"
MANIFESTS = [strategy.manifest for strategy in CATALOG.values()]
DIRECT = [profile for profile, strategy in CATALOG.items() if strategy.manifest.input_mode == "direct"]
EVERY_PROFILE = pytest.mark.parametrize("profile", list(CATALOG))
OF_PRICES = pytest.mark.parametrize("profile", DIRECT)
OF_SNAPSHOTS = pytest.mark.parametrize("profile", [profile for profile in CATALOG if profile not in DIRECT])


@pytest.fixture(scope="module")
def described(checkout: Path) -> dict[str, PlatformDescription]:
    """Return every platform of the repository by name."""
    return {platform.name: platform for platform in platforms(checkout)}


@pytest.fixture(scope="module")
def rows(described: dict[str, PlatformDescription]) -> dict[tuple[str, str], MatrixRow]:
    """Return the matrix by profile and platform."""
    return {(row.profile, row.platform): row for row in matrix(MANIFESTS, described.values())}


def one(profile: str, platform: PlatformDescription) -> MatrixRow:
    (row,) = matrix([CATALOG[profile].manifest], [platform])
    return row


def test_the_matrix_has_a_row_for_every_profile_on_every_platform(rows: dict[tuple[str, str], MatrixRow]) -> None:
    assert set(rows) >= {(profile, name) for profile in CATALOG for name in (*TRADED, "schwab")}


@EVERY_PROFILE
@pytest.mark.parametrize("platform", TRADED)
def test_a_profile_is_eligible_and_enabled_on(
    platform: str, profile: str, rows: dict[tuple[str, str], MatrixRow]
) -> None:
    row = rows[profile, platform]
    assert (row.eligible, row.enabled, row.reasons) == (True, True, ())
    assert row.target_mode == CATALOG[profile].manifest.target_mode.value
    assert row.input_mode == ("direct" if profile in DIRECT else "snapshot")


@OF_SNAPSHOTS
def test_a_profile_that_reads_no_prices_needs_no_price_source_and_no_adjustment(
    profile: str, rows: dict[tuple[str, str], MatrixRow], described: dict[str, PlatformDescription]
) -> None:
    row = rows[profile, "schwab"]
    assert (row.eligible, row.enabled, row.needs_source, row.reasons) == (True, True, False, ())
    bare = replace(described["schwab"], price_source=frozenset(), adjustments=frozenset())
    assert one(profile, bare).enabled


@OF_SNAPSHOTS
def test_a_profile_that_reads_a_snapshot_runs_only_where_snapshots_are_delivered(
    profile: str, described: dict[str, PlatformDescription]
) -> None:
    inputs = described["ibkr"].inputs - {InputName.FEATURE_SNAPSHOT}
    row = one(profile, replace(described["ibkr"], inputs=inputs))
    assert (row.eligible, row.reasons) == (False, ("inputs not available: feature_snapshot",))


@OF_PRICES
def test_every_profile_of_prices_runs_on_schwab_with_a_price_source_and_says_that_it_needs_one(
    profile: str, rows: dict[tuple[str, str], MatrixRow], described: dict[str, PlatformDescription]
) -> None:
    row = rows[profile, "schwab"]
    assert (row.eligible, row.enabled, row.needs_source, row.reasons) == (True, True, True, ())
    assert not any(rows[profile, name].needs_source for name in TRADED)

    row = one(profile, replace(described["schwab"], price_source=frozenset()))
    assert (row.eligible, row.enabled, row.needs_source, row.reasons) == (False, False, False, (NEEDS_TOTAL_RETURN,))

    own = replace(described["schwab"], adjustments=frozenset({Adjustment.SPLIT, Adjustment.TOTAL_RETURN}))
    assert not one(profile, own).needs_source


@OF_PRICES
def test_being_listed_does_not_enable_a_profile_that_is_not_eligible(
    profile: str, described: dict[str, PlatformDescription]
) -> None:
    row = one(profile, replace(described["schwab"], price_source=frozenset()))
    assert (row.eligible, row.enabled) == (False, False)


@EVERY_PROFILE
def test_a_profile_taken_off_the_list_of_a_platform_stays_eligible_and_is_not_enabled(
    profile: str, described: dict[str, PlatformDescription]
) -> None:
    row = one(profile, replace(described["ibkr"], enabled=frozenset()))
    assert (row.eligible, row.enabled, row.reasons) == (True, False, ("not enabled in platform.toml",))


@EVERY_PROFILE
def test_every_obstacle_is_named_at_once(profile: str, described: dict[str, PlatformDescription]) -> None:
    manifest = replace(CATALOG[profile].manifest, status=Status.RETIRED, required_capabilities=frozenset({"options"}))
    other = next(mode for mode in TargetMode if mode is not manifest.target_mode)
    bare = replace(
        described["paper"],
        domains=frozenset({"futures"}),
        target_modes=frozenset({other}),
        inputs=frozenset(),
        adjustments=frozenset(),
    )

    (row,) = matrix([manifest], [bare])

    assert (row.eligible, row.enabled) == (False, False)
    assert row.reasons == (
        "status is retired",
        "domain us_equity is not served",
        f"target mode {manifest.target_mode.value} cannot be translated",
        f"inputs not available: {', '.join(sorted(name.value for name in manifest.required_inputs))}",
        *["needs total_return prices, delivered: none"] * (profile in DIRECT),
        "capabilities missing: options",
    )


def test_no_platform_enables_a_profile_that_does_not_exist(described: dict[str, PlatformDescription]) -> None:
    assert {name for platform in described.values() for name in platform.enabled} <= set(CATALOG)


@pytest.mark.parametrize(
    ("platform", "native_mode", "adjustments"),
    [
        ("paper", "value", {"total_return", "split"}),
        ("ibkr", "weight", {"total_return", "split"}),
        ("schwab", "value", {"split"}),
        ("longbridge", "value", {"total_return", "raw"}),
        ("alpaca", "value", {"total_return", "split", "raw"}),
    ],
)
def test_a_platform_declares_its_native_mode_and_the_prices_it_delivers(
    platform: str, native_mode: str, adjustments: set[str], described: dict[str, PlatformDescription]
) -> None:
    assert described[platform].native_mode.value == native_mode
    assert {adjustment.value for adjustment in described[platform].adjustments} == adjustments


def test_the_description_of_an_app_lies_in_the_folder_of_its_name(checkout: Path) -> None:
    found = {path.parent.name: read_platform(path).name for path in checkout.glob("apps/*/platform.toml")}
    assert found.keys() >= {"ibkr", "longbridge", "schwab"}
    assert all(folder == name for folder, name in found.items())
