"""What is durable about orders, how they are told apart, and what Schwab's documents mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.pacing import Pacer
from quant_platform_kit.domain.balances import BalanceRules, apart
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.portfolio import AccountType, Balance
from schwab_app.intents import Fingerprint, Intent, Intents, Placed
from schwab_app.mapping import account_state, described, entered_at, fingerprint, quote, report
from schwab_app.pacing import BURST, PER_MINUTE, PRICE_BURST, PRICES_PER_MINUTE

D = Decimal
RULES = BalanceRules()
AT = datetime(2023, 6, 2, 16, tzinfo=UTC)
ORDER = Order("q1", "SPY", Side.BUY, D(3))
LIMITED = Order("q2", "BRK/B", Side.SELL, D(3), D("50.10"))


def document(order: Order = ORDER, status: str = "WORKING", **more: Any) -> dict[str, Any]:
    leg = {"instruction": order.side.value, "quantity": float(order.quantity), "instrument": {"symbol": order.symbol}}
    kind = {"orderType": "MARKET"} if order.limit_price is None else {"orderType": "LIMIT", "price": 50.1}
    times = {"enteredTime": "2023-06-02T16:00:00+0000"}
    return {"orderId": 77, "status": status, "orderLegCollection": [leg], **kind, **times, **more}


def execution(identity: int, quantity: float, price: float = 10.0) -> dict[str, Any]:
    leg = {"legId": 1, "quantity": quantity, "price": price, "time": "2023-06-02T16:00:01+0000"}
    return {"activityType": "EXECUTION", "activityId": identity, "executionLegs": [leg]}


# --- the store -----------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path)


def test_an_intent_is_there_for_the_next_process_and_is_recorded_once(store: FileStore) -> None:
    intent = Intent(LIMITED, AT, (5, 6))
    assert Intents(store, "DUSBX1").record(intent)
    assert Intents(store, "DUSBX1").known("q2") == intent
    assert Intents(store, "DUSBX2").known("q2") is None
    assert not Intents(store, "DUSBX1").record(intent)


def test_orders_that_look_the_same_are_unsettled_until_it_is_known_what_became_of_them(store: FileStore) -> None:
    intents = Intents(store, "DUSBX1")
    first = Intent(ORDER, AT, ())
    intents.record(first)
    same, other = replace(ORDER, client_order_id="q3"), replace(ORDER, client_order_id="q3", quantity=D(4))
    assert intents.of_today(same, AT) == (None, [first])
    assert intents.of_today(ORDER, AT) == (first, [])
    assert intents.of_today(other, AT) == (None, [])
    assert intents.of_today(same, AT + timedelta(days=1)) == (None, [])
    intents.adopt("q1", 77)
    assert Intents(store, "DUSBX1").of_today(same, AT) == (None, [])
    assert (intents.placed("q1"), intents.owner(77)) == (Placed(77), "q1")


def test_an_id_is_found_whatever_order_it_was_used_for(store: FileStore) -> None:
    first = Intent(LIMITED, AT, ())
    Intents(store, "DUSBX1").record(first)
    again = replace(LIMITED, quantity=D(9))
    assert Intents(store, "DUSBX1").of_today(again, AT) == (first, [])


def test_a_limit_is_not_the_beginning_of_another(store: FileStore) -> None:
    intents = Intents(store, "DUSBX1")
    intents.record(Intent(replace(ORDER, limit_price=D("12.5")), AT, ()))
    for limit in (D(12), D(5), D("2.5")):
        assert intents.of_today(replace(ORDER, client_order_id="q3", limit_price=limit), AT) == (None, [])


def test_an_order_of_schwab_is_one_order_of_ours(store: FileStore) -> None:
    intents = Intents(store, "DUSBX1")
    intents.adopt("q1", 77)
    intents.adopt("q1", 77)
    with pytest.raises(NeedsOperator, match="is q1, and looks like q2"):
        intents.adopt("q2", 77)
    with pytest.raises(NeedsOperator, match="was recorded as"):
        intents.adopt("q1", 78)


def test_a_refusal_is_kept(store: FileStore) -> None:
    Intents(store, "DUSBX1").refuse("q1", "no")
    assert Intents(store, "DUSBX1").placed("q1") == Placed(0, "no")


# --- documents -----------------------------------------------------------------------------------


def test_what_tells_an_order_apart() -> None:
    assert fingerprint(document()) == Fingerprint.of(ORDER)
    assert fingerprint(document(LIMITED)) == Fingerprint.of(LIMITED)
    assert fingerprint(document()) != fingerprint(document(replace(ORDER, side=Side.SELL)))
    assert fingerprint(document(orderType="STOP")) is None
    assert fingerprint(document(orderLegCollection=[])) is None
    assert entered_at(document()) == AT
    assert described(document()) == "77 (BUY 3 SPY market, WORKING, entered 16:00:00 UTC)"


@pytest.mark.parametrize(
    ("status", "fills", "state"),
    [
        ("PENDING_ACTIVATION", [], OrderState.ACKNOWLEDGED),
        ("WORKING", [], OrderState.ACKNOWLEDGED),
        ("SOMETHING_NEW", [], OrderState.ACKNOWLEDGED),
        ("WORKING", [execution(1, 1)], OrderState.PARTIALLY_FILLED),
        ("FILLED", [execution(1, 1), execution(2, 2)], OrderState.FILLED),
        ("FILLED", [], OrderState.ACKNOWLEDGED),
        ("FILLED", [execution(1, 1), execution(1, 1)], OrderState.PARTIALLY_FILLED),
        ("CANCELED", [execution(1, 1)], OrderState.CANCELLED),
        ("REPLACED", [], OrderState.CANCELLED),
        ("EXPIRED", [], OrderState.EXPIRED),
        ("REJECTED", [], OrderState.REJECTED),
        ("REJECTED", [execution(1, 1)], OrderState.CANCELLED),
    ],
)
def test_states(status: str, fills: list[dict[str, Any]], state: OrderState) -> None:
    told = report(document(status=status, orderActivityCollection=fills), ORDER)
    assert told.state is state
    assert bool(told.text) is (state is OrderState.REJECTED)


CANCEL_TOLD = {"activityType": "EXECUTION", "activityId": 2, "executionType": "CANCELED", "quantity": 3.0}
CANCELLED_LEG = {"legId": 1, "quantity": 3.0, "price": 0.0, "time": "2023-06-02T16:00:01+0000"}


@pytest.mark.parametrize("more", [{"executionLegs": [CANCELLED_LEG]}, {}, {"executionLegs": None}])
def test_a_cancel_that_is_told_as_an_execution_fills_nothing(more: dict[str, Any]) -> None:
    activities = [execution(1, 1), {**CANCEL_TOLD, **more}]
    read = report(document(status="CANCELED", filledQuantity=1.0, orderActivityCollection=activities), ORDER)
    assert (read.state, read.filled_quantity) == (OrderState.CANCELLED, 1)


def test_executions_that_contradict_the_order_are_for_a_person_with_both_figures() -> None:
    activities = [execution(1, 1), execution(2, 2)]
    with pytest.raises(NeedsOperator, match=r"add up to 3 SPY, and 1 were filled, as the broker says"):
        report(document(filledQuantity=1.0, orderActivityCollection=activities), ORDER)
    with pytest.raises(NeedsOperator, match=r"add up to 4 SPY, and 3 were ordered"):
        report(document(orderActivityCollection=[*activities, execution(3, 1)]), ORDER)


def test_an_order_of_somebody_else_may_have_more_executions_than_its_first_leg() -> None:
    spread = document(filledQuantity=3.0, orderActivityCollection=[execution(1, 3), execution(2, 3)])
    assert report(spread, None, "schwab-77").filled_quantity == 6


def test_units_that_were_filled_count_whatever_price_is_told() -> None:
    read = report(document(filledQuantity=3.0, orderActivityCollection=[execution(1, 3, price=0.0)]), ORDER)
    assert (read.state, read.filled_quantity, read.fills[0].price) == (OrderState.FILLED, 3, 0)


def test_an_order_of_somebody_else_is_described() -> None:
    assert report(document(LIMITED), None, "schwab-77").order == replace(
        LIMITED, client_order_id="schwab-77", limit_price=D("50.1")
    )
    assert report(document(orderType="STOP", quantity=2.0), None, "schwab-77").order.quantity == 2


def test_an_account_tells_shares_and_what_is_none() -> None:
    def position(symbol: str, kind: str, units: float, short: float = 0.0) -> dict[str, Any]:
        return {"instrument": {"symbol": symbol, "assetType": kind}, "longQuantity": units, "shortQuantity": short}

    held = [
        position("SPY", "COLLECTIVE_INVESTMENT", 3.0),
        position("AAPL", "EQUITY", 0.0, 2.0),
        position("SWVXX", "MUTUAL_FUND", 10.5),
        position("GONE", "EQUITY", 0.0),
    ]
    balances = {"cashBalance": D("1000.25"), "cashAvailableForTrading": D(900)}
    state = account_state("1", {"securitiesAccount": {"currentBalances": balances, "positions": held}})
    assert state.cash_by_currency == {"USD": D("1000.25")}
    assert state.quantities == {"SPY": 3, "AAPL": -2, "SWVXX MUTUAL_FUND": D("10.5")}
    assert state.buying_power == 900
    with pytest.raises(BrokerError, match="no cashBalance"):
        account_state("1", {})


def margin(**balances: float) -> dict[str, Any]:
    return {"securitiesAccount": {"type": "MARGIN", "currentBalances": balances}}


def test_cash_is_that_of_the_account_and_of_its_sweep_fund_less_what_is_owed() -> None:
    swept = {"cashBalance": 0.0, "moneyMarketFund": 70.0, "marginBalance": -20.0, "longMarketValue": 100.0}
    state = account_state("1", margin(**swept, equity=150.0, availableFunds=45.0))
    assert state.balance == Balance("USD", D(50), D(100), D(150), {"USD": D(45)}, {}, AccountType.MARGIN)
    assert (state.cash_by_currency, state.may_spend("USD"), apart(state, RULES)) == ({"USD": 50}, 45, None)


@pytest.mark.parametrize(
    ("balances", "cash"),
    [
        ({"cashBalance": 5.0, "shortBalance": 40.0, "shortMarketValue": -30.0, "equity": 15.0}, 45),
        ({"cashBalance": 5.0, "moneyMarketFund": -2.0, "equity": 3.0}, 3),
        ({"cashBalance": 0.0, "marginBalance": -8.0, "longMarketValue": 20.0, "equity": 12.0}, -8),
        ({"totalCash": 7.0, "liquidationValue": 7.0}, 7),
        (
            {"cashBalance": 5.0, "longMarketValue": 20.0, "equity": 25.0, "liquidationValue": 17.0}
            | {"longOptionMarketValue": 3.0, "shortOptionMarketValue": -11.0},
            5,
        ),
    ],
)
def test_other_shapes_of_cash_add_up_too(balances: dict[str, float], cash: int) -> None:
    state = account_state("1", margin(**balances))
    assert state.cash_by_currency == {"USD": cash}
    assert apart(state, BalanceRules(D(0), D(0))) is None


def test_a_sweep_that_is_told_as_a_position_is_cash_once_and_no_holding() -> None:
    def state(fund: float, savings: float = 0.0) -> Any:
        swept = {
            "instrument": {"symbol": "SWEEP", "assetType": "CASH_EQUIVALENT"},
            "longQuantity": 70,
            "marketValue": 70,
        }
        held = {"instrument": {"symbol": "SPY", "assetType": "ETF"}, "longQuantity": 2, "marketValue": 100}
        balances = {"cashBalance": 0.0, "moneyMarketFund": fund, "savings": savings, "liquidationValue": 170.0}
        account = {"type": "CASH", "currentBalances": balances, "positions": [swept, held]}
        return account_state("1", {"securitiesAccount": account})

    for told in (state(70.0), state(0.0), state(0.0, savings=70.0)):
        assert (told.cash_by_currency, told.quantities) == ({"USD": 70}, {"SPY": 2})
        assert (told.balance.positions, told.balance.total) == (100, 170)


def test_an_order_that_ended_with_fewer_fills_than_schwab_says_is_for_a_person_with_both_figures() -> None:
    with pytest.raises(NeedsOperator, match=r"CANCELLED, its fills add up to 1 SPY, and 2 were filled"):
        report(document(status="CANCELED", filledQuantity=2.0, orderActivityCollection=[execution(1, 1)]), ORDER)
    with pytest.raises(NeedsOperator, match=r"9 SPY were filled, as the broker says, and 3 were ordered"):
        report(document(filledQuantity=9.0), ORDER)
    waiting = report(document(status="FILLED", filledQuantity=3.0), ORDER)
    assert (waiting.state, waiting.filled_quantity) == (OrderState.ACKNOWLEDGED, 0)


def test_a_document_that_cannot_be_read_is_for_a_person_and_of_somebody_else_is_described() -> None:
    broken = document(filledQuantity="many", orderActivityCollection=7)
    with pytest.raises(NeedsOperator, match="order q1: orderActivityCollection is 7, not a list"):
        report(broken, ORDER)
    assert report(broken, None, "schwab-77").state is OrderState.ACKNOWLEDGED


def test_a_status_that_is_not_known_is_an_order_that_lives_and_is_logged_once() -> None:
    said: list[str] = []
    sink = logger.add(lambda message: said.append(str(message)), format="{message}")
    try:
        states = [report(document(status="BRAND_NEW"), ORDER).state for _ in range(3)]
    finally:
        logger.remove(sink)
    assert states == [OrderState.ACKNOWLEDGED] * 3
    assert [line for line in said if "BRAND_NEW" in line] == ["Schwab's order status 'BRAND_NEW' is not known\n"]


def test_a_quote_is_the_last_price_else_the_middle_and_never_a_delayed_one() -> None:
    made = int(AT.timestamp() * 1000)
    prices = {"lastPrice": 10.0, "tradeTime": made, "bidPrice": 8.0, "askPrice": 9.0, "quoteTime": made + 1000}
    last = quote("SPY", {"realtime": True, "quote": prices})
    assert last is not None
    assert (last.price, last.as_of) == (D("10.000000"), AT)
    middle = quote("SPY", {"realtime": True, "quote": {**prices, "lastPrice": 0}})
    assert middle is not None
    assert (middle.price, middle.as_of) == (D("8.500000"), AT + timedelta(seconds=1))
    assert quote("SPY", {"realtime": False, "quote": prices}) is None
    assert quote("SPY", {"realtime": True, "quote": {}}) is None


@pytest.mark.parametrize(
    ("told", "before"), [(9.75, D("9.75")), ("9.75", D("9.75")), (0, None), (None, None), ([], None)]
)
def test_a_quote_carries_the_previous_close_that_schwab_tells(told: object, before: Decimal | None) -> None:
    made = int(AT.timestamp() * 1000)
    found = quote("SPY", {"realtime": True, "quote": {"lastPrice": 10.0, "tradeTime": made, "closePrice": told}})
    assert found is not None
    assert found.previous_close == before


# --- pacing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("burst", "per_minute"), [(BURST, PER_MINUTE), (PRICE_BURST, PRICES_PER_MINUTE)])
def test_orders_and_questions_about_prices_wait_instead_of_being_refused(burst: int, per_minute: int) -> None:
    now, waits = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    pacer = Pacer(lambda: now[0], sleep, burst=burst, per_minute=per_minute)
    times: list[float] = []
    for _ in range(300):
        pacer.take()
        times.append(now[0])
    assert max(sum(1 for at in times if begin <= at < begin + 60) for begin in times) <= 120
    assert max(waits) <= 60 / per_minute + 1e-9
    assert times[burst - 1] == 0
