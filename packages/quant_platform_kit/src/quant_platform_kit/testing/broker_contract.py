"""What every `Broker` owes, as numbered cases.

A broker's tests subclass `BrokerContract` and provide five fixtures: ``broker``, on an account without positions;
``reopen``, which returns one more client of that account each time it is called, as a restarted process would have it;
``funding``, the account's cash by currency, the currency of the instrument only; ``symbol``, an instrument that
trades; and ``price``, its quote, of which the funding pays for at least 20 units.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier

import pytest

from quant_platform_kit.domain.errors import BrokerError, OrderRejected
from quant_platform_kit.domain.identity import Mode, RunKey, client_order_id
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, Side
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.ports.broker import Broker

__all__ = ["UNKNOWN_SYMBOL", "BrokerContract"]

Reopen = Callable[[], Broker]
Funding = Mapping[str, Decimal]

UNKNOWN_SYMBOL = "NOSUCHXX"
SETTLE_SECONDS = 10.0
MOST_SLIPPAGE = Decimal("0.01")
CONTENDERS = 6


class BrokerContract:
    """The cases B1 to B25."""

    def test_the_account_id_is_the_same_for_every_client(self, broker: Broker, reopen: Reopen) -> None:
        """B1."""
        assert broker.account_id
        assert broker.account_id == reopen().account_id == broker.account().account_id

    def test_a_funded_account_holds_its_cash_and_nothing_else(self, broker: Broker, funding: Funding) -> None:
        """B2."""
        account = broker.account()
        assert account.cash_by_currency == funding
        assert _held(account) == {}

    def test_a_market_buy_fills_whole_near_the_quote(self, broker: Broker, symbol: str, price: Decimal) -> None:
        """B3."""
        order = _order(broker, symbol, Side.BUY, 3)
        report = _settled(broker, order)
        assert (report.order, report.state, report.filled_quantity) == (order, OrderState.FILLED, 3)
        for fill in report.fills:
            assert (fill.client_order_id, fill.symbol, fill.side) == (order.client_order_id, symbol, Side.BUY)
            assert abs(fill.price / price - 1) <= MOST_SLIPPAGE
            assert fill.commission >= 0
            assert fill.executed_at.utcoffset() is not None

    def test_a_buy_moves_its_price_and_costs_from_cash_to_a_position(
        self, broker: Broker, symbol: str, funding: Funding
    ) -> None:
        """B4."""
        report = _settled(broker, _order(broker, symbol, Side.BUY, 3))
        (currency,) = funding
        paid = sum(fill.quantity * fill.price + fill.commission for fill in report.fills)
        account = broker.account()
        assert account.cash_by_currency[currency] == funding[currency] - paid
        assert _held(account) == {symbol: 3}

    def test_a_sale_moves_its_proceeds_less_costs_to_cash(self, broker: Broker, symbol: str, funding: Funding) -> None:
        """B5."""
        _settled(broker, _order(broker, symbol, Side.BUY, 5))
        (currency,) = funding
        before = broker.account().cash_by_currency[currency]
        report = _settled(broker, _order(broker, symbol, Side.SELL, 2))
        assert (report.state, report.filled_quantity) == (OrderState.FILLED, 2)
        received = sum(fill.quantity * fill.price - fill.commission for fill in report.fills)
        account = broker.account()
        assert account.cash_by_currency[currency] == before + received
        assert _held(account) == {symbol: 3}

    def test_selling_all_leaves_no_position(self, broker: Broker, symbol: str) -> None:
        """B6."""
        _settled(broker, _order(broker, symbol, Side.BUY, 2))
        _settled(broker, _order(broker, symbol, Side.SELL, 2))
        assert _held(broker.account()) == {}

    def test_a_repeated_id_gets_the_same_answer_and_fills_once(self, broker: Broker, symbol: str) -> None:
        """B7."""
        order = _order(broker, symbol, Side.BUY, 3)
        first = _settled(broker, order)
        account = broker.account()
        assert _settled(broker, order) == first
        assert broker.account() == account
        assert _held(account) == {symbol: 3}

    def test_an_id_repeated_by_a_new_client_fills_once(self, broker: Broker, reopen: Reopen, symbol: str) -> None:
        """B8."""
        order = _order(broker, symbol, Side.BUY, 3)
        first = _settled(broker, order)
        account = broker.account()
        assert _settled(reopen(), order) == first
        assert reopen().account() == account
        assert _held(account) == {symbol: 3}

    @pytest.mark.parametrize("change", [{"quantity": Decimal(4)}, {"side": Side.SELL}], ids=["quantity", "side"])
    def test_an_id_used_before_is_refused_for_another_order(
        self, broker: Broker, symbol: str, change: Mapping[str, Decimal | Side]
    ) -> None:
        """B9: and nothing changes."""
        order = _order(broker, symbol, Side.BUY, 3)
        first = _settled(broker, order)
        account = broker.account()
        with pytest.raises(OrderRejected, match=order.client_order_id):
            broker.submit(replace(order, **change))
        assert broker.account() == account
        assert broker.find(order.client_order_id) == first

    def test_a_sale_of_nothing_held_is_rejected(self, broker: Broker, symbol: str) -> None:
        """B10: no short sales; and nothing changes."""
        _assert_rejected(broker, _order(broker, symbol, Side.SELL, 1))

    def test_a_sale_of_more_than_is_held_is_rejected(self, broker: Broker, symbol: str) -> None:
        """B11: whole, not down to what is held; and nothing changes."""
        _settled(broker, _order(broker, symbol, Side.BUY, 2))
        _assert_rejected(broker, _order(broker, symbol, Side.SELL, 3))

    def test_a_buy_of_more_than_the_cash_pays_for_is_rejected(
        self, broker: Broker, symbol: str, price: Decimal, funding: Funding
    ) -> None:
        """B12: no margin; and nothing changes."""
        (cash,) = funding.values()
        _assert_rejected(broker, _order(broker, symbol, Side.BUY, int(cash / price) + 1))

    def test_an_unknown_symbol_is_rejected(self, broker: Broker) -> None:
        """B13: and nothing changes."""
        _assert_rejected(broker, _order(broker, UNKNOWN_SYMBOL, Side.BUY, 1))

    @pytest.mark.parametrize("quantity", [0, -1])
    def test_a_quantity_that_is_not_positive_is_rejected(self, broker: Broker, symbol: str, quantity: int) -> None:
        """B14: a negative buy is no sale; and nothing changes."""
        _settled(broker, _order(broker, symbol, Side.BUY, 2))
        _assert_rejected(broker, replace(_order(broker, symbol, Side.BUY, 1, 1), quantity=Decimal(quantity)))

    def test_the_account_trades_on_after_a_rejection(self, broker: Broker, symbol: str) -> None:
        """B15."""
        _assert_rejected(broker, _order(broker, symbol, Side.SELL, 1))
        assert _settled(broker, _order(broker, symbol, Side.BUY, 1)).state is OrderState.FILLED

    def test_an_id_never_sent_is_not_found(self, broker: Broker, symbol: str) -> None:
        """B16: also when another order was sent."""
        unknown = _order(broker, symbol, Side.BUY, 1, 1)
        assert broker.find(unknown.client_order_id) is None
        _settled(broker, _order(broker, symbol, Side.BUY, 1))
        assert broker.find(unknown.client_order_id) is None

    def test_an_order_is_found_with_the_answer_it_got(self, broker: Broker, symbol: str) -> None:
        """B17."""
        order = _order(broker, symbol, Side.BUY, 3)
        assert broker.find(order.client_order_id) is None
        report = _settled(broker, order)
        assert broker.find(order.client_order_id) == report

    def test_a_new_client_finds_what_an_older_one_sent(self, broker: Broker, reopen: Reopen, symbol: str) -> None:
        """B18."""
        order = _order(broker, symbol, Side.BUY, 3)
        report = _settled(broker, order)
        assert reopen().find(order.client_order_id) == report

    def test_looking_up_changes_nothing(self, broker: Broker, symbol: str) -> None:
        """B19."""
        order = _order(broker, symbol, Side.BUY, 3)
        _settled(broker, order)
        account = broker.account()
        broker.find(order.client_order_id)
        broker.find(_order(broker, symbol, Side.BUY, 1, 1).client_order_id)
        assert broker.account() == account

    def test_an_order_sent_by_many_at_once_fills_once(self, broker: Broker, reopen: Reopen, symbol: str) -> None:
        """B20: every sender gets the answer of the one fill."""
        order = _order(broker, symbol, Side.BUY, 3)
        clients = [reopen() for _ in range(CONTENDERS)]
        start = Barrier(CONTENDERS)

        def send(client: Broker) -> ExecutionReport:
            start.wait()
            return _settled(client, order)

        with ThreadPoolExecutor(CONTENDERS) as pool:
            reports = list(pool.map(send, clients))
        assert reports == [broker.find(order.client_order_id)] * CONTENDERS
        assert _held(broker.account()) == {symbol: 3}

    def test_a_filled_order_cannot_be_cancelled_any_more(self, broker: Broker, symbol: str) -> None:
        """B21: the fill counts, and nothing changes."""
        order = _order(broker, symbol, Side.BUY, 3)
        report = _settled(broker, order)
        account = broker.account()
        assert broker.cancel(order.client_order_id) == report
        assert broker.account() == account

    def test_an_id_never_sent_cannot_be_cancelled(self, broker: Broker, symbol: str) -> None:
        """B22: and nothing changes."""
        before = broker.account()
        with pytest.raises(BrokerError):
            broker.cancel(_order(broker, symbol, Side.BUY, 1).client_order_id)
        assert broker.account() == before

    def test_nothing_works_on_once_every_order_is_terminal(self, broker: Broker, symbol: str) -> None:
        """B23."""
        assert broker.open_orders() == ()
        _settled(broker, _order(broker, symbol, Side.BUY, 3))
        _assert_rejected(broker, _order(broker, symbol, Side.SELL, 4))
        assert broker.open_orders() == ()

    def test_logging_in_anew_changes_nothing(self, broker: Broker, symbol: str) -> None:
        """B24: the account and what it knows of its orders are the same over the new connection."""
        order = _order(broker, symbol, Side.BUY, 3)
        report = _settled(broker, order)
        account = broker.account()
        broker.connect()
        assert broker.account() == account
        assert broker.find(order.client_order_id) == report
        assert _settled(broker, order) == report

    def test_every_call_has_a_limit_and_silence_an_end(self, broker: Broker) -> None:
        """B25."""
        traits = broker.traits
        assert traits.timeout > timedelta(0)
        assert traits.settle_window >= timedelta(0)
        assert traits.replay_window > timedelta(0)


def _order(broker: Broker, symbol: str, side: Side, quantity: int, sequence: int = 0) -> Order:
    key = RunKey(broker.account_id, date(2023, 12, 1), "contract", Mode.PAPER)
    identity = client_order_id(key, symbol, side.value, sequence)
    return Order(identity, symbol, side, Decimal(quantity))


def _held(account: AccountState) -> dict[str, Decimal]:
    return {symbol: quantity for symbol, quantity in account.quantities.items() if quantity}


def _settled(broker: Broker, order: Order) -> ExecutionReport:
    """Submit, and wait until nothing more can happen to the order: a broker may acknowledge first and fill later."""
    report, deadline = broker.submit(order), time.monotonic() + SETTLE_SECONDS
    while not report.state.terminal and time.monotonic() < deadline:
        time.sleep(0.02)
        report = broker.find(order.client_order_id) or report
    assert report.state.terminal, f"{order} is {report.state.value} after {SETTLE_SECONDS} s"
    return report


def _assert_rejected(broker: Broker, order: Order) -> None:
    """Submit an order that must not trade: rejected at once or, by a broker that acknowledges first, soon after."""
    before = broker.account()
    try:
        report = _settled(broker, order)
    except OrderRejected as error:
        report = ExecutionReport(order, OrderState.REJECTED, (), str(error))
    assert (report.state, report.filled_quantity) == (OrderState.REJECTED, 0)
    assert report.text, "a rejection says why"
    assert broker.account() == before
