"""The errors of this app.

QuantError (kit)
└── SessionOver             the login at the exchange is of no use any more
"""

from __future__ import annotations

from quant_platform_kit.domain.errors import QuantError

__all__ = ["SessionOver"]


class SessionOver(QuantError):
    """The login is of no use any more: the process ends with status 75, and its supervisor starts it again."""
