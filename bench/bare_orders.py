"""Bare scripts: log in, place market orders, wait until all are filled; nothing is kept, nothing is checked.

Those of Interactive Brokers and Schwab run in this process, as the platform's run does. LongBridge's libraries hold the
interpreter's lock: the platform starts a process for each connection of a run, and the script is started too.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import ib_async
from schwab_app.redirect import request_hook
from schwab_app.sdk import load_sdk
from venue_sandbox.servers.launch import Server

from chaos.matrix.stand import ACCOUNT

__all__ = ["BARE", "Bare"]

Bare = Callable[[Server, Path, Sequence[str], int], None]
PAUSE_SECONDS = 0.005
LONGBRIDGE = """
import json, sys, time
from decimal import Decimal
from {library}.openapi import Config, OrderSide, OrderStatus, OrderType, TimeInForceType, TradeContext

asked = json.loads(sys.argv[1])
config = getattr(Config, "from_apikey", Config)(*asked["keys"], **asked["urls"], enable_print_quote_packages=False)
trade = TradeContext(config)
for symbol in asked["symbols"]:
    trade.submit_order(
        symbol + ".US", OrderType.MO, OrderSide.Buy, Decimal(asked["units"]), TimeInForceType.Day, remark="bare"
    )
while any(order.status != OrderStatus.Filled for order in trade.today_orders()):
    time.sleep({pause})
"""


def _ibkr(venue: Server, folder: Path, symbols: Sequence[str], units: int) -> None:
    ib = ib_async.IB()
    ib.connect("127.0.0.1", venue.port, clientId=99)
    contracts: Sequence[Any] = [ib_async.Stock(symbol, "SMART", "USD") for symbol in symbols]
    ib.qualifyContracts(*contracts)
    orders = (ib_async.MarketOrder("BUY", units, tif="DAY", account=ACCOUNT) for _ in contracts)
    trades = [ib.placeOrder(contract, order) for contract, order in zip(contracts, orders, strict=True)]
    while not all(trade.orderStatus.status == "Filled" for trade in trades):
        ib.sleep(PAUSE_SECONDS)
    ib.disconnect()


def _schwab(venue: Server, folder: Path, symbols: Sequence[str], units: int) -> None:
    schwab = load_sdk()
    client = schwab.auth.client_from_token_file(folder / "token.json", "sandbox-key", "sandbox-secret")
    client.session.event_hooks = {"request": [request_hook(("127.0.0.1", venue.port))]}
    account = client.get_account_numbers().json()[0]["hashValue"]
    placed: list[int] = []
    for symbol in symbols:
        response = client.place_order(account, schwab.orders.equities.equity_buy_market(symbol, units))
        placed.append(schwab.utils.Utils(client, account).extract_order_id(response))
    while placed:
        if client.get_order(placed[-1], account).json()["status"] == "FILLED":
            placed.pop()
        else:
            time.sleep(PAUSE_SECONDS)
    client.session.close()


def _longbridge(library: str, venue: Server, folder: Path, symbols: Sequence[str], units: int) -> None:
    login, address = venue.control("GET", "login"), f"127.0.0.1:{venue.port}"
    asked = {
        "keys": [login["key"], login["secret"], login["tokens"][ACCOUNT]],
        "urls": {
            "http_url": f"http://{address}",
            "quote_ws_url": f"ws://{address}/ws/quote",
            "trade_ws_url": f"ws://{address}/ws/trade",
        },
        "symbols": list(symbols),
        "units": units,
    }
    code = LONGBRIDGE.format(library=library, pause=PAUSE_SECONDS)
    subprocess.run([sys.executable, "-c", code, json.dumps(asked)], check=True, cwd=folder)


BARE: Mapping[str, Bare] = {
    "ibkr": _ibkr,
    "schwab": _schwab,
    "longbridge": partial(_longbridge, "longbridge"),
    "longport": partial(_longbridge, "longport"),
}
