"""What a TqApi shows, as plain values. Everything here is called in the thread that owns the TqApi."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tq_broker_app.messages import Breakdown
from tq_broker_app.tq.library import Api
from tq_broker_app.trading.contracts import Contract, Holding, Quote
from tq_broker_app.trading.venue_orders import VenueOrder, VenueTrade

__all__ = ["AccountFigures", "View"]

CONTRACT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """Amounts in CNY; ``risk_ratio`` as a share."""

    balance: float
    available: float
    margin: float
    float_profit: float
    position_profit: float
    risk_ratio: float


class View:
    """The account of a TqApi.

    Parameters
    ----------
    api
        It has logged in.

    Attributes
    ----------
    account_id
        As the exchange names it.
    trading_day
        Of the login, yyyymmdd.
    symbols
        The futures that are listed today.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self._orders: Any = api.get_order()
        self._trades: Any = api.get_trade()
        self._positions: Any = api.get_position()
        self.account_id = str(self._account().get("user_id", ""))
        self.trading_day = self.present_day()
        self.symbols: frozenset[str] = frozenset()
        self._quotes: dict[str, Any] = {}

    def list_symbols(self) -> None:
        """Learn which futures are listed; not inside a coroutine."""
        listed: Any = self.api.query_quotes(ins_class="FUTURE", expired=False)
        self.symbols = frozenset(str(symbol) for symbol in listed)

    def present_day(self) -> str:
        """Return the trading day that the exchange shows now, yyyymmdd."""
        return str(self._account().get("trading_day", ""))

    def knows(self, order_id: str) -> bool:
        """Whether there is an order of that id; asking the library for one that is not there would make one up."""
        return order_id in self._orders

    def order_ids(self) -> Sequence[str]:
        """Return the ids of all orders of the trading day."""
        return list(self._orders)

    def answered(self, order_id: str) -> bool:
        """Whether the exchange has taken or refused an order that `knows` tells of; much cheaper than the order."""
        shown = self._orders[order_id]
        return bool(shown["exchange_order_id"]) or shown["status"] == "FINISHED"

    def order(self, order_id: str) -> VenueOrder:
        """Return an order that `knows` tells of."""
        return _order(order_id, self._orders[order_id])

    def orders(self) -> dict[str, VenueOrder]:
        """Return all orders of the trading day by id."""
        return {order_id: self.order(order_id) for order_id in self._orders}

    def trades(self) -> dict[str, list[VenueTrade]]:
        """Return all trades of the trading day by order id."""
        found: dict[str, list[VenueTrade]] = {}
        for trade_id in self._trades:
            trade = _trade(trade_id, self._trades[trade_id])
            found.setdefault(trade.order_id, []).append(trade)
        return found

    def trade_ids(self) -> Sequence[str]:
        """Return the ids of all trades of the trading day."""
        return list(self._trades)

    def trade(self, trade_id: str) -> VenueTrade:
        """Return a trade that `trade_ids` names."""
        return _trade(trade_id, self._trades[trade_id])

    def holding(self, symbol: str, side: str) -> Holding:
        """Return what is held of a symbol on the side ``long`` or ``short``."""
        if symbol not in self._positions:
            return Holding()
        shown = self._positions[symbol]
        return Holding(
            int(shown[f"pos_{side}_today"]),
            int(shown[f"pos_{side}_his"]),
            int(shown[f"volume_{side}_frozen_today"]),
            int(shown[f"volume_{side}_frozen_his"]),
        )

    def breakdowns(self) -> dict[str, Breakdown]:
        """Return the lots held by symbol."""
        return {symbol: _breakdown(self._positions[symbol]) for symbol in self._positions}

    def figures(self) -> AccountFigures:
        """Return the account's amounts."""
        shown: Any = self.api.get_account()
        names = ("balance", "available", "margin", "float_profit", "position_profit", "risk_ratio")
        return AccountFigures(*(_number(shown[name]) for name in names))

    async def contract(self, symbol: str) -> tuple[Contract, Quote] | None:
        """Return a listed contract and its prices, None if it is not listed or not told; subscribes to it once."""
        if symbol not in self.symbols:
            return None
        if symbol not in self._quotes:
            quote: Any = self.api.get_quote(symbol)
            with suppress(TimeoutError):  # what has not traded yet may have no price
                await asyncio.wait_for(quote, CONTRACT_SECONDS)
            self._quotes[symbol] = quote
        return self.known_contract(symbol)

    def known_contract(self, symbol: str) -> tuple[Contract, Quote] | None:
        """Return a contract that was asked for before, None if it was not, or was not told."""
        quote: Any = self._quotes.get(symbol)
        if quote is None or not quote.price_tick > 0:
            return None
        return _contract(symbol, quote), Quote(_price(quote.last_price), _price(quote.pre_settlement))

    def _account(self) -> Mapping[str, Any]:
        # Not in the library's documented objects: the day that a login shows, and the account's own id.
        shown: Any = getattr(self.api, "_data", {})
        accounts = shown.get("trade", {})
        of_ours: list[Mapping[str, Any]] = [accounts[key] for key in accounts if not key.startswith("_")]
        return of_ours[0] if of_ours else {}


def _order(order_id: str, shown: Any) -> VenueOrder:
    return VenueOrder(
        order_id=order_id,
        exchange_order_id=str(shown["exchange_order_id"]),
        symbol=f"{shown['exchange_id']}.{shown['instrument_id']}",
        direction=str(shown["direction"]),
        offset=str(shown["offset"]),
        volume=int(shown["volume_orign"]),
        volume_left=int(shown["volume_left"]),
        limit_price=_price(shown["limit_price"]) if shown["price_type"] == "LIMIT" else None,
        alive=shown["status"] != "FINISHED",
        is_error=bool(shown["is_error"]),
        last_message=str(shown["last_msg"]),
        inserted_at=int(shown["insert_date_time"] or 0),
    )


def _trade(trade_id: str, shown: Any) -> VenueTrade:
    return VenueTrade(trade_id, str(shown["order_id"]), int(shown["volume"]), Decimal(repr(float(shown["price"]))))


def _breakdown(shown: Any) -> Breakdown:
    return Breakdown(
        pos_long=int(shown["pos_long"]),
        pos_short=int(shown["pos_short"]),
        pos_long_today=int(shown["pos_long_today"]),
        pos_long_his=int(shown["pos_long_his"]),
        pos_short_today=int(shown["pos_short_today"]),
        pos_short_his=int(shown["pos_short_his"]),
    )


def _contract(symbol: str, quote: Any) -> Contract:
    times: Any = quote.trading_time
    return Contract(
        symbol=symbol,
        product=str(quote.product_id or "").strip() or symbol.partition(".")[2].rstrip("0123456789"),
        price_tick=Decimal(repr(float(quote.price_tick))),
        lower_limit=_price(quote.lower_limit),
        upper_limit=_price(quote.upper_limit),
        min_limit_volume=int(quote.min_limit_order_volume or 0),
        max_limit_volume=int(quote.max_limit_order_volume or 0) or None,
        max_market_volume=int(quote.max_market_order_volume or 0),
        trading_time={spell: list(times[spell]) for spell in ("day", "night") if times.get(spell)},
    )


def _price(value: Any) -> Decimal | None:
    number = float(value)
    return Decimal(repr(number)) if math.isfinite(number) else None


def _number(value: Any) -> float:
    """Return an amount; one that is not told is 0, as before the first of its kind."""
    return float(value) if math.isfinite(float(value)) else 0.0
