"""Issuers with more than one line of stock, of which a snapshot marks one as primary."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

__all__ = ["ISSUERS", "LINES", "secondary_lines"]

ISSUERS = (
    ("GOOG", "GOOGL"),
    ("FOX", "FOXA"),
    ("NWS", "NWSA"),
    ("DISCA", "DISCK"),
    ("UA", "UAA"),
    ("CMCSA", "CMCSK"),
)
LINES = frozenset(line for issuer in ISSUERS for line in issuer)


def secondary_lines(dollars: Mapping[str, float], members: Collection[str]) -> set[str]:
    """Return the symbols that another line of the same issuer takes precedence of.

    Parameters
    ----------
    dollars
        dvol63_usd of every symbol; NaN ranks lowest.
    members
        Members with a bar in the session: of them alone one can take precedence. It does with the larger dvol63_usd;
        of two equal ones the smaller symbol does.
    """
    behind: set[str] = set()
    for issuer in ISSUERS:
        lines = [line for line in issuer if line in dollars]
        first = min((_rank(line, dollars) for line in lines if line in members), default=None)
        behind.update(line for line in lines if first is not None and _rank(line, dollars) > first)
    return behind


def _rank(symbol: str, dollars: Mapping[str, float]) -> tuple[float, str]:
    return (math.inf if math.isnan(dollars[symbol]) else -dollars[symbol], symbol)
