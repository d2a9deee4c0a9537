"""What crosses from the worker process: plain values, whichever library they came from; instants are aware UTC.

Fields have the names of the library's own, see `longbridge_app.beliefs`.

Named tuples, because the process imports them each time that it starts.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

__all__ = [
    "Balance",
    "Cash",
    "Credentials",
    "DayBar",
    "FillRow",
    "Holding",
    "Instrument",
    "LastPrice",
    "OrderRow",
    "TradingDays",
]


class Credentials(NamedTuple):
    """How to log in; without URLs at LongBridge itself. ``library`` is ``longbridge`` or ``longport``."""

    library: str
    app_key: str
    app_secret: str
    access_token: str
    http_url: str | None = None
    quote_ws_url: str | None = None
    trade_ws_url: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.library})"


class Cash(NamedTuple):
    """Cash of one currency."""

    currency: str
    available_cash: Decimal
    frozen_cash: Decimal
    settling_cash: Decimal


class Balance(NamedTuple):
    """An account's cash, and what it can buy for and is worth in its base currency."""

    cash_infos: tuple[Cash, ...]
    currency: str
    buy_power: Decimal
    total_cash: Decimal | None = None
    net_assets: Decimal | None = None


class Holding(NamedTuple):
    """One holding."""

    symbol: str
    quantity: Decimal
    currency: str


class OrderRow(NamedTuple):
    """An order; ``side``, ``order_type`` and ``status`` are the library's names, ``price`` None for a market order."""

    order_id: str
    remark: str
    symbol: str
    side: str
    order_type: str
    status: str
    quantity: Decimal
    executed_quantity: Decimal
    price: Decimal | None
    submitted_at: datetime
    msg: str


class FillRow(NamedTuple):
    """One execution."""

    order_id: str
    trade_id: str
    quantity: Decimal
    price: Decimal
    trade_done_at: datetime


class Instrument(NamedTuple):
    """Lot and currency of a symbol."""

    symbol: str
    currency: str
    lot_size: int


class LastPrice(NamedTuple):
    """The last price of a symbol, and the close of the session before."""

    symbol: str
    last_done: Decimal
    timestamp: datetime
    prev_close: Decimal | None = None


class TradingDays(NamedTuple):
    """Days with a whole and with a half session, exchange-local."""

    whole: tuple[date, ...]
    half: tuple[date, ...]


class DayBar(NamedTuple):
    """A daily candlestick."""

    open: Decimal
    close: Decimal
    timestamp: datetime
