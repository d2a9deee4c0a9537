"""Documents that real brokers sent, out of the shared reference data, as the adapters are handed them.

They are converted each time and kept nowhere. Python's notation is parsed and never evaluated.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ibkr_app import beliefs as ibkr
from longbridge_app import beliefs as longbridge
from quant_platform_kit.domain.beliefs import Table, told_fields
from quant_platform_kit.domain.redacting import Documents
from schwab_app import beliefs as schwab

__all__ = ["NOT_READ", "folder_of", "recorded_documents"]

NOT_READ = {
    "ibkr/client_portal_samples.json": "the Client Portal API: another API than the one of the Gateway",
    "ibkr/historic_bars.jsonl.gz": "bars in nautilus' own form",
    "ibkr/historic_trade_ticks.jsonl.gz": "ticks, in nautilus' own form",
    "ibkr/tick_stream_first_half.json.gz": "ticks",
    "near_intents/doc_samples.json": "another system: NEAR Intents",
    "schwab/streaming_doc_samples.json": "the streaming API, which the adapter does not use",
}
"""Files of messages that no adapter reads, and why."""
PAGES_NOT_READ = {
    **dict.fromkeys(("quote/pull/broker-ids", "quote/pull/brokers"), "brokers at the exchange"),
    **dict.fromkeys(("quote/push/broker", "quote/push/quote", "quote/push/trade"), "pushed, and not subscribed to"),
    "quote/pull/trade-session": "hours come from the calendar's tables",
}
"""Pages of LongBridge's near to what is read, and why they are not; the others are of products that are not traded."""


def folder_of() -> Path | None:
    """Return the folder of messages, None where it is not."""
    folder = Path(os.environ.get("TEST_DATA_DIR", "../shared/data")) / "messages"  # noqa: TID251 - where tests look
    return folder if folder.is_dir() else None


def recorded_documents() -> Mapping[str, Documents]:
    """Return the documents of each platform; nothing where the reference data is not."""
    folder = folder_of()
    if folder is None:
        return {}
    cases = folder.parents[1] / "cases" / "brokers"
    return {
        "ibkr": [*_ibkr(folder / "ibkr"), *_ibkr_case(cases / "ibkr-deposit-sweep.txt")],
        "longbridge": list(_longbridge(_json(folder / "longport/rest_and_quote_samples.json"))),
        "schwab": [*_schwab(folder / "schwab"), *_schwab_cases(cases)],
    }


def _json(path: Path) -> Any:
    return json.loads(path.read_text(), parse_float=Decimal)


# --- Schwab ---------------------------------------------------------------------------------------


def _schwab(folder: Path) -> Iterator[tuple[str, Any]]:
    accounts, orders = _json(folder / "account_samples.json"), _json(folder / "order_samples.json")
    yield from ((schwab.ACCOUNT_NUMBER.subject, entry) for entry in accounts["account_numbers"])
    yield schwab.ACCOUNT.subject, accounts["account_margin_with_positions"]
    yield from ((schwab.ORDER.subject, order) for order in (*orders["orders"], *orders["filled_orders_real"]))


def _schwab_cases(folder: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted(folder.glob("schwab-*.json")):
        document = _json(path)
        yield (schwab.ACCOUNT if "securitiesAccount" in document else schwab.ORDER).subject, document


# --- Interactive Brokers --------------------------------------------------------------------------


def _ibkr(folder: Path) -> Iterator[tuple[str, Any]]:
    rows = [_Row(**row) for row in _json(folder / "account_values.json")]
    yield ibkr.ACCOUNT.subject, ibkr.by_tag(rows[0].account, rows)
    notebooks: Mapping[str, list[str]] = json.loads((folder / "ib_async_notebook_outputs.json").read_text())
    for printed in (text for texts in notebooks.values() for text in texts):
        for told in _printed(printed):
            yield from _ibkr_object(told)


@dataclasses.dataclass
class _Row:
    account: str
    tag: str
    value: str
    currency: str
    modelCode: str = ""


def _ibkr_case(path: Path) -> Iterator[tuple[str, Any]]:
    values: dict[str, dict[str, str]] = {}
    for tag, value, currency in re.findall(r"(\w+) ([\d.]+) ([A-Z]{3})", path.read_text()):
        values.setdefault(tag, {})[currency] = value
    yield ibkr.ACCOUNT.subject, values


BY_CLASS = {"Position": ibkr.POSITION, "Trade": ibkr.ORDER, "Ticker": ibkr.TICKER, "BarData": ibkr.BAR}


def _ibkr_object(told: _Printed) -> Iterator[tuple[str, Any]]:
    table = BY_CLASS.get(told._class)
    if table is not None:
        yield table.subject, told_fields(table, told)
        yield from ((ibkr.EXECUTION.subject, told_fields(ibkr.EXECUTION, fill)) for fill in getattr(told, "fills", ()))
    elif told._class == "ContractDetails":
        yield ibkr.CONTRACT.subject, told_fields(ibkr.CONTRACT, told.contract)


class _Printed(SimpleNamespace):
    """An object of the library as it was printed: its class, and its fields with those that had their default."""

    _class: str


def _printed(text: str) -> list[_Printed]:
    """Return the objects in a printed text, none for a text that is no notation of them."""
    try:
        found = _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        return []
    return [item for item in (found if isinstance(found, list) else [found]) if isinstance(item, _Printed)]


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Name(id="nan"):
            return float("nan")
        case ast.Attribute():
            return UTC
        case ast.Call(func=ast.Name(id=kind), args=given, keywords=named):
            return _made(kind, [_value(each) for each in given], {each.arg: _value(each.value) for each in named})
        case ast.Call(func=ast.Attribute(attr="datetime"), args=given, keywords=named):
            zone = {each.arg or "": _value(each.value) for each in named}
            return datetime(*(_value(each) for each in given), **zone)  # noqa: DTZ001 - as it was printed
        case ast.Call(func=ast.Attribute(attr="timedelta")):
            return timedelta(0)
        case _:
            raise ValueError(ast.dump(node)[:80])


def _made(kind: str, given: list[Any], named: dict[str | None, Any]) -> _Printed:
    sdk: Any = import_module("ib_async")
    fields = {
        each.name: each.default
        for each in (dataclasses.fields(getattr(sdk, kind)) if dataclasses.is_dataclass(getattr(sdk, kind)) else ())
        if each.default is not dataclasses.MISSING
    }
    fields |= {"LimitOrder": {"orderType": "LMT"}, "MarketOrder": {"orderType": "MKT"}}.get(kind, {})
    fields |= {"Stock": {"secType": "STK"}, "Forex": {"secType": "CASH"}}.get(kind, {})
    if kind == "Forex" and given:
        fields |= {"symbol": given[0][:3], "currency": given[0][3:]}
    fields |= {str(name): value for name, value in named.items()}
    return _Printed(_class=kind, **fields)


# --- LongBridge -----------------------------------------------------------------------------------


def _longbridge(pages: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what the library makes of the pages: numbers and instants out of texts, its own names of statuses."""
    (balance,) = pages["trade/asset/account"][0]["data"]["list"]
    yield longbridge.BALANCE.subject, _longbridge_object(longbridge.BALANCE, balance)
    (channel,) = pages["trade/asset/stock"][0]["data"]["list"]
    for table, rows in (
        (longbridge.HOLDING, channel["stock_info"]),
        (longbridge.ORDER, pages["trade/order/today_orders"][0]["data"]["orders"]),
        (longbridge.EXECUTION, pages["trade/execution/today_executions"][0]["data"]["trades"]),
        (longbridge.QUOTE, pages["quote/pull/quote"][0]["secu_quote"]),
        (longbridge.INSTRUMENT, pages["quote/pull/static"][0]["secu_static_info"]),
        (longbridge.BAR, pages["quote/pull/candlestick"][0]["candlesticks"]),
    ):
        yield from ((table.subject, _longbridge_object(table, row)) for row in rows)


def _longbridge_object(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _longbridge_value(table, name, row[name]) for name in table.root.below if name in row}


def _longbridge_value(table: Table, path: str, value: Any) -> Any:
    if isinstance(value, list):
        each = table.root.below[path].each
        names = () if each is None else each.below
        return [{name: _longbridge_value(table, f"{path}[].{name}", item[name]) for name in names} for item in value]
    kinds = {kind.name for kind in table.of(path).kinds}
    if "INSTANT" in kinds:
        return datetime.fromtimestamp(int(value), UTC)
    if "NUMBER" in kinds:
        return Decimal(str(value)) if value != "" else None
    return value.removesuffix("Status") if path == "status" else value
