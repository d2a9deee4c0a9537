"""The sectors of the Global Industry Classification Standard: the codes that features carry, and their names."""

from collections.abc import Mapping

__all__ = ["SECTOR_CODES", "SECTOR_NAMES", "UNKNOWN_SECTOR"]

UNKNOWN_SECTOR = 0

SECTOR_NAMES: Mapping[int, str] = {
    10: "Energy",
    15: "Materials",
    20: "Industrials",
    25: "Consumer Discretionary",
    30: "Consumer Staples",
    35: "Health Care",
    40: "Financials",
    45: "Information Technology",
    50: "Communication Services",
    55: "Utilities",
    60: "Real Estate",
    UNKNOWN_SECTOR: "Unknown",
}
"""Code -> name, as of the revision of 2018."""

SECTOR_CODES: Mapping[str, int] = {
    **{name: code for code, name in SECTOR_NAMES.items()},
    "Communication": 50,
    "Telecommunication Services": 50,
}
"""Name -> code, with the names that the sector 50 has had."""
