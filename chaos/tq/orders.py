"""The orders of a campaign, drawn from a seed."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

__all__ = ["HOLDINGS", "SYMBOLS", "Wish", "closing", "request", "wishes"]

SYMBOLS = {
    "SHFE.rb2510": 3500.0,
    "INE.sc2506": 500.0,
    "DCE.m2509": 3000.0,
    "CZCE.CF509": 14000.0,
    "CFFEX.IF2506": 4000.0,
    "GFEX.si2506": 8000.0,
}
HOLDINGS = ("long_today", "long_his", "short_today", "short_his")
"""What is held of every symbol to begin with, so that there is something to close."""
MARKET, SPLITS = ("DCE", "CZCE"), ("SHFE", "INE")


@dataclass(frozen=True, slots=True)
class Wish:
    """An order that the engine wants, and what it does about it.

    Attributes
    ----------
    rests
        Its price keeps it from trading: it is cancelled later.
    cancel
        ``before`` it is submitted, ``after``, or never.
    """

    order_id: str
    symbol: str
    direction: str
    offset: str
    volume: int
    limit_price: float | None
    rests: bool = False
    cancel: str = ""


def closing(count: int, seed: int, quotes: dict[str, Any]) -> Iterator[Wish]:
    """Yield orders that do nothing but close, where a close is split, and trade at once."""
    chance = random.Random(f"closing {seed}")
    symbols = sorted(symbol for symbol in SYMBOLS if symbol.partition(".")[0] in SPLITS)
    for number in range(count):
        symbol, direction = chance.choice(symbols), chance.choice(("BUY", "SELL"))
        price = _price(quotes[symbol], direction, rests=False)
        yield Wish(f"c{seed}-{number:05}", symbol, direction, "CLOSE", chance.randint(1, 6), price)


def wishes(count: int, seed: int, quotes: dict[str, Any]) -> Iterator[Wish]:
    """Yield orders: most of them trade, some wait, some close more parts than one, some cannot be meant.

    Parameters
    ----------
    quotes
        As the venue shows them, by symbol.
    """
    chance = random.Random(f"orders {seed}")
    for number in range(count):
        symbol = chance.choice(sorted(SYMBOLS))
        quote, direction = quotes[symbol], chance.choice(("BUY", "SELL"))
        offset = chance.choices(("OPEN", "CLOSE", "CLOSETODAY"), (5, 4, 1))[0]
        if offset == "CLOSETODAY" and symbol.partition(".")[0] not in SPLITS:
            offset = "CLOSE"
        rests = chance.random() < 0.2
        price = _price(quote, direction, rests=rests)
        wish = Wish(f"e{seed}-{number:05}", symbol, direction, offset, chance.randint(1, 6), price, rests)
        draw = chance.random()
        if rests:
            wish = replace(wish, cancel="before" if draw < 0.15 else "after")
        elif draw < 0.08 and symbol.partition(".")[0] in MARKET:
            wish = replace(wish, limit_price=None)
        elif draw < 0.14:
            wish = replace(wish, limit_price=price + 0.123)
        elif draw < 0.2:
            wish = replace(wish, cancel="after")
        yield wish


def _price(quote: dict[str, Any], direction: str, *, rests: bool) -> float:
    """Return a price that trades at once, or never: inside of the limits of the day."""
    if direction == "BUY":
        return quote["lower_limit"] if rests else quote["ask"]
    return quote["upper_limit"] if rests else quote["bid"]


def request(kind: str, wish: Wish, portfolio: str, now: datetime) -> bytes:
    """Return what the engine sends for an order: ``SUBMIT`` or ``CANCEL``."""
    payload: dict[str, Any] = {"order_id": wish.order_id, "portfolio_id": portfolio}
    if kind == "SUBMIT":
        names = ("symbol", "direction", "offset", "volume", "limit_price")
        payload |= {name: value for name in names if (value := getattr(wish, name)) is not None}
    document = {"type": kind, "request_id": f"{kind}-{wish.order_id}", "timestamp": now.isoformat(), "payload": payload}
    return json.dumps(document).encode()
