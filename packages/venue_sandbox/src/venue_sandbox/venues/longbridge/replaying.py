"""Rows of a capture, encoded again: what the venue tells instead of its exchange."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from venue_sandbox.exchange.faults import VenueFault
from venue_sandbox.venues.http.front import Endpoint, Refused, named
from venue_sandbox.venues.longbridge import messages
from venue_sandbox.venues.longbridge.candlesticks import BadQuery
from venue_sandbox.venues.longbridge.context import data, seconds, text
from venue_sandbox.venues.longbridge.messages import QuoteCommand
from venue_sandbox.venues.longbridge.order_documents import NO_CONDITION
from venue_sandbox.venues.longbridge.quotes import Query
from venue_sandbox.venues.longbridge.socket_commands import COMMANDS, asking
from venue_sandbox.venues.longbridge.sockets import Command, Kind

__all__ = ["Rows", "read_rows", "replayed_commands", "replayed_endpoints"]

Row = Mapping[str, Any]
Values = Mapping[str, Any]
US = "US"
SPELT_OUT = frozenset(
    ("Filled", "New", "PendingReplace", "Replaced", "PartialFilled", "PendingCancel", "Rejected", "Canceled", "Expired")
)
"""Statuses that have ``Status`` behind them over the wire, and not in the library."""
LASTS = {"GoodTilCanceled": "GTC", "GoodTilDate": "GTD"}
INSTANTS = ("submitted_at", "updated_at", "trade_done_at")
NO_BALANCE = dict.fromkeys(
    (
        *("total_cash", "max_finance_amount", "remaining_finance_amount", "risk_level", "margin_call", "net_assets"),
        *("init_margin", "maintenance_margin", "buy_power"),
    ),
    "0",
)
NO_CASH = dict.fromkeys(("withdraw_cash", "available_cash", "frozen_cash", "settling_cash"), "0")
NO_POSITION = {"symbol_name": "", "available_quantity": "0", "cost_price": "0", "market": US, "init_quantity": ""}
NO_ORDER = {
    **NO_CONDITION,
    **dict.fromkeys(("stock_name", "price", "last_done", "expire_date", "monitor_price", "msg", "remark"), ""),
    **{
        "executed_price": "0",
        "updated_at": "0",
        "tag": "Normal",
        "time_in_force": "Day",
        "outside_rth": "RTH_ONLY",
        "currency": "USD",
    },
    **{"limit_depth_level": 0, "trigger_count": 0},
}


@dataclass(frozen=True, slots=True)
class Rows:
    """What is told, with the names of the library's fields; ``bars`` by symbol, ``days`` whole and half ones."""

    balances: Sequence[Row] = ()
    positions: Sequence[Row] = ()
    orders: Sequence[Row] = ()
    executions: Sequence[Row] = ()
    quotes: Sequence[Row] = ()
    instruments: Sequence[Row] = ()
    bars: Mapping[str, Sequence[Row]] = field(default_factory=dict[str, Sequence[Row]])
    days: Mapping[str, Sequence[str]] | None = None


def read_rows(path: Path) -> Rows:
    """Read the rows of a file: JSON."""
    return Rows(**json.loads(path.read_text(), parse_float=Decimal))


def replayed_endpoints(told: Rows) -> list[Endpoint]:
    """Return the endpoints about account and orders that look only."""
    held = {"account_channel": "lb", "stock_info": [{**NO_POSITION, **_written(row)} for row in told.positions]}
    orders = [_order(row) for row in told.orders]
    trades = [_written(row) for row in told.executions]
    none = {"has_more": False}
    return [
        _telling("/v1/asset/account", "account", lambda: {"list": [_balance(row) for row in told.balances]}),
        _telling("/v1/asset/stock", "positions", lambda: {"list": [held]}),
        _telling("/v1/trade/order/today", "orders", lambda: {"orders": orders}),
        _telling("/v1/trade/order/history", "order_history", lambda: {"orders": [], **none}),
        _telling("/v1/trade/execution/today", "executions", lambda: {"trades": trades, **none}),
        _telling("/v1/trade/execution/history", "execution_history", lambda: {"trades": [], **none}),
    ]


def _telling(path: str, operation: str, tell: Callable[[], Values]) -> Endpoint:
    async def answer(request: web.Request, fault: VenueFault | None) -> web.Response:
        try:
            return data(tell())
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise Refused(400, f"the capture tells it otherwise: {error}", 400_000) from None

    return Endpoint("GET", path, answer, named(operation))


def replayed_commands(told: Rows) -> Mapping[Kind, Mapping[int, Command]]:
    """Return the commands of both sockets, those about prices answered from rows."""

    def bars(_: object, asked: Values) -> Values:
        if asked["symbol"] not in told.bars:
            raise BadQuery(f"{asked['symbol']} is not in the capture")
        found = [{**_written(row), "timestamp": _epoch(row["timestamp"])} for row in told.bars[asked["symbol"]]]
        return {"symbol": asked["symbol"], "candlesticks": _known(_BAR, found)[-(asked.get("count") or len(found)) :]}

    def quotes(_: object, asked: Values) -> Values:
        rows = [row for row in told.quotes if row["symbol"] in asked["symbol"]]
        found = [{**_written(row), "timestamp": _epoch(row["timestamp"]), "trade_status": 0} for row in rows]
        return {"secu_quote": _known(_QUOTE, found)}

    def instruments(_: object, asked: Values) -> Values:
        rows = [_written(row) for row in told.instruments if row["symbol"] in asked["symbol"]]
        return {"secu_static_info": _known(_STATIC, rows)}

    def days(_: object, asked: Values) -> Values:
        names = {"trading_days": "trade_day", "half_trading_days": "half_trade_day"}
        listed: Mapping[str, Sequence[str]] = (told.days or {}) if asked["market"] == US else {}
        return {names[name]: [day.replace("-", "") for day in listed[name]] for name in names if name in listed}

    queries = {
        QuoteCommand.STATIC_INFO: Query("static_info", messages.MULTI_SECURITY, messages.STATIC_INFO, instruments),
        QuoteCommand.QUOTES: Query("quotes", messages.MULTI_SECURITY, messages.QUOTES, quotes),
        QuoteCommand.CANDLESTICKS: Query("candlesticks", messages.CANDLESTICK_REQUEST, messages.CANDLESTICKS, bars),
        QuoteCommand.HISTORY: Query("history", messages.HISTORY_REQUEST, messages.CANDLESTICKS, bars),
    }
    if told.days is not None:
        queries[QuoteCommand.TRADE_DAYS] = Query("trade_days", messages.TRADE_DAY_REQUEST, messages.TRADE_DAYS, days)
    return {**COMMANDS, "quote": {**COMMANDS["quote"], **{number: _asking(query) for number, query in queries.items()}}}


def _asking(query: Query) -> Command:
    """Return the command of a query that refuses what rows of an unknown make cannot answer."""

    def find(exchange: Any, asked: Values) -> Values:
        try:
            return query.find(exchange, asked)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise BadQuery(f"the capture tells it otherwise: {error}") from None

    return asking(replace(query, find=find))


_BAR = ("close", "open", "low", "high", "volume", "turnover", "timestamp")
_QUOTE = ("symbol", "last_done", "prev_close", "open", "high", "low", "timestamp", "volume", "turnover", "trade_status")
_STATIC = ("symbol", "exchange", "currency", "lot_size")


def _known(names: Sequence[str], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what rows have of the fields of a message."""
    return [{name: row[name] for name in names if name in row} for row in rows]


def _balance(row: Row) -> Values:
    cash = [{**NO_CASH, **_written(each)} for each in row["cash_infos"]]
    return {**NO_BALANCE, **_written(row), "frozen_transaction_fees": [], "cash_infos": cash}


def _order(row: Row) -> Values:
    told = {**NO_ORDER, **_written(row)}
    status, lasts = str(told["status"]), str(told["time_in_force"])
    told["status"] = f"{status}Status" if status in SPELT_OUT else status
    return {**told, "time_in_force": LASTS.get(lasts, lasts)}


def _written(row: Row) -> dict[str, Any]:
    """Return a row as it is written: numbers and instants as texts, without what it does not tell."""
    return {name: _told(name, value) for name, value in row.items() if value is not None}


def _told(name: str, value: Any) -> Any:
    if name in INSTANTS:
        return seconds(datetime.fromisoformat(value))
    return text(Decimal(value)) if isinstance(value, int | Decimal) else value


def _epoch(value: str) -> int:
    return int(datetime.fromisoformat(value).timestamp())
