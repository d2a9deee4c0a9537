"""What is known of a futures contract and of a position in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["MARKET_REFUSED", "SPLIT_EXCHANGES", "Contract", "Holding", "Quote"]

SPLIT_EXCHANGES = frozenset({"SHFE", "INE"})
"""Where CLOSE closes yesterday's part only, and CLOSETODAY today's."""
MARKET_REFUSED = frozenset({"SHFE", "INE", "CFFEX"})
"""Where the client library takes no order without a price."""


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract as the exchange lists it today.

    Attributes
    ----------
    symbol, product
        ``SHFE.rb2505`` and ``rb``.
    price_tick
        Prices are multiples of it, in CNY.
    lower_limit, upper_limit
        Of today's prices; None where not known.
    max_limit_volume, max_market_volume
        Lots of one order; 0 for a market order means that there is none, None that it is not known.
    trading_time
        Spells by ``day`` and ``night`` in Beijing time, such as ``{"night": [["21:00:00", "23:00:00"]]}``.
    """

    symbol: str
    product: str
    price_tick: Decimal
    lower_limit: Decimal | None
    upper_limit: Decimal | None
    min_limit_volume: int
    max_limit_volume: int | None
    max_market_volume: int | None
    trading_time: Mapping[str, Sequence[Sequence[str]]]

    @property
    def exchange(self) -> str:
        """The exchange's id."""
        return self.symbol.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Quote:
    """The newest prices, in CNY; None where not known."""

    last: Decimal | None
    previous_settlement: Decimal | None


@dataclass(frozen=True, slots=True)
class Holding:
    """Lots held on one side of a contract, and how many of them other orders have frozen."""

    today: int = 0
    history: int = 0
    today_frozen: int = 0
    history_frozen: int = 0
