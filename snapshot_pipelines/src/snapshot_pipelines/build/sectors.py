"""The stocks of a universe and the sector of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sectors import SECTOR_CODES, SECTOR_NAMES, UNKNOWN_SECTOR

from snapshot_pipelines.build.text_table import Line, TextTable

__all__ = ["BENCHMARKS", "COLUMNS", "SectorLabel", "read_sectors"]

BENCHMARKS = ("QQQ", "SPY")
"""Rows that every snapshot has beside the stocks."""
COLUMNS = ("symbol", "name", "gics_sector", "label_as_of")


@dataclass(frozen=True, slots=True)
class SectorLabel:
    """The sector of a stock.

    Attributes
    ----------
    name, code
        Of the Global Industry Classification Standard; code 0 is unknown.
    as_of
        When the label was taken; None where the file does not say.
    """

    name: str
    code: int
    as_of: date | None


def read_sectors(table: TextTable) -> Mapping[str, SectorLabel]:
    """Return the label of each stock, ascending by symbol.

    Raises
    ------
    InvalidInput
        A symbol twice or empty, a benchmark among the stocks, a sector nobody knows, a label without its date.
    """
    labels: dict[str, SectorLabel] = {}
    for line in table:
        symbol = line.symbol("symbol")
        if symbol in labels:
            raise InvalidInput(f"{line.place} has {symbol} again; keep one row per symbol")
        if symbol in BENCHMARKS:
            raise InvalidInput(f"{line.place} has {symbol}, which every snapshot compares with; remove the row")
        labels[symbol] = _label(line)
    return dict(sorted(labels.items()))


def _label(line: Line) -> SectorLabel:
    name, as_of = line.cells["gics_sector"] or SECTOR_NAMES[UNKNOWN_SECTOR], line.day("label_as_of")
    code = SECTOR_CODES.get(name)
    if code is None:
        raise InvalidInput(f"{line.place}: gics_sector {name!r} is not known; known: {', '.join(SECTOR_CODES)}")
    if code and as_of is None:
        raise InvalidInput(f"{line.place}: {name} has no label_as_of; write when it was taken, as 2018-11-30")
    return SectorLabel(name, code, as_of)
