"""Where a result is from: as rows to read, and as what keeps one result from being replaced by another."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from quant_platform_kit.domain.errors import Refused

__all__ = ["ORIGIN", "origin_rows", "refuse_another"]

ORIGIN = "produced_by"
"""The key of a document that says what produced it."""
DIGITS = 16
"""So much of a digest is shown."""


def _files(files: Any) -> str:
    named = (f"{Path(file['file']).name} (sha256 {file['sha256'][:DIGITS]})" for file in files)
    return "; ".join(named) or "made in memory"


def _pairs(values: Any) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items()) or "none"


SHOWN: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "prices": ("Prices", _files),
    "price_field": ("Price field", str),
    "carries": ("Prices carry", str),
    "start": ("Asked from", str),
    "end": ("Asked to", str),
    "fill": ("Fill", str),
    "execution": ("Execution", str),
    "commission_bps": ("Commission", lambda points: f"{points} bp"),
    "commission_per_share": ("Commission a share", str),
    "commission_minimum": ("Commission at least", str),
    "lots": ("Lots", str),
    "cash_yield": ("Cash yield", str),
    "dividends": ("Dividends", str),
    "slippage_bps": ("Slippage", lambda points: f"{points} bp"),
    "risk_free": ("Risk-free", lambda name: name or "zero"),
    "cash": ("Starting cash", lambda amount: f"{float(amount):,.2f}"),
    "config": ("Configuration", _pairs),
    "strategy": ("Strategy", _pairs),
    "version": ("quant-platform-kit", str),
}
"""What of an origin is shown, and how."""


def origin_rows(origin: Mapping[str, Any]) -> dict[str, str]:
    """Return the rows of a page that say what a result was made with."""
    return {name: write(origin[key]) for key, (name, write) in SHOWN.items() if key in origin}


def refuse_another(out: Path, name: str, origin: Any, *, force: bool) -> None:
    """Keep what a folder holds, unless it is of the same origin or ``force`` gives it up.

    Parameters
    ----------
    name
        The document in ``out`` whose key `ORIGIN` says what produced it.

    Raises
    ------
    Refused
        The document is of another origin, or of none that can be read.
    """
    if force or not (out / name).is_file():
        return
    try:
        found: Any = json.loads((out / name).read_bytes())[ORIGIN]
    except (KeyError, OSError, TypeError, ValueError):
        found = None
    if found != origin:
        told = f"--out {out} holds another result: its {name} differs in {_unlike(found, origin)}"
        raise Refused(f"{told}; choose another folder, or replace it with --force")


def _unlike(found: Any, origin: Any) -> str:
    """Return the keys that two origins differ in; what they are called where they are not of the same kind."""
    try:
        return ", ".join(key for key in {**found, **origin} if found.get(key) != origin.get(key))
    except (AttributeError, TypeError):
        return ORIGIN
