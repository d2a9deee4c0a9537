"""What a price file was made of, for a file beside it: sources with their digests, options, and the command again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.foreign_prices.lines import import_words
from quant_platform_kit.adapters.foreign_prices.options import ImportOptions
from quant_platform_kit.adapters.price_files import PRICE_FIELDS
from quant_platform_kit.adapters.price_import.importing import Imported, Taken

__all__ = ["sidecar", "sidecar_path"]


def sidecar_path(out: Path) -> Path:
    """Return where the sidecar of a price file is."""
    return out.with_name(f"{out.name}.import.json")


def sidecar(sources: Sequence[Path], out: Path, options: ImportOptions, made: Imported, digest: str) -> bytes:
    """Return what says how ``out`` was made, as JSON; equal for equal sources and options.

    Parameters
    ----------
    digest
        SHA-256 of the price file.
    """
    words = import_words(list(sources), out, options)
    document = {
        "command": shlex.join(words),
        "options": words[words.index("--out") + 2 :],
        "sources": [_source(one) for one in made.taken],
        "passed_over": [str(path) for path in made.passed_over],
        "carried": {name: made.prices.carried(name).value for name in PRICE_FIELDS if name in made.prices.columns},
        "rows": len(made.prices.days),
        "sha256": digest,
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def _source(one: Taken) -> dict[str, Any]:
    return {
        "path": one.path,
        "sha256": one.sha256,
        "taken_for": one.source,
        "dates": one.dates,
        "columns": one.columns,
        "rows": one.rows,
        "dropped": list(one.dropped),
    }
