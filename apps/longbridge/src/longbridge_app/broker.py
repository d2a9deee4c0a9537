"""One account at LongBridge, as the kit's `Broker`.

Every order carries its client order id as its remark, by which it is found again among the orders of the day. Over
``longbridge`` the id is the request's too: for ten minutes the same id returns the order there is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from quant_platform_kit.adapters.longbridge_inputs import account_state, market_symbol
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator, OrderRejected
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.ports.clock import Clock

from longbridge_app.claims import Claims
from longbridge_app.instruments import Instruments
from longbridge_app.mapping import described, order_state, report
from longbridge_app.rows import Balance, FillRow, Holding, OrderRow
from longbridge_app.worker import Deadline, LongBridgeError, Worker

__all__ = ["REPLAY_WINDOW", "LongBridgeBroker", "traits_of"]

REPLAY_WINDOW = timedelta(minutes=10)
CURRENCY = "USD"
FIRST_FRESH, LONGEST_FRESH = 0.05, 1.0
"""How long a list of orders is good for, in seconds: each is twice as long as the one before, until something is sent.

Most orders are filled soon after they were sent, and 30 requests in 30 seconds are allowed.
"""
DAYS_BACK = timedelta(days=5)
CANCEL_SECONDS, POLL_SECONDS = 5.0, 0.2


def traits_of(library: str, settle: timedelta, timeout: float) -> BrokerTraits:
    """Return what may be done after silence: only ``longbridge`` recognises an id that is sent again."""
    after = AfterSilence.RESEND_SOON if library == "longbridge" else AfterSilence.BLOCK
    return BrokerTraits(after, settle, timeout=timedelta(seconds=timeout), replay_window=REPLAY_WINDOW)


class LongBridgeBroker:
    """An account behind an access token.

    Parameters
    ----------
    claims
        Which orders were sent; used where silence blocks, so that none is ever sent twice.
    settle
        How long an order may take to appear after it was sent.
    """

    def __init__(
        self, worker: Worker, instruments: Instruments, claims: Claims, account_id: str, clock: Clock, settle: timedelta
    ) -> None:
        self._worker, self._instruments, self._account_id, self._clock = worker, instruments, account_id, clock
        self._claims = claims
        self._traits = traits_of(worker.library, settle, worker.timeout)
        self._listed: tuple[float, Sequence[OrderRow]] | None = None
        self._fresh = FIRST_FRESH
        self._told: dict[OrderRow, ExecutionReport] = {}

    @property
    def account_id(self) -> str:
        """The account's id, as the settings name it: LongBridge tells none."""
        return self._account_id

    @property
    def traits(self) -> BrokerTraits:
        """What may be done after silence."""
        return self._traits

    def connect(self) -> None:
        """Kill the connection there is, and log in anew; raises `BrokerError` when that does not work."""
        self._worker.kill()
        self._instruments.prepare()
        with self._worker.turn("a login") as deadline:
            self._changed()
            self._today(deadline)

    def close(self) -> None:
        """End the connection."""
        self._worker.kill()

    def account(self) -> AccountState:
        """Return cash by currency and units, asked for now."""
        with self._worker.turn("the account") as deadline:
            balance: Balance = self._worker.look("balance", what="the account", deadline=deadline)
            held: Sequence[Holding] = self._worker.look("positions", what="its positions", deadline=deadline)
        return account_state(self._account_id, balance.cash, held, balance.buy_power)

    def submit(self, order: Order) -> ExecutionReport:
        """Send an order once; see `quant_platform_kit.ports.broker.Broker.submit`."""
        _check(order)
        with self._worker.turn("an order") as deadline:
            try:
                self._check_instrument(order, deadline)
                self._changed()
                found = self._find(order.client_order_id, deadline, history=False)
            except (OrderRejected, NeedsOperator):
                raise
            except BrokerError as error:
                raise self._unsent(error) from error
            if found is None:
                return _answered(self._send(order, deadline))
            if found.order != order:
                raise OrderRejected(
                    f"client order id {order.client_order_id} was used for {found.order}; ids are used once"
                )
            return _answered(found)

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return where an order stands, found by its remark among the orders of today and the last days.

        Raises
        ------
        NeedsOperator
            Several have the remark.
        """
        with self._worker.turn("an order") as deadline:
            return self._find(client_order_id, deadline, history=True)

    def may_have_left(self, client_order_id: str) -> bool:
        """Whether the order was claimed, which it is before it leaves wherever silence blocks."""
        return self._traits.after_silence is not AfterSilence.BLOCK or self._claims.taken(client_order_id)

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Cancel a working order, and return where it stands; fills that came first count."""
        with self._worker.turn("a cancel") as deadline:
            row = self._row(client_order_id, deadline, history=True)
            if row is None:
                raise BrokerError(f"order {client_order_id} is not known to LongBridge")
            if order_state(row).terminal:
                return self._reported(row, deadline)
            try:
                self._worker.look("cancel", row.order_id, what="a cancel", deadline=deadline)
            except LongBridgeError as error:
                if not error.refused:
                    raise
            end = time.monotonic() + min(CANCEL_SECONDS, deadline.left() / 2)
            while True:
                self._changed()
                found = self._find(client_order_id, deadline, history=True)
                if found is not None and (found.state.terminal or time.monotonic() > end):
                    return found
                time.sleep(POLL_SECONDS)

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return every working order of the account, whoever sent it."""
        with self._worker.turn("its orders") as deadline:
            self._changed()
            live = [row for row in self._today(deadline) if not order_state(row).terminal]
            return tuple(self._reported(row, deadline) for row in reversed(live))

    # --- sending ----------------------------------------------------------------------------------

    def _check_instrument(self, order: Order, deadline: Deadline) -> None:
        """Refuse what is not known, is not traded in USD, or is no whole number of lots."""
        found = self._instruments.of(order.symbol, deadline)
        if found is None:
            raise OrderRejected(f"{order.symbol} is not known to LongBridge")
        if found.currency != CURRENCY:
            raise OrderRejected(f"{order.symbol} trades in {found.currency}: only {CURRENCY} is sized")
        if order.quantity % max(found.lot_size, 1):
            raise OrderRejected(f"quantity {order.quantity} of {order.symbol}: a lot is {found.lot_size}")

    def _unsent(self, error: BrokerError) -> BrokerError:
        """Return what to raise when an order was not even sent: where silence blocks, a rejection, which is true."""
        if self._traits.after_silence is AfterSilence.BLOCK:
            return OrderRejected(f"not sent: {error}")
        return error

    def _send(self, order: Order, deadline: Deadline) -> ExecutionReport:
        if not deadline.left():
            raise self._unsent(BrokerError("no time is left to send it"))
        if self._traits.after_silence is AfterSilence.BLOCK and not self._claims.take(order):
            return self._sent_before(order, deadline)
        self._changed()
        arguments = (market_symbol(order.symbol), order.side.value, order.quantity, order.limit_price)
        what = f"order {order.client_order_id}"
        try:
            order_id: str = self._worker.call("submit", *arguments, order.client_order_id, what=what, deadline=deadline)
        except LongBridgeError as error:
            if error.refused:
                raise OrderRejected(str(error)) from error
            raise
        try:
            row, _ = self._worker.look("order", order_id, what=what, deadline=deadline)
            return self._reported(row, deadline)
        except BrokerError:
            return ExecutionReport(order, OrderState.ACKNOWLEDGED)  # it has an id: that is an answer

    def _sent_before(self, order: Order, deadline: Deadline) -> ExecutionReport:
        """Answer for an order that was sent before, by this process or another, and never send it again."""
        end = time.monotonic() + deadline.left() / 2
        while True:
            self._changed()
            found = self._find(order.client_order_id, deadline, history=True)
            if found is not None and found.order == order:
                return found
            if found is not None:
                raise OrderRejected(f"client order id {order.client_order_id} was used for {found.order}")
            if time.monotonic() > end:
                raise NeedsOperator(
                    f"order {order.client_order_id} was sent before, is not shown, and is never sent again"
                )
            time.sleep(POLL_SECONDS)

    # --- looking up -------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Ask anew the next time."""
        self._listed, self._fresh = None, FIRST_FRESH

    def _today(self, deadline: Deadline) -> Sequence[OrderRow]:
        """Return today's orders, the newest first."""
        if self._listed is None or time.monotonic() - self._listed[0] > self._fresh:
            rows = self._worker.look("today", what="today's orders", deadline=deadline)
            self._fresh = self._fresh if self._listed is None else min(2 * self._fresh, LONGEST_FRESH)
            self._listed = (time.monotonic(), rows)
        return self._listed[1]

    def _row(self, client_order_id: str, deadline: Deadline, *, history: bool) -> OrderRow | None:
        told_before = self._listed
        rows = _by_id(row for row in self._today(deadline) if row.remark == client_order_id)
        if not rows and history and self._listed is told_before:  # "not found" counts as of now only
            self._listed = None
            rows = _by_id(row for row in self._today(deadline) if row.remark == client_order_id)
        if not rows and history:
            before: Sequence[OrderRow] = self._worker.look(
                "before", *self._days_back(), what="earlier orders", deadline=deadline
            )
            rows = _by_id(row for row in before if row.remark == client_order_id)
        if len(rows) > 1:
            listed = "; ".join(map(described, rows.values()))
            raise NeedsOperator(f"order {client_order_id} may be any of these at LongBridge: {listed}")
        return next(iter(rows.values()), None)

    def _days_back(self) -> tuple[datetime, datetime]:
        now = self._clock.now()
        return now - DAYS_BACK, now

    def _find(self, client_order_id: str, deadline: Deadline, *, history: bool) -> ExecutionReport | None:
        row = self._row(client_order_id, deadline, history=history)
        return None if row is None else self._reported(row, deadline)

    def _reported(self, row: OrderRow, deadline: Deadline) -> ExecutionReport:
        """Return where an order stands; its fills and costs are asked for when they have changed."""
        if row not in self._told:
            fills: Sequence[FillRow] = ()
            cost = Decimal(0)
            if row.executed_quantity:
                what = f"order {row.remark or row.order_id}"
                fills = self._worker.look(
                    "fills", row.order_id, row.symbol, row.submitted_at, what=what, deadline=deadline
                )
                _, cost = self._worker.look("order", row.order_id, what=what, deadline=deadline)
            made = report(row, fills, cost)
            if made.filled_quantity < row.executed_quantity:
                return made  # executions are still to be told
            self._told[row] = made
        return self._told[row]


def _by_id(rows: Iterable[OrderRow]) -> Mapping[str, OrderRow]:
    return {row.order_id: row for row in rows}


def _check(order: Order) -> None:
    """Refuse what the API would not refuse clearly."""
    if order.quantity <= 0 or order.quantity != order.quantity.to_integral_value():
        raise OrderRejected(f"quantity {order.quantity} of {order.symbol}: it is a positive whole number")
    limit = order.limit_price
    if limit is not None and not (limit.is_finite() and limit > 0):
        raise OrderRejected(f"limit {limit} for {order.symbol}: a limit is positive and finite")


def _answered(found: ExecutionReport) -> ExecutionReport:
    """Return an answer, or raise it when it is a rejection."""
    if found.state is OrderState.REJECTED:
        raise OrderRejected(found.text or "rejected without a reason")
    return found
