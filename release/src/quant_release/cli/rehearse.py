"""`release demo`: the first bundle, released from a copy of this repository to an origin in a temporary folder."""

from __future__ import annotations

from quant_release.rehearsal.tour import tour

__all__ = ["demo_command"]


def demo_command() -> None:
    """Release the first bundle on a copy of this checkout: status, plan, apply, and what each app then has."""
    tour()
