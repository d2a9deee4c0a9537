"""A small snapshot as it is published, and every way to damage it: one for each check of a loader."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from quant_platform_kit.adapters.snapshot_files import write_rows
from quant_platform_kit.adapters.snapshot_reading import latest_key
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.features import FeatureContract
from quant_platform_kit.domain.sectors import SECTOR_NAMES
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.snapshot_manifest import Column
from quant_platform_kit.domain.strategy import BoundStrategy, InputName, StrategyManifest, TargetMode

__all__ = [
    "COLUMNS",
    "FAULTS",
    "PROFILE",
    "SESSION",
    "SYMBOLS",
    "Damage",
    "Draft",
    "Leaders",
    "cell_is",
    "faults",
    "field_is",
    "has",
    "leaders",
    "of_day",
]

PROFILE = "leaders"
SESSION = date(2018, 11, 30)
"""A month end."""
SYMBOLS = ("AAPL", "JPM", "KSS", "SPY", "ZTS")
BENCHMARK = "SPY"
CONTRACT = FeatureContract(("adv20_usd", "vol_63", "beta_252", "corr_252"), (BENCHMARK,), ("sma200_gap",))
COLUMNS = (
    Column("as_of", "date", False),
    Column("symbol", "string", False),
    Column("is_stock", "int8", False),
    Column("member", "int8", False),
    Column("primary", "int8", False),
    Column("sector", "string", False),
    Column("sector_code", "int16", False),
    Column("history", "int32", False),
    *(
        Column(name, "float64", True)
        for name in (*("adv20_usd", "mom_6_1", "mom_12_1", "sma200_gap", "vol_63", "vol_126", "beta_252", "corr_252"),)
    ),
)


class Config(BaseModel):
    """One setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    holdings: int = 4


class Leaders:
    """A profile that reads a snapshot."""

    Config = Config

    def __init__(self, cadence: Cadence = Cadence.MONTH_END) -> None:
        self.manifest = StrategyManifest(
            PROFILE,
            "Leaders",
            TargetMode.WEIGHT,
            frozenset({InputName.FEATURE_SNAPSHOT, InputName.PORTFOLIO_SNAPSHOT}),
            ("BIL",),
            0,
            (),
            features=CONTRACT,
            cadence=cadence,
        )

    def evaluate(self, ctx: Any, config: Any) -> Any:
        """Hold."""
        return self.manifest.hold(ctx)


def leaders(cadence: Cadence = Cadence.MONTH_END) -> BoundStrategy:
    """Return the profile with its default configuration."""
    return bind(Leaders(cadence))


def cells_of(symbols: Sequence[str], day: date) -> dict[str, Any]:
    """Return the columns of a snapshot of a session: sectors in turn, features that rise with the symbol."""
    count = len(symbols)
    stocks = np.array([symbol != BENCHMARK for symbol in symbols])
    codes = np.resize([45, 40, 25, 35], count) * stocks
    return {
        "as_of": np.full(count, np.datetime64(day)),
        "symbol": list(symbols),
        "is_stock": stocks.astype(int),
        "member": stocks.astype(int),
        "primary": np.ones(count, int),
        "sector": [SECTOR_NAMES[code] for code in codes.tolist()],
        "sector_code": codes,
        "history": np.full(count, 1741),
        "adv20_usd": np.linspace(1e9, 2e9, count),
        "mom_6_1": np.linspace(-0.1, 0.3, count),
        "mom_12_1": np.linspace(-0.2, 0.5, count),
        "sma200_gap": np.linspace(0.01, 0.1, count),
        "vol_63": np.linspace(0.2, 0.4, count),
        "vol_126": np.linspace(0.2, 0.4, count),
        "beta_252": np.linspace(0.8, 1.2, count),
        "corr_252": np.linspace(0.5, 1.0, count),
    }


@dataclass
class Draft:
    """A snapshot before it is written; damage is done to any part of it.

    Attributes
    ----------
    strategy
        Whose it is.
    symbols
        Ascending, the benchmark among them.
    fields
        What the manifest says instead of the truth.
    more
        Columns of the file that the manifest does not name.
    file
        The bytes of the file instead of those of its rows; the manifest says their digest.
    afterwards
        What becomes of the file once the manifest was made.
    removed
        Whether the file is not there.
    """

    day: date = SESSION
    strategy: BoundStrategy = field(default_factory=leaders)
    symbols: Sequence[str] = SYMBOLS
    made: str = ""
    columns: tuple[Column, ...] = COLUMNS
    cells: dict[str, Any] = field(default_factory=dict[str, Any])
    fields: dict[str, object] = field(default_factory=dict[str, object])
    more: tuple[Column, ...] = ()
    file: bytes | None = None
    afterwards: Callable[[bytes], bytes] = bytes
    removed: bool = False
    manifest: bool = True
    setting: bool = True

    def __post_init__(self) -> None:
        self.cells = {**cells_of(self.symbols, self.day), **self.cells}
        self.made = self.made or f"{self.day}T22:15:04Z"

    def without(self, name: str) -> None:
        """Take a column away, from the file and the manifest."""
        self.columns = tuple(column for column in self.columns if column.name != name)

    def document(self, data: bytes) -> dict[str, Any]:
        """Return what the manifest of a file says."""
        digest, manifest = sha256(data), self.strategy.manifest
        assert manifest.features is not None, f"{manifest.profile} reads no snapshot"
        return {
            "manifest_type": "feature_snapshot",
            "contract_version": manifest.features.name(manifest.profile),
            "strategy_profile": manifest.profile,
            "config_name": manifest.profile,
            "config_path": None,
            "config_sha256": self.strategy.config_digest,
            "snapshot_path": f"versions/{self.day}/{digest}.parquet",
            "snapshot_sha256": digest,
            "snapshot_bytes": len(data),
            "snapshot_as_of": str(self.day),
            "row_count": len(self.cells["symbol"]),
            "generated_at": self.made,
            "source_project": "snapshot_pipelines",
            "code_version": "snapshot-pipelines 0.1.0+g1279be5",
            "columns": [{"name": c.name, "type": c.type, "nullable": c.nullable} for c in self.columns],
            "sources": [],
            **self.fields,
        }

    def write(self, root: Path, *, latest: bool = True) -> Path:
        """Publish it below a root; return where its version manifest is."""
        data = write_rows((*self.columns, *self.more), self.cells) if self.file is None else self.file
        document = self.document(data)
        folder = root / "versions" / str(self.day)
        folder.mkdir(parents=True, exist_ok=True)
        if not self.removed:
            (folder / f"{sha256(data)}.parquet").write_bytes(self.afterwards(data))
        manifest = json.dumps(document).encode()
        version = folder / f"{sha256(manifest)}.manifest.json"
        if self.manifest:
            version.write_bytes(manifest)
            if latest:
                (root / latest_key(self.strategy.manifest.profile)).write_bytes(manifest)
        return version


Damage = Callable[[Draft], None]


def field_is(**fields: object) -> Damage:
    """Have the manifest say something else."""
    return lambda draft: draft.fields.update(fields)


def cell_is(name: str, value: object, *rows: int) -> Damage:
    """Have rows, the first unless others are given, hold something else."""

    def damage(draft: Draft) -> None:
        for row in rows or (0,):
            draft.cells[name][row] = value

    return damage


def has(name: str, value: object) -> Damage:
    """Have a part of the draft be something else."""
    return lambda draft: setattr(draft, name, value)


def of_day(day: str, made: str) -> Damage:
    """Have it be of another session."""

    def damage(draft: Draft) -> None:
        draft.day, draft.made = date.fromisoformat(day), made
        draft.cells["as_of"] = np.full(len(draft.symbols), np.datetime64(day))

    return damage


def _garbage(draft: Draft) -> None:
    draft.file = b"PAR1 and no more"


def _more(draft: Draft) -> None:
    draft.more = (Column("x", "float64", True),)
    draft.cells["x"] = np.zeros(len(draft.symbols))


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def faults(profile: str, symbols: Sequence[str]) -> dict[int, tuple[Damage, str]]:
    """Return one fault for each check by its number, and what is said of it."""
    return {
        1: (has("setting", False), f"_FEATURE_SNAPSHOT_MANIFEST_PATH is not set; {profile} reads a snapshot"),
        2: (has("manifest", False), "no manifest at "),
        3: (field_is(snapshot_bytes="48785"), 'manifest: snapshot_bytes is "48785"; expected a whole number'),
        4: (
            field_is(manifest_type="strategy_plugin_release"),
            "manifest_type is strategy_plugin_release; expected feature_",
        ),
        5: (field_is(strategy_profile="others"), f"made for others; this service runs {profile}"),
        6: (
            field_is(contract_version=f"{profile}.feature_snapshot.v2"),
            f"contract {profile}.feature_snapshot.v2; this release reads v1: deploy the release that reads v2, or "
            "publish v1",
        ),
        7: (field_is(config_sha256="19c4" * 16), "built with configuration 19c419c4..., the service has "),
        8: (of_day("2018-12-01", "2018-12-01T22:15:04Z"), "snapshot_as_of 2018-12-01 is no XNYS session"),
        9: (
            of_day("2018-12-03", "2018-12-03T22:15:04Z"),
            "as_of 2018-12-03 is after the session decided on, 2018-11-30",
        ),
        10: (
            of_day("2018-10-31", "2018-10-31T22:15:04Z"),
            "stale: as_of 2018-10-31 is 21 sessions before 2018-11-30, the newest month end; build and publish it",
        ),
        11: (
            field_is(generated_at="2018-10-30T19:00:00Z"),
            "generated_at 2018-10-30T19:00:00Z is before that session's close (21:00Z)",
        ),
        12: (field_is(snapshot_path="../x.parquet"), "snapshot_path ../x.parquet leaves the root"),
        13: (has("removed", True), ".parquet does not exist"),
        14: (has("afterwards", _flipped), "the file was changed or cut"),
        15: (_garbage, "....parquet is no readable parquet file: "),
        16: (_more, "column x is not in the manifest"),
        17: (lambda draft: draft.without("beta_252"), "beta_252 is missing; the profile reads it"),
        18: (field_is(row_count=len(symbols) + 1), f"has {len(symbols)} rows; manifest says {len(symbols) + 1}"),
        19: (
            cell_is("as_of", np.datetime64("2018-12-04")),
            f"row {symbols[0]} has as_of 2018-12-04; snapshot is of 2018-11-30",
        ),
        20: (cell_is("symbol", symbols[0], 1), f"{symbols[0]} twice"),
        21: (cell_is("sector_code", 44), f"sector_code 44 of {symbols[0]} is unknown"),
        22: (cell_is("vol_63", np.inf, 2), f"vol_63 of {symbols[2]} is inf"),
        23: (
            cell_is("beta_252", np.nan, 0, 1),
            f"beta_252 is unknown for 2 of {len(symbols) - 1} members; at most 10 % may be",
        ),
        24: (cell_is("sma200_gap", np.nan, symbols.index(BENCHMARK)), f"sma200_gap of {BENCHMARK} is unknown"),
    }


FAULTS = faults(PROFILE, SYMBOLS)
"""Those of the small snapshot."""
