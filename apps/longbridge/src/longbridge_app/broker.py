"""One account at LongBridge, as the kit's `Broker`.

Every order carries its client order id as its remark, by which it is found again among the orders of the day. Over
``longbridge`` the id is the request's too: for ten minutes the same id returns the order there is.

LongBridge takes 30 calls in 30 seconds. An order takes one to be sent, and one to learn what it cost once it is done;
all that is between is answered for every order from one list of orders and one of executions.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal

from quant_platform_kit.adapters.blocking_client import Deadline
from quant_platform_kit.adapters.listed import Listed
from quant_platform_kit.adapters.longbridge_inputs import account_state, market_symbol
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator, OrderRejected
from quant_platform_kit.domain.orders import (
    ExecutionReport,
    Order,
    OrderState,
    check_whole_units,
    raise_if_rejected,
    refuse_used_id,
)
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.services.record.sent_orders import SentOrders

from longbridge_app.beliefs import BALANCE, COST, EXECUTION, HOLDING, ORDER
from longbridge_app.instruments import Instruments
from longbridge_app.mapping import described, order_of, order_state, report
from longbridge_app.rows import Balance, FillRow, Holding, OrderRow
from longbridge_app.worker import LongBridgeError, Worker

__all__ = ["REPLAY_WINDOW", "LongBridgeBroker", "traits_of"]

REPLAY_WINDOW = timedelta(minutes=10)
CURRENCY = "USD"
DAYS_BACK = timedelta(days=5)
CANCEL_SECONDS, POLL_SECONDS = 5.0, 0.2
ORDERS, FILLS = "today's orders", "today's executions"


def traits_of(library: str, visibility: timedelta, timeout: float) -> BrokerTraits:
    """Return what may be done after silence: only ``longbridge`` recognises an id that is sent again."""
    after = AfterSilence.RESEND_SOON if library == "longbridge" else AfterSilence.BLOCK
    return BrokerTraits(after, visibility, timedelta(seconds=timeout), REPLAY_WINDOW, records_sends=True)


class LongBridgeBroker:
    """An account behind an access token.

    Parameters
    ----------
    sent
        Which orders were sent. One that was not is sent at once; one that may have been is looked for first.
    visibility
        How long an order may take to appear after it was sent.
    """

    def __init__(
        self,
        worker: Worker,
        instruments: Instruments,
        sent: SentOrders[Order],
        account_id: str,
        clock: Clock,
        visibility: timedelta,
    ) -> None:
        self._worker, self._instruments, self._account_id, self._clock = worker, instruments, account_id, clock
        self._sent = sent
        self._traits = traits_of(worker.credentials.library, visibility, worker.timeout)
        self._orders = Listed[OrderRow](
            lambda deadline: worker.rows(ORDER, "today", what=ORDERS, deadline=deadline), worker.has_room
        )
        self._fills = Listed[FillRow](
            lambda deadline: worker.rows(EXECUTION, "fills", what=FILLS, deadline=deadline), worker.has_room
        )
        self._reports: dict[str, tuple[OrderRow, ExecutionReport]] = {}

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
            self._orders.ask(deadline)
            self._forget()

    def account(self) -> AccountState:
        """Return cash by currency and units, asked for now."""
        with self._worker.turn("the account") as deadline:
            balance: Balance = self._worker.look("balance", what="the account", deadline=deadline)
            self._worker.seen.take(BALANCE.subject, balance)
            held: Sequence[Holding] = self._worker.rows(HOLDING, "positions", what="its positions", deadline=deadline)
        return account_state(self._account_id, balance.cash_infos, held, balance)

    def submit(self, order: Order) -> ExecutionReport:
        """Send an order once; see `quant_platform_kit.ports.broker.Broker.submit`.

        An order that LongBridge took is acknowledged: whether it rejected or filled it then, `find` tells.
        """
        check_whole_units(order)
        with self._worker.turn("an order") as deadline:
            self._prepare(order, deadline)
            identity = order.client_order_id
            if not self._sent.record(identity, order) and (known := self._sent_before(order, deadline)) is not None:
                return known
            self._forget()
            with _refusals():
                self._worker.call_now("submit", *_details(order), what=f"order {identity}", deadline=deadline)
            return ExecutionReport(order, OrderState.ACKNOWLEDGED)

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return where an order stands, found by its remark among the orders of today and the last days.

        One that was filled has not come to its end before it is known what it cost.

        Raises
        ------
        NeedsOperator
            Several have the remark.
        """
        with self._worker.turn("an order") as deadline:
            return self._find(client_order_id, deadline)

    def may_have_left(self, client_order_id: str) -> bool:
        """Whether the order is in the store, which it is before it leaves."""
        return self._sent.find(client_order_id) is not None

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Cancel a working order, and return where it stands; fills that came first count."""
        with self._worker.turn("a cancel") as deadline:
            row = self._row(client_order_id, deadline)
            if row is None:
                raise BrokerError(f"order {client_order_id} is not known to LongBridge")
            if order_state(row).terminal:
                return self._reported(row, deadline, insist=True)
            try:
                self._worker.look("cancel", row.order_id, what="a cancel", deadline=deadline)
            except LongBridgeError as error:
                if not error.refused:
                    raise
            self._forget()
            end = time.monotonic() + min(CANCEL_SECONDS, deadline.left() / 2)
            while True:
                found = self._find(client_order_id, deadline, insist=True)
                if found is not None and (found.state.terminal or time.monotonic() > end):
                    return found
                time.sleep(POLL_SECONDS)

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return every working order of the account, whoever sent it."""
        with self._worker.turn("its orders") as deadline:
            self._orders.ask(deadline)
            live = [row for row in self._orders.rows if not order_state(row).terminal]
            return tuple(self._reported(row, deadline, insist=True) for row in reversed(live))

    def send_again(self, order: Order) -> None:
        """Send an order under the request id that it was sent under, whatever LongBridge knows of it."""
        with self._worker.turn("an order again") as deadline:
            self._take_turn(order, deadline)
            self._forget()
            what = f"order {order.client_order_id}"
            with _refusals():
                self._worker.call_now("submit", *_details(order), what=what, deadline=deadline)

    def cancel_every(self, symbol: str) -> int:
        """Cancel every working order of a symbol, each by LongBridge's own id; return how many there were."""
        with self._worker.turn("its orders") as deadline:
            self._orders.ask(deadline)
            name = market_symbol(symbol)
            working = [row for row in self._orders.rows if row.symbol == name and not order_state(row).terminal]
            for row in working:
                self._worker.look("cancel", row.order_id, what="a cancel", deadline=deadline)
            self._forget()
            return len(working)

    # --- sending ----------------------------------------------------------------------------------

    def _prepare(self, order: Order, deadline: Deadline) -> None:
        """Refuse what cannot be traded, and wait until the order may be sent; nothing of it is recorded before."""
        try:
            self._check_instrument(order, deadline)
            self._take_turn(order, deadline)
        except OrderRejected:
            raise
        except BrokerError as error:
            raise self._unsent(order, error) from error

    def _check_instrument(self, order: Order, deadline: Deadline) -> None:
        """Refuse what is not known, is not traded in USD, or is no whole number of lots."""
        found = self._instruments.of(order.symbol, deadline)
        if found is None:
            raise OrderRejected(f"{order.symbol} is not known to LongBridge")
        if found.currency != CURRENCY:
            raise OrderRejected(f"{order.symbol} trades in {found.currency}: only {CURRENCY} is sized")
        if order.quantity % max(found.lot_size, 1):
            raise OrderRejected(f"quantity {order.quantity} of {order.symbol}: a lot is {found.lot_size}")

    def _unsent(self, order: Order, error: BrokerError) -> BrokerError:
        """Return what to raise when an order was not sent: where silence blocks, a rejection, if it never was."""
        if self._traits.after_silence is AfterSilence.BLOCK and not self.may_have_left(order.client_order_id):
            return OrderRejected(f"not sent: {error}")
        return error

    def _take_turn(self, order: Order, deadline: Deadline) -> None:
        """Wait until the order may be sent; nothing of it is recorded before."""
        self._worker.take_turn(f"order {order.client_order_id}", deadline)
        if not deadline.left():
            raise BrokerError("no time is left to send it")

    def _sent_before(self, order: Order, deadline: Deadline) -> ExecutionReport | None:
        """Answer for an order that was recorded before, by this process or another, and may have been sent.

        Returns
        -------
        ExecutionReport or None
            None when it may be sent again, and it is its turn: only where LongBridge recognises it.
        """
        end = time.monotonic() + deadline.left() / 2
        while True:
            self._forget()
            found = self._find(order.client_order_id, deadline)
            if found is not None:
                refuse_used_id(found.order, order)
                return raise_if_rejected(found)
            if self._traits.after_silence is not AfterSilence.BLOCK:
                self._take_turn(order, deadline)
                return None
            if time.monotonic() > end:
                raise NeedsOperator(
                    f"order {order.client_order_id} was sent before, is not shown, and is never sent again"
                )
            time.sleep(POLL_SECONDS)

    # --- looking up -------------------------------------------------------------------------------

    def _forget(self) -> None:
        """Ask anew the next time."""
        self._orders.forget()
        self._fills.forget()

    def _row(self, client_order_id: str, deadline: Deadline) -> OrderRow | None:
        """Return an order by its remark; one that has ended is as it was, and every other one as of a moment ago."""
        rows = self._rows(client_order_id)
        if not (rows and all(order_state(row).terminal for row in rows.values())):
            asked = self._orders.refresh(deadline)
            rows = self._rows(client_order_id)
            if not rows and not asked:  # "not found" counts as of now only
                self._orders.ask(deadline)
                rows = self._rows(client_order_id)
        if not rows:
            before: Sequence[OrderRow] = self._worker.rows(
                ORDER, "before", *self._days_back(), what="earlier orders", deadline=deadline
            )
            rows = _by_id(row for row in before if row.remark == client_order_id)
        if len(rows) > 1:
            listed = "; ".join(map(described, rows.values()))
            raise NeedsOperator(f"order {client_order_id} may be any of these at LongBridge: {listed}")
        return next(iter(rows.values()), None)

    def _rows(self, client_order_id: str) -> Mapping[str, OrderRow]:
        return _by_id(row for row in self._orders.rows if row.remark == client_order_id)

    def _days_back(self) -> tuple[datetime, datetime]:
        now = self._clock.now()
        return now - DAYS_BACK, now

    def _find(self, client_order_id: str, deadline: Deadline, *, insist: bool = False) -> ExecutionReport | None:
        row = self._row(client_order_id, deadline)
        return None if row is None else self._reported(row, deadline, insist=insist)

    def _reported(self, row: OrderRow, deadline: Deadline, *, insist: bool = False) -> ExecutionReport:
        """Return where an order stands, or where it stood until all its executions and its cost are told.

        Parameters
        ----------
        insist
            Whether to wait for a turn to ask what it cost; otherwise that is asked when there is room for it.
        """
        known = self._reports.get(row.order_id)
        if known is not None and known[0] == row:
            return known[1]
        fills = self._fills_of(row, deadline) if row.executed_quantity else ()
        more = sum((fill.quantity for fill in fills), Decimal(0)) - row.executed_quantity
        whole = more == 0 or (more > 0 and order_state(row).terminal)
        if more > 0 and not whole:
            self._orders.forget()  # it went on being filled between the two lists: ask for the order again
        cost = self._cost(row, deadline, insist=insist) if fills and whole else Decimal(0)
        if whole and cost is not None:
            self._reports[row.order_id] = row, report(row, fills, cost)
            return self._reports[row.order_id][1]
        return ExecutionReport(order_of(row), OrderState.ACKNOWLEDGED) if known is None else known[1]

    def _cost(self, row: OrderRow, deadline: Deadline, *, insist: bool) -> Decimal | None:
        """Return what an order cost so far, None if that has to wait, as while it goes on being filled."""
        may_ask = self._worker.has_room() and (order_state(row).terminal or self._orders.steady)
        if not (insist or may_ask):
            return None
        cost = self._worker.look("cost", row.order_id, what=_named(row), deadline=deadline)
        self._worker.seen.take(COST.subject, {"charge_detail": {"total_amount": cost}})
        return cost

    def _fills_of(self, row: OrderRow, deadline: Deadline) -> Sequence[FillRow]:
        """Return the executions of an order, asked for when more are known to be there."""
        fills = _of(row, self._fills.rows)
        if sum(fill.quantity for fill in fills) < row.executed_quantity and self._fills.refresh(deadline):
            fills = _of(row, self._fills.rows)
        if not fills and row.submitted_at.date() < self._clock.now().date():
            earlier: Sequence[FillRow] = self._worker.rows(
                EXECUTION, "fills_before", row.symbol, row.submitted_at, what=_named(row), deadline=deadline
            )
            fills = _of(row, earlier)
        return fills


def _of(row: OrderRow, fills: Iterable[FillRow]) -> Sequence[FillRow]:
    return list({fill.trade_id: fill for fill in fills if fill.order_id == row.order_id}.values())


def _named(row: OrderRow) -> str:
    return f"order {row.remark or row.order_id}"


def _by_id(rows: Iterable[OrderRow]) -> Mapping[str, OrderRow]:
    return {row.order_id: row for row in rows}


def _details(order: Order) -> tuple[object, ...]:
    """Return what an order is sent with: its id is LongBridge's request id."""
    return market_symbol(order.symbol), order.side.value, order.quantity, order.limit_price, order.client_order_id


@contextmanager
def _refusals() -> Generator[None]:
    """Raise `OrderRejected` where LongBridge refused what is sent."""
    try:
        yield
    except LongBridgeError as error:
        if error.refused:
            raise OrderRejected(str(error)) from error
        raise
