"""What the words and numbers of the TWS API mean in the kit's terms."""

from __future__ import annotations

from enum import Enum

from quant_platform_kit.adapters.documents import unknown_name
from quant_platform_kit.domain.orders import OrderState

from ibkr_app.beliefs import ORDER_STATES

__all__ = ["ErrorMeaning", "is_paper", "meaning", "order_state"]


class ErrorMeaning(Enum):
    """What an error about an order says of it.

    INFORMATION: the order lives. REJECTED: it will not trade. DUPLICATE: its id was used before, and what became of
    that order is not said. NOTHING_TO_CANCEL: it is not there, or done. OTHER: says nothing of the order.
    """

    INFORMATION = "information"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    NOTHING_TO_CANCEL = "nothing to cancel"
    CANCELLED = "cancelled"
    OTHER = "other"


_MEANINGS = {
    **dict.fromkeys((399, 404, 10349), ErrorMeaning.INFORMATION),
    **dict.fromkeys(
        (110, 200, 201, 203, 320, 321, 322, 387, 388, 434, 435, 436, 463, 10052, 10243, 10318), ErrorMeaning.REJECTED
    ),
    103: ErrorMeaning.DUPLICATE,
    **dict.fromkeys((135, 161, 10147, 10148), ErrorMeaning.NOTHING_TO_CANCEL),
    202: ErrorMeaning.CANCELLED,
}


def meaning(code: int) -> ErrorMeaning:
    """Return what an error code says of the order it is about."""
    if 2100 <= code < 2200:
        return ErrorMeaning.INFORMATION
    return _MEANINGS.get(code, ErrorMeaning.OTHER)


def order_state(status: object) -> OrderState:
    """Return the state that an order status stands for; one that is not known is no acknowledgement."""
    if isinstance(status, str) and status in ORDER_STATES:
        return ORDER_STATES[status]
    if status:
        unknown_name("the order status of Interactive Brokers", status)
    return OrderState.SENT


def is_paper(account_id: str) -> bool:
    """Whether an account trades with invented money: Interactive Brokers says so in its first letters."""
    return account_id.startswith(("DU", "DF"))
