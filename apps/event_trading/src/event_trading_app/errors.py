"""The errors of this app.

QuantError (kit)
├── Unanswered              the venue gave no answer: nobody knows whether an answer of ours arrived
└── VenueDown               the venue cannot be asked now
"""

from __future__ import annotations

from quant_platform_kit.domain.errors import QuantError

__all__ = ["Unanswered", "VenueDown"]


class Unanswered(QuantError):
    """What was sent has no answer: it may have arrived, and it may not. Only a look-up tells."""


class VenueDown(QuantError):
    """The venue did not say what it was asked; nothing was changed, and it may be asked again."""
