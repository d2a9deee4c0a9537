"""The contracts that are listed, and how the query service describes each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from venue_sandbox.venues.tqsdk.products import PRODUCTS, Product

__all__ = ["Contract", "Described", "decimals", "descriptions", "listing"]

Described = dict[str, Any]
LIVES_ON = 2035
"""Year of the deliveries of contracts that are traded, whatever their codes: they live longer than any test."""
LAST_HOUR = 7
"""Of the last day, UTC."""
OPTION = "DCE.m2505-C-3000"


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract.

    Attributes
    ----------
    expired
        Whether it is traded no more from the beginning.
    """

    product: Product
    code: str
    expired: bool = False

    @property
    def symbol(self) -> str:
        """Its name, with its exchange."""
        return f"{self.product.exchange}.{self.code}"

    @property
    def month(self) -> int:
        """Of its delivery."""
        return int(self.code[-2:])

    @property
    def year(self) -> int:
        """Of its delivery."""
        return 2024 if self.expired else LIVES_ON

    @property
    def ends(self) -> datetime:
        """When it expires."""
        return datetime(self.year, self.month, 15, LAST_HOUR, tzinfo=UTC)


def listing() -> dict[str, Contract]:
    """Return every contract by its symbol."""
    made = (
        Contract(product, f"{product.code}{month}", month == product.expired)
        for product in PRODUCTS
        for month in (*product.months, product.expired)
    )
    return {contract.symbol: contract for contract in made}


def decimals(tick: float) -> int:
    """Return the number of decimals in which prices are written."""
    return len(f"{tick:.6f}".rstrip("0").partition(".")[2])


def descriptions(contracts: Iterable[Contract], expired: frozenset[str]) -> Mapping[str, Described]:
    """Return what the query service says of each symbol: contracts, the main ones of products, and an option."""
    made = {contract.symbol: _contract(contract, contract.symbol in expired) for contract in contracts}
    for product in PRODUCTS:
        main = made[f"{product.exchange}.{product.code}{product.months[0]}"]
        symbol = f"KQ.m@{product.exchange}.{product.code}"
        made[symbol] = {**main, "instrument_id": symbol, "exchange_id": "KQ", "class": "CONT", **_over(main)}
    underlying = made[OPTION.partition("-")[0]]
    made[OPTION] = {
        **underlying,
        "instrument_id": OPTION,
        "class": "OPTION",
        "price_tick": 0.5,
        "price_decs": 1,
        "call_or_put": "CALL",
        "strike_price": 3000.0,
        "last_exercise_datetime": underlying["expire_datetime"],
        **_over(underlying),
    }
    return made


def _over(underlying: Described) -> Described:
    return {"underlying": {"edges": [{"node": underlying}]}}


def _contract(contract: Contract, expired: bool) -> Described:
    product = contract.product
    hours = {"day": [list(spell) for spell in product.hours.day], "night": [list(it) for it in product.hours.night]}
    return {
        "instrument_id": contract.symbol,
        "instrument_name": f"{product.name}{contract.code[len(product.code) :]}",
        "english_name": contract.code,
        "exchange_id": product.exchange,
        "class": "FUTURE",
        "product_id": product.code,
        "product_short_name": product.name,
        "price_tick": product.tick,
        "price_decs": decimals(product.tick),
        "volume_multiple": product.multiple,
        "index_multiple": product.multiple,
        "max_limit_order_volume": product.limit_order,
        "max_market_order_volume": product.market_order,
        "min_limit_order_volume": 1,
        "min_market_order_volume": 1 if product.market_order else 0,
        "open_max_limit_order_volume": product.limit_order,
        "open_max_market_order_volume": product.market_order,
        "delivery_year": contract.year,
        "delivery_month": contract.month,
        "expired": expired,
        "expire_datetime": int(contract.ends.timestamp()) * 1_000_000_000,
        "settlement_price": product.price,
        "pre_close": product.price,
        "pre_open_interest": 100_000,
        "commission": product.commission,
        "margin": round(product.price * product.multiple * product.margin, 2),
        "trading_time": hours,
    }
