"""Issuers with more than one line of stock, of which a snapshot marks one as primary."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

__all__ = ["ISSUERS", "secondary"]

ISSUERS = (
    ("GOOG", "GOOGL"),
    ("FOX", "FOXA"),
    ("NWS", "NWSA"),
    ("DISCA", "DISCK"),
    ("UA", "UAA"),
    ("CMCSA", "CMCSK"),
)
_LINES: Mapping[str, tuple[str, ...]] = {symbol: lines for lines in ISSUERS for symbol in lines}


def secondary(symbol: str, dollars: Mapping[str, float], members: Collection[str]) -> bool:
    """Whether another line of the same issuer takes precedence.

    Parameters
    ----------
    dollars
        dvol63_usd of every symbol, ``symbol`` included; NaN ranks lowest.
    members
        Members with a bar in the session: of them alone one can take precedence. It does with the larger dvol63_usd;
        of two equal ones the smaller symbol does.
    """
    own = _rank(symbol, dollars)
    others = (line for line in _LINES.get(symbol, ()) if line != symbol and line in members)
    return any(_rank(line, dollars) < own for line in others)


def _rank(symbol: str, dollars: Mapping[str, float]) -> tuple[float, str]:
    return (math.inf if math.isnan(dollars[symbol]) else -dollars[symbol], symbol)
