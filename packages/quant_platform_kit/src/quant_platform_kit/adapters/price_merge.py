"""Price files as one: where they hold the same symbol on the same day they have to agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.adapters.price_check import PRICE_COLUMNS
from quant_platform_kit.adapters.price_files import EVIDENCE_COLUMNS, LongPrices, joined, read_prices
from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["TOLERANCE", "Merged", "merge_prices"]

TOLERANCE = 1e-4
"""By how much two prices of one day may differ, as a share of the first."""
_COMPARED = (*PRICE_COLUMNS, "open", "low", "high", "dividend")


@dataclass(frozen=True, slots=True)
class Merged:
    """Prices of several files by date and symbol.

    Attributes
    ----------
    overlap
        Rows that two files had; of these the first file's were kept.
    uncompared
        Symbols of several files that have no day in common, so that nothing could be compared.
    left_out
        Columns that not every file has.
    """

    prices: LongPrices
    overlap: int
    uncompared: tuple[str, ...]
    left_out: tuple[str, ...]


def merge_prices(paths: Sequence[Path]) -> Merged:
    """Put price files together; of a row that several have, the one of the file that is named first is kept.

    Raises
    ------
    InvalidInput
        A file cannot be read or has a date twice, the files carry different things, only some have adjusted closes, or
        two prices of one symbol and day differ by more than `TOLERANCE`. Volumes are not compared.
    """
    files = [read_prices(path, ("close",), ("adj_close", "open", *EVIDENCE_COLUMNS, "dividend")) for path in paths]
    if len({path.resolve() for path in paths}) < max(2, len(paths)):
        raise InvalidInput("name two files or more, each once")
    _refuse_unlike(files)
    together = joined(files, paths[0])
    names = {name for file in files for name in file.columns}
    source = np.repeat(np.arange(len(files)), [len(file.days) for file in files])
    order = np.lexsort((source, together.codes, together.days))
    again = np.zeros(len(order), dtype=bool)
    again[1:] = (np.diff(together.days[order]).astype(np.int64) == 0) & (np.diff(together.codes[order]) == 0)
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))
    pairs = np.flatnonzero(again)
    if len(twice := pairs[source[order[pairs]] == source[order[pairs - 1]]]):
        row = int(order[twice[0]])
        of = f"{together.symbols[together.codes[row]]} on {together.days[row]}"
        raise InvalidInput(f"{paths[source[row]]} has {of} twice; keep one row per date and symbol")
    _refuse_different(together, files, (order[first[pairs]], order[pairs]), source)
    compared = set(together.codes[order[pairs]].tolist())
    held = np.array([np.isin(together.symbols, file.symbols) for file in files]).sum(axis=0)
    return Merged(
        prices=together.taking(order[~again]),
        overlap=len(pairs),
        uncompared=tuple(s for code, s in enumerate(together.symbols) if held[code] > 1 and code not in compared),
        left_out=tuple(sorted(names - together.columns.keys())),
    )


def _refuse_unlike(files: Sequence[LongPrices]) -> None:
    """Refuse files that say different things of their prices, or of which only some have adjusted closes."""
    first = files[0]
    for file in files[1:]:
        for name in PRICE_COLUMNS:
            if (name in file.columns) != (name in first.columns):
                has, lacks = (first, file) if name in first.columns else (file, first)
                raise InvalidInput(f"{has.path} has a column {name} and {lacks.path} has none; give like files")
            if name in file.columns and file.carried(name) is not first.carried(name):
                raise InvalidInput(
                    f"{name} of {first.path} is {first.carried(name).value} and that of {file.path} is "
                    f"{file.carried(name).value}; give files that carry the same"
                )


def _refuse_different(
    together: LongPrices,
    files: Sequence[LongPrices],
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    source: NDArray[np.int64],
) -> None:
    one, other = rows
    for name in (name for name in _COMPARED if name in together.columns):
        values = together.columns[name]
        with np.errstate(invalid="ignore"):
            different = np.abs(values[other] - values[one]) > TOLERANCE * np.abs(values[one])
        if different.any():
            at = int(np.argmax(different))
            count = int(np.count_nonzero(different))
            a, b = int(one[at]), int(other[at])
            this, that = (f"{values[row]:.8g} in {files[int(source[row])].path}" for row in (a, b))
            of = f"{name} of {together.symbols[together.codes[a]]} on {together.days[a]}"
            raise InvalidInput(
                f"{of} is {this} and {that}: {count} of {len(one)} rows that both have differ by more than "
                f"{TOLERANCE:g}; they are of other adjustments, or one is wrong"
            )
