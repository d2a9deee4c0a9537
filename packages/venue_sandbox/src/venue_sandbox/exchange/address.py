"""Where the venue of a folder listens."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["read_ports", "write_ports"]

FILE = "ports.json"

Ports = dict[str, int]


def write_ports(folder: Path, ports: Ports) -> None:
    """Leave the ports of a venue in its folder; the file outlives it."""
    (folder / FILE).write_text(json.dumps(ports) + "\n")


def read_ports(folder: Path) -> Ports | None:
    """Return the ports that the last venue of a folder listened on; None if there was none."""
    try:
        return json.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return None
