"""tqsdk, which comes without types, and takes a second and 180 MB to import: whoever logs in loads it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Api", "library"]

Api = Any
"""A ``tqsdk.TqApi``."""


def library() -> Any:
    """Return the client library."""
    return import_module("tqsdk")
