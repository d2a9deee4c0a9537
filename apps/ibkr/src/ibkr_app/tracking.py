"""What is known of orders, out of the events of a connection, in any sequence and any number of times."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from quant_platform_kit.adapters.documents import fill_price, number, text
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator
from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, OrderState, Side
from quant_platform_kit.services.record.seen import Seen

from ibkr_app.beliefs import EXECUTION, ORDER, TABLES
from ibkr_app.mapping import ErrorMeaning, meaning, order_state

__all__ = ["Tracked", "Tracker", "order_of"]

COMMISSION_SECONDS = 2.0
"""How long a fill may wait for its commission report before it counts as free of commission."""


@dataclass(slots=True)
class Tracked:
    """One order as events tell it.

    Attributes
    ----------
    perm_id
        The broker's own id, 0 until it has one: seen means acknowledged.
    executions
        By execution id without its number of corrections: the one with the highest number, whatever came last.
    reason
        The last error about it, with its code.
    working_status
        The last status that was not an end.
    doubted
        Whether its end has to be asked for: after errors that end nothing, the library calls an order cancelled.
    unreadable
        What was told of it and cannot be meant; empty when nothing was.
    """

    reference: str
    order_id: int = 0
    perm_id: int = 0
    account_id: str = ""
    status: str = ""
    order: Order | None = None
    executions: dict[str, Any] = field(default_factory=dict[str, Any])
    commissions: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    commission_numbers: dict[str, int] = field(default_factory=dict[str, int])
    reason: tuple[int, str] | None = None
    working_status: str = "Submitted"
    doubted: bool = False
    filled_since: float = 0.0
    unreadable: str = ""

    @property
    def acknowledged(self) -> bool:
        """Whether the broker has said anything of the order that only one it knows can have."""
        return bool(self.perm_id or self.executions or self.unreadable) or self.rejected or self.duplicate

    @property
    def rejected(self) -> bool:
        """Whether it will not trade."""
        by_error = self.reason is not None and meaning(self.reason[0]) is ErrorMeaning.REJECTED
        return by_error or order_state(self.status) is OrderState.REJECTED

    @property
    def explained(self) -> bool:
        """Whether it is known why it was rejected, if it was: status and reason come in either sequence."""
        return self.reason is not None or not self.rejected

    @property
    def duplicate(self) -> bool:
        """Whether the broker says that its id was used before."""
        return self.reason is not None and meaning(self.reason[0]) is ErrorMeaning.DUPLICATE

    @property
    def awaits_commission(self) -> bool:
        """Whether the commission of a fill is still to come."""
        return not self.executions.keys() <= self.commissions.keys()

    @property
    def _whole(self) -> bool:
        return self.order is not None and self._filled(self.executions) >= self.order.quantity

    def final(self, now: float) -> bool:
        """Whether nothing more can be told of it: it is over, and every fill has its commission."""
        return self.state(now).terminal

    def state(self, now: float) -> OrderState:
        """Return where the order stands; a fill counts when its commission is known, or does not come."""
        state, counted = order_state(self.status), self._counted(now)
        filled = self._filled(counted)
        if len(counted) < len(self.executions):
            return _working(filled)
        if self._whole:
            return OrderState.FILLED
        if self.rejected and not self.executions:
            return OrderState.REJECTED
        if state in (OrderState.FILLED, OrderState.SENT):
            return _working(filled) if self.acknowledged else OrderState.SENT
        if state is OrderState.REJECTED:
            return OrderState.CANCELLED
        return _working(filled) if state is OrderState.ACKNOWLEDGED else state

    def report(self, now: float) -> ExecutionReport:
        """Return the broker's answer about the order; `NeedsOperator` if some of it cannot be read."""
        assert self.order is not None, "an order is reported after its parameters are known"
        if self.unreadable:
            raise NeedsOperator(f"order {self.reference}: {self.unreadable}")
        text = "" if self.reason is None else f"{self.reason[0]}: {self.reason[1]}"
        ordered = sorted(self._counted(now).items(), key=lambda item: (item[1].time, item[0]))
        fills = tuple(_fill(self.order, identity, execution, self.commissions) for identity, execution in ordered)
        return ExecutionReport(self.order, self.state(now), fills, text if self.rejected else "")

    def _counted(self, now: float) -> dict[str, Any]:
        """Return the executions whose commission is known; all of them when it has not come for long."""
        if now - self.filled_since > COMMISSION_SECONDS:
            return self.executions
        return {identity: each for identity, each in self.executions.items() if identity in self.commissions}

    @staticmethod
    def _filled(executions: dict[str, Any]) -> Decimal:
        return sum((Decimal(str(execution.shares)) for execution in executions.values()), Decimal(0))


def _working(filled: Decimal) -> OrderState:
    return OrderState.PARTIALLY_FILLED if filled else OrderState.ACKNOWLEDGED


def _fill(order: Order, identity: str, execution: Any, commissions: dict[str, Decimal]) -> Fill:
    return Fill(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        quantity=Decimal(str(execution.shares)),
        price=fill_price(execution.price),
        commission=commissions.get(identity, Decimal(0)),
        executed_at=_utc(execution.time),
        execution_id=str(execution.execId),
    )


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


class Tracker:
    """Every order that a connection has told of; written by its thread, read by others."""

    def __init__(self, seen: Seen | None = None) -> None:
        self._seen = seen or Seen(TABLES)
        self._orders: dict[str, Tracked] = {}
        self._references: dict[int, str] = {}
        self._changed = threading.Condition()

    def expect(self, order: Order, order_id: int, account_id: str) -> None:
        """Begin to follow an order that is about to be sent."""
        with self._changed:
            tracked = self._of(order.client_order_id)
            tracked.order, tracked.order_id, tracked.account_id = order, order_id, account_id
            tracked.reason = None
            self._references[order_id] = order.client_order_id

    def get(self, reference: str) -> Tracked | None:
        """Return an order, None if nothing was told of it."""
        with self._changed:
            tracked = self._orders.get(reference)
            return tracked if tracked is not None and tracked.acknowledged else None

    def all(self) -> list[Tracked]:
        """Return every order that was told of."""
        with self._changed:
            return [tracked for tracked in self._orders.values() if tracked.acknowledged]

    def believe(self) -> None:
        """Take it that every order stands as it was last reported: the broker has just been asked."""
        with self._changed:
            for tracked in self._orders.values():
                tracked.doubted = False

    def wait(self, reference: str, condition: Callable[[Tracked], bool], seconds: float) -> bool:
        """Wait until a condition holds of an order; return whether it does."""
        end = time.monotonic() + seconds
        with self._changed:
            while not condition(self._of(reference)):
                if (left := end - time.monotonic()) <= 0:
                    return False
                self._changed.wait(left)
            return True

    # --- events, in the connection's thread -------------------------------------------------------

    def on_trade(self, trade: Any) -> None:
        """Take an open order, a status or a completed order."""
        trade = self._seen.take(ORDER.subject, trade)
        reference = trade.order.orderRef
        if not (isinstance(reference, str) and reference):
            return
        with self._changed:
            tracked = self._of(reference)
            tracked.perm_id = trade.order.permId or trade.orderStatus.permId or tracked.perm_id
            tracked.order_id = trade.order.orderId or tracked.order_id
            tracked.account_id = trade.order.account or tracked.account_id
            if trade.orderStatus.status and not (order_state(tracked.status).terminal and tracked.status != "Inactive"):
                tracked.status = trade.orderStatus.status
                if not order_state(tracked.status).terminal:
                    tracked.working_status = tracked.status
            with suppress(BrokerError):  # an order of ours is known by its reference
                tracked.order = tracked.order or order_of(reference, trade)
            self._changed.notify_all()

    def on_execution(self, _: Any, fill: Any) -> None:
        """Take a fill, and its commission if that is known already."""
        fill = self._seen.take(EXECUTION.subject, fill)
        reference = fill.execution.orderRef
        if not (isinstance(reference, str) and reference):
            return
        with self._changed:
            tracked = self._of(reference)
            tracked.perm_id = fill.execution.permId or tracked.perm_id
            tracked.account_id = fill.execution.acctNumber or tracked.account_id
            try:
                units = _units(fill.execution)
            except BrokerError as error:
                tracked.unreadable = str(error)
                self._changed.notify_all()
                return
            if not units:
                return
            identity = _identity(fill.execution.execId)
            known = tracked.executions.get(identity)
            if known is None or _correction(fill.execution.execId) >= _correction(known.execId):
                tracked.executions[identity] = fill.execution
            tracked.filled_since = time.monotonic()
            self._take_commission(tracked, fill.commissionReport)
            self._changed.notify_all()

    def on_commission(self, _: Any, fill: Any, report: Any) -> None:
        """Take the commission of a fill."""
        fill = self._seen.take(EXECUTION.subject, fill)
        with self._changed:
            reference = fill.execution.orderRef
            if isinstance(reference, str) and reference:
                self._take_commission(self._of(reference), report)
                self._changed.notify_all()

    def on_error(self, request: int, code: int, text: str, *_: object) -> None:
        """Take an error that is about an order."""
        with self._changed:
            reference = self._references.get(request)
            if reference is None:
                return
            tracked, said = self._of(reference), meaning(code)
            if said in (ErrorMeaning.INFORMATION, ErrorMeaning.NOTHING_TO_CANCEL):
                tracked.status, tracked.doubted = tracked.working_status, True
            elif said is not ErrorMeaning.OTHER:
                tracked.reason = (code, " ".join(text.split()))
            self._changed.notify_all()

    def _of(self, reference: str) -> Tracked:
        return self._orders.setdefault(reference, Tracked(reference))

    @staticmethod
    def _take_commission(tracked: Tracked, report: Any) -> None:
        if report is None or not (isinstance(report.execId, str) and report.execId):
            return
        identity, correction = _identity(report.execId), _correction(report.execId)
        if correction >= tracked.commission_numbers.get(identity, 0):
            with suppress(BrokerError):  # one that is no number has not come yet
                tracked.commissions[identity] = number(report.commission, "commission")
                tracked.commission_numbers[identity] = correction


def _units(execution: Any) -> Decimal:
    """Return the units of an execution; `BrokerError` for one that cannot be counted."""
    text(execution.execId, "the id of an execution")
    units = number(execution.shares, f"the quantity of execution {execution.execId}")
    if units < 0:
        raise BrokerError(f"the quantity of execution {execution.execId} is {units}, not a number above zero")
    if not isinstance(execution.time, datetime):
        raise BrokerError(f"the time of execution {execution.execId} is {execution.time!r}, not an instant")
    return units


def _identity(execution_id: str) -> str:
    """Return an execution id without the number at its end, which counts corrections."""
    return execution_id.rpartition(".")[0] or execution_id


def _correction(execution_id: str) -> int:
    """Return the number at the end of an execution id: the first is 1, and each correction one more."""
    number = execution_id.rpartition(".")[2]
    return int(number) if number.isdecimal() else 0


def order_of(reference: str, trade: Any) -> Order:
    """Return the order that a trade of the library describes; `BrokerError` if it cannot be read."""
    quantity = trade.order.totalQuantity or trade.order.filledQuantity or trade.orderStatus.filled
    limit = number(trade.order.lmtPrice, "a limit") if trade.order.orderType == "LMT" else None
    action = text(trade.order.action, "the action of an order")
    side = Side.BUY if action.startswith("B") else Side.SELL
    symbol = text(trade.contract.symbol, "the symbol of an order")
    return Order(reference, symbol, side, number(quantity, "the quantity of an order"), limit)
