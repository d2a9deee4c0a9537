"""The exchange without a wire: matching, accounts, splits, hours."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from quant_platform_kit.domain.errors import UnknownSession
from quant_platform_kit.domain.strategy import Adjustment
from venue_sandbox.exchange.accounts import AccountError, Funding, read_funding
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.exchange import Exchange, InvalidTicket, Problem
from venue_sandbox.exchange.instruments import Listing
from venue_sandbox.exchange.opening import Plan, open_exchange
from venue_sandbox.exchange.orders import (
    Hold,
    OrderStatus,
    OrderType,
    Side,
    Ticket,
    TimeInForce,
    VenueOrder,
)

D = Decimal
FRIDAY = date(2023, 6, 2)
MONDAY = date(2023, 6, 5)
NOON = datetime(2023, 6, 2, 16, tzinfo=UTC)
EVENING = datetime(2023, 6, 2, 22, tzinfo=UTC)
FUNDING = Funding("DUSBX1", {"USD": D(100_000)})
PRICES = """date,symbol,open,close,adj_close
2023-06-01,SPY,99,100,50
2023-06-02,SPY,100.5,101,50.5
2023-06-05,SPY,102,103,51.5
2023-06-06,SPY,104,105,52.5
2023-06-01,TLT,50,50,50
2023-06-02,TLT,50,50.004,50
"""

Open = Callable[..., Exchange]


@pytest.fixture
def start(tmp_path: Path) -> Generator[Open]:
    """Yield a function that opens one venue, at first or again, at noon of a Friday that is a session."""
    (tmp_path / "prices.csv").write_text(PRICES)
    last: list[Exchange] = []

    def open_(now: datetime = NOON, **changes: object) -> Exchange:
        for exchange in last:
            exchange.journal.close()
        plan = Plan(tmp_path / "venue", (FUNDING,), prices=tmp_path / "prices.csv")
        clock = VenueClock(real=lambda: now.timestamp())
        last[:] = [open_exchange(replace(plan, **changes), clock)]  # type: ignore[arg-type]
        return last[0]

    yield open_
    for exchange in last:
        exchange.journal.close()


def ticket(side: Side = Side.BUY, quantity: int | Decimal = 10, **fields: object) -> Ticket:
    limit = fields.get("limit")
    made = Ticket("DUSBX1", "SPY", side, D(quantity), OrderType.MARKET if limit is None else OrderType.LIMIT)
    return replace(made, **fields)  # type: ignore[arg-type]


def trade(exchange: Exchange, order: VenueOrder) -> VenueOrder:
    """Let an order trade all it can now."""
    exchange.work(order.number)
    while not exchange.book.orders[order.number].status.done and exchange.match(order.number):
        pass
    return exchange.book.orders[order.number]


def test_a_market_buy_pays_the_ask_and_the_commission(start: Open) -> None:
    exchange = start()
    order = trade(exchange, exchange.submit(ticket()))
    account = exchange.book.accounts["DUSBX1"]
    assert (order.status, order.average_price, order.commission) == (OrderStatus.FILLED, D("101.01"), D(1))
    assert account.cash == {"USD": D(100_000) - D("1010.10") - 1}
    assert account.holding("SPY").quantity == 10
    assert account.holding("SPY").average_cost == D("101.11"), "commission included"


def test_a_sale_receives_the_bid_and_realizes_its_gain(start: Open) -> None:
    exchange = start()
    trade(exchange, exchange.submit(ticket()))
    exchange.set_price("SPY", D(110))
    trade(exchange, exchange.submit(ticket(Side.SELL, 4)))
    account = exchange.book.accounts["DUSBX1"]
    assert account.cash["USD"] == D(100_000) - D("1011.10") + 4 * D("109.99") - 1
    assert exchange.book.executions[-1].realized == 4 * (D("109.99") - D("101.11")) - 1
    trade(exchange, exchange.submit(ticket(Side.SELL, 6)))
    assert account.held() == {}


def test_a_limit_order_waits_for_its_price_and_gets_the_better_one(start: Open) -> None:
    exchange = start()
    order = trade(exchange, exchange.submit(ticket(limit=D(100))))
    assert (order.status, order.filled) == (OrderStatus.WORKING, 0)
    exchange.set_price("SPY", D(99))
    assert exchange.match(order.number) is not None
    assert exchange.book.orders[order.number].average_price == D("99.01")


def test_a_large_order_fills_in_parts_that_the_seed_fixes(start: Open, tmp_path: Path) -> None:
    def parts(folder: str, seed: int) -> list[Decimal]:
        exchange = start(folder=tmp_path / folder, seed=seed)
        trade(exchange, exchange.submit(ticket(quantity=800)))
        return [execution.quantity for execution in exchange.book.executions]

    assert parts("a", 1) == parts("b", 1)
    assert len({tuple(parts(str(seed), seed)) for seed in range(9)}) > 1
    exchange = start(folder=tmp_path / "a")
    order = exchange.book.orders[1]
    assert (order.status, order.filled, order.commission) == (OrderStatus.FILLED, 800, D(4))
    assert len({execution.id for execution in exchange.book.executions}) == order.fills


def test_a_held_order_fills_up_to_its_share_until_it_is_released(start: Open) -> None:
    exchange = start()
    order = trade(exchange, exchange.submit(ticket(), hold=Hold(D(4))))
    assert (order.status, order.filled) == (OrderStatus.WORKING, 4)
    exchange.release(order.number)
    assert trade(exchange, order).status is OrderStatus.FILLED


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (ticket(quantity=991), "funds are insufficient"),
        (ticket(quantity=1000, limit=D(100)), "funds are insufficient"),
        (ticket(Side.SELL, 1), "short sales"),
    ],
)
def test_what_the_account_cannot_settle_is_rejected(start: Open, wish: Ticket, reason: str) -> None:
    exchange = start()
    order = exchange.submit(wish)
    assert order.status is OrderStatus.REJECTED
    assert reason in order.reason
    assert exchange.book.accounts["DUSBX1"].cash["USD"] == 100_000


def test_open_orders_use_up_cash_and_holdings(start: Open) -> None:
    exchange = start()
    trade(exchange, exchange.submit(ticket(quantity=10)))
    waiting = exchange.submit(ticket(quantity=900, limit=D(90)))
    assert exchange.buying_power("DUSBX1", "USD") == D(100_000) - D("1011.10") - 900 * 90 - D("4.5")
    assert exchange.submit(ticket(quantity=200)).status is OrderStatus.REJECTED
    assert exchange.submit(ticket(Side.SELL, 6, limit=D(200))).status is OrderStatus.ACCEPTED
    assert exchange.submit(ticket(Side.SELL, 5)).status is OrderStatus.REJECTED
    exchange.cancel(waiting.number, "")
    assert exchange.submit(ticket(quantity=200)).status is OrderStatus.ACCEPTED


def test_an_open_order_uses_up_cash_of_its_own_currency(start: Open) -> None:
    funding = Funding("DUSBX2", {"HKD": D(800_000), "USD": D(5_000)})
    exchange = start(fundings=(funding,))
    exchange.submit(ticket(quantity=10, limit=D(90), account="DUSBX2"))
    assert exchange.buying_power("DUSBX2", "HKD") == 800_000
    assert exchange.buying_power("DUSBX2", "USD") == 5_000 - 901


def test_a_ticket_can_be_checked_without_an_order(start: Open) -> None:
    exchange = start()
    exchange.check(ticket())
    with pytest.raises(InvalidTicket):
        exchange.check(ticket(quantity=0))
    assert exchange.book.orders == {}


def test_a_symbol_of_hong_kong_trades_in_its_own_dollars_and_lots() -> None:
    instrument = Listing(["700.HK"]).instruments["700.HK"]
    assert (instrument.currency, instrument.lot, instrument.in_lots(D(250))) == ("HKD", 100, 200)


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        (ticket(account="DUSBX9"), Problem.ACCOUNT),
        (ticket(symbol="NOSUCHXX"), Problem.SYMBOL),
        (ticket(quantity=0), Problem.QUANTITY),
        (ticket(quantity=D("NaN")), Problem.QUANTITY),
        (ticket(quantity=D("1.5")), Problem.LOT),
        (ticket(limit=D("NaN")), Problem.LIMIT),
        (ticket(limit=D(0)), Problem.LIMIT),
        (ticket(limit=D("100.001")), Problem.TICK),
    ],
)
def test_a_ticket_that_makes_no_sense_makes_no_order(start: Open, wish: Ticket, problem: Problem) -> None:
    exchange = start()
    with pytest.raises(InvalidTicket) as caught:
        exchange.submit(wish)
    assert caught.value.problem is problem
    assert exchange.book.orders == {}


def test_an_order_for_the_day_ends_at_the_close_and_one_without_end_does_not(start: Open) -> None:
    exchange = start()
    for_day = exchange.submit(ticket(limit=D(50)))
    for_ever = exchange.submit(ticket(limit=D(50), time_in_force=TimeInForce.GTC))
    exchange.set_clock(EVENING)
    assert exchange.book.orders[for_day.number].status is OrderStatus.EXPIRED
    assert exchange.book.orders[for_ever.number].status is OrderStatus.ACCEPTED
    for_monday = exchange.submit(ticket(limit=D(50)))
    assert for_monday.good_for == MONDAY
    exchange.set_clock(datetime(2023, 6, 5, 19, tzinfo=UTC))
    assert exchange.book.orders[for_monday.number].status is OrderStatus.ACCEPTED


def test_the_market_keeps_its_hours_unless_forced(start: Open) -> None:
    exchange = start()
    assert exchange.is_open()
    exchange.force_hours(False)
    assert not exchange.is_open()
    exchange.force_hours(None)
    exchange.set_clock(EVENING)
    assert not exchange.is_open()
    exchange.force_hours(True)
    assert exchange.is_open()


def test_quotes_follow_the_sessions_of_the_file(start: Open) -> None:
    exchange = start()
    quote = exchange.quote("SPY")
    assert quote is not None
    assert (quote.bid, quote.last, quote.ask) == (D("100.99"), D(101), D("101.01"))
    assert (quote.previous_close, quote.as_of) == (D(100), NOON)
    exchange.market.stale["SPY"] = 60
    exchange.set_clock(datetime(2023, 6, 4, 12, tzinfo=UTC))
    quote = exchange.quote("SPY")
    assert quote is not None
    assert quote.as_of == datetime(2023, 6, 2, 20, tzinfo=UTC) - timedelta(seconds=60), "made at Friday's close"
    exchange.set_clock(datetime(2023, 6, 5, 13, 30, tzinfo=UTC))
    quote = exchange.quote("SPY")
    assert quote is not None
    assert quote.last == D(103)
    assert exchange.market.last(exchange.listing.instruments["TLT"], exchange.now()) == D(50), "on a tick"


def test_a_market_of_opens_quotes_the_open_while_it_trades(start: Open) -> None:
    exchange = start(moment="open")
    assert [bar.close for bar in exchange.market.bars("SPY", NOON, Adjustment.SPLIT)] == [D(100), D("100.5")]
    assert [bar.close for bar in exchange.market.bars("SPY", EVENING, Adjustment.SPLIT)] == [D(100), D(101)]


def test_history_ends_with_the_session_that_has_opened_and_agrees_with_the_quote(start: Open) -> None:
    exchange = start()
    bars = exchange.market.bars("SPY", exchange.now(), Adjustment.SPLIT)
    assert [(bar.session, bar.close) for bar in bars] == [(date(2023, 6, 1), D(100)), (FRIDAY, D(101))]
    adjusted = exchange.market.bars("SPY", exchange.now(), Adjustment.TOTAL_RETURN)
    assert [bar.close for bar in adjusted] == [D(100), D(101)], "half of it is adjusted away only later"
    exchange.set_price("SPY", D(80))
    assert exchange.market.bars("SPY", exchange.now(), Adjustment.SPLIT)[-1].close == D(80)
    exchange.set_clock(datetime(2023, 6, 5, 15, tzinfo=UTC))
    assert [bar.close for bar in exchange.market.bars("SPY", exchange.now(), Adjustment.SPLIT)] == [100, 80, 103]


def test_a_split_adjusts_holdings_orders_and_history_at_its_session(start: Open) -> None:
    exchange = start()
    trade(exchange, exchange.submit(ticket(quantity=10)))
    waiting = exchange.submit(ticket(quantity=5, limit=D(90), time_in_force=TimeInForce.GTC))
    exchange.announce_split("SPY", D(2), MONDAY)
    assert exchange.book.accounts["DUSBX1"].holding("SPY").quantity == 10, "not before the session"
    exchange.set_clock(datetime(2023, 6, 5, 15, tzinfo=UTC))
    holding = exchange.book.accounts["DUSBX1"].holding("SPY")
    assert (holding.quantity, holding.average_cost) == (20, D("50.555"))
    after = exchange.book.orders[waiting.number]
    assert (after.quantity, after.limit) == (10, D(45))
    assert [bar.close for bar in exchange.market.bars("SPY", exchange.now(), Adjustment.SPLIT)] == [
        *(D("50"), D("50.5"), D("51.5"))
    ]


def test_a_reverse_split_pays_out_fractions_and_ends_orders_of_nothing(start: Open) -> None:
    exchange = start()
    trade(exchange, exchange.submit(ticket(quantity=25)))
    small = exchange.submit(ticket(quantity=5, limit=D(90)))
    cash = exchange.book.accounts["DUSBX1"].cash["USD"]
    exchange.announce_split("SPY", D("0.1"), FRIDAY)
    account = exchange.book.accounts["DUSBX1"]
    assert account.holding("SPY").quantity == 2
    assert account.cash["USD"] == cash + D("0.5") * D(1010)
    assert exchange.book.orders[small.number].status is OrderStatus.CANCELLED


def test_changes_behind_the_clients_back(start: Open) -> None:
    exchange = start()
    exchange.set_cash("DUSBX1", "USD", D(5))
    exchange.set_holding("DUSBX1", "SPY", D(7))
    account = exchange.book.accounts["DUSBX1"]
    assert (account.cash["USD"], account.holding("SPY").quantity) == (5, 7)
    with pytest.raises(AccountError, match="DUSBX9"):
        exchange.set_cash("DUSBX9", "USD", D(5))


@pytest.mark.parametrize("text", ["DU1234567=1", "DUSBX=1", "DUSBX1", "DUSBX1=x", "DUSBX1=EUR:5", "DUSBX1=-1"])
def test_only_accounts_of_the_sandbox_are_opened(text: str) -> None:
    with pytest.raises(AccountError):
        read_funding(text)


def test_an_account_names_its_base_currency_first() -> None:
    funding = read_funding("DUSBX2=HKD:800000,USD:5000")
    assert (funding.account, funding.base, funding.cash) == ("DUSBX2", "HKD", {"HKD": D(800_000), "USD": D(5000)})


def test_a_clock_beyond_the_calendar_is_refused(start: Open) -> None:
    exchange = start()
    with pytest.raises(UnknownSession):
        exchange.set_clock(datetime(2040, 1, 2, tzinfo=UTC))
    assert exchange.now() == NOON


def test_two_splits_take_place_one_after_the_other(start: Open) -> None:
    exchange = start()
    exchange.set_holding("DUSBX1", "SPY", D(1))
    exchange.announce_split("SPY", D(2), MONDAY)
    exchange.announce_split("SPY", D(3), date(2023, 6, 6))
    exchange.set_clock(datetime(2023, 6, 5, 15, tzinfo=UTC))
    assert exchange.book.accounts["DUSBX1"].holding("SPY").quantity == 2
    exchange.set_clock(datetime(2023, 6, 6, 15, tzinfo=UTC))
    assert exchange.book.accounts["DUSBX1"].holding("SPY").quantity == 6


def stop(at: int, side: Side = Side.SELL) -> Ticket:
    return ticket(side, order_type=OrderType.STOP, stop=D(at))


def test_a_stop_rests_until_the_market_trades_there_and_is_a_market_order_then(start: Open) -> None:
    exchange = start()
    exchange.set_holding("DUSBX1", "SPY", D(10))
    order = trade(exchange, exchange.submit(stop(100)))
    assert (order.status, order.stop, order.filled) == (OrderStatus.WORKING, D(100), 0)
    exchange.set_price("SPY", D("100.01"))
    assert exchange.match(order.number) is None
    exchange.set_price("SPY", D(98))
    sold = trade(exchange, order)
    assert (sold.status, sold.stop, sold.average_price) == (OrderStatus.FILLED, None, D("97.99"))


def test_a_stop_that_was_reached_trades_on_though_the_price_has_come_back(start: Open, tmp_path: Path) -> None:
    exchange = start()
    exchange.set_holding("DUSBX1", "SPY", D(10))
    order = exchange.submit(stop(100), hold=Hold(D(0)))
    exchange.set_price("SPY", D(99))
    assert trade(exchange, order).filled == 0
    exchange = start()
    exchange.set_price("SPY", D(105))
    exchange.release(order.number)
    assert trade(exchange, order).average_price == D("104.99")


def test_a_resting_stop_has_its_units_and_a_buy_stop_its_cash(start: Open) -> None:
    exchange = start()
    exchange.set_holding("DUSBX1", "SPY", D(10))
    exchange.submit(stop(90))
    assert exchange.free_to_sell("DUSBX1", "SPY") == 0
    assert "0 free to sell" in exchange.refusal(ticket(Side.SELL, 1))
    exchange.submit(stop(200, Side.BUY))
    assert exchange.buying_power("DUSBX1", "USD") == D(100_000) - 2_000 - 1


def test_a_split_divides_the_stop(start: Open) -> None:
    exchange = start()
    exchange.set_holding("DUSBX1", "SPY", D(10))
    order = exchange.submit(stop(90))
    exchange.announce_split("SPY", D(2), FRIDAY)
    assert (exchange.book.orders[order.number].stop, exchange.book.orders[order.number].quantity) == (D(45), 20)


@pytest.mark.parametrize(("at", "problem"), [(D(0), Problem.LIMIT), (None, Problem.LIMIT), (D("99.001"), Problem.TICK)])
def test_a_stop_without_a_price_makes_no_order(start: Open, at: Decimal | None, problem: Problem) -> None:
    with pytest.raises(InvalidTicket) as invalid:
        start().submit(ticket(order_type=OrderType.STOP, stop=at))
    assert invalid.value.problem is problem


def test_where_parts_of_a_share_are_traded_they_fill(start: Open) -> None:
    exchange = start(lot=D("0.000000001"))
    assert trade(exchange, exchange.submit(ticket(quantity=D("1.5")))).filled == D("1.5")
