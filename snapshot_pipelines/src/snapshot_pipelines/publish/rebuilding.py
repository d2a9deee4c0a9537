"""Whether a snapshot is what its sources make: built again from the same bytes, and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest, Source

from snapshot_pipelines.build.rows import Market, Values, columns_of, rows_at
from snapshot_pipelines.build.sources import Inputs, read_market
from snapshot_pipelines.publish.snapshots import Snapshot

__all__ = ["ABSOLUTE", "RELATIVE", "Rebuilding"]

ABSOLUTE, RELATIVE = 1e-9, 1e-12
"""How far a value may be from the one that is built again: the second counts for amounts of dollars."""


class Rebuilding:
    """Files that snapshots are built from again; each is read once, when it is needed.

    Parameters
    ----------
    inputs
        The sources, wherever they are by now: they go by their content.
    """

    def __init__(self, inputs: Inputs, calendar: ExchangeCalendar) -> None:
        self._inputs, self._calendar = inputs, calendar

    def check(self, snapshot: Snapshot) -> None:
        """Build the rows of a snapshot again and compare every cell.

        Raises
        ------
        InvalidInput
            A source was not given, is not the same to the byte, or a file is none; or the first cell that differs.
        """
        manifest = snapshot.manifest
        self._check_sources(manifest)
        columns = columns_of(self._market)
        if columns != manifest.columns:
            names = ", ".join(column.name for column in columns)
            raise InvalidInput(f"rebuilt rows have the columns {names}; the snapshot has others")
        if difference := next(_differences(snapshot, rows_at(self._market, manifest.snapshot_as_of)), ""):
            raise InvalidInput(f"{difference}; the sources or the code that built it are not what the manifest says")

    def _check_sources(self, manifest: SnapshotManifest) -> None:
        known = set(self._digests.values())
        for source in manifest.sources:
            if source.sha256 not in known:
                raise InvalidInput(_not_the_same(source, self._digests))
        wanted = {source.sha256 for source in manifest.sources}
        for path, digest in self._digests.items():
            if digest not in wanted:
                raise InvalidInput(f"{path} is no source of {manifest.snapshot_as_of}, which was built without it")

    @cached_property
    def _digests(self) -> Mapping[Path, str]:
        return {path: _digest(path) for path in _paths(self._inputs)}

    @cached_property
    def _market(self) -> Market:
        return read_market(self._inputs, self._calendar)[0]


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


def _not_the_same(source: Source, given: Mapping[Path, str]) -> str:
    for path, digest in given.items():
        if path.name == source.name:
            return (
                f"{path} is not what the snapshot was built from: its sha256 is {digest[:12]}..., the manifest says "
                f"{source.sha256[:12]}...; give the file as it was"
            )
    return f"{source.role} {source.name} (sha256 {source.sha256[:12]}...) was not given; give every source"
