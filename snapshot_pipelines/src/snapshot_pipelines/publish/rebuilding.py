"""Whether a snapshot is what its sources make: built again from the same bytes, and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest, Source

from snapshot_pipelines.build.rows import Values, columns_of, rows_at
from snapshot_pipelines.build.sources import Inputs, read_market
from snapshot_pipelines.publish.snapshots import Snapshot

__all__ = ["ABSOLUTE", "RELATIVE", "check_rebuilt", "check_sources"]

ABSOLUTE, RELATIVE = 1e-9, 1e-12
"""How far a value may be from the one that is built again: the second counts for amounts of dollars."""


def check_sources(manifest: SnapshotManifest, inputs: Inputs) -> None:
    """Refuse files that are not the sources of a snapshot.

    Raises
    ------
    InvalidInput
        A source was not given, is not the same to the byte, or a file is none of the sources; it is named.
    """
    given = {path: _digest(path) for path in _paths(inputs)}
    known = set(given.values())
    for source in manifest.sources:
        if source.sha256 not in known:
            raise InvalidInput(_not_the_same(source, given))
    wanted = {source.sha256 for source in manifest.sources}
    for path, digest in given.items():
        if digest not in wanted:
            raise InvalidInput(f"{path} is no source of {manifest.snapshot_as_of}, which was built without it")


def check_rebuilt(snapshot: Snapshot, inputs: Inputs, calendar: ExchangeCalendar) -> None:
    """Build the rows of a snapshot again and compare every cell.

    Raises
    ------
    InvalidInput
        The sources are others, or the first cell that differs, in words.
    """
    manifest = snapshot.manifest
    check_sources(manifest, inputs)
    market, _ = read_market(inputs, calendar)
    found = rows_at(market, manifest.snapshot_as_of)
    if columns_of(market) != manifest.columns:
        names = [column.name for column in columns_of(market)]
        raise InvalidInput(f"rebuilt rows have the columns {', '.join(names)}; the snapshot has others")
    if difference := next(_differences(snapshot, found), ""):
        raise InvalidInput(f"{difference}; the sources or the code that built it are not what the manifest says")


def _differences(snapshot: Snapshot, rebuilt: Values) -> Iterator[str]:
    rows = snapshot.rows
    symbols = [str(symbol) for symbol in rebuilt["symbol"]]
    if list(rows.symbols) != symbols:
        odd = sorted(set(symbols).symmetric_difference(str(symbol) for symbol in rows.symbols))
        yield f"rebuilt rows are of other symbols: {', '.join(odd[:5])}"
    for name, texts in rows.texts.items():
        for symbol, was, now in zip(symbols, texts, rebuilt[name], strict=True):
            if was != now:
                yield f"{name} of {symbol} is {was}; rebuilt it is {now}"
    for name in rows.numeric:
        was, now = rows.number(name), np.asarray(rebuilt[name], np.float64)
        for at in np.flatnonzero(~_equal(was, now)).tolist():
            yield f"{name} of {symbols[at]} is {float(was[at])}; rebuilt it is {float(now[at])}"


def _equal(was: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.isclose(was, now, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)


def _paths(inputs: Inputs) -> Iterator[Path]:
    yield from inputs.prices
    yield inputs.sectors
    yield from (path for path in (inputs.membership, inputs.fundamentals, inputs.features) if path)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}; give the file that the snapshot was built from") from None


def _not_the_same(source: Source, given: dict[Path, str]) -> str:
    for path, digest in given.items():
        if path.name == source.name:
            return (
                f"{path} is not what the snapshot was built from: its sha256 is {digest[:12]}..., the manifest says "
                f"{source.sha256[:12]}...; give the file as it was"
            )
    return f"{source.role} {source.name} (sha256 {source.sha256[:12]}...) was not given; give every source"
