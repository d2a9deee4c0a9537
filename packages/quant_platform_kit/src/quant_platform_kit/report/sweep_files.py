"""The files of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sweeping import Sweep
from quant_platform_kit.report.files import write_parquet, written
from quant_platform_kit.report.sweep_columns import curve_columns, trial_columns

__all__ = ["PAGE", "write_sweep"]

PAGE = "sweep.html"


def write_sweep(out: Path, found: Sweep, document: Mapping[str, object], settings: Mapping[str, str]) -> list[str]:
    """Write results.parquet, equity.parquet, sweep.json, which is ``document``, and sweep.html into ``out``.

    See `written` for what it returns and raises.
    """
    try:
        from quant_platform_kit.report.sweep_page import render_sweep
    except ImportError as error:
        raise InvalidInput(f"the page needs {error.name}: install quant-platform-kit[report]") from error

    def write(folder: Path) -> list[Path]:
        (folder / "sweep.json").write_bytes(canonical_json(document) + b"\n")
        (folder / PAGE).write_text(render_sweep(found, settings=settings), encoding="utf-8")
        write_parquet(folder / "results.parquet", trial_columns(found))
        write_parquet(folder / "equity.parquet", curve_columns(found))
        return sorted(folder.iterdir())

    return written(out, write)
