"""The three handlers: what monitors tell, written to PostgreSQL and Redis. None of them has a TqApi."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from loguru import logger
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from quant_platform_kit.domain.errors import InvalidInput

from tq_broker_app.bus.ports import Queue, Unprocessable
from tq_broker_app.cache.writing import AccountCache, PositionCache
from tq_broker_app.database.rows import OrderEvent, OrderRow
from tq_broker_app.messages import (
    AccountUpdate,
    OrderRowUpdate,
    OrdersSeen,
    OrderUpdate,
    PositionUpdate,
    RequestAnswer,
)
from tq_broker_app.roles.parts import Common, Point, in_thread

if TYPE_CHECKING:
    from tq_broker_app.database.writing import OrderWriter

__all__ = ["AccountHandler", "OrderHandler", "PositionHandler"]

M = TypeVar("M", bound=BaseModel)
_OrderMessage = Annotated[OrderUpdate | OrderRowUpdate | RequestAnswer | OrdersSeen, Field(discriminator="type")]
_ORDERS: TypeAdapter[OrderUpdate | OrderRowUpdate | RequestAnswer | OrdersSeen] = TypeAdapter(_OrderMessage)
_POSITIONS, _ACCOUNT = TypeAdapter(PositionUpdate), TypeAdapter(AccountUpdate)
AT_ONCE = 1
"""Messages are written in the order in which they were told."""


def _read(adapter: TypeAdapter[M], body: bytes) -> M:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the message"
        raise Unprocessable(f"{where}: {first['msg']}") from None


@dataclass(slots=True)
class OrderHandler:
    """tq_order_handler: ``order_history`` and ``order_event``."""

    parts: Common
    writer: OrderWriter

    async def run(self) -> None:
        """Write until cancelled."""
        await self.parts.bus.consume(Queue.ORDERS, self.handle, at_once=AT_ONCE)

    async def handle(self, body: bytes) -> None:
        """Write what a message tells."""
        message = _read(_ORDERS, body)
        try:
            await in_thread(self._writing(message))
        except InvalidInput as error:
            raise Unprocessable(str(error)) from error
        self.parts.figures.count("updates", kind=message.type)
        self.parts.reached(Point.WRITTEN)

    def _writing(self, message: OrderUpdate | OrderRowUpdate | RequestAnswer | OrdersSeen) -> Callable[[], None]:
        if isinstance(message, OrdersSeen):
            return partial(self._mark_unknown, message)
        if isinstance(message, RequestAnswer):
            return partial(self._write_answer, message)
        return partial(self._write_update, message)

    def _mark_unknown(self, seen: OrdersSeen) -> None:
        marked = self.writer.mark_unknown(seen.portfolio_id, seen.trading_day, seen.order_ids, seen.timestamp)
        self.parts.figures.set("orders_unknown", "Orders of earlier trading days nobody knows the end of.", len(marked))
        for order_id in marked:
            logger.error("order {} is UNKNOWN: the login of {} does not show it", order_id, seen.trading_day)

    def _write_answer(self, answer: RequestAnswer) -> None:
        self.writer.write_event_only(_event(answer, answer.status))

    def _write_update(self, update: OrderUpdate | OrderRowUpdate) -> None:
        event = _event(update, update.event_type) if isinstance(update, OrderUpdate) else _unknown(update)
        if (mismatch := self.writer.write_update(_row(update), event)) is not None:
            raise Unprocessable(mismatch.text)


def _event(message: OrderUpdate | RequestAnswer, status: str) -> OrderEvent:
    return OrderEvent(message.event_id, message.order_id, message.portfolio_id, status, message.model_dump(mode="json"))


def _unknown(update: OrderRowUpdate) -> OrderEvent | None:
    """Return the event of an order whose end nobody knows, as one of an order that a login does not show any more."""
    if update.status != "UNKNOWN" or update.parent_order_id is not None:
        return None
    event_id = f"{update.order_id}:UNKNOWN:{update.filled_quantity}"
    msg = {**update.model_dump(mode="json"), "event_type": "UNKNOWN", "event_id": event_id}
    return OrderEvent(event_id, update.order_id, update.portfolio_id, "UNKNOWN", msg)


def _row(update: OrderUpdate | OrderRowUpdate) -> OrderRow:
    told: Mapping[str, Any] = update.model_dump(
        exclude={"type", "timestamp", "event_type", "event_id", "order_id", "limit_price", "trade_price"}
    )
    return OrderRow(
        id=update.order_id,
        told_at=update.timestamp,
        limit_price=_decimal(update.limit_price),
        trade_price=_decimal(update.trade_price),
        **told,
    )


def _decimal(price: float | None) -> Decimal | None:
    return None if price is None else Decimal(repr(price))


@dataclass(slots=True)
class PositionHandler:
    """tq_position_handler: the position keys of Redis."""

    parts: Common
    cache: PositionCache

    async def run(self) -> None:
        """Write until cancelled."""
        await self.parts.bus.consume(Queue.POSITIONS, self.handle, at_once=AT_ONCE)

    async def handle(self, body: bytes) -> None:
        """Write a position."""
        told = _read(_POSITIONS, body)
        await self.cache.write(told.portfolio_id, told.symbol, told.net_position, told.breakdown.model_dump())
        self.parts.figures.count("updates", kind=told.type)
        self.parts.reached(Point.WRITTEN)


@dataclass(slots=True)
class AccountHandler:
    """tq_account_handler: the account key of Redis."""

    parts: Common
    cache: AccountCache

    async def run(self) -> None:
        """Write until cancelled."""
        await self.parts.bus.consume(Queue.ACCOUNT, self.handle, at_once=AT_ONCE)

    async def handle(self, body: bytes) -> None:
        """Write the account."""
        told = _read(_ACCOUNT, body)
        await self.cache.write(told.portfolio_id, told.model_dump(mode="json", exclude={"type"}))
        self.parts.figures.count("updates", kind=told.type)
        self.parts.reached(Point.WRITTEN)
