"""Which profile may run on which platform, and why not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.domain.features import FeatureContract
from quant_platform_kit.domain.strategy import Adjustment, InputName, Status, StrategyManifest, TargetMode

__all__ = ["MatrixRow", "PlatformDescription", "Reads", "enabled_row", "matrix", "reasons_against"]


@dataclass(frozen=True, slots=True)
class PlatformDescription:
    """A platform as its ``platform.toml`` states it.

    Attributes
    ----------
    native_mode
        The target mode its adapter speaks; the kit translates the other.
    adjustments
        Price adjustments its own history delivers.
    enabled
        Profiles an operator may select on it.
    price_source
        Adjustments that a configured price source may deliver in place of its own history.
    libraries
        Distributions of its client library, the first installed of which is used; none where it needs none.
    """

    name: str
    display_name: str
    native_mode: TargetMode
    domains: frozenset[str]
    target_modes: frozenset[TargetMode]
    inputs: frozenset[InputName]
    adjustments: frozenset[Adjustment]
    capabilities: frozenset[str]
    enabled: frozenset[str]
    price_source: frozenset[Adjustment] = frozenset()
    libraries: tuple[str, ...] = ()

    def with_enabled(self, profile: str) -> PlatformDescription:
        """Return the platform with one more profile that may be selected."""
        return replace(self, enabled=self.enabled | {profile})


@dataclass(frozen=True, slots=True)
class Reads:
    """What a profile decides on, beside the account.

    Attributes
    ----------
    symbols
        Whose prices it reads, over ``sessions`` sessions at most.
    features
        What it reads of a feature snapshot; None for a profile that reads none.
    """

    symbols: tuple[str, ...] = ()
    sessions: int = 0
    features: FeatureContract | None = None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One profile on one platform.

    Attributes
    ----------
    reasons
        Why it is not eligible, or eligible and not enabled.
    needs_source
        Whether it can run only with a configured price source, as the platform's own history carries other prices.
    reads
        What the profile decides on.
    """

    profile: str
    platform: str
    eligible: bool
    enabled: bool
    target_mode: str
    input_mode: str
    reasons: tuple[str, ...]
    needs_source: bool = False
    reads: Reads = field(default=Reads(), compare=False)


def reasons_against(manifest: StrategyManifest, platform: PlatformDescription) -> list[str]:
    """Return why ``manifest`` cannot run on ``platform``; empty if it can."""
    reasons: list[str] = []
    if manifest.status is not Status.RUNTIME_ENABLED:
        reasons.append(f"status is {manifest.status.value}")
    if manifest.domain not in platform.domains:
        reasons.append(f"domain {manifest.domain} is not served")
    if manifest.target_mode not in platform.target_modes:
        reasons.append(f"target mode {manifest.target_mode.value} cannot be translated")
    if absent := sorted(name.value for name in manifest.required_inputs - platform.inputs):
        reasons.append(f"inputs not available: {', '.join(absent)}")
    if manifest.reads_prices and manifest.adjustment not in platform.adjustments | platform.price_source:
        delivered = ", ".join(sorted(a.value for a in platform.adjustments | platform.price_source)) or "none"
        reasons.append(f"needs {manifest.adjustment.value} prices, delivered: {delivered}")
    if absent := sorted(manifest.required_capabilities - platform.capabilities):
        reasons.append(f"capabilities missing: {', '.join(absent)}")
    return reasons


def matrix(manifests: Iterable[StrategyManifest], platforms: Iterable[PlatformDescription]) -> list[MatrixRow]:
    """Return every profile on every platform, in the order given."""
    platforms = tuple(platforms)
    return [_row(manifest, platform) for manifest in manifests for platform in platforms]


def enabled_row(manifest: StrategyManifest, platform: PlatformDescription) -> MatrixRow:
    """Return the row of a profile on a platform; `Refused` with the reasons if it may not run there."""
    row = _row(manifest, platform)
    if not row.enabled:
        raise Refused(f"STRATEGY_PROFILE {row.profile} cannot run on {platform.name}: {'; '.join(row.reasons)}")
    return row


def _row(manifest: StrategyManifest, platform: PlatformDescription) -> MatrixRow:
    reasons = reasons_against(manifest, platform)
    eligible = not reasons
    listed = manifest.profile in platform.enabled
    if eligible and not listed:
        reasons = ["not enabled in platform.toml"]
    return MatrixRow(
        profile=manifest.profile,
        platform=platform.name,
        eligible=eligible,
        enabled=eligible and listed,
        target_mode=manifest.target_mode.value,
        input_mode=manifest.input_mode,
        reasons=tuple(reasons),
        needs_source=eligible and manifest.reads_prices and manifest.adjustment not in platform.adjustments,
        reads=Reads(manifest.history_symbols, manifest.history_sessions, manifest.features),
    )
