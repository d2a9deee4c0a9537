"""From files to versions: the rows of each session with the manifest that names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from quant_platform_kit.adapters.snapshot_files import write_rows
from quant_platform_kit.adapters.workers import ALONE, Workers, spread
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.features import FeatureContract
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest, Source, encode
from quant_platform_kit.domain.strategy import BoundStrategy

from snapshot_pipelines.build.fundamentals import FACTS
from snapshot_pipelines.build.rows import Market, columns_of, rows_at
from snapshot_pipelines.build.sectors import BENCHMARKS
from snapshot_pipelines.build.summary import summary_of

__all__ = ["Recipe", "Version", "build", "contract_of"]


@dataclass(frozen=True, slots=True)
class Version:
    """A snapshot that was built.

    Attributes
    ----------
    manifest
        Also as ``encoded``, the bytes that its digest is of.
    rows
        The parquet file that it names.
    summary
        What a reader should know of the rows.
    """

    manifest: SnapshotManifest
    encoded: bytes
    rows: bytes
    summary: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, by which it is known."""
        return sha256(self.encoded)


@dataclass(frozen=True)
class Recipe:
    """Everything that snapshots of a profile are made of.

    Attributes
    ----------
    strategy
        The profile and its configuration.
    config_path
        Name of the configuration file; None without one.
    sources
        The files behind ``market``.
    code_version
        Of the code that builds.
    generated_at
        When, aware UTC: not before the close of any session that is built.
    """

    strategy: BoundStrategy
    config_path: str | None
    market: Market
    sources: tuple[Source, ...]
    code_version: str
    generated_at: datetime


def build(recipe: Recipe, as_ofs: Sequence[date], workers: Workers = ALONE) -> Iterator[Version]:
    """Yield the snapshot of each session, in their order; the first one comes when it is built.

    Raises
    ------
    InvalidInput
        The profile reads no snapshot or a column that nobody makes, a session cannot be built, or the workers cannot
        be had.
    """
    contract = contract_of(recipe.strategy, recipe.market)
    for built in spread(_built, recipe.market, as_ofs, workers):
        yield _version(recipe, contract, built)


def contract_of(strategy: BoundStrategy, market: Market) -> FeatureContract:
    """Return what a profile asks of its snapshot, if it can be made.

    Raises
    ------
    InvalidInput
        It reads no snapshot, manages a stock of the universe itself, reads a column that nobody makes, has a benchmark
        without a row, or reads none of one's own features.
    """
    profile, contract = strategy.manifest.profile, strategy.manifest.features
    if contract is None:
        raise InvalidInput(f"profile {profile} reads prices, no feature snapshot; `quant profiles` shows which do")
    if clash := sorted(strategy.manifest.managed_set & market.stocks):
        raise InvalidInput(
            f"{clash[0]} is in the sectors file, and profile {profile} manages it itself; take it out of the file"
        )
    columns = [column.name for column in columns_of(market)]
    asked = dict.fromkeys((*contract.reads, *contract.benchmark_reads))
    if absent := [name for name in asked if name not in columns]:
        option = "--fundamentals FILE" if absent[0] in FACTS else "--features FILE.py"
        raise InvalidInput(f"profile {profile} reads {absent[0]}, which is not made; give it by {option}")
    if absent := [symbol for symbol in contract.benchmarks if symbol not in BENCHMARKS]:
        raise InvalidInput(f"profile {profile} compares with {absent[0]}; rows of {', '.join(BENCHMARKS)} are made")
    if unread := [one.name for one in market.own if one.name not in asked]:
        raise InvalidInput(f"profile {profile} does not read {unread[0]}; name it in its contract or take it out")
    return contract


@dataclass(frozen=True, slots=True)
class _Built:
    """The file of one session, how many rows it has, and what is to be known of them."""

    as_of: date
    rows: bytes
    row_count: int
    summary: Mapping[str, Any]


def _built(market: Market, as_of: date) -> _Built:
    rows = rows_at(market, as_of)
    content = write_rows(columns_of(market), rows)
    return _Built(as_of, content, len(rows["symbol"]), summary_of(market, as_of, rows))


def _version(recipe: Recipe, contract: FeatureContract, built: _Built) -> Version:
    profile, digest = recipe.strategy.manifest.profile, sha256(built.rows)
    manifest = SnapshotManifest(
        strategy_profile=profile,
        contract_version=contract.name(profile),
        config_name=profile,
        config_path=recipe.config_path,
        config_sha256=recipe.strategy.config_digest,
        snapshot_path=f"versions/{built.as_of}/{digest}.parquet",
        snapshot_sha256=digest,
        snapshot_bytes=len(built.rows),
        snapshot_as_of=built.as_of,
        row_count=built.row_count,
        columns=columns_of(recipe.market),
        generated_at=recipe.generated_at,
        sources=recipe.sources,
        code_version=recipe.code_version,
    )
    return Version(manifest, encode(manifest), built.rows, built.summary)
