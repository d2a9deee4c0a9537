"""Bare scripts: log in, place market orders, wait until all are filled; nothing is kept, nothing is checked.

Those of Alpaca, Interactive Brokers and Schwab run in this process, as the run does. LongBridge's libraries hold the
interpreter's lock: the platform starts a process for each connection of a run, and the script is started too.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ib_async
from alpaca_app.library import load_trading, session_of
from schwab_app.redirect import request_hook
from schwab_app.sdk import load_sdk
from venue_sandbox.stands.alpaca import AlpacaStand
from venue_sandbox.stands.longbridge import LongBridgeStand
from venue_sandbox.stands.schwab import KEY, SECRET, SchwabStand
from venue_sandbox.stands.stand import ACCOUNT, Stand

__all__ = ["BARE", "Bare"]

Bare = Callable[[str, Any, Sequence[str], int], None]
"""Buys so many units of each symbol with a client library at a stand of its broker."""
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


def _ibkr(library: str, stand: Stand, symbols: Sequence[str], units: int) -> None:
    ib = ib_async.IB()
    ib.connect("127.0.0.1", stand.server.port, clientId=99)
    contracts: Sequence[Any] = [ib_async.Stock(symbol, "SMART", "USD") for symbol in symbols]
    ib.qualifyContracts(*contracts)
    orders = (ib_async.MarketOrder("BUY", units, tif="DAY", account=ACCOUNT) for _ in contracts)
    trades = [ib.placeOrder(contract, order) for contract, order in zip(contracts, orders, strict=True)]
    while not all(trade.orderStatus.status == "Filled" for trade in trades):
        ib.sleep(PAUSE_SECONDS)
    ib.disconnect()


def _schwab(library: str, stand: SchwabStand, symbols: Sequence[str], units: int) -> None:
    schwab = load_sdk()
    client = schwab.auth.client_from_token_file(stand.token, KEY, SECRET)
    client.session.event_hooks = {"request": [request_hook(("127.0.0.1", stand.server.port))]}
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


def _longbridge(library: str, stand: LongBridgeStand, symbols: Sequence[str], units: int) -> None:
    keys = list(stand.keys()[ACCOUNT].values())
    asked = {"keys": keys, "urls": stand.urls, "symbols": list(symbols), "units": units}
    code = LONGBRIDGE.format(library=library, pause=PAUSE_SECONDS)
    subprocess.run([sys.executable, "-c", code, json.dumps(asked)], check=True, cwd=stand.folder)


def _alpaca(library: str, stand: AlpacaStand, symbols: Sequence[str], units: int) -> None:
    trading, login = load_trading(), stand.settings(ACCOUNT)
    keys = login["ALPACA_API_KEY"], login["ALPACA_SECRET_KEY"]
    client = trading.TradingClient(*keys, url_override=stand.url)
    side, day = trading.OrderSide.BUY, trading.TimeInForce.DAY
    for symbol in symbols:
        request = trading.MarketOrderRequest(symbol=symbol, qty=units, side=side, time_in_force=day)
        client.submit_order(request)
    asked = trading.GetOrdersRequest(status=trading.QueryOrderStatus.ALL, limit=500)
    while any(order.status is not trading.OrderStatus.FILLED for order in client.get_orders(asked)):
        time.sleep(PAUSE_SECONDS)
    session_of(client).close()


BARE: Mapping[str, Bare] = {"alpaca": _alpaca, "ibkr": _ibkr, "longbridge": _longbridge, "schwab": _schwab}
"""By the name of the broker."""
