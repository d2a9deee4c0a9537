"""The position of an account in a contract: today's and earlier lots of either side, and what of them is frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from venue_sandbox.venues.tqsdk.contracts import Contract

__all__ = ["Frozen", "Lots", "Position", "Side", "SideName", "position_document"]

SideName = Literal["long", "short"]
UNKNOWN = "-"
"""A price that there is none of."""


@dataclass(slots=True)
class Lots:
    """Lots of one age.

    Attributes
    ----------
    frozen
        How many of them orders mean to close.
    open_cost
        What they were opened at, in price times lots.
    cost
        The same, but of earlier lots at the last settlement price.
    """

    volume: int = 0
    frozen: int = 0
    open_cost: float = 0.0
    cost: float = 0.0

    @property
    def free(self) -> int:
        """How many may be closed by another order."""
        return self.volume - self.frozen

    def add(self, volume: int, price: float) -> None:
        """Open lots."""
        self.volume += volume
        self.open_cost += volume * price
        self.cost += volume * price

    def take(self, volume: int) -> float:
        """Close lots at the mean of their costs; return what they cost."""
        share = volume / self.volume
        cost = self.cost * share
        self.volume -= volume
        self.open_cost = self.open_cost * (1 - share) if self.volume else 0.0
        self.cost = self.cost - cost if self.volume else 0.0
        return cost


@dataclass(frozen=True, slots=True)
class Frozen:
    """Lots that an order has frozen."""

    his: int = 0
    today: int = 0


@dataclass(slots=True)
class Side:
    """The long or the short lots."""

    today: Lots = field(default_factory=Lots)
    his: Lots = field(default_factory=Lots)

    @property
    def volume(self) -> int:
        """Lots of any age."""
        return self.today.volume + self.his.volume

    @property
    def open_cost(self) -> float:
        """Of all lots."""
        return self.today.open_cost + self.his.open_cost

    @property
    def cost(self) -> float:
        """Of all lots."""
        return self.today.cost + self.his.cost

    def freeze(self, volume: int, ages: tuple[Lots, ...]) -> Frozen:
        """Freeze lots of some ages, as many as there are of the first before any of the second."""
        taken = {id(lots): 0 for lots in ages}
        for lots in ages:
            share = min(volume, lots.free)
            lots.frozen += share
            volume -= share
            taken[id(lots)] = share
        return Frozen(taken.get(id(self.his), 0), taken.get(id(self.today), 0))

    def thaw(self, frozen: Frozen) -> None:
        """Let go of lots that were frozen."""
        self.his.frozen -= frozen.his
        self.today.frozen -= frozen.today

    def settle(self, price: float) -> None:
        """End the day: all lots are of an earlier day, and cost the settlement price."""
        volume = self.volume
        self.his = Lots(volume, 0, self.open_cost, volume * price)
        self.today = Lots()


@dataclass(slots=True)
class Position:
    """Both sides of one contract."""

    symbol: str
    long: Side = field(default_factory=Side)
    short: Side = field(default_factory=Side)

    def side(self, name: SideName) -> Side:
        """Return a side."""
        return self.long if name == "long" else self.short

    @property
    def empty(self) -> bool:
        """Whether there are no lots."""
        return not self.long.volume and not self.short.volume

    def profit(self, contract: Contract, last: float) -> float:
        """Return what has been won since the last settlement, or since lots were opened."""
        return _profit(self.long, 1, self.long.cost, contract, last) + _profit(
            self.short, -1, self.short.cost, contract, last
        )

    def float_profit(self, contract: Contract, last: float) -> float:
        """Return what has been won since lots were opened."""
        return _profit(self.long, 1, self.long.open_cost, contract, last) + _profit(
            self.short, -1, self.short.open_cost, contract, last
        )

    def margin(self, contract: Contract) -> float:
        """Return the margin that both sides need."""
        return _margin(self.long, contract) + _margin(self.short, contract)


def _profit(side: Side, sign: int, cost: float, contract: Contract, last: float) -> float:
    return round(sign * (last * side.volume - cost) * contract.product.multiple, 2) + 0.0


def _margin(side: Side, contract: Contract) -> float:
    return round(side.cost * contract.product.multiple * contract.product.margin, 2)


def position_document(user: str, position: Position, contract: Contract, last: float) -> dict[str, Any]:
    """Return a position as the trade server sends it."""
    document: dict[str, Any] = {
        "user_id": user,
        "exchange_id": contract.product.exchange,
        "instrument_id": contract.code,
        "last_price": last,
        "market_value": 0.0,
        "market_value_long": 0.0,
        "market_value_short": 0.0,
    }
    names: tuple[tuple[SideName, int], ...] = (("long", 1), ("short", -1))
    for name, sign in names:
        document |= _side_document(name, sign, position.side(name), contract, last)
    for total in ("float_profit", "position_profit", "margin"):
        document[total] = document[f"{total}_long"] + document[f"{total}_short"]
    return document


def _side_document(name: SideName, sign: int, side: Side, contract: Contract, last: float) -> dict[str, Any]:
    multiple, volume = contract.product.multiple, side.volume
    return {
        f"pos_{name}_today": side.today.volume,
        f"pos_{name}_his": side.his.volume,
        f"volume_{name}_today": side.today.volume,
        f"volume_{name}_his": side.his.volume,
        f"volume_{name}": volume,
        f"volume_{name}_frozen_today": side.today.frozen,
        f"volume_{name}_frozen_his": side.his.frozen,
        f"volume_{name}_frozen": side.today.frozen + side.his.frozen,
        f"open_price_{name}": round(side.open_cost / volume, 6) if volume else UNKNOWN,
        f"open_cost_{name}": round(side.open_cost * multiple, 2),
        f"position_price_{name}": round(side.cost / volume, 6) if volume else UNKNOWN,
        f"position_cost_{name}": round(side.cost * multiple, 2),
        f"float_profit_{name}": _profit(side, sign, side.open_cost, contract, last),
        f"position_profit_{name}": _profit(side, sign, side.cost, contract, last),
        f"margin_{name}": _margin(side, contract),
    }
