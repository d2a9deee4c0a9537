"""What queues and exchanges are called."""

from __future__ import annotations

from dataclasses import dataclass

from tq_broker_app.bus.ports import Queue
from tq_broker_app.settings import RabbitSettings

__all__ = ["Place", "places"]


@dataclass(frozen=True, slots=True)
class Place:
    """A queue and the exchange that leads to it; the routing key is the queue's name."""

    queue: str
    exchange: str


def places(settings: RabbitSettings, portfolio_id: str) -> dict[Queue, Place]:
    """Return where each queue is; with ``portfolio_queues`` every name ends in the portfolio's id."""
    external, internal = settings.external, settings.internal
    end = f"_{portfolio_id}" if settings.portfolio_queues else ""
    return {
        Queue.SUBMIT: Place(external.order_submit_queue + end, external.order_exchange + end),
        Queue.CANCEL: Place(external.order_cancel_queue + end, external.order_exchange + end),
        Queue.ORDERS: Place(internal.order_updates_queue + end, internal.exchange + end),
        Queue.POSITIONS: Place(internal.position_updates_queue + end, internal.exchange + end),
        Queue.ACCOUNT: Place(internal.account_updates_queue + end, internal.exchange + end),
        Queue.DEAD: Place(settings.dead_letter_queue + end, internal.exchange + end),
    }
