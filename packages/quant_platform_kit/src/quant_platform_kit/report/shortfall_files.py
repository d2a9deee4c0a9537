"""The files of a comparison of an account with its back-test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.shortfall import Shortfall
from quant_platform_kit.report.files import written

__all__ = ["write_shortfall"]


def write_shortfall(
    out: Path, found: Shortfall, document: Mapping[str, object], settings: Mapping[str, str]
) -> list[str]:
    """Write shortfall.json, which is ``document``, and shortfall.html into ``out``; returns and raises as `written`."""
    try:
        from quant_platform_kit.report.shortfall_page import render_shortfall
    except ImportError as error:
        raise InvalidInput(f"the page needs {error.name}: install quant-platform-kit[report]") from error

    def write(folder: Path) -> list[Path]:
        (folder / "shortfall.json").write_bytes(canonical_json(document) + b"\n")
        (folder / "shortfall.html").write_text(render_shortfall(found, settings=settings), encoding="utf-8")
        return sorted(folder.iterdir())

    return written(out, write)
