"""tqsdk, which comes without types."""

from __future__ import annotations

from typing import Any

import tqsdk  # pyright: ignore[reportMissingTypeStubs]

__all__ = ["Api", "library"]

library: Any = tqsdk
Api = Any
"""A ``tqsdk.TqApi``."""
