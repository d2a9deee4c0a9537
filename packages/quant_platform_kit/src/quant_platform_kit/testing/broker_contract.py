"""What every `Broker` owes, as numbered cases.

B1   Every client of an account reports the same account id
B2   A funded account holds its cash and nothing else
B3   A market buy fills whole, near the quote
B4   A buy moves its price and costs from cash to a position
B5   A sale moves its proceeds less costs to cash
B6   Selling all leaves no position
B7   A repeated id gets the same answer and fills once
B8   An id repeated by a new client fills once
B9   An id used before is refused for another order, and nothing changes
B10  A sale of nothing held is rejected: no short sales
B11  A sale of more than is held is rejected whole
B12  A buy of more than the cash pays for is rejected: no margin
B13  An order for an unknown symbol is rejected
B14  A quantity that is not positive is rejected: a negative buy is no sale
B15  The account trades on after a rejection
B16  An id never sent is not found, also when another order was sent
B17  An order is found with the answer it got
B18  A new client finds what an older one sent
B19  Looking up changes nothing
B20  An order sent by many at once fills once, and every sender gets the one answer
B21  A filled order cannot be cancelled any more: the fill counts
B22  An id never sent cannot be cancelled, and nothing changes
B23  Nothing works on once every order is terminal
B24  Logging in anew changes nothing
B25  Every call has a limit, and silence an end
B26  A quote has the symbol's price with 6 decimals and an instant in UTC not long ago
B27  An unknown symbol has no quote, and takes none from the others
B28  A stale quote shows its age, so that no order is priced with it
B29  The history has a row for every session up to the one asked for, and a close in each
B30  The unfinished bar of the session under way is not in the history
B31  Closes before a split are restated, unless the declared adjustment is raw
B32  A limit buy that the quote allows fills whole, at its limit or better
B33  A limit sale that the quote allows fills whole, at its limit or better
B34  A limit order that the quote does not allow rests, is listed, and can be cancelled untraded
B35  A resting limit order fills when the price is there, at its limit or better
B36  A limit that is not a positive, finite price is rejected
B37  A limit buy that the cash does not pay for at its limit is rejected, also while it would rest
B38  A partly filled order tells what it filled, works on, and fills the rest later
B39  Cancelling a partly filled order keeps the part that filled
B40  A working order that was cancelled never fills, whatever the venue does later
B41  An order whose acknowledgement was lost is found by its id, and sent again it does not fill twice
B42  An order lost on its way is not found; where absence proves that, sent again it fills once
B43  A working order is found, listed and cancelled by a new client
B44  After the connection was lost, a login finds account and orders as they were, and trades on
B45  After a restart of the venue, a login finds account and orders as they were, and trades on
B46  Of two sessions on the account one can send: the newer supersedes the older, or is refused
B47  While the session is closed an order is refused or waits; nothing fills before it is open
B48  An account with the base currency HKD reports its USD and HKD apart, and no sum of them
B49  A buy in USD is paid in USD and leaves the HKD alone
B50  A buy of more than the USD pay for is rejected, however much HKD there is
B51  A split multiplies the units held and divides the price; cash stays, and all of it can be sold
B52  The broker's own total is told, cash and market values add up to it, and no more may be spent than cash
B53  Where the traits have no stop orders, one is refused before anything is recorded
B54  A stop below the price rests, is listed, and can be cancelled untraded
B55  A resting stop sells at the market, and not at its own price, once the price is there or below
B56  A stop that is not a positive, finite price is rejected, and so is one with a limit
B57  The units of a resting stop cannot be sold a second time, and can be once it is cancelled
B58  A resting stop is found, listed and cancelled by a new client

A broker's tests subclass `BrokerContract` and provide fixtures, fresh for each test:

broker
    A client on an account without positions.
reopen
    Returns one more client of that account each time it is called, as a restarted process would have it.
second_client
    A client of that account, not logged in yet, as a second process would have it at the same time. Once a test asks
    for it, neither it nor ``broker`` logs in by itself.
hkd_broker
    A client on an account with the base currency HKD, which holds `HKD_FUNDING` and no positions.
funding
    The account's cash by currency, the currency of the instrument only.
symbol, price
    An instrument that trades, and its quote, of which the funding pays for at least 20 units.
venue
    A `VenueControl` of the venue behind them.
market, adjustment
    The `MarketData` of the same platform, and the `Adjustment` that it declares for its history.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier

import pytest

from quant_platform_kit.domain.balances import BalanceRules, apart
from quant_platform_kit.domain.errors import BrokerError, OrderRejected
from quant_platform_kit.domain.identity import Mode, RunKey, client_order_id
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, Side
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.testing.contract_case import case, case_of, cases
from quant_platform_kit.testing.market_contract import MOST_SLIPPAGE, UNKNOWN_SYMBOL, MarketCases
from quant_platform_kit.testing.venue_control import VenueControl

__all__ = ["HKD_FUNDING", "UNKNOWN_SYMBOL", "BrokerContract", "assert_adds_up"]

Reopen = Callable[[], Broker]
Funding = Mapping[str, Decimal]

SETTLE_SECONDS = 10.0
CONTENDERS = 6
HKD_FUNDING: Funding = {"HKD": Decimal(780_000), "USD": Decimal(5_000)}
"""What the account of ``hkd_broker`` holds; its base currency is HKD."""
_CENT = Decimal("0.01")


class BrokerContract(MarketCases):
    """The cases of the table above.

    Attributes
    ----------
    not_applicable
        Case number -> why a subject cannot have it; such a case is skipped and shown with the reason.
    """

    not_applicable: Mapping[str, str] = {}

    def __init_subclass__(cls) -> None:
        if unknown := cls.not_applicable.keys() - {one.number for one in cases(cls)}:
            raise ValueError(f"{cls.__name__}.not_applicable names {', '.join(sorted(unknown))}: there is no such case")

    @pytest.fixture(autouse=True)
    def _applicable(self, request: pytest.FixtureRequest) -> None:
        """Skip what the subject declares as not applicable."""
        one = case_of(request.function)
        if one and one.number in self.not_applicable:
            pytest.skip(f"n/a: {self.not_applicable[one.number]}")

    @case("B1", "login")
    def test_the_account_id_is_the_same_for_every_client(self, broker: Broker, reopen: Reopen) -> None:
        """Every client of an account reports the same account id."""
        assert broker.account_id
        assert broker.account_id == reopen().account_id == broker.account().account_id

    @case("B2", "account values")
    def test_a_funded_account_holds_its_cash_and_nothing_else(self, broker: Broker, funding: Funding) -> None:
        """A funded account holds its cash and nothing else."""
        account = broker.account()
        assert account.cash_by_currency == funding
        assert _held(account) == {}

    @case("B3", "market orders")
    def test_a_market_buy_fills_whole_near_the_quote(self, broker: Broker, symbol: str, price: Decimal) -> None:
        """A market buy fills whole, near the quote."""
        order = _order(broker, symbol, Side.BUY, 3)
        report = _settled(broker, order)
        assert (report.order, report.state, report.filled_quantity) == (order, OrderState.FILLED, 3)
        for fill in report.fills:
            assert (fill.client_order_id, fill.symbol, fill.side) == (order.client_order_id, symbol, Side.BUY)
            assert abs(fill.price / price - 1) <= MOST_SLIPPAGE
            assert fill.commission >= 0
            assert fill.executed_at.utcoffset() is not None

    @case("B4", "account values")
    def test_a_buy_moves_its_price_and_costs_from_cash_to_a_position(
        self, broker: Broker, symbol: str, funding: Funding
    ) -> None:
        """A buy moves its price and costs from cash to a position."""
        report = _settled(broker, _order(broker, symbol, Side.BUY, 3))
        (currency,) = funding
        paid = sum(fill.quantity * fill.price + fill.commission for fill in report.fills)
        account = broker.account()
        assert account.cash_by_currency[currency] == funding[currency] - paid
        assert _held(account) == {symbol: 3}

    @case("B5", "account values")
    def test_a_sale_moves_its_proceeds_less_costs_to_cash(self, broker: Broker, symbol: str, funding: Funding) -> None:
        """A sale moves its proceeds less costs to cash."""
        _settled(broker, _order(broker, symbol, Side.BUY, 5))
        (currency,) = funding
        before = broker.account().cash_by_currency[currency]
        report = _settled(broker, _order(broker, symbol, Side.SELL, 2))
        assert (report.state, report.filled_quantity) == (OrderState.FILLED, 2)
        received = sum(fill.quantity * fill.price - fill.commission for fill in report.fills)
        account = broker.account()
        assert account.cash_by_currency[currency] == before + received
        assert _held(account) == {symbol: 3}

    @case("B6", "positions")
    def test_selling_all_leaves_no_position(self, broker: Broker, symbol: str) -> None:
        """Selling all leaves no position."""
        _settled(broker, _order(broker, symbol, Side.BUY, 2))
        _settled(broker, _order(broker, symbol, Side.SELL, 2))
        assert _held(broker.account()) == {}

    @case("B7", "recovery by id")
    def test_a_repeated_id_gets_the_same_answer_and_fills_once(self, broker: Broker, symbol: str) -> None:
        """A repeated id gets the same answer and fills once."""
        order = _order(broker, symbol, Side.BUY, 3)
        first = _settled(broker, order)
        account = broker.account()
        assert _settled(broker, order) == first
        assert broker.account() == account
        assert _held(account) == {symbol: 3}

    @case("B8", "recovery by id")
    def test_an_id_repeated_by_a_new_client_fills_once(self, broker: Broker, reopen: Reopen, symbol: str) -> None:
        """An id repeated by a new client fills once."""
        order = _order(broker, symbol, Side.BUY, 3)
        first = _settled(broker, order)
        account = broker.account()
        assert _settled(reopen(), order) == first
        assert reopen().account() == account
        assert _held(account) == {symbol: 3}

    @case("B9", "recovery by id")
    @pytest.mark.parametrize(
        "change",
        [{"quantity": Decimal(4)}, {"side": Side.SELL}, {"limit_price": Decimal(1)}],
        ids=["quantity", "side", "limit"],
    )
    def test_an_id_used_before_is_refused_for_another_order(
        self, broker: Broker, symbol: str, change: Mapping[str, Decimal | Side]
    ) -> None:
        """An id used before is refused for another order, and nothing changes."""
        order = _order(broker, symbol, Side.BUY, 3)
        first = _settled(broker, order)
        account = broker.account()
        with pytest.raises(OrderRejected, match=order.client_order_id):
            broker.submit(replace(order, **change))
        assert broker.account() == account
        assert broker.find(order.client_order_id) == first

    @case("B10", "reject")
    def test_a_sale_of_nothing_held_is_rejected(self, broker: Broker, symbol: str) -> None:
        """A sale of nothing held is rejected: no short sales."""
        _assert_rejected(broker, _order(broker, symbol, Side.SELL, 1))

    @case("B11", "reject")
    def test_a_sale_of_more_than_is_held_is_rejected(self, broker: Broker, symbol: str) -> None:
        """A sale of more than is held is rejected whole."""
        _settled(broker, _order(broker, symbol, Side.BUY, 2))
        _assert_rejected(broker, _order(broker, symbol, Side.SELL, 3))

    @case("B12", "reject")
    def test_a_buy_of_more_than_the_cash_pays_for_is_rejected(
        self, broker: Broker, symbol: str, price: Decimal, funding: Funding
    ) -> None:
        """A buy of more than the cash pays for is rejected: no margin."""
        (cash,) = funding.values()
        _assert_rejected(broker, _order(broker, symbol, Side.BUY, int(cash / price) + 1))

    @case("B13", "unknown symbol")
    def test_an_unknown_symbol_is_rejected(self, broker: Broker) -> None:
        """An order for an unknown symbol is rejected."""
        _assert_rejected(broker, _order(broker, UNKNOWN_SYMBOL, Side.BUY, 1))

    @case("B14", "reject")
    @pytest.mark.parametrize("quantity", [0, -1])
    def test_a_quantity_that_is_not_positive_is_rejected(self, broker: Broker, symbol: str, quantity: int) -> None:
        """A quantity that is not positive is rejected: a negative buy is no sale."""
        _settled(broker, _order(broker, symbol, Side.BUY, 2))
        _assert_rejected(broker, replace(_order(broker, symbol, Side.BUY, 1, 1), quantity=Decimal(quantity)))

    @case("B15", "reject")
    def test_the_account_trades_on_after_a_rejection(self, broker: Broker, symbol: str) -> None:
        """The account trades on after a rejection."""
        _assert_rejected(broker, _order(broker, symbol, Side.SELL, 1))
        assert _settled(broker, _order(broker, symbol, Side.BUY, 1)).state is OrderState.FILLED

    @case("B16", "recovery by id")
    def test_an_id_never_sent_is_not_found(self, broker: Broker, symbol: str) -> None:
        """An id never sent is not found, also when another order was sent."""
        unknown = _order(broker, symbol, Side.BUY, 1, 1)
        assert broker.find(unknown.client_order_id) is None
        _settled(broker, _order(broker, symbol, Side.BUY, 1))
        assert broker.find(unknown.client_order_id) is None

    @case("B17", "recovery by id")
    def test_an_order_is_found_with_the_answer_it_got(self, broker: Broker, symbol: str) -> None:
        """An order is found with the answer it got."""
        order = _order(broker, symbol, Side.BUY, 3)
        assert broker.find(order.client_order_id) is None
        report = _settled(broker, order)
        assert broker.find(order.client_order_id) == report

    @case("B18", "recovery by id")
    def test_a_new_client_finds_what_an_older_one_sent(self, broker: Broker, reopen: Reopen, symbol: str) -> None:
        """A new client finds what an older one sent."""
        order = _order(broker, symbol, Side.BUY, 3)
        report = _settled(broker, order)
        assert reopen().find(order.client_order_id) == report

    @case("B19", "recovery by id")
    def test_looking_up_changes_nothing(self, broker: Broker, symbol: str) -> None:
        """Looking up changes nothing."""
        order = _order(broker, symbol, Side.BUY, 3)
        _settled(broker, order)
        account = broker.account()
        broker.find(order.client_order_id)
        broker.find(_order(broker, symbol, Side.BUY, 1, 1).client_order_id)
        assert broker.account() == account

    @case("B20", "recovery by id")
    def test_an_order_sent_by_many_at_once_fills_once(self, broker: Broker, reopen: Reopen, symbol: str) -> None:
        """An order sent by many at once fills once, and every sender gets the one answer."""
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

    @case("B21", "cancel")
    def test_a_filled_order_cannot_be_cancelled_any_more(self, broker: Broker, symbol: str) -> None:
        """A filled order cannot be cancelled any more: the fill counts."""
        order = _order(broker, symbol, Side.BUY, 3)
        report = _settled(broker, order)
        account = broker.account()
        assert broker.cancel(order.client_order_id) == report
        assert broker.account() == account

    @case("B22", "cancel")
    def test_an_id_never_sent_cannot_be_cancelled(self, broker: Broker, symbol: str) -> None:
        """An id never sent cannot be cancelled, and nothing changes."""
        before = broker.account()
        with pytest.raises(BrokerError):
            broker.cancel(_order(broker, symbol, Side.BUY, 1).client_order_id)
        assert broker.account() == before

    @case("B23", "reject")
    def test_nothing_works_on_once_every_order_is_terminal(self, broker: Broker, symbol: str) -> None:
        """Nothing works on once every order is terminal."""
        assert broker.open_orders() == ()
        _settled(broker, _order(broker, symbol, Side.BUY, 3))
        _assert_rejected(broker, _order(broker, symbol, Side.SELL, 4))
        assert broker.open_orders() == ()

    @case("B24", "login")
    def test_logging_in_anew_changes_nothing(self, broker: Broker, symbol: str) -> None:
        """Logging in anew changes nothing."""
        order = _order(broker, symbol, Side.BUY, 3)
        report = _settled(broker, order)
        account = broker.account()
        broker.connect()
        assert broker.account() == account
        assert broker.find(order.client_order_id) == report
        assert _settled(broker, order) == report

    @case("B25", "login")
    def test_every_call_has_a_limit_and_silence_an_end(self, broker: Broker) -> None:
        """Every call has a limit, and silence an end."""
        traits = broker.traits
        assert traits.timeout > timedelta(0)
        assert traits.visibility_window >= timedelta(0)
        assert traits.replay_window > timedelta(0)

    # --- limit orders ----------------------------------------------------------------------------

    @case("B32", "limit orders")
    def test_a_limit_buy_that_the_quote_allows_fills_within_its_limit(
        self, broker: Broker, symbol: str, price: Decimal
    ) -> None:
        """A limit buy that the quote allows fills whole, at its limit or better."""
        limit = _scaled(price, "1.02")
        report = _settled(broker, _order(broker, symbol, Side.BUY, 3, limit=limit))
        assert (report.state, report.filled_quantity) == (OrderState.FILLED, 3)
        assert all(fill.price <= limit for fill in report.fills)

    @case("B33", "limit orders")
    def test_a_limit_sale_that_the_quote_allows_fills_within_its_limit(
        self, broker: Broker, symbol: str, price: Decimal
    ) -> None:
        """A limit sale that the quote allows fills whole, at its limit or better."""
        _settled(broker, _order(broker, symbol, Side.BUY, 3))
        limit = _scaled(price, "0.98")
        report = _settled(broker, _order(broker, symbol, Side.SELL, 3, limit=limit))
        assert (report.state, report.filled_quantity) == (OrderState.FILLED, 3)
        assert all(fill.price >= limit for fill in report.fills)

    @case("B34", "limit orders")
    def test_a_limit_order_rests_until_it_is_cancelled(
        self, broker: Broker, symbol: str, price: Decimal, funding: Funding
    ) -> None:
        """A limit order that the quote does not allow rests, is listed, and can be cancelled untraded."""
        order = _order(broker, symbol, Side.BUY, 3, limit=_scaled(price, "0.90"))
        resting = _working(broker, order)
        assert (resting.state, resting.fills) == (OrderState.ACKNOWLEDGED, ())
        assert [report.order for report in broker.open_orders()] == [order]
        assert _cancelled(broker, order).filled_quantity == 0
        assert broker.open_orders() == ()
        assert (broker.account().cash_by_currency, _held(broker.account())) == (funding, {})

    @case("B35", "limit orders")
    def test_a_limit_order_rests_until_the_price_is_there(
        self, broker: Broker, venue: VenueControl, symbol: str, price: Decimal
    ) -> None:
        """A resting limit order fills when the price is there, at its limit or better."""
        limit = _scaled(price, "0.95")
        order = _order(broker, symbol, Side.BUY, 3, limit=limit)
        _working(broker, order)
        venue.move(symbol, _scaled(price, "0.94"))
        report = _finished(broker, order)
        assert (report.state, report.filled_quantity) == (OrderState.FILLED, 3)
        assert all(fill.price <= limit for fill in report.fills)
        assert _held(broker.account()) == {symbol: 3}

    @case("B36", "limit orders")
    @pytest.mark.parametrize("limit", ["0", "-1", "NaN", "Infinity"])
    def test_a_limit_that_is_no_price_is_rejected(self, broker: Broker, symbol: str, limit: str) -> None:
        """A limit that is not a positive, finite price is rejected."""
        _assert_rejected(broker, _order(broker, symbol, Side.BUY, 1, limit=Decimal(limit)))

    @case("B37", "reject")
    def test_a_limit_buy_of_more_than_the_cash_pays_for_is_rejected(
        self, broker: Broker, symbol: str, price: Decimal, funding: Funding
    ) -> None:
        """A limit buy that the cash does not pay for at its limit is rejected, also while it would rest."""
        (cash,) = funding.values()
        limit = _scaled(price, "0.90")
        _assert_rejected(broker, _order(broker, symbol, Side.BUY, int(cash / limit) + 1, limit=limit))

    # --- partial fills, cancels ------------------------------------------------------------------

    @case("B38", "partial fill")
    def test_a_partly_filled_order_works_on(self, broker: Broker, venue: VenueControl, symbol: str) -> None:
        """A partly filled order tells what it filled, works on, and fills the rest later."""
        order = _order(broker, symbol, Side.BUY, 4)
        venue.partial(order, Decimal("0.5"))
        part = _working(broker, order, OrderState.PARTIALLY_FILLED)
        assert part.filled_quantity == 2
        assert _held(broker.account()) == {symbol: 2}
        assert [(report.order, report.filled_quantity) for report in broker.open_orders()] == [(order, 2)]
        venue.release()
        report = _finished(broker, order)
        assert (report.state, report.filled_quantity) == (OrderState.FILLED, 4)
        assert report.fills[: len(part.fills)] == part.fills
        assert len({fill.execution_id for fill in report.fills}) == len(report.fills)
        assert _held(broker.account()) == {symbol: 4}

    @case("B39", "partial fill")
    def test_cancelling_a_partly_filled_order_keeps_the_part(
        self, broker: Broker, venue: VenueControl, symbol: str
    ) -> None:
        """Cancelling a partly filled order keeps the part that filled."""
        order = _order(broker, symbol, Side.BUY, 4)
        venue.partial(order, Decimal("0.5"))
        _working(broker, order, OrderState.PARTIALLY_FILLED)
        assert _cancelled(broker, order).filled_quantity == 2
        venue.release()
        assert _held(broker.account()) == {symbol: 2}
        assert broker.open_orders() == ()

    @case("B40", "cancel")
    def test_a_cancelled_order_never_fills(
        self, broker: Broker, venue: VenueControl, symbol: str, funding: Funding
    ) -> None:
        """A working order that was cancelled never fills, whatever the venue does later."""
        order = _order(broker, symbol, Side.BUY, 3)
        venue.rest(order)
        assert _working(broker, order).filled_quantity == 0
        assert _cancelled(broker, order).filled_quantity == 0
        venue.release()
        assert broker.find(order.client_order_id) == _cancelled(broker, order)
        assert (broker.account().cash_by_currency, _held(broker.account())) == (funding, {})

    # --- silence, lost connections, restarts -----------------------------------------------------

    @case("B41", "recovery by id")
    def test_an_order_whose_acknowledgement_was_lost_is_found_and_fills_once(
        self, broker: Broker, reopen: Reopen, venue: VenueControl, symbol: str
    ) -> None:
        """An order whose acknowledgement was lost is found by its id, and sent again it does not fill twice."""
        order = _order(broker, symbol, Side.BUY, 3)
        venue.lose_acknowledgement(order)
        _assert_silence(broker, order)
        later = reopen()
        report = _finished(later, order)
        assert (report.state, report.filled_quantity) == (OrderState.FILLED, 3)
        assert _settled(later, order) == report
        assert _held(later.account()) == {symbol: 3}

    @case("B42", "recovery by id")
    def test_an_order_lost_on_its_way_is_not_found(
        self, broker: Broker, reopen: Reopen, venue: VenueControl, symbol: str
    ) -> None:
        """An order lost on its way is not found; where absence proves that, sent again it fills once."""
        order = _order(broker, symbol, Side.BUY, 3)
        venue.drop(order)
        _assert_silence(broker, order)
        later = reopen()
        assert later.find(order.client_order_id) is None
        assert _held(later.account()) == {}
        if later.traits.after_silence.absence_proves:
            assert _settled(later, order).filled_quantity == 3
            assert _held(later.account()) == {symbol: 3}

    @case("B43", "recovery by id")
    def test_a_working_order_is_found_and_cancelled_by_a_new_client(
        self, broker: Broker, reopen: Reopen, symbol: str, price: Decimal
    ) -> None:
        """A working order is found, listed and cancelled by a new client."""
        order = _order(broker, symbol, Side.BUY, 3, limit=_scaled(price, "0.90"))
        resting = _working(broker, order)
        later = reopen()
        assert later.find(order.client_order_id) == resting
        assert [report.order for report in later.open_orders()] == [order]
        assert _cancelled(later, order).filled_quantity == 0

    @case("B44", "reconnect")
    def test_a_login_after_a_lost_connection_finds_all_as_it_was(
        self, broker: Broker, venue: VenueControl, symbol: str, price: Decimal
    ) -> None:
        """After the connection was lost, a login finds account and orders as they were, and trades on."""
        _assert_survives(broker, venue.drop_connections, symbol, price)

    @case("B45", "reconnect")
    def test_a_login_after_a_restart_of_the_venue_finds_all_as_it_was(
        self, broker: Broker, venue: VenueControl, symbol: str, price: Decimal
    ) -> None:
        """After a restart of the venue, a login finds account and orders as they were, and trades on."""
        _assert_survives(broker, venue.restart, symbol, price)

    @case("B46", "second session")
    def test_of_two_sessions_on_the_account_one_can_send(
        self, broker: Broker, second_client: Broker, symbol: str
    ) -> None:
        """Of two sessions on the account one can send: the newer supersedes the older, or is refused."""
        broker.connect()
        sender, other = second_client, broker
        try:
            second_client.connect()
        except BrokerError:
            sender, other = broker, second_client
        with pytest.raises(BrokerError):
            other.submit(_order(broker, symbol, Side.BUY, 1, 1))
        assert _settled(sender, _order(broker, symbol, Side.BUY, 3)).state is OrderState.FILLED
        assert sender.find(_order(broker, symbol, Side.BUY, 1, 1).client_order_id) is None
        assert _held(sender.account()) == {symbol: 3}

    # --- hours, currencies, splits ---------------------------------------------------------------

    @case("B47", "session closed")
    def test_nothing_fills_while_the_session_is_closed(
        self, broker: Broker, venue: VenueControl, symbol: str, funding: Funding
    ) -> None:
        """While the session is closed an order is refused or waits; nothing fills before it is open."""
        order = _order(broker, symbol, Side.BUY, 3)
        venue.close_session()
        waits = _is_taken(broker, order)
        account = broker.account()
        assert (account.cash_by_currency, _held(account)) == (funding, {})
        venue.open_session()
        if waits:
            assert _finished(broker, order).state is OrderState.FILLED
        assert _settled(broker, _order(broker, symbol, Side.BUY, 1, 1)).state is OrderState.FILLED
        assert _held(broker.account()) == {symbol: 4 if waits else 1}

    @case("B48", "HKD-base account")
    def test_an_hkd_account_tells_its_currencies_apart(self, hkd_broker: Broker) -> None:
        """An account with the base currency HKD reports its USD and HKD apart, and no sum of them."""
        assert hkd_broker.account().cash_by_currency == HKD_FUNDING

    @case("B49", "HKD-base account")
    def test_a_buy_in_usd_leaves_hkd_alone(self, hkd_broker: Broker, symbol: str) -> None:
        """A buy in USD is paid in USD and leaves the HKD alone."""
        report = _settled(hkd_broker, _order(hkd_broker, symbol, Side.BUY, 3))
        paid = sum(fill.quantity * fill.price + fill.commission for fill in report.fills)
        cash = hkd_broker.account().cash_by_currency
        assert cash == {"HKD": HKD_FUNDING["HKD"], "USD": HKD_FUNDING["USD"] - paid}

    @case("B50", "HKD-base account")
    def test_a_buy_in_usd_is_never_paid_with_hkd(self, hkd_broker: Broker, symbol: str, price: Decimal) -> None:
        """A buy of more than the USD pay for is rejected, however much HKD there is."""
        quantity = int(HKD_FUNDING["USD"] / price) + 1
        _assert_rejected(hkd_broker, _order(hkd_broker, symbol, Side.BUY, quantity))

    @case("B51", "split")
    def test_a_split_multiplies_units_and_divides_the_price(
        self, broker: Broker, venue: VenueControl, symbol: str
    ) -> None:
        """A split multiplies the units held and divides the price; cash stays, and all of it can be sold."""
        _settled(broker, _order(broker, symbol, Side.BUY, 3))
        before, cash = venue.price(symbol), broker.account().cash_by_currency
        venue.split(symbol, Decimal(2))
        account = broker.account()
        assert (_held(account), account.cash_by_currency) == ({symbol: 6}, cash)
        assert abs(venue.price(symbol) * 2 / before - 1) <= MOST_SLIPPAGE
        assert _settled(broker, _order(broker, symbol, Side.SELL, 6)).filled_quantity == 6
        assert _held(broker.account()) == {}

    @case("B52", "account values")
    def test_the_brokers_own_figures_add_up_before_and_after_a_trade(self, broker: Broker, symbol: str) -> None:
        """The broker's own total is told, cash and market values add up to it, and no more may be spent than cash."""
        assert_adds_up(broker.account())
        _settled(broker, _order(broker, symbol, Side.BUY, 3))
        assert_adds_up(broker.account())

    # --- stop orders -----------------------------------------------------------------------------

    @case("B53", "stop orders")
    def test_without_the_trait_a_stop_is_refused_before_anything_is_recorded(
        self, broker: Broker, symbol: str, price: Decimal
    ) -> None:
        """Where the traits have no stop orders, one is refused before anything is recorded."""
        assert not broker.traits.stop_orders
        order = _order(broker, symbol, Side.BUY, 3)
        with pytest.raises(OrderRejected, match="stop"):
            broker.submit(replace(order, stop_price=_scaled(price, "1.05")))
        assert broker.find(order.client_order_id) is None
        assert _settled(broker, order).filled_quantity == 3, "the id was not used"

    @case("B54", "stop orders")
    def test_a_stop_rests_until_it_is_cancelled(self, broker: Broker, symbol: str, price: Decimal) -> None:
        """A stop below the price rests, is listed, and can be cancelled untraded."""
        stop, account = _stop(broker, symbol, _scaled(price, "0.95"))
        resting = _working(broker, stop)
        assert (resting.order, resting.state, resting.fills) == (stop, OrderState.ACKNOWLEDGED, ())
        assert [report.order for report in broker.open_orders()] == [stop]
        assert _cancelled(broker, stop).filled_quantity == 0
        assert broker.open_orders() == ()
        assert broker.account() == account

    @case("B55", "stop orders")
    @pytest.mark.parametrize("factor", ["0.95", "0.93"], ids=["at", "through"])
    def test_a_resting_stop_sells_at_the_market_once_the_price_is_there(
        self, broker: Broker, venue: VenueControl, symbol: str, price: Decimal, factor: str
    ) -> None:
        """A resting stop sells at the market, and not at its own price, once the price is there or below."""
        stop, _ = _stop(broker, symbol, _scaled(price, "0.95"))
        _working(broker, stop)
        venue.move(symbol, _scaled(price, "0.96"))
        assert _found(broker, stop).state is OrderState.ACKNOWLEDGED
        quote = _scaled(price, factor)
        venue.move(symbol, quote)
        report = _finished(broker, stop)
        assert (report.state, report.filled_quantity) == (OrderState.FILLED, 3)
        assert all(abs(fill.price / quote - 1) <= MOST_SLIPPAGE for fill in report.fills)
        assert _held(broker.account()) == {}

    @case("B56", "stop orders")
    @pytest.mark.parametrize(
        ("stop", "limit"), [("0", None), ("-1", None), ("NaN", None), ("Infinity", None), ("90", "90")]
    )
    def test_a_stop_that_is_no_price_is_rejected(
        self, broker: Broker, symbol: str, stop: str, limit: str | None
    ) -> None:
        """A stop that is not a positive, finite price is rejected, and so is one with a limit."""
        order, _ = _stop(broker, symbol, Decimal(stop))
        _assert_rejected(broker, replace(order, limit_price=None if limit is None else Decimal(limit)))

    @case("B57", "stop orders")
    def test_the_units_of_a_resting_stop_are_sold_once(self, broker: Broker, symbol: str, price: Decimal) -> None:
        """The units of a resting stop cannot be sold a second time, and can be once it is cancelled."""
        stop, _ = _stop(broker, symbol, _scaled(price, "0.95"))
        _working(broker, stop)
        _assert_rejected(broker, _order(broker, symbol, Side.SELL, 3, 1))
        assert _cancelled(broker, stop).filled_quantity == 0
        assert _settled(broker, _order(broker, symbol, Side.SELL, 3, 2)).filled_quantity == 3
        assert _held(broker.account()) == {}

    @case("B58", "stop orders")
    def test_a_resting_stop_is_found_and_cancelled_by_a_new_client(
        self, broker: Broker, reopen: Reopen, symbol: str, price: Decimal
    ) -> None:
        """A resting stop is found, listed and cancelled by a new client."""
        stop, account = _stop(broker, symbol, _scaled(price, "0.95"))
        resting = _working(broker, stop)
        later = reopen()
        assert later.find(stop.client_order_id) == resting
        assert [report.order for report in later.open_orders()] == [stop]
        assert _cancelled(later, stop).filled_quantity == 0
        assert later.account() == account


def _order(
    broker: Broker, symbol: str, side: Side, quantity: int, sequence: int = 0, *, limit: Decimal | None = None
) -> Order:
    key = RunKey(broker.account_id, date(2023, 12, 1), "contract", Mode.PAPER)
    identity = client_order_id(key, symbol, side.value, sequence)
    return Order(identity, symbol, side, Decimal(quantity), limit)


def _stop(broker: Broker, symbol: str, price: Decimal) -> tuple[Order, AccountState]:
    """Buy 3 units; return the stop that would sell them, which is not sent, and the account."""
    assert broker.traits.stop_orders
    _settled(broker, _order(broker, symbol, Side.BUY, 3))
    return replace(_order(broker, symbol, Side.SELL, 3), stop_price=price), broker.account()


def _found(broker: Broker, order: Order) -> ExecutionReport:
    report = broker.find(order.client_order_id)
    assert report is not None, f"{order} is not known"
    return report


def assert_adds_up(account: AccountState) -> None:
    """Assert what B52 does, of one state of an account."""
    told = account.balance
    assert told is not None
    assert told.total is not None
    assert apart(account, BalanceRules()) is None
    assert told.positions is not None or _held(account), "what no positions are worth is known"
    for currency, spendable in told.spendable.items():
        assert account.may_spend(currency) <= min(spendable, account.cash_by_currency[currency])


def _scaled(price: Decimal, factor: str) -> Decimal:
    return (price * Decimal(factor)).quantize(_CENT)


def _held(account: AccountState) -> dict[str, Decimal]:
    return {symbol: quantity for symbol, quantity in account.quantities.items() if quantity}


def _awaited(broker: Broker, order: Order, wanted: Callable[[ExecutionReport], bool]) -> ExecutionReport:
    """Look an order up until it is as wanted: a broker may acknowledge first and act later."""
    deadline = time.monotonic() + SETTLE_SECONDS
    report = broker.find(order.client_order_id)
    while (report is None or not wanted(report)) and time.monotonic() < deadline:
        time.sleep(0.02)
        report = broker.find(order.client_order_id)
    assert report is not None, f"{order} is not known after {SETTLE_SECONDS} s"
    assert wanted(report), f"{order} is {report.state.value} after {SETTLE_SECONDS} s"
    return report


def _finished(broker: Broker, order: Order) -> ExecutionReport:
    """Wait until nothing more can happen to an order."""
    return _awaited(broker, order, lambda report: report.state.terminal)


def _settled(broker: Broker, order: Order) -> ExecutionReport:
    """Submit, and wait until nothing more can happen to the order."""
    report = broker.submit(order)
    return report if report.state.terminal else _finished(broker, order)


def _is_taken(broker: Broker, order: Order) -> bool:
    """Submit an order that need not be taken; return whether it may fill."""
    with suppress(OrderRejected):
        return not broker.submit(order).state.terminal
    return False


def _working(broker: Broker, order: Order, state: OrderState = OrderState.ACKNOWLEDGED) -> ExecutionReport:
    """Submit, and wait until the order works in a state."""
    broker.submit(order)
    return _awaited(broker, order, lambda report: report.state is state)


def _cancelled(broker: Broker, order: Order) -> ExecutionReport:
    """Cancel, and wait until the order is cancelled."""
    broker.cancel(order.client_order_id)
    report = _finished(broker, order)
    assert report.state is OrderState.CANCELLED
    return report


def _assert_silence(broker: Broker, order: Order) -> None:
    """Submit an order whose sender hears nothing: that is no rejection."""
    with pytest.raises(BrokerError) as silence:
        broker.submit(order)
    assert not isinstance(silence.value, OrderRejected)


def _assert_survives(broker: Broker, blow: Callable[[], None], symbol: str, price: Decimal) -> None:
    """Check that a filled and a working order, and what is held, are the same after a blow and a login."""
    filled = _settled(broker, _order(broker, symbol, Side.BUY, 3))
    order = _order(broker, symbol, Side.BUY, 2, 1, limit=_scaled(price, "0.90"))
    resting, account = _working(broker, order), broker.account()
    blow()
    with suppress(BrokerError):
        broker.account()
    broker.connect()
    assert broker.account() == account
    assert broker.find(filled.order.client_order_id) == filled
    assert broker.find(order.client_order_id) == resting
    assert [report.order for report in broker.open_orders()] == [order]
    assert _cancelled(broker, order).filled_quantity == 0
    assert _settled(broker, _order(broker, symbol, Side.SELL, 3)).state is OrderState.FILLED


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
