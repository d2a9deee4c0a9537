"""The quotes of the contracts: moved by hand, never by chance."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from venue_sandbox.venues.tqsdk.contracts import Contract, decimals

__all__ = ["Quote", "after_settlement", "first_quote", "quote_document"]

LIMIT = 0.1
"""How far from the last settlement price the limits of a day are, as a share."""
DEPTH = 1000
"""Lots at the best prices."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What is told of a contract."""

    last: float
    bid: float
    ask: float
    upper_limit: float
    lower_limit: float
    pre_settlement: float
    bid_volume: int = DEPTH
    ask_volume: int = DEPTH
    volume: int = 0

    def opposite(self, direction: str) -> float:
        """Return the price at which an order trades at once."""
        return self.ask if direction == "BUY" else self.bid

    def depth(self, direction: str) -> int:
        """Return how many lots an order finds there."""
        return self.ask_volume if direction == "BUY" else self.bid_volume


def on_tick(contract: Contract, price: float) -> float:
    """Return the price of the grid that is nearest to one."""
    tick = contract.product.tick
    return round(round(price / tick) * tick, decimals(tick))


def first_quote(contract: Contract, settlement: float | None = None) -> Quote:
    """Return the quote with which a day begins, one tick wide around the last settlement price."""
    price = on_tick(contract, contract.product.price if settlement is None else settlement)
    tick = contract.product.tick
    return Quote(
        last=price,
        bid=on_tick(contract, price - tick),
        ask=on_tick(contract, price + tick),
        upper_limit=on_tick(contract, price * (1 + LIMIT)),
        lower_limit=on_tick(contract, price * (1 - LIMIT)),
        pre_settlement=price,
    )


def after_settlement(contract: Contract, quote: Quote, settlement: float) -> Quote:
    """Return the quote of the next day: its limits follow the settlement price, its prices stay."""
    fresh = first_quote(contract, settlement)
    return replace(quote, upper_limit=fresh.upper_limit, lower_limit=fresh.lower_limit, pre_settlement=settlement)


def quote_document(symbol: str, quote: Quote, now: datetime) -> dict[str, Any]:
    """Return a quote as the market data server sends it; ``now`` is local time."""
    values = asdict(quote)
    return {
        "instrument_id": symbol,
        "datetime": f"{now:%Y-%m-%d %H:%M:%S.%f}",
        "last_price": quote.last,
        "ask_price1": quote.ask,
        "ask_volume1": quote.ask_volume,
        "bid_price1": quote.bid,
        "bid_volume1": quote.bid_volume,
        "open_interest": 100_000,
        "pre_open_interest": 100_000,
        "pre_close": quote.pre_settlement,
        **{name: values[name] for name in ("upper_limit", "lower_limit", "pre_settlement", "volume")},
    }
