"""Areas of the tests that need servers: the folder of a test says its area."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

__all__ = ["ROOT", "UnknownArea", "areas", "chosen", "folders"]

ROOT = Path(__file__).resolve().parents[2]
BESIDE = {"apps": "brokers", "packages": "service", "release": "release", "snapshot_pipelines": "service"}
"""Folders outside tests/services whose tests that need servers belong to an area."""


class UnknownArea(ValueError):
    """An area that there is not."""


def areas() -> dict[str, list[str]]:
    """Return the folders of every area."""
    home = ROOT / "tests" / "services"
    found = {path.name: [f"tests/services/{path.name}"] for path in sorted(home.iterdir()) if any(path.glob("test_*"))}
    for folder, area in BESIDE.items():
        found.setdefault(area, []).append(folder)
    return dict(sorted(found.items()))


def chosen(text: str) -> list[str]:
    """Return the areas of a list with commas; all of them for an empty one.

    Raises
    ------
    UnknownArea
        There is no such area; the message names those there are.
    """
    known = areas()
    names = [name for part in text.split(",") if (name := part.strip())]
    if unknown := [name for name in names if name not in known]:
        raise UnknownArea(f"no area {unknown[0]!r}; areas: {', '.join(known)}")
    return names or list(known)


def folders(names: Iterable[str]) -> list[str]:
    """Return the folders of some areas, relative to the root."""
    known = areas()
    return [folder for name in names for folder in known[name]]
