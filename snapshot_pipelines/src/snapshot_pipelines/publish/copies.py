"""What is published for people beside a snapshot: its rows as files, its ranking, and what is to be known of it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence

from quant_platform_kit.domain.features import RankedRow
from quant_platform_kit.domain.sectors import SECTOR_NAMES

from snapshot_pipelines.publish.publishing import Copies
from snapshot_pipelines.publish.snapshots import Snapshot

__all__ = ["STATUS", "copies_of", "csv_of"]

STATUS = "release_status_summary.json"


def copies_of(snapshot: Snapshot, ranking: Sequence[RankedRow] | None) -> Copies:
    """Return the objects for people about a snapshot.

    Parameters
    ----------
    ranking
        None where the profile has none: then there is to be none of another snapshot either.
    """
    stem = f"{snapshot.manifest.strategy_profile}_feature_snapshot_latest"
    return {
        f"{stem}.parquet": snapshot.data,
        f"{stem}.csv": csv_of(snapshot),
        f"{snapshot.manifest.strategy_profile}_ranking_latest.csv": _ranking(snapshot, ranking),
        STATUS: _status(snapshot),
    }


def csv_of(snapshot: Snapshot) -> bytes:
    """Return the rows as CSV: numbers as they are, empty where nothing is known."""
    rows = snapshot.rows
    columns: list[Sequence[object]] = []
    for column in rows.columns:
        if column.type == "date":
            columns.append(rows.days[column.name].astype(str).tolist())
        elif column.type == "string":
            columns.append(rows.texts[column.name])
        else:
            columns.append([_cell(value, column.type) for value in rows.number(column.name).tolist()])
    return _csv([column.name for column in rows.columns], zip(*columns, strict=True))


def _cell(value: float, kind: str) -> object:
    if math.isnan(value):
        return ""
    return value if kind == "float64" else int(value)


def _ranking(snapshot: Snapshot, ranking: Sequence[RankedRow] | None) -> bytes | None:
    if ranking is None:
        return None
    sectors = {row.symbol: SECTOR_NAMES[int(snapshot.table[row.symbol]["sector_code"])] for row in ranking}
    about = (snapshot.manifest.snapshot_as_of, snapshot.digest)
    rows = ((row.rank, row.symbol, row.score, sectors[row.symbol], *about) for row in ranking)
    return _csv(["rank", "symbol", "score", "sector", "as_of", "manifest_sha256"], rows)


def _csv(names: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return out.getvalue().encode()


def _status(snapshot: Snapshot) -> bytes:
    manifest = snapshot.manifest
    document = {
        "strategy_profile": manifest.strategy_profile,
        "as_of": manifest.snapshot_as_of.isoformat(),
        **snapshot.told,
        "manifest_sha256": snapshot.digest,
        "snapshot_path": manifest.snapshot_path,
        "row_count": manifest.row_count,
        "generated_at": f"{manifest.generated_at:%Y-%m-%dT%H:%M:%SZ}",
        "code_version": manifest.code_version,
    }
    return (json.dumps(document, indent=1) + "\n").encode()
