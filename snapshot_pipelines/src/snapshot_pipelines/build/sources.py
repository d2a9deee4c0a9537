"""The files that snapshots are built from: read once, named by their content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.snapshot_manifest import Source

from snapshot_pipelines.build import fundamentals, membership, sectors
from snapshot_pipelines.build.bars import read_bars
from snapshot_pipelines.build.own_features import read_features
from snapshot_pipelines.build.rows import Market
from snapshot_pipelines.build.text_table import TextTable

__all__ = ["Inputs", "read_market"]

_ROLES = ("prices", "benchmarks", "sectors", "membership", "fundamentals", "features")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files to build from.

    Attributes
    ----------
    prices
        Daily prices in long format; no needed symbol stands in two of them.
    membership
        None if every stock is always a member.
    fundamentals
        None without facts of accounts.
    features
        A Python file of one's own features; None without.
    """

    prices: Sequence[Path]
    sectors: Path
    membership: Path | None = None
    fundamentals: Path | None = None
    features: Path | None = None


def read_market(inputs: Inputs, calendar: ExchangeCalendar) -> tuple[Market, tuple[Source, ...]]:
    """Return what rows are made of, and the files it came from in the order of their roles.

    Raises
    ------
    InvalidInput
        A file that cannot be read or is none of its kind, a needed symbol in two files, benchmarks or all stocks
        without prices.
    """
    found: list[Source] = []
    labels = sectors.read_sectors(_table(inputs.sectors, "sectors", sectors.COLUMNS, found))
    members = facts = None
    if inputs.membership:
        members = membership.read_membership(_table(inputs.membership, "membership", membership.COLUMNS, found))
    if inputs.fundamentals:
        table = _table(inputs.fundamentals, "fundamentals", fundamentals.REQUIRED, found)
        facts = fundamentals.read_fundamentals(table)
    own = read_features(inputs.features, _content(inputs.features, "features", found)) if inputs.features else ()
    bars = read_bars(inputs.prices, labels.keys(), calendar)
    found = [*bars.sources, *found]
    found.sort(key=lambda source: _ROLES.index(source.role))
    return Market(bars.grid, labels, members, facts, own, bars.held), tuple(found)


def _table(path: Path, role: str, required: Sequence[str], found: list[Source]) -> TextTable:
    return TextTable(path, _content(path, role, found), role, required)


def _content(path: Path, role: str, found: list[Source]) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}; give the file of {role}") from None
    found.append(Source(role, path.name, sha256(content), len(content)))
    return content
