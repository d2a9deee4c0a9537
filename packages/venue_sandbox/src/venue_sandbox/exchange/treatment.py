"""How a front treats what its protocol has: the words of every venue's table of fields and calls."""

from __future__ import annotations

from enum import Enum

__all__ = ["Treatment"]


class Treatment(Enum):
    """What becomes of a field or a call. Nothing else is possible: what no table has is refused."""

    SERVED = "served"
    REFUSED = "refused"
    MEANINGLESS = "no meaning here"
