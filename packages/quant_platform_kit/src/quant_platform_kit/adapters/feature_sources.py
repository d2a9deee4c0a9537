"""Where a strategy reads its feature snapshots, by what was said of it; loads no reader for one that reads none."""

from __future__ import annotations

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.ports.feature_source import FeatureSource

__all__ = ["feature_source"]


def feature_source(strategy: BoundStrategy, root: str | None, manifest: str | None = None) -> FeatureSource | None:
    """Return where a strategy reads its snapshots, by the options of a command; None for one that reads none."""
    if strategy.manifest.features is None:
        if root or manifest:
            raise InvalidInput(f"{strategy.manifest.profile} reads no feature snapshot: leave --snapshots out")
        return None
    from quant_platform_kit.adapters.feature_loader import FeatureLoader
    from quant_platform_kit.adapters.snapshot_places import SnapshotRoot, SnapshotSettings

    where = SnapshotRoot(root) if root and not manifest else SnapshotSettings("PAPER", manifest or "", root or "")
    return FeatureLoader(where, load_calendar("XNYS"))
