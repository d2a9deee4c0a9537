"""What keeps an order from being sent: each check returns why, in words, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from tq_broker_app.messages import SubmitRequest
from tq_broker_app.settings import OrderSettings
from tq_broker_app.trading.contracts import MARKET_REFUSED, SPLIT_EXCHANGES, Contract, Quote
from tq_broker_app.trading.plans import CLOSE_SUFFIX, CLOSETODAY_SUFFIX, Wanted

__all__ = ["FUTURE_TOLERANCE", "age_problem", "contract_problems", "id_problem", "wanted_of"]

FUTURE_TOLERANCE = timedelta(seconds=5)
"""How far the engine's clock may be ahead."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TAKEN = ("SERVER", "PYSDK")
_EXCHANGES = frozenset({"SHFE", "INE", "DCE", "CZCE", "CFFEX", "GFEX"})


def id_problem(order_id: str) -> str | None:
    """Return what keeps an order id from being one; the client library or the exchange would change or misread it."""
    if _ID.fullmatch(order_id) is None:
        return f"order_id {order_id[:80]!r}: use 1 to 64 letters, digits, `_` and `-`"
    if order_id.startswith(_TAKEN):
        return f"order_id {order_id!r}: ids that start with {' or '.join(_TAKEN)} belong to the exchange's side"
    if order_id.endswith((CLOSE_SUFFIX, CLOSETODAY_SUFFIX)):
        return f"order_id {order_id!r}: the endings {CLOSE_SUFFIX} and {CLOSETODAY_SUFFIX} belong to parts of orders"
    return None


def age_problem(sent_at: datetime, now: datetime, longest: timedelta) -> str | None:
    """Return what is wrong with the time of a request."""
    age = now - sent_at
    if age > longest:
        return f"timestamp {sent_at.isoformat()}: {age.total_seconds():.0f} s old, {longest.total_seconds():g} s may be"
    if age < -FUTURE_TOLERANCE:
        return f"timestamp {sent_at.isoformat()}: {-age.total_seconds():.0f} s in the future; set the engine's clock"
    return None


def wanted_of(request: SubmitRequest) -> Wanted:
    """Return what a request asks for."""
    asked = request.payload
    limit = None if asked.limit_price is None else Decimal(str(asked.limit_price))
    return Wanted(asked.order_id, asked.portfolio_id, asked.symbol, asked.direction, asked.offset, asked.volume, limit)


def contract_problems(wanted: Wanted, contract: Contract, quote: Quote, limits: OrderSettings) -> Iterator[str]:
    """Yield what an exchange, the client library or a limit of ours has against an order."""
    if contract.exchange not in _EXCHANGES:
        yield f"symbol {wanted.symbol}: {contract.exchange} is none of {', '.join(sorted(_EXCHANGES))}"
    yield from _offset_problems(wanted, contract, limits)
    yield from _volume_problems(wanted, contract, limits)
    if wanted.limit_price is None:
        yield from _market_problems(wanted, contract)
    else:
        yield from _price_problems(wanted.limit_price, contract, quote, limits.price_band)


def _offset_problems(wanted: Wanted, contract: Contract, limits: OrderSettings) -> Iterator[str]:
    if wanted.offset == "CLOSETODAY" and contract.exchange not in SPLIT_EXCHANGES and not limits.translate_closetoday:
        yield f"offset CLOSETODAY: {contract.exchange} has CLOSE only; send that, or set orders.translate_closetoday"


def _volume_problems(wanted: Wanted, contract: Contract, limits: OrderSettings) -> Iterator[str]:
    most = min(limits.max_volume, contract.max_limit_volume or limits.max_volume)
    if wanted.volume > most:
        yield f"volume {wanted.volume}: at most {most} lots in one order of {wanted.symbol}"
    if wanted.volume < contract.min_limit_volume:
        yield f"volume {wanted.volume}: at least {contract.min_limit_volume} lots in one order of {wanted.symbol}"


def _market_problems(wanted: Wanted, contract: Contract) -> Iterator[str]:
    most = contract.max_market_volume
    if contract.exchange in MARKET_REFUSED:
        yield f"no limit_price: {contract.exchange} takes no market orders; give a limit_price"
    elif not most:
        yield f"no limit_price: {wanted.symbol} takes no market orders; give a limit_price"
    elif wanted.volume > most:
        yield f"volume {wanted.volume}: at most {most} lots in one market order of {wanted.symbol}"


def _price_problems(price: Decimal, contract: Contract, quote: Quote, band: Decimal | None) -> Iterator[str]:
    if price % contract.price_tick:
        yield f"limit_price {price}: not a multiple of {contract.price_tick}, the tick of {contract.symbol}"
    if contract.lower_limit is not None and price < contract.lower_limit:
        yield f"limit_price {price}: below {contract.lower_limit}, today's lower limit of {contract.symbol}"
    if contract.upper_limit is not None and price > contract.upper_limit:
        yield f"limit_price {price}: above {contract.upper_limit}, today's upper limit of {contract.symbol}"
    if band is None:
        return
    reference = quote.last or quote.previous_settlement
    if reference is None:
        yield f"limit_price {price}: {contract.symbol} has no last price to hold it against"
    elif abs(price / reference - 1) > band:
        yield f"limit_price {price}: further than {band} from {reference}, the last price of {contract.symbol}"
