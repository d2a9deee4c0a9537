"""One account at Interactive Brokers, as the kit's `Broker`.

An order's id is in the store before the order leaves; acknowledged means that the broker's own id was seen, and silence
means nothing. An order sent again goes out under the same client id, order id and reference, with the same parameters.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from quant_platform_kit.adapters.ibkr_inputs import account_state
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator, OrderRejected, Refused
from quant_platform_kit.domain.orders import (
    ExecutionReport,
    Order,
    OrderState,
    check_whole_units,
    raise_if_rejected,
    refuse_contradiction,
)
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits

from ibkr_app.beliefs import ACCOUNT, POSITION, by_tag
from ibkr_app.connection import Connection
from ibkr_app.contracts import Contracts
from ibkr_app.mapping import order_state
from ibkr_app.order_ids import OrderIds, Reserved
from ibkr_app.tracking import Tracked, Tracker, order_of

__all__ = ["IbkrBroker"]

SOON_SECONDS = 0.25
"""How long the second half of a message pair may take: the reason of a rejection, the commission of a fill."""
CANCEL_SECONDS = 5.0
ASK_AGAIN_SECONDS = 5.0
"""How long events alone are trusted to tell what becomes of an order that was acknowledged."""


class IbkrBroker:
    """An account behind a login.

    Parameters
    ----------
    ids
        Where order ids are recorded.
    visibility
        How long an order may take to appear after it was sent.
    """

    def __init__(
        self, connection: Connection, contracts: Contracts, account_id: str, ids: OrderIds, visibility: timedelta
    ) -> None:
        self._connection, self._contracts, self._account_id, self._ids = connection, contracts, account_id, ids
        self._looked_up: tuple[Tracker | None, float] = (None, 0.0)
        self._traits = BrokerTraits(
            AfterSilence.RESEND, visibility, timeout=timedelta(seconds=connection.address.timeout)
        )

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self._account_id

    @property
    def traits(self) -> BrokerTraits:
        """After the visibility window, an order that is not found was never accepted."""
        return self._traits

    def connect(self) -> None:
        """Log in anew; the Gateway refuses a second session under the client id while an older one lives.

        Raises
        ------
        BrokerError
            The Gateway is not available.
        Refused
            The account is not behind this login.
        """
        self._connection.connect()
        accounts = self._connection.accounts
        if self._account_id not in accounts:
            raise Refused(
                f"account {self._account_id} is not among those of this login, {', '.join(accounts)}: "
                "correct ACCOUNT_GROUP, or log the Gateway in as its user"
            )

    def account(self) -> AccountState:
        """Return cash per currency and units, asked for now."""
        name = self._account_id

        async def fetch(ib: Any) -> tuple[list[Any], list[Any]]:
            await ib.reqAccountUpdatesMultiAsync(name)
            positions = await ib.reqPositionsAsync()
            return ib.accountValues(name), positions

        values, positions = self._connection.ask(fetch, "the account")
        self._connection.seen.take(ACCOUNT.subject, by_tag(name, values))
        return account_state(name, values, self._connection.seen.take_all(POSITION.subject, positions))

    def submit(self, order: Order) -> ExecutionReport:
        """Send an order once; see `quant_platform_kit.ports.broker.Broker.submit`."""
        check_whole_units(order)
        contract = self._contracts.qualified(order.symbol)
        if contract is None:
            raise OrderRejected(f"{order.symbol} is not known to Interactive Brokers as a stock or ETF in USD")
        known = self._ids.known(order.client_order_id)
        reserved = self._ids.reserve(self._account_id, order, self._least_id())
        if known is not None and (found := self.find(order.client_order_id)) is not None:
            return raise_if_rejected(found)
        built = self._built(reserved)
        self._connection.tracker.expect(order, reserved.order_id, self._account_id)

        async def place(ib: Any) -> None:
            ib.client.updateReqId(reserved.order_id + 1)
            ib.placeOrder(contract, built)

        self._connection.ask(place, f"order {reserved.order_id}")
        return self._acknowledged(order)

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return what the broker knows of an order: working, executed or completed, under any client id."""
        tracker = self._connection.tracker
        tracked = tracker.get(client_order_id)
        if tracked is None or tracked.doubted or not (tracked.final(time.monotonic()) or self._followed()):
            self._look_up()
            tracked = tracker.get(client_order_id)
        if tracked is None or tracked.account_id not in ("", self._account_id):
            return None
        reserved = self._ids.known(client_order_id)
        if reserved is not None:
            tracked.order = reserved.order
        if tracked.order is None:
            return None
        if _only_duplicate(tracked):
            raise _judge(tracked)
        tracker.wait(client_order_id, lambda each: not each.awaits_commission, SOON_SECONDS)
        answer = tracked.report(time.monotonic())
        return answer if reserved is None else refuse_contradiction(answer, None)

    def may_have_left(self, client_order_id: str) -> bool:
        """Whether the order has an id in the store, which it gets before it leaves."""
        return self._ids.known(client_order_id) is not None

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Cancel a working order, and return where it stands; fills that came first count."""
        found = self.find(client_order_id)
        if found is None:
            raise BrokerError(f"order {client_order_id} is not known to Interactive Brokers")
        if found.state.terminal:
            return found
        tracker = self._connection.tracker
        tracked = tracker.get(client_order_id)
        order_id = tracked.order_id if tracked else 0
        self._connection.do(lambda ib: ib.cancelOrder(self._connection.sdk.Order(orderId=order_id)), "a cancel")
        seconds = min(CANCEL_SECONDS, self._connection.address.timeout)
        tracker.wait(client_order_id, lambda each: each.doubted or each.final(time.monotonic()), seconds)
        return self.find(client_order_id) or found

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return every working order of the account, whoever sent it, with what it has filled."""
        mine = [trade for trade in self._look_up() if trade.order.account == self._account_id]
        return tuple(self._open(trade) for trade in mine if not order_state(trade.orderStatus.status).terminal)

    def send_again(self, order: Order) -> None:
        """Send an order under the id that it was sent under, whatever the Gateway knows of it."""
        contract, reserved = self._contracts.qualified(order.symbol), self._ids.known(order.client_order_id)
        if contract is None or reserved is None:
            raise OrderRejected(f"order {order.client_order_id} was never sent")
        self._connection.do(lambda ib: ib.placeOrder(contract, self._built(reserved)), "an order again")

    def cancel_every(self, symbol: str) -> int:
        """Cancel every working order of a symbol, each as the Gateway shows it; return how many there were."""
        mine = [trade for trade in self._look_up() if trade.order.account == self._account_id]
        working = [
            trade.order
            for trade in mine
            if trade.contract.symbol == symbol and not order_state(trade.orderStatus.status).terminal
        ]
        for order in working:
            self._connection.do(lambda ib, order=order: ib.cancelOrder(order), "a cancel")
        return len(working)

    def _open(self, trade: Any) -> ExecutionReport:
        tracked = self._connection.tracker.get(trade.order.orderRef) if trade.order.orderRef else None
        if tracked is None or tracked.order is None:
            made_by_hand = order_of(trade.order.orderRef or f"ib-{trade.order.permId}", trade)
            return ExecutionReport(made_by_hand, OrderState.ACKNOWLEDGED)
        try:
            return tracked.report(time.monotonic())
        except NeedsOperator:
            return ExecutionReport(tracked.order, OrderState.ACKNOWLEDGED)

    # --- sending ----------------------------------------------------------------------------------

    def _least_id(self) -> int:
        """Return the lowest order id that the Gateway takes now."""
        return self._connection.do(lambda ib: ib.client.getReqId(), "the next order id")

    def _built(self, reserved: Reserved) -> Any:
        """Return an order as the library has it."""
        order = reserved.order
        kind = "MKT" if order.limit_price is None else "LMT"
        prices = {} if order.limit_price is None else {"lmtPrice": float(order.limit_price)}
        return self._connection.sdk.Order(
            orderId=reserved.order_id,
            action=order.side.value,
            totalQuantity=float(order.quantity),
            orderType=kind,
            tif="DAY",
            account=self._account_id,
            orderRef=order.client_order_id,
            **prices,
        )

    def _acknowledged(self, order: Order) -> ExecutionReport:
        """Wait until the broker has said what it does with an order."""
        tracker, reference = self._connection.tracker, order.client_order_id
        if not tracker.wait(reference, lambda each: each.acknowledged, self._connection.address.timeout):
            raise BrokerError(f"no acknowledgement of order {reference} within {self._connection.address.timeout:g} s")
        tracker.wait(reference, lambda each: each.explained, SOON_SECONDS)
        tracked = tracker.get(reference)
        assert tracked is not None, "what was acknowledged is known"
        if _only_duplicate(tracked):
            self._look_up()
            if _only_duplicate(tracked):
                raise _judge(tracked)
        return raise_if_rejected(refuse_contradiction(tracked.report(time.monotonic()), None))

    # --- looking up -------------------------------------------------------------------------------

    def _look_up(self) -> list[Any]:
        """Ask for working, executed and completed orders, which the tracker takes; return the working ones."""
        tracker = self._connection.tracker

        async def fetch(ib: Any) -> list[Any]:
            working = await ib.reqAllOpenOrdersAsync()
            for trade in working:
                tracker.on_trade(trade)
            await ib.reqExecutionsAsync()
            for fill in ib.fills():
                tracker.on_execution(None, fill)
            for trade in await ib.reqCompletedOrdersAsync(False):
                tracker.on_trade(trade)
            return working

        working = self._connection.ask(fetch, "its orders")
        self._looked_up = (tracker, time.monotonic())
        tracker.believe()
        return working

    def _followed(self) -> bool:
        """Whether the events of this login are enough: it has been asked for all orders, and that not long ago."""
        tracker, at = self._looked_up
        return tracker is self._connection.tracker and time.monotonic() - at < ASK_AGAIN_SECONDS


def _only_duplicate(tracked: Tracked) -> bool:
    """Whether all that is known of an order is that its id was used before."""
    return tracked.duplicate and not tracked.perm_id and not tracked.executions


def _judge(tracked: Tracked) -> NeedsOperator:
    said = tracked.reason[1] if tracked.reason else ""
    return NeedsOperator(
        f"order id {tracked.order_id} was used before (103: {said}), and the broker shows no order with reference "
        f"{tracked.reference}: look at the account's orders and executions of the day"
    )
