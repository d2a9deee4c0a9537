"""Symbols of the venue with the market they trade at: SPY is ``SPY.US``, 700.HK is what it is."""

from __future__ import annotations

__all__ = ["market_of", "named", "symbol_of"]

US = "US"
HK = "HK"


def named(symbol: str) -> str:
    """Return what a symbol of the venue is called here."""
    return symbol if symbol.endswith(f".{HK}") else f"{symbol}.{US}"


def symbol_of(name: str) -> str:
    """Return the venue's symbol of a name."""
    return name.removesuffix(f".{US}") if name.endswith(f".{US}") else name if name.endswith(f".{HK}") else ""


def market_of(symbol: str) -> str:
    """Return the market of a symbol of the venue."""
    return HK if symbol.endswith(f".{HK}") else US
