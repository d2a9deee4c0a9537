"""`quant sandbox book|fault|prices`: look into a venue that is running, and tell it what to do wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any

import typer
from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import console, table, units
from quant_platform_kit.domain.errors import InvalidInput, Refused

from venue_sandbox.exchange.address import read_ports
from venue_sandbox.servers.loopback import ask

__all__ = ["set_fault", "show_book", "show_prices"]

FolderOption = Annotated[Path, typer.Option("--folder", help="Folder of a venue that is running.")]


def show_book(folder: FolderOption, json: JsonOption = False) -> None:
    """Show the accounts and orders of a venue."""
    document = _ask(folder, "GET", "book")
    if json:
        print_json(document)
        return
    console().print(f"{document['now']}, market {'open' if document['open'] else 'closed'}")
    console().print(_accounts(document["accounts"]))
    console().print(_orders(document["orders"]))


def set_fault(
    folder: FolderOption,
    kind: Annotated[str | None, typer.Argument(help="What goes wrong, such as drop_after.")] = None,
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Such as operation=submit symbol=SPY times=2.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Disarm every fault first.")] = False,
) -> None:
    """Tell a venue what to do wrong; the README of venue-sandbox lists the kinds."""
    if clear:
        _ask(folder, "DELETE", "faults")
    elif kind is None:
        raise typer.BadParameter("name a kind of fault, or --clear")
    if kind is not None:
        _ask(folder, "POST", "faults", {"kind": kind, **_pairs(fields or [])})


def show_prices(
    folder: FolderOption,
    prices: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL=PRICE]...", help="Prices to set.")] = None,
    json: JsonOption = False,
) -> None:
    """Set prices of a venue for what is left of the session, and show all quotes."""
    for symbol, price in _pairs(prices or []).items():
        _ask(folder, "POST", "faults", {"kind": "price_move", "symbol": symbol, "price": price})
    quotes: Mapping[str, dict[str, str] | None] = _ask(folder, "GET", "book")["prices"]
    if json:
        print_json(quotes)
        return
    shown = table("Quotes", "symbol", "bid", "ask", "last", "as of", right=("bid", "ask", "last"))
    for symbol, quote in quotes.items():
        if quote is not None:
            shown.add_row(symbol, quote["bid"], quote["ask"], quote["last"], quote["as_of"])
    console().print(shown)


def _accounts(accounts: Sequence[Mapping[str, Any]]) -> Any:
    shown = table("Accounts", "account", "holding", "quantity", "average cost", right=("quantity", "average cost"))
    for account in accounts:
        for currency, cash in account["cash"].items():
            shown.add_row(account["id"], f"cash {currency}", units(cash), "")
        for symbol, holding in account["holdings"].items():
            shown.add_row(account["id"], symbol, units(holding["quantity"]), f"{float(holding['average_cost']):.4f}")
    return shown


def _orders(orders: Sequence[Mapping[str, Any]]) -> Any:
    columns = ("order", "account", "reference", "side", "symbol", "quantity", "filled", "status")
    shown = table("Orders", *columns, right=("quantity", "filled"))
    for order in orders:
        ticket = order["ticket"]
        shown.add_row(
            *(str(order["number"]), ticket["account"], ticket["reference"], ticket["side"], ticket["symbol"]),
            *(units(order["quantity"]), units(order["filled"]), order["status"]),
        )
    return shown


def _pairs(words: Sequence[str]) -> dict[str, Any]:
    """Read KEY=VALUE; a value that is JSON is that, anything else is a text."""
    pairs: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"{word!r} is not KEY=VALUE")
        try:
            pairs[key] = json.loads(value)
        except json.JSONDecodeError:
            pairs[key] = value
    return pairs


def _ask(folder: Path, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    ports = read_ports(folder)
    if ports is None:
        raise InvalidInput(f"no venue has run in {folder}; start one with quant sandbox up")
    try:
        answer = ask(ports["control_port"], method, f"/_control/{path}", body)
    except (OSError, HTTPException):
        raise InvalidInput(f"the venue of {folder} is not running; start it with quant sandbox up") from None
    if not answer.good:
        raise Refused(answer.body.decode().strip())
    return answer.document if answer.body else None
