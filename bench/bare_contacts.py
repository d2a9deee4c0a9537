"""Bare scripts: log in and make the calls of a first contact; of the answers only closes are read."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import ib_async
from alpaca_app.library import load_data, load_trading, session_of
from schwab_app.redirect import request_hook
from schwab_app.sdk import load_sdk
from venue_sandbox.stands.alpaca import AlpacaStand
from venue_sandbox.stands.longbridge import LongBridgeStand
from venue_sandbox.stands.schwab import KEY, SECRET, SchwabStand
from venue_sandbox.stands.stand import ACCOUNT, Stand

__all__ = ["BARE_CONTACTS", "BareContact"]

BareContact = Callable[[str, Any, Sequence[str], datetime, int], None]
"""Looks at the account with a client library at a stand of its broker: symbols, the time there, days back."""
PAUSE_SECONDS = 0.005
LONGBRIDGE = """
import json, sys
from datetime import date
from {library}.openapi import AdjustType, Config, Market, Period, QuoteContext, TradeContext

asked = json.loads(sys.argv[1])
config = getattr(Config, "from_apikey", Config)(*asked["keys"], **asked["urls"], enable_print_quote_packages=False)
trade, quote = TradeContext(config), QuoteContext(config)
names = [symbol + ".US" for symbol in asked["symbols"]]
trade.today_orders(), trade.account_balance(), trade.stock_positions(), trade.today_orders(), quote.member_id()
quote.static_info(names), quote.quote(names)
closes = {{}}
for name in names:
    rows = quote.candlesticks(name, Period.Day, asked["sessions"], AdjustType.ForwardAdjust)
    closes[name] = {{row.timestamp.date(): float(row.close) for row in rows}}
quote.trading_days(Market.US, date.fromisoformat(asked["first"]), date.fromisoformat(asked["last"]))
"""


def _ibkr(library: str, stand: Stand, symbols: Sequence[str], at: datetime, days: int) -> None:
    ib = ib_async.IB()
    ib.connect("127.0.0.1", stand.server.port, clientId=99)
    for _ in range(2):
        ib.reqCurrentTime()
    ib.run(ib.reqAccountUpdatesMultiAsync(ACCOUNT))
    ib.reqPositions()
    ib.reqAllOpenOrders()
    ib.reqExecutions()
    ib.reqCompletedOrders(False)
    asked = (ib.reqContractDetailsAsync(ib_async.Stock(symbol, "SMART", "USD")) for symbol in symbols)
    contracts: list[Any] = [found[0].contract for found in ib.run(_all(asked)) or ()]
    ib.reqMarketDataType(3)
    tickers = [ib.reqMktData(contract) for contract in contracts]
    while any(price != price for ticker in tickers for price in (ticker.last, ticker.bid, ticker.ask, ticker.close)):
        ib.sleep(PAUSE_SECONDS)
    bars = (ib.reqHistoricalDataAsync(each, "", f"{days} D", "1 day", "TRADES", True, 1) for each in contracts)
    found: list[Any] = ib.run(_all(bars)) or []
    assert all({bar.date: bar.close for bar in rows} for rows in found)
    ib.disconnect()


async def _all(asked: Any) -> list[Any]:
    return await asyncio.gather(*asked)


def _schwab(library: str, stand: SchwabStand, symbols: Sequence[str], at: datetime, days: int) -> None:
    schwab = load_sdk()
    client = schwab.auth.client_from_token_file(stand.token, KEY, SECRET)
    client.session.event_hooks = {"request": [request_hook(("127.0.0.1", stand.server.port))]}
    account = client.get_account_numbers().json()[0]["hashValue"]
    equity, since = client.MarketHours.Market.EQUITY, at - timedelta(days=days)
    answers = [
        client.get_market_hours(equity, date=at.date()),
        client.get_account(account, fields=[client.Account.Fields.POSITIONS]),
        client.get_orders_for_account(
            account, from_entered_datetime=at - timedelta(days=59), to_entered_datetime=at + timedelta(days=1)
        ),
        client.get_instruments(list(symbols), client.Instrument.Projection.SYMBOL_SEARCH),
        client.get_quotes(list(symbols)),
        client.get_market_hours(equity, date=at.date() + timedelta(days=3)),
    ]
    answers += [client.get_price_history_every_day(each, start_datetime=since, end_datetime=at) for each in symbols]
    assert all(answer.status_code == 200 for answer in answers)
    documents = [answer.json() for answer in answers]
    assert all({each["datetime"]: each["close"] for each in rows["candles"]} for rows in documents[6:])
    client.session.close()


def _longbridge(library: str, stand: LongBridgeStand, symbols: Sequence[str], at: datetime, days: int) -> None:
    today: date = at.date()
    asked = {
        "keys": list(stand.keys()[ACCOUNT].values()),
        "urls": stand.urls,
        "symbols": list(symbols),
        "sessions": days * 5 // 7,
        "first": today.isoformat(),
        "last": (today + timedelta(days=6)).isoformat(),
    }
    code = LONGBRIDGE.format(library=library)
    subprocess.run([sys.executable, "-c", code, json.dumps(asked)], check=True, cwd=stand.folder)


def _alpaca(library: str, stand: AlpacaStand, symbols: Sequence[str], at: datetime, days: int) -> None:
    login, data = stand.settings(ACCOUNT), load_data()
    keys = login["ALPACA_API_KEY"], login["ALPACA_SECRET_KEY"]
    trading = load_trading().TradingClient(*keys, raw_data=True, url_override=stand.url)
    prices = data.StockHistoricalDataClient(*keys, raw_data=True, url_override=stand.url)
    for _ in range(2):
        trading.get_account()
    for call in (trading.get_clock, trading.get_all_positions, trading.get_orders):
        call()
    for symbol in symbols:
        trading.get_asset(symbol)
    today = at.date()
    trading.get_calendar(load_trading().GetCalendarRequest(start=today, end=today + timedelta(days=6)))
    prices.get_stock_snapshot(data.StockSnapshotRequest(symbol_or_symbols=[*symbols], feed=data.DataFeed.IEX))
    asked = {"timeframe": data.TimeFrame.Day, "start": at - timedelta(days=days), "adjustment": data.Adjustment.ALL}
    bars: Any = prices.get_stock_bars(data.StockBarsRequest(symbol_or_symbols=[*symbols], **asked))
    assert all({bar["t"]: bar["c"] for bar in rows} for rows in bars.values())
    for client in (trading, prices):
        session_of(client).close()


BARE_CONTACTS: Mapping[str, BareContact] = {
    "alpaca": _alpaca,
    "ibkr": _ibkr,
    "longbridge": _longbridge,
    "schwab": _schwab,
}
"""By the name of the broker."""
