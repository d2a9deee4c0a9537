"""The files a back-test leaves behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from quant_platform_kit.domain.digests import canonical_json, plain
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.performance import BacktestResult, DecisionRecord
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.report.columns import equity_columns, order_columns
from quant_platform_kit.report.figures import tear_sheet
from quant_platform_kit.report.origin import ORIGIN, origin_rows, refuse_another

__all__ = ["SUMMARY", "summary_document", "write_backtest", "write_parquet", "written"]

SUMMARY = "summary.json"


def write_backtest(
    out: Path,
    result: BacktestResult,
    strategy: BoundStrategy,
    origin: Mapping[str, object],
    label: str | None = None,
    *,
    force: bool = False,
) -> list[str]:
    """Write summary.json, equity.parquet, orders.parquet, decisions.jsonl and report.html into ``out``.

    Returns and raises as `written`, and raises as `refuse_another`.

    Parameters
    ----------
    origin
        What the result was made with; see `BacktestRequest.origin`.
    label
        As in `render_report`.
    force
        Replace another result that ``out`` holds.
    """
    refuse_another(out, SUMMARY, origin, force=force)
    return written(out, lambda folder: _write_all(folder, result, strategy, origin, label))


def written(out: Path, write: Callable[[Path], list[Path]]) -> list[str]:
    """Have files written beside ``out`` and moved in together, so that a failure leaves it as it was.

    Returns
    -------
    The paths written.

    Raises
    ------
    InvalidInput
        ``out`` cannot be written, or the extra that renders pages is not installed.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".report-", dir=out.parent) as temporary:
            made = write(Path(temporary))
            out.mkdir(exist_ok=True)
            if taken := [path.name for path in made if (out / path.name).is_dir()]:
                raise InvalidInput(
                    f"--out {out} cannot be written: {taken[0]} in it is a folder; choose another folder"
                )
            for path in made:
                os.replace(path, out / path.name)
    except OSError as error:
        raise InvalidInput(f"--out {out} cannot be written: {error.strerror}; choose another folder") from error
    return [str(out / path.name) for path in made]


def _write_all(
    folder: Path, result: BacktestResult, strategy: BoundStrategy, origin: Mapping[str, object], label: str | None
) -> list[Path]:
    texts = {
        SUMMARY: canonical_json(summary_document(result, origin)) + b"\n",
        "decisions.jsonl": b"".join(_decision_line(record, strategy) for record in result.decisions),
        "report.html": _report(result, origin_rows(origin) | _closed(result), label),
    }
    for name, content in texts.items():
        (folder / name).write_bytes(content)
    write_parquet(folder / "equity.parquet", equity_columns(result))
    write_parquet(folder / "orders.parquet", order_columns(result))
    return sorted(folder.iterdir())


def summary_document(result: BacktestResult, origin: Mapping[str, object]) -> dict[str, object]:
    """Return the content of summary.json: the figures, and what produced them."""
    return {**plain(result.summary), "tear_sheet": plain(tear_sheet(result)), ORIGIN: origin}


def _closed(result: BacktestResult) -> dict[str, str]:
    return {"Closed, as prices end": "; ".join(ended.text for ended in result.ended)} if result.ended else {}


def _report(result: BacktestResult, settings: Mapping[str, str], label: str | None) -> bytes:
    try:
        from quant_platform_kit.report.page import render_report
    except ImportError as error:
        raise InvalidInput(f"the report needs {error.name}: install quant-platform-kit[report]") from error
    return render_report(result, settings=settings, label=label).encode()


def _decision_line(record: DecisionRecord, strategy: BoundStrategy) -> bytes:
    document = record.decision.document(strategy.config_values)
    extra = {"digest": record.digest, "reasons": record.decision.reasons, "blocked": record.blocked}
    return canonical_json({**document, **extra}) + b"\n"


def write_parquet(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns as a parquet file."""
    arrow = import_module("pyarrow")
    import_module("pyarrow.parquet").write_table(arrow.table(dict(columns)), path)
