"""What loading a feature snapshot for a run costs over reading, hashing and parsing the same file: at most twice.

363 rows of 24 columns, as three hundred and sixty stocks have them. The loader finds the manifest, makes its 24 checks
and gives the rows as a strategy reads them; the bare side opens the file, takes its SHA-256, and has pyarrow parse it.
"""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.feature_loader import FeatureLoader
from quant_platform_kit.adapters.snapshot_files import write_rows
from quant_platform_kit.adapters.snapshot_places import SnapshotSettings
from quant_platform_kit.adapters.snapshot_reading import latest_key
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.features import FeatureContract
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.snapshot_manifest import Column, SnapshotManifest, encode
from quant_platform_kit.domain.strategy import (
    BoundStrategy,
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

ROWS, ROUNDS, LOADS, BOUND = 363, 5, 60, 2.0
PROFILE, SESSION = "reader", date(2018, 11, 30)
LABELS = (
    *(Column("as_of", "date", False), Column("symbol", "string", False), Column("is_stock", "int8", False)),
    *(Column("member", "int8", False), Column("primary", "int8", False), Column("sector", "string", False)),
    *(Column("sector_code", "int16", False), Column("history", "int32", False)),
)
FEATURES = tuple(f"feature_{number}" for number in range(16))
COLUMNS = (*LABELS, *(Column(name, "float64", True) for name in FEATURES))


class _Reader:
    """A profile that reads every column."""

    class Config(BaseModel):
        """No settings."""

    manifest = StrategyManifest(
        profile=PROFILE,
        display_name="Reader",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.FEATURE_SNAPSHOT}),
        managed=("BIL",),
        history_sessions=0,
        sources=("benchmark",),
        features=FeatureContract(FEATURES, ("S000",), FEATURES[:1]),
        cadence=Cadence.MONTH_END,
    )

    def evaluate(self, ctx: StrategyContext, config: object) -> StrategyDecision:
        """Hold."""
        return self.manifest.hold(ctx)


def measure() -> dict[str, Any]:
    """Return the median ratio of five pairs, and what a load takes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        strategy, root = bind(_Reader()), Path(name)
        file = _publish(root, strategy)
        loader = FeatureLoader(SnapshotSettings("BENCH", str(root / latest_key(PROFILE))), load_calendar("XNYS"))

        def load() -> None:
            reading = loader.read(strategy, [SESSION])[0]
            assert reading.snapshot is not None, reading.refused

        pairs = [(_seconds(lambda: _bare(file)), _seconds(load)) for _ in range(ROUNDS)]
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    return {
        "load_over_bare": round(ratio, 2),
        "load_milliseconds": round(1e3 * statistics.median(ours for _, ours in pairs), 2),
        "bound": BOUND,
        "met": ratio <= BOUND,
    }


def _bare(file: Path) -> None:
    data = file.read_bytes()
    hashlib.sha256(data).hexdigest()
    with pq.ParquetFile(pa.BufferReader(data)) as opened:
        opened.read()


def _seconds(act: Callable[[], None]) -> float:
    act()
    began = time.perf_counter()
    for _ in range(LOADS):
        act()
    return (time.perf_counter() - began) / LOADS


def _publish(root: Path, strategy: BoundStrategy) -> Path:
    """Put a snapshot where the loader looks; return its file."""
    numbers = np.random.default_rng(1).normal(size=(len(FEATURES), ROWS))
    cells: dict[str, Any] = {
        "as_of": np.full(ROWS, np.datetime64(SESSION)),
        "symbol": [f"S{number:03}" for number in range(ROWS)],
        **{name: np.ones(ROWS, int) for name in ("is_stock", "member", "primary", "history")},
        "sector": ["Financials"] * ROWS,
        "sector_code": np.full(ROWS, 40),
        **dict(zip(FEATURES, numbers, strict=True)),
    }
    data = write_rows(COLUMNS, cells)
    digest, contract = sha256(data), strategy.manifest.features
    assert contract is not None
    manifest = SnapshotManifest(
        strategy_profile=PROFILE,
        contract_version=contract.name(PROFILE),
        config_name=PROFILE,
        config_path=None,
        config_sha256=strategy.config_digest,
        snapshot_path=f"versions/{SESSION}/{digest}.parquet",
        snapshot_sha256=digest,
        snapshot_bytes=len(data),
        snapshot_as_of=SESSION,
        row_count=ROWS,
        columns=COLUMNS,
        generated_at=datetime(2018, 11, 30, 22, tzinfo=UTC),
        sources=(),
        code_version="benchmark",
    )
    file = root / manifest.snapshot_path
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    (root / latest_key(PROFILE)).write_bytes(encode(manifest))
    return file
