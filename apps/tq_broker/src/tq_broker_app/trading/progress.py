"""What became of an order: derived from its plan and from the orders and trades of a login, every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from quant_platform_kit.domain.orders import OrderState

from tq_broker_app.trading.plans import ParentPlan
from tq_broker_app.trading.venue_orders import VenueOrder, VenueTrade

__all__ = ["ChildEnd", "Event", "Progress", "average_price", "event_id", "progress_of"]


class Event(Enum):
    """What an ORDER_UPDATE tells."""

    COMPLETE_FILL = "COMPLETE_FILL"
    PARTIAL_FILL = "PARTIAL_FILL"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How a child ended that no login shows: the state that the ledger has of it, and why.

    Attributes
    ----------
    fills
        Lots and their price in CNY, where a person has seen that it traded.
    """

    state: OrderState
    reason: str = ""
    fills: tuple[tuple[int, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an order stands.

    Attributes
    ----------
    exchange_order_id
        Of all its children, separated by commas.
    finished
        Whether every child has come to its end, and its fills are known to the last one.
    event
        What is to be told; None while it waits for its first fill, or for the trades of what the exchange calls filled.
    average_price
        The volume-weighted mean of all fills, in CNY; None without fills.
    inserted_at
        Of the first child, nanoseconds since 1970; None before that.
    """

    exchange_order_id: str
    finished: bool
    filled: int
    average_price: Decimal | None
    event: Event | None
    inserted_at: int | None
    reason: str


def event_id(order_id: str, event: str, filled: int) -> str:
    """Return the id of an event: the same whenever it is told again."""
    return f"{order_id}:{event}:{filled}"


def average_price(trades: Sequence[VenueTrade]) -> Decimal | None:
    """Return the volume-weighted mean price of trades, None without any."""
    volume = sum(trade.volume for trade in trades)
    return sum((trade.price * trade.volume for trade in trades), Decimal(0)) / volume if volume else None


def progress_of(
    plan: ParentPlan,
    orders: Mapping[str, VenueOrder],
    trades: Mapping[str, Sequence[VenueTrade]],
    ends: Mapping[str, ChildEnd],
) -> Progress:
    """Return where an order stands.

    Parameters
    ----------
    orders, trades
        As a login shows them, by order id.
    ends
        How children ended that no login shows, by order id; of one that is shown, what is shown counts.
    """
    ids = [child.order_id for child in plan.children]
    shown = [orders[order_id] for order_id in ids if order_id in orders]
    fills = [trade for order_id in ids for trade in trades.get(order_id, ())]
    unsent = [(order_id, ends[order_id]) for order_id in ids if order_id not in orders and order_id in ends]
    complete = sum(trade.volume for trade in fills) == sum(order.filled for order in shown)
    fills += [VenueTrade("", order_id, volume, price) for order_id, end in unsent for volume, price in end.fills]
    filled = sum(trade.volume for trade in fills)
    ended = all(not orders[order_id].alive if order_id in orders else order_id in ends for order_id in ids)
    finished, unseen = ended and complete, [end for _, end in unsent]
    return Progress(
        exchange_order_id=",".join(order.exchange_order_id for order in shown if order.exchange_order_id),
        finished=finished,
        filled=filled,
        average_price=average_price(fills),
        event=_event(plan, shown, unseen, filled, finished=finished),
        inserted_at=min((order.inserted_at for order in shown if order.inserted_at), default=None),
        reason=_reason(plan, shown, unseen),
    )


def _event(
    plan: ParentPlan, shown: Sequence[VenueOrder], unsent: Sequence[ChildEnd], filled: int, *, finished: bool
) -> Event | None:
    if not finished:
        return Event.PARTIAL_FILL if 0 < filled < plan.wanted.volume else None
    if filled == plan.wanted.volume:
        return Event.COMPLETE_FILL
    refused = all(order.refused for order in shown) and all(end.state is OrderState.REJECTED for end in unsent)
    return Event.REJECTED if refused and not filled else Event.CANCELLED


def _reason(plan: ParentPlan, shown: Sequence[VenueOrder], unsent: Sequence[ChildEnd]) -> str:
    told = [order.last_message for order in shown if not order.alive and order.volume_left and order.last_message]
    told += [end.reason for end in unsent if end.reason]
    return plan.refused or "; ".join(dict.fromkeys(told))
