"""What the environment says, read here and nowhere else."""

from __future__ import annotations

import os

__all__ = ["setting"]


def setting(name: str) -> str:
    """Return a variable of the environment; empty if it is not set."""
    return os.environ.get(name, "").strip()  # noqa: TID251 - this is where it is read
