"""Every position: under which symbol it is managed, or why it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from quant_platform_kit.services.operate.contact.reading import Reading
from quant_platform_kit.services.operate.contact.result import Line, State

__all__ = ["position_lines"]

_SHARE = re.compile(r"[A-Z][A-Z0-9]{0,5}([./][A-Z]{1,2})?")
"""What a symbol of a share or a fund looks like; adapters name everything else longer."""


def position_lines(reading: Reading) -> Iterator[Line]:
    """Yield one line for each position, or that there is none; nothing where the account was not told."""
    account = reading.told.account
    if account is None:
        return
    held = {symbol: units for symbol, units in sorted(account.quantities.items()) if units}
    if not held:
        yield Line("positions", State.GOOD, "none is held")
    for symbol, units in held.items():
        yield _position(symbol, units, reading)


def _position(symbol: str, units: Decimal, reading: Reading) -> Line:
    subject, figures = f"position {symbol}", {"quantity": f"{units.normalize():f}"}
    quote = (reading.told.quotes or {}).get(symbol)
    worth = "its value is not told"
    if quote is not None:
        figures["value"] = f"{units * quote.price:.2f}"
        worth = f"worth {figures['value']}"
    what = f"{figures['quantity']} units, {worth}"
    managed = symbol in reading.asked.manifest.managed_set
    if units < 0:
        return Line(subject, State.BLOCKS, f"{what}; it is short", "close it: nothing here sells short", figures)
    if managed and (part := _part(symbol, units, reading)):
        said = f"{what}; the profile manages it, and the part of {part.normalize():f} stays: orders are of whole units"
        return Line(subject, State.CAUTION, said, "sell the part at the broker, or leave it", figures)
    if managed:
        return Line(subject, State.GOOD, f"{what}; the profile manages it", "", figures)
    if _SHARE.fullmatch(symbol):
        return Line(subject, State.GOOD, f"{what}; the profile does not manage it, and leaves it alone", "", figures)
    said = f"{what}; it is no share or fund in USD that a profile could manage"
    return Line(subject, State.CAUTION, said, "it is reported and never traded; see that you mean to keep it", figures)


def _part(symbol: str, units: Decimal, reading: Reading) -> Decimal:
    """Return the part of a unit that is held and cannot be sold; zero where the broker lists nothing of the symbol."""
    told = (reading.told.instruments or {}).get(symbol)
    return Decimal(0) if told is None or told.fractional else units % 1
