"""What the trading system and the exchanges refuse, in words like theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from venue_sandbox.venues.tqsdk.book import Book
from venue_sandbox.venues.tqsdk.contracts import Contract
from venue_sandbox.venues.tqsdk.orders import OrderRequest
from venue_sandbox.venues.tqsdk.products import SPLIT
from venue_sandbox.venues.tqsdk.quotes import Quote

__all__ = ["Moment", "freezing_price", "refusal"]

BAD_FIELD = "CTP:报单字段有误"
NOT_FOUND = "CTP:找不到合约"
NOT_TRADED = "CTP:合约不能交易"
NO_MONEY = "CTP:资金不足"
TOO_MANY_CLOSED = "CTP:平仓量超过持仓量"
TOO_MANY_CLOSED_TODAY = "CTP:平今仓位不足"
TOO_MANY_CLOSED_HIS = "CTP:平昨仓位不足"
WITHOUT_PRICE = frozenset({"DCE", "CZCE", "GFEX"})
"""Where orders without a price are known at all; the contract says whether there are any."""
BEST_PRICES = frozenset({"BEST", "FIVELEVEL"})
GRID = 1e-6
FOK_WITHOUT = "CZCE"
"""Where no order is for all or nothing."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a request is judged by: contracts, which have expired or are out of hours, and quotes."""

    contracts: Mapping[str, Contract]
    expired: frozenset[str]
    closed: frozenset[str]
    quotes: Mapping[str, Quote]


def refusal(request: OrderRequest, book: Book, moment: Moment) -> str:
    """Return why an order is refused; empty if it is not."""
    contract = moment.contracts.get(request.symbol)
    if contract is None:
        return NOT_FOUND
    if request.symbol in moment.expired:
        return NOT_TRADED
    return (
        _fields(request, contract)
        or _volume(request, contract)
        or _price(request, contract, moment.quotes[request.symbol])
        or _hours(request, contract, moment)
        or _means(request, book, contract, moment.quotes[request.symbol])
    )


def freezing_price(request: OrderRequest, quote: Quote) -> float:
    """Return the price by which margin is frozen: the limit, or the upper limit of the day without one."""
    return quote.upper_limit if request.price is None else request.price


def _exchange(contract: Contract, text: str) -> str:
    return f"已撤单报单被拒绝{contract.product.exchange}:{text}"


def _fields(request: OrderRequest, contract: Contract) -> str:
    exchange = contract.product.exchange
    if request.direction not in ("BUY", "SELL") or request.offset not in ("OPEN", "CLOSE", "CLOSETODAY"):
        return BAD_FIELD
    if request.offset == "CLOSETODAY" and exchange not in SPLIT:
        return BAD_FIELD
    if request.time_condition not in ("GFD", "IOC") or request.volume_condition not in ("ANY", "ALL"):
        return BAD_FIELD
    if request.volume_condition == "ALL" and (not request.immediate or exchange == FOK_WITHOUT):
        return BAD_FIELD
    return _price_type(request, contract)


def _price_type(request: OrderRequest, contract: Contract) -> str:
    exchange = contract.product.exchange
    if request.price_type == "LIMIT":
        return BAD_FIELD if request.price is None else ""
    known = exchange == "CFFEX" if request.price_type in BEST_PRICES else exchange in WITHOUT_PRICE
    if request.price_type not in {"ANY", *BEST_PRICES} or not known or not contract.product.market_order:
        return _exchange(contract, "不支持的价格类型")
    return "" if request.immediate else BAD_FIELD


def _volume(request: OrderRequest, contract: Contract) -> str:
    product = contract.product
    most = product.limit_order if request.price_type == "LIMIT" else product.market_order
    if request.volume < 1:
        return BAD_FIELD
    return "" if request.volume <= most else _exchange(contract, f"报单手数超过单笔最大下单量{most}")


def _price(request: OrderRequest, contract: Contract, quote: Quote) -> str:
    if request.price is None:
        return ""
    steps = request.price / contract.product.tick
    if not isfinite(steps) or abs(steps - round(steps)) > GRID * max(1.0, abs(steps)):
        return _exchange(contract, "价格非最小单位倍数")
    if request.price > quote.upper_limit:
        return _exchange(contract, "价格涨破涨停板")
    return _exchange(contract, "价格跌破跌停板") if request.price < quote.lower_limit else ""


def _hours(request: OrderRequest, contract: Contract, moment: Moment) -> str:
    return _exchange(contract, "当前状态禁止此项操作") if request.symbol in moment.closed else ""


def _means(request: OrderRequest, book: Book, contract: Contract, quote: Quote) -> str:
    """Return whether money or lots are too few."""
    product = contract.product
    if request.offset == "OPEN":
        margin = freezing_price(request, quote) * product.multiple * product.margin
        return NO_MONEY if (margin + product.commission) * request.volume > book.available else ""
    position = book.positions.get(request.symbol)
    side = position.side(request.side) if position is not None else None
    today, his = (side.today.free, side.his.free) if side is not None else (0, 0)
    if product.exchange not in SPLIT:
        return TOO_MANY_CLOSED if request.volume > today + his else ""
    if request.offset == "CLOSETODAY":
        return TOO_MANY_CLOSED_TODAY if request.volume > today else ""
    return TOO_MANY_CLOSED_HIS if request.volume > his else ""
