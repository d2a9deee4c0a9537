"""One account at Alpaca, as the kit's `Broker`.

Every order carries its client order id, which Alpaca takes once: a second order under it is refused, so that the same
id may be sent again where the first cannot be found. That refusal is no rejection. It says that the order is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from operator import methodcaller
from typing import Any

from quant_platform_kit.adapters.blocking_client import Deadline
from quant_platform_kit.adapters.documents import instant, mapping, mappings
from quant_platform_kit.adapters.listed import Listed
from quant_platform_kit.domain.beliefs import Table
from quant_platform_kit.domain.errors import BrokerError, OrderRejected, Refused
from quant_platform_kit.domain.orders import (
    ExecutionReport,
    Order,
    OrderState,
    check_prices,
    raise_if_rejected,
    refuse_used_id,
)
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.services.record.sent_orders import SentOrders

from alpaca_app.assets import Assets, in_parts
from alpaca_app.beliefs import ACCOUNT, FILL, ORDER, POSITION
from alpaca_app.connection import Connection, Refusal
from alpaca_app.library import load_trading
from alpaca_app.mapping import account_number, account_state, order_state, report, why_no_trading

__all__ = ["AlpacaBroker", "traits_of"]

UNIQUE = "must be unique"
"""What a refusal says where an order has the id."""
BACK = timedelta(days=1)
"""How far back lists go; an order of before is asked for by its id."""
MOST_ORDERS, MOST_FILLS = 500, 100
CANCEL_SECONDS, POLL_SECONDS = 5.0, 0.1
FILLS = "/account/activities/FILL"
SANDBOX_PREFIX = "DUSBX"

Document = Mapping[str, Any]


def traits_of(visibility: timedelta, timeout: float) -> BrokerTraits:
    """Return what may be done after silence: the same id may be sent again, as Alpaca takes an id once."""
    most = timedelta(seconds=timeout)
    return BrokerTraits(AfterSilence.RESEND, visibility, most, records_sends=True, stop_orders=True)


class AlpacaBroker:
    """An account behind a key.

    Parameters
    ----------
    sent
        Which orders were sent. One that was not is sent at once; one that may have been is looked for first.
    visibility
        How long an order may take to appear after it was sent.
    is_sandbox
        Whether the connection leads to a venue of the sandbox, whose accounts have names that no other has.
    """

    def __init__(
        self,
        connection: Connection,
        account_id: str,
        sent: SentOrders[Order],
        clock: Clock,
        visibility: timedelta,
        *,
        is_sandbox: bool,
    ) -> None:
        self._connection, self._account_id, self._sent, self._clock = connection, account_id, sent, clock
        self._is_sandbox = is_sandbox
        self._traits = traits_of(visibility, connection.timeout)
        self._assets = Assets(connection)
        self._orders = Listed[Document](self._asked_orders, lambda: True)
        self._fills = Listed[Document](self._asked_fills, lambda: True)

    @property
    def account_id(self) -> str:
        """The account's number."""
        return self._account_id

    @property
    def traits(self) -> BrokerTraits:
        """What may be done after silence."""
        return self._traits

    def connect(self) -> None:
        """Begin a new session, and see that the account is the one meant, and takes orders.

        Raises
        ------
        BrokerError
            Alpaca does not answer, refuses the keys, or lets nothing be traded on the account.
        Refused
            The keys are another account's.
        """
        self._connection.close()
        self._forget()
        with self._connection.turn("the account") as deadline:
            account = self._asked_account(deadline)
        self._check_name(account_number(account))
        if why := why_no_trading(account):
            raise BrokerError(f"account {self._account_id} takes no orders: {why}")

    def account(self) -> AccountState:
        """Return cash and units, asked for now."""
        with self._connection.turn("the account") as deadline:
            account = self._asked_account(deadline)
            told = self._connection.look(lambda client: client.get_all_positions(), "its positions", deadline)
            held = self._connection.seen.take_all(POSITION.subject, mappings(told, "Alpaca's positions"))
        return account_state(account, held)

    def submit(self, order: Order) -> ExecutionReport:
        """Send an order once; see `quant_platform_kit.ports.broker.Broker.submit`."""
        _check_numbers(order)
        with self._connection.turn("an order") as deadline:
            identity = order.client_order_id
            self._assets.check(order, deadline)
            if not self._sent.record(identity, order) and (known := self._sent_before(order, deadline)) is not None:
                return known
            self._forget()
            try:
                answer = self._connection.send(_sends(order), f"order {identity}", deadline)
            except Refusal as refusal:
                if _is_taken(refusal):
                    return self._taken(order, deadline)
                raise OrderRejected(str(refusal)) from refusal
            return raise_if_rejected(self._acknowledged(order, answer))

    def find(self, client_order_id: str) -> ExecutionReport | None:
        """Return where an order stands."""
        with self._connection.turn("an order") as deadline:
            return self._find(client_order_id, deadline)

    def may_have_left(self, client_order_id: str) -> bool:
        """Whether the order is in the store, which it is before it leaves."""
        return self._sent.find(client_order_id) is not None

    def cancel(self, client_order_id: str) -> ExecutionReport:
        """Cancel a working order, and return where it stands; fills that came first count."""
        with self._connection.turn("a cancel") as deadline:
            document = self._document(client_order_id, deadline)
            if document is None:
                raise BrokerError(f"order {client_order_id} is not known to Alpaca")
            if not order_state(document.get("status")).terminal:
                self._cancel(str(document.get("id")), deadline)
            end = time.monotonic() + min(CANCEL_SECONDS, deadline.left() / 2)
            while True:
                found = self._find(client_order_id, deadline)
                if found is not None and (found.state.terminal or time.monotonic() > end):
                    return found
                time.sleep(POLL_SECONDS)

    def open_orders(self) -> tuple[ExecutionReport, ...]:
        """Return every working order of the account, whoever sent it."""
        with self._connection.turn("its orders") as deadline:
            working = self._asked_orders(deadline, "open", None)
            return tuple(self._reported(each, deadline) for each in reversed(working))

    def send_again(self, order: Order) -> None:
        """Send an order under the id that it was sent under, whatever Alpaca knows of it."""
        with self._connection.turn("an order again") as deadline:
            self._forget()
            try:
                self._connection.send(_sends(order), f"order {order.client_order_id}", deadline)
            except Refusal as refusal:
                raise OrderRejected(str(refusal)) from refusal

    def cancel_every(self, symbol: str) -> int:
        """Cancel every working order of a symbol, each by Alpaca's own id; return how many there were."""
        with self._connection.turn("its orders") as deadline:
            working = [each for each in self._asked_orders(deadline, "open", None) if each.get("symbol") == symbol]
            for each in working:
                self._cancel(str(each.get("id")), deadline)
            return len(working)

    # --- sending ----------------------------------------------------------------------------------

    def _sent_before(self, order: Order, deadline: Deadline) -> ExecutionReport | None:
        """Answer for an order that was recorded before; None where Alpaca does not know it: it is sent again."""
        recorded = self._sent.find(order.client_order_id)
        assert recorded is not None, "what was recorded can be read"
        refuse_used_id(recorded, order)
        self._forget()
        found = self._find(order.client_order_id, deadline)
        return None if found is None else raise_if_rejected(found)

    def _taken(self, order: Order, deadline: Deadline) -> ExecutionReport:
        """Answer for an order of which Alpaca says that it has it."""
        found = self._find(order.client_order_id, deadline)
        if found is None:
            raise BrokerError(f"Alpaca says that it has order {order.client_order_id}, and does not show it")
        refuse_used_id(found.order, order)
        return raise_if_rejected(found)

    def _acknowledged(self, order: Order, answer: Any) -> ExecutionReport:
        """Return what an answer to an order says of it; what was filled, `find` tells."""
        document = self._connection.seen.take(ORDER.subject, mapping(answer, "Alpaca's answer"))
        if document.get("client_order_id") != order.client_order_id:
            raise BrokerError(f"Alpaca answered order {order.client_order_id} with another one")
        state = order_state(document.get("status"))
        if state is OrderState.REJECTED:
            return ExecutionReport(order, state, (), "rejected by Alpaca")
        return ExecutionReport(order, OrderState.ACKNOWLEDGED)

    def _cancel(self, named: str, deadline: Deadline) -> None:
        try:
            self._connection.look(lambda client: client.cancel_order_by_id(named), "a cancel", deadline)
        except Refusal as refusal:
            if refusal.status != HTTPStatus.UNPROCESSABLE_ENTITY:  # else it is done already
                raise
        self._forget()

    # --- looking up -------------------------------------------------------------------------------

    def _forget(self) -> None:
        """Ask anew the next time."""
        self._orders.forget()
        self._fills.forget()

    def _find(self, client_order_id: str, deadline: Deadline) -> ExecutionReport | None:
        document = self._document(client_order_id, deadline)
        return None if document is None else self._reported(document, deadline)

    def _document(self, client_order_id: str, deadline: Deadline) -> Document | None:
        """Return an order; one that has ended as it was, every other as of a moment ago, "not found" as of now."""
        listed = self._listed(client_order_id)
        if listed is None or not order_state(listed.get("status")).terminal:
            self._orders.refresh(deadline)
            listed = self._listed(client_order_id)
        return listed or self._asked_for(client_order_id, deadline)

    def _listed(self, client_order_id: str) -> Document | None:
        return next((each for each in self._orders.rows if each.get("client_order_id") == client_order_id), None)

    def _reported(self, document: Document, deadline: Deadline) -> ExecutionReport:
        """Return where an order stands, its fills asked for when more are known to be there."""
        fills: Sequence[Document] = ()
        if document.get("filled_qty") not in (None, "0"):
            found = report(document, self._fills.rows)
            if order_state(document.get("status")).terminal and found.state.terminal:
                return found
            self._fills.refresh(deadline)
            fills = self._fills.rows if self._is_recent(document) else self._fills_since(document, deadline)
        return report(document, fills)

    def _is_recent(self, document: Document) -> bool:
        return instant(document.get("submitted_at"), "submitted_at") > self._clock.now() - BACK

    # --- questions --------------------------------------------------------------------------------

    def _asked_account(self, deadline: Deadline) -> Document:
        told = self._connection.look(lambda client: client.get_account(), "the account", deadline)
        return self._connection.seen.take(ACCOUNT.subject, mapping(told, "Alpaca's account"))

    def _asked_for(self, client_order_id: str, deadline: Deadline) -> Document | None:
        """Return an order by its id, None if Alpaca does not know it."""
        try:
            told = self._connection.look(
                lambda client: client.get_order_by_client_id(client_order_id), "an order", deadline
            )
        except Refusal as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return self._connection.seen.take(ORDER.subject, mapping(told, "Alpaca's order"))

    def _asked_orders(
        self, deadline: Deadline, status: str = "all", back: timedelta | None = BACK
    ) -> Sequence[Document]:
        """Return the newest orders, the newest first."""
        fields = {"status": status, "limit": MOST_ORDERS, "direction": "desc"}
        if back is not None:
            fields["after"] = (self._clock.now() - back).isoformat()
        told = self._connection.look(lambda client: client.get("/orders", fields), "its orders", deadline)
        return self._taken_all(ORDER, mappings(told, "Alpaca's orders"))

    def _asked_fills(self, deadline: Deadline) -> Sequence[Document]:
        """Return the fills of the last day."""
        return self._all_fills({"after": (self._clock.now() - BACK).isoformat()}, deadline)

    def _fills_since(self, document: Document, deadline: Deadline) -> Sequence[Document]:
        """Return the fills of an order of an earlier day, and of others since."""
        since = instant(document.get("submitted_at"), "submitted_at") - timedelta(seconds=1)
        return self._all_fills({"after": since.isoformat()}, deadline)

    def _all_fills(self, fields: Mapping[str, Any], deadline: Deadline) -> Sequence[Document]:
        """Return fills page by page, the newest first."""
        found: list[Document] = []
        asked = {**fields, "direction": "desc", "page_size": MOST_FILLS}
        while True:
            told = self._connection.look(lambda client, asked=asked: client.get(FILLS, asked), "its fills", deadline)
            page = self._taken_all(FILL, mappings(told, "Alpaca's fills"))
            found += page
            if len(page) < MOST_FILLS:
                return found
            asked = {**asked, "page_token": page[-1].get("id")}

    def _taken_all(self, table: Table, documents: Sequence[Document]) -> Sequence[Document]:
        """Return documents with what is read of them alone: two lists are the same if that is."""
        names = [each.path for each in table.fields]
        taken = self._connection.seen.take_all(table.subject, documents)
        return [{name: each.get(name) for name in names} for each in taken]

    def _check_name(self, told: str) -> None:
        """Refuse another account than the one meant, and a real one behind an address of the sandbox."""
        if told != self._account_id:
            raise Refused(f"the keys are those of account {told}, not of {self._account_id}: correct ALPACA_ACCOUNT")
        if told.startswith(SANDBOX_PREFIX) is not self._is_sandbox:
            raise Refused(f"account {told} is not where it belongs: check ALPACA_TRADING_URL")


def _check_numbers(order: Order) -> None:
    """Refuse a quantity or a price that is none, and parts of a share in an order with a price."""
    quantity, priced = order.quantity, order.limit_price is not None or order.stop_price is not None
    if not quantity.is_finite() or quantity <= 0:
        raise OrderRejected(f"quantity {quantity} of {order.symbol}: it is a positive number")
    check_prices(order, stop_orders=True)
    if priced and in_parts(quantity):
        raise OrderRejected(f"quantity {quantity} of {order.symbol}: with a limit or a stop it is a whole number")


def _sends(order: Order) -> Callable[[Any], Any]:
    """Return what has the library send an order: for the day, in regular hours."""
    trading = load_trading()
    kind, more = trading.MarketOrderRequest, dict[str, int | float]()
    if order.limit_price is not None:
        kind, more = trading.LimitOrderRequest, {"limit_price": _exact(order.limit_price)}
    elif order.stop_price is not None:
        kind, more = trading.StopOrderRequest, {"stop_price": _exact(order.stop_price)}
    request = kind(
        symbol=order.symbol,
        qty=_exact(order.quantity),
        side=trading.OrderSide(order.side.value.lower()),
        time_in_force=trading.TimeInForce.DAY,
        client_order_id=order.client_order_id,
        **more,
    )
    return methodcaller("submit_order", request)


def _exact(value: Decimal) -> int | float:
    """Return a number as the library takes it."""
    return float(value) if in_parts(value) else int(value)


def _is_taken(refusal: Refusal) -> bool:
    """Whether an order was refused because Alpaca has one with its id; any other refusal is one."""
    return refusal.status == HTTPStatus.UNPROCESSABLE_ENTITY and UNIQUE in refusal.words
