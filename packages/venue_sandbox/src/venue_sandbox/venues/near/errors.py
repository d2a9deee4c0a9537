"""What the relay and the contract refuse."""

from __future__ import annotations

__all__ = ["Rejected"]


class Rejected(ValueError):
    """A request, an answer or an intent is refused; the text is what its sender is told."""
