"""Instruments as Interactive Brokers knows them: nothing is traded or asked for before it is qualified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ibkr_app.beliefs import CONTRACT
from ibkr_app.connection import Connection

__all__ = ["Contracts"]


class Contracts:
    """Stocks and ETFs in USD by symbol, qualified once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, Any] = {}

    def learn(self, found: Mapping[str, Any]) -> None:
        """Take over contracts by symbol that were qualified elsewhere."""
        self._known.update(found)

    def qualified(self, symbol: str) -> Any | None:
        """Return the contract of a symbol, None if it is not known."""
        return self.all([symbol]).get(symbol)

    def all(self, symbols: Sequence[str]) -> dict[str, Any]:
        """Return the contracts of symbols; one that is not known, or not by that name alone, is absent."""
        unknown = [symbol for symbol in symbols if symbol not in self._known]
        if unknown:
            stock = self._connection.sdk.Stock

            async def qualify(ib: Any) -> list[Any]:
                return await ib.qualifyContractsAsync(*(stock(symbol, "SMART", "USD") for symbol in unknown))

            found = [one for one in self._connection.ask(qualify, "what instruments it knows") if one is not None]
            told = self._connection.seen.take_all(CONTRACT.subject, found)
            self._known.update({one.symbol: one for one in told if one.conId})
        return {symbol: self._known[symbol] for symbol in symbols if symbol in self._known}
