"""What can be traded."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from enum import Enum

__all__ = ["DEFAULT_SYMBOLS", "Instrument", "Kind", "Listing"]

ETFS = frozenset(
    {
        *("AGG", "BIL", "BOXX", "DBC", "EEM", "EFA", "GLD", "HYG", "IEF", "IWM", "LQD", "QQQ", "QQQI", "SGOV", "SHY"),
        *("SOXL", "SOXX", "SPY", "SPYI", "TIP", "TLT", "TQQQ", "VNQ", "VTI", "XLF", "XLK"),
    }
)
STOCKS = frozenset({"AAPL", "AMZN", "GOOGL", "META", "MSFT", "NVDA"})
DEFAULT_SYMBOLS = ETFS | STOCKS
"""What a venue with a synthetic market lists."""

HONG_KONG = ".HK"
"""A symbol that ends so is one of Hong Kong: in its dollars, and in lots of 100."""
FIRST_CONTRACT_ID = 100_000
CONTRACT_IDS = 900_000_000


class Kind(Enum):
    """What sort of share it is."""

    STOCK = "stock"
    ETF = "etf"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A share: ``tick`` is the step of its price, ``lot`` the step of a quantity."""

    symbol: str
    contract_id: int
    kind: Kind
    exchange: str
    currency: str = "USD"
    tick: Decimal = Decimal("0.01")
    lot: Decimal = Decimal(1)

    def on_tick(self, price: Decimal) -> Decimal:
        """Return the price nearest to ``price`` that can be quoted; at least one tick."""
        return max(round(price / self.tick) * self.tick, self.tick)

    def in_lots(self, quantity: Decimal) -> Decimal:
        """Return ``quantity`` cut down to whole lots."""
        return (quantity / self.lot).to_integral_value(ROUND_DOWN) * self.lot


class Listing:
    """The instruments of a venue. An instrument's contract id depends on its symbol only.

    Parameters
    ----------
    lot
        Step of quantities where parts of a share are traded; None for that of each market.
    """

    def __init__(self, symbols: Collection[str], lot: Decimal | None = None) -> None:
        found = {symbol: _instrument(symbol) for symbol in sorted(symbols)}
        self.instruments = found if lot is None else {name: replace(each, lot=lot) for name, each in found.items()}
        self._by_id = {instrument.contract_id: instrument for instrument in self.instruments.values()}

    def find(self, symbol: str) -> Instrument | None:
        """Return the instrument of a symbol."""
        return self.instruments.get(symbol)

    def find_id(self, contract_id: int) -> Instrument | None:
        """Return the instrument of a contract id."""
        return self._by_id.get(contract_id)


def _instrument(symbol: str) -> Instrument:
    contract_id = FIRST_CONTRACT_ID + zlib.crc32(symbol.encode()) % CONTRACT_IDS
    if symbol.endswith(HONG_KONG):
        return Instrument(symbol, contract_id, Kind.STOCK, "SEHK", "HKD", lot=Decimal(100))
    if symbol in STOCKS:
        return Instrument(symbol, contract_id, Kind.STOCK, "NASDAQ")
    return Instrument(symbol, contract_id, Kind.ETF, "ARCA")
