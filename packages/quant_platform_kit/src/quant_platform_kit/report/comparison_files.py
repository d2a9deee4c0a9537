"""The files of a comparison of back-tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quant_platform_kit.domain.digests import canonical_json, plain
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.report.comparison import Comparison
from quant_platform_kit.report.files import written
from quant_platform_kit.report.origin import ORIGIN, refuse_another

__all__ = ["comparison_document", "write_comparison"]

DOCUMENT = "comparison.json"


def comparison_document(found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON types: figures over the common sessions, and the decisions that differ."""
    names = found.names
    return {
        "start": found.sessions[0].isoformat(),
        "end": found.sessions[-1].isoformat(),
        "sessions": len(found.sessions),
        "results": {
            result.name: {
                "final_multiple": float(curve[-1] / curve[0]),
                "measures": plain(figures),
                "years": {str(year.year): year.total for year in years},
            }
            for result, curve, figures, years in zip(
                found.results, found.curves, found.measures, found.years, strict=True
            )
        },
        "decided": found.decided,
        "differences": [
            {"as_of": one.as_of.isoformat(), "decisions": dict(zip(names, map(plain, one.decisions), strict=True))}
            for one in found.differences
        ],
        ORIGIN: [{"out": str(result.folder), "summary_sha256": result.digest} for result in found.results],
    }


def write_comparison(out: Path, found: Comparison, *, force: bool = False) -> list[str]:
    """Write comparison.json and comparison.html into ``out``; returns and raises as `written`, and `refuse_another`."""
    try:
        from quant_platform_kit.report.comparison_page import render_comparison
    except ImportError as error:
        raise InvalidInput(f"the page needs {error.name}: install quant-platform-kit[report]") from error
    document: Mapping[str, Any] = comparison_document(found)
    refuse_another(out, DOCUMENT, document[ORIGIN], force=force)

    def write(folder: Path) -> list[Path]:
        (folder / DOCUMENT).write_bytes(canonical_json(document) + b"\n")
        (folder / "comparison.html").write_text(render_comparison(found), encoding="utf-8")
        return sorted(folder.iterdir())

    return written(out, write)
