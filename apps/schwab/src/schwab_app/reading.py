"""How each sort of document is read, for captures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.orders import Order
from quant_platform_kit.domain.portfolio import AccountState

from schwab_app.beliefs import ACCOUNT, ACCOUNT_NUMBER, CANDLE, ORDER, QUOTE, TABLES
from schwab_app.history import candle
from schwab_app.mapping import (
    account_facts,
    account_number,
    account_state,
    entered_at,
    fingerprint,
    order_id,
    quote,
    report,
)
from schwab_app.wire import WIRE

__all__ = ["READERS", "TABLES", "WIRE"]


def _account(document: Mapping[str, Any]) -> AccountState:
    """Return an account; what is told of it beside its figures has to be readable too."""
    account_facts(document)
    return account_state("capture", document)


def _order(document: Mapping[str, Any]) -> object:
    """Return where an order stands, read as one of ours if it can be one."""
    reference, known = f"schwab-{order_id(document)}", fingerprint(document)
    ours = None if known is None else Order(reference, known.symbol, known.side, known.quantity, known.limit)
    return entered_at(document), report(document, ours, reference)


READERS: Mapping[str, Callable[[Any], object]] = {
    ACCOUNT_NUMBER.subject: account_number,
    ACCOUNT.subject: _account,
    ORDER.subject: _order,
    QUOTE.subject: lambda document: quote("capture", document),
    CANDLE.subject: lambda document: candle(document, load_calendar("XNYS")),
}
"""Subject -> what a document says in the kit's terms; raises `BrokerError` for one that cannot be read."""
