"""How each sort of document is read, for captures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.orders import Side

from alpaca_app.beliefs import ACCOUNT, ASSET, BAR, FILL, ORDER, POSITION, QUOTE, TABLES
from alpaca_app.mapping import (
    account_number,
    account_state,
    bar,
    fills_of,
    quote,
    report,
    units_of,
    why_no_trading,
    why_not_traded,
)

__all__ = ["READERS", "TABLES"]

NAME = "capture"


def _fill(document: Mapping[str, Any]) -> object:
    return fills_of({"id": document.get("order_id")}, [document], NAME, NAME, Side.BUY)


READERS: Mapping[str, Callable[[Any], object]] = {
    ACCOUNT.subject: lambda told: (account_number(told), account_state(told, ()), why_no_trading(told)),
    POSITION.subject: units_of,
    ORDER.subject: lambda told: report(told, ()),
    FILL.subject: _fill,
    ASSET.subject: why_not_traded,
    QUOTE.subject: lambda told: quote(NAME, told, load_calendar("XNYS")),
    BAR.subject: lambda told: bar(told, load_calendar("XNYS")),
}
"""Subject -> what a document says in the kit's terms; raises `BrokerError` for one that cannot be read."""
