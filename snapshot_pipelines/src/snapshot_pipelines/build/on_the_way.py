"""Snapshots for a back-test that builds them on the way: the `SnapshotBuilder` of this package."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.ports.snapshot_builder import SnapshotFiles

from snapshot_pipelines.build.builder import Recipe, build
from snapshot_pipelines.build.code_version import code_version
from snapshot_pipelines.build.sources import Inputs, read_market
from snapshot_pipelines.build.versions import write_versions

__all__ = ["build_on_the_way"]


def build_on_the_way(strategy: BoundStrategy, files: SnapshotFiles, as_ofs: Sequence[date], out: Path) -> None:
    """Build the snapshot of each session; see `SnapshotBuilder`."""
    inputs = Inputs(list(files.prices), files.sectors, files.membership, files.fundamentals, files.features)
    market, sources = read_market(inputs, load_calendar("XNYS"))
    now = SystemClock().now().replace(microsecond=0)
    write_versions(out, build(Recipe(strategy, None, market, sources, code_version(), now), as_ofs))
