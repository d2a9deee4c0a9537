"""What a run does with a broker's own figures: asks again, blocks, cuts its buys, keeps good faith.

Monday's decision puts all of 10,000 USD into AAA at 100, bought on Tuesday. Tuesday's moves it all into BBB at 50,
which Wednesday's sale pays for. Wednesday's wants AAA back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from quant_platform_kit.domain.balances import BalanceRules
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.orders import Fill, Order, OrderState, Side
from quant_platform_kit.domain.portfolio import AccountState, AccountType, Balance
from quant_platform_kit.domain.reconciliation import Discrepancy
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.domain.settlement import Unsettled, good_faith, unsettled_after, unsettled_in
from quant_platform_kit.services.run.account_reading import ASK_AGAIN_SECONDS

from ...exactly_once import PLAIN, World, following, moment, prices

D = Decimal
MON, TUE, WED, THU, FRI = (date(2023, 11, 27 + n) if n < 4 else date(2023, 12, 1) for n in range(5))
ALL_A, ALL_B = {"AAA": 1.0, "BBB": 0.0}, {"AAA": 0.0, "BBB": 1.0}
Tell = Callable[[AccountState], AccountState]


def world(**more: object) -> World:
    table = prices(date(2023, 11, 20), AAA=[100.0] * 20, BBB=[50.0] * 20)
    return World(table, following({MON: ALL_A, TUE: ALL_B, WED: ALL_A}), **more)  # pyright: ignore[reportArgumentType]


def telling(made: World, *tell: Tell) -> list[AccountState]:
    """Let the desk tell its account so, once each and the last one from then on; return what it told."""
    answer, told = made.desk.account, list[AccountState]()

    def account() -> AccountState:
        told.append(tell[min(len(told), len(tell) - 1)](answer()))
        return told[-1]

    made.desk.account = account  # pyright: ignore[reportAttributeAccessIssue]
    return told


def total(more: int) -> Tell:
    def tell(state: AccountState) -> AccountState:
        assert state.balance is not None
        assert state.balance.total is not None
        return replace(state, balance=replace(state.balance, total=state.balance.total + more))

    return tell


def balance(**changes: object) -> Tell:
    def tell(state: AccountState) -> AccountState:
        assert state.balance is not None
        return replace(state, balance=replace(state.balance, **changes))  # pyright: ignore[reportArgumentType]

    return tell


def test_figures_that_are_apart_once_are_asked_for_again_and_believed() -> None:
    made = world()
    telling(made, total(500), total(0))
    began = made.clock.instant
    report = made.run(TUE)
    assert (report.outcome, made.held) == (Outcome.COMPLETED, {"AAA": 100})
    assert made.clock.monotonic() >= ASK_AGAIN_SECONDS
    assert began < made.clock.instant


def test_figures_that_are_apart_twice_block_and_the_session_is_decided_when_they_are_not() -> None:
    made = world()
    told = telling(made, total(500))
    report = made.run(TUE)
    assert (report.outcome, made.held, made.desk.received) == (Outcome.BLOCKED, {}, [])
    assert len(told) >= 2
    assert (
        "cash 10000.00 USD and positions worth 0.00 USD are not the broker's total of 10500.00 USD" in report.reasons[0]
    )
    telling(made, total(-500))
    assert made.run(TUE, "later").executes == MON


def test_a_broker_without_a_total_is_a_finding_and_trades() -> None:
    made = world()
    telling(made, lambda state: replace(state, balance=None))
    report = made.run(TUE)
    assert (report.outcome, made.held) == (Outcome.COMPLETED, {"AAA": 100})
    assert [finding.kind for finding in report.findings] == [Discrepancy.NO_TOTAL]


def test_buys_are_cut_to_what_the_broker_says_may_be_spent() -> None:
    made = world()
    telling(made, balance(spendable={"USD": D(5000)}))
    assert made.run(TUE).outcome is Outcome.COMPLETED
    assert made.held == {"AAA": 50}


def test_buys_after_sells_are_cut_to_it_too_and_are_not_sent_while_the_figures_are_apart() -> None:
    made = world()
    made.run(TUE)
    telling(made, total(0), balance(spendable={"USD": D(1000)}))
    made.run(WED)
    assert made.held == {"BBB": 20}
    made = world()
    made.run(TUE)
    telling(made, total(0), total(500))
    report = made.run(WED)
    assert (report.outcome, made.held) == (Outcome.INCOMPLETE, {})
    assert any("not the broker's total" in reason for reason in report.reasons)


def test_a_debit_blocks_until_the_account_is_named() -> None:
    owes: Tell = lambda state: replace(state, cash_by_currency={**state.cash_by_currency, "HKD": D(-50)})  # noqa: E731
    made = world()
    telling(made, owes)
    assert "owes 50.00 HKD" in made.run(TUE).reasons[0]
    rules = BalanceRules(debit_accounts=(made.desk.account_id,))
    allowed = world(policy=ExecutionPolicy(rules=PLAIN, balances=rules))
    telling(allowed, owes)
    assert allowed.run(TUE).outcome is Outcome.COMPLETED


# --- good faith -----------------------------------------------------------------------------------


def test_what_unsettled_proceeds_bought_is_not_sold_before_they_settle_and_the_decision_carries() -> None:
    made = world()
    made.run(TUE)
    cash = balance(account_type=AccountType.CASH)
    telling(made, cash)
    moved = made.run(WED)
    assert (moved.outcome, made.held) == (Outcome.COMPLETED, {"BBB": 200})
    assert moved.unsettled == Unsettled(WED, D(10_000), {"BBB": D(200)})
    telling(made, balance(unsettled={"USD": D(10_000)}))
    kept = made.run(THU)
    (sell,) = (order for order in kept.orders if order.side is Side.SELL)
    assert (kept.outcome, sell.state, made.held) == (Outcome.INCOMPLETE, OrderState.CANCELLED, {"BBB": 200})
    assert "good-faith violation" in sell.text
    telling(made, balance(unsettled={}))
    assert (made.run(FRI).executes, made.held) == (WED, {"AAA": 100})


def test_proceeds_settle_in_the_next_session_and_a_margin_account_need_not_wait() -> None:
    for kind in (AccountType.CASH, AccountType.MARGIN):
        made = world()
        made.run(TUE)
        telling(made, balance(account_type=kind))
        made.run(WED)
        made.run(THU)
        assert made.held == {"AAA": 100}


def fill(side: Side, quantity: int, price: int, symbol: str = "BBB") -> Fill:
    return Fill("q", symbol, side, D(quantity), D(price), D(1), moment("2023-11-29 15:00"))


@pytest.mark.parametrize(
    ("cash", "told", "bound"),
    [(0, 0, {"BBB": 10}), (500, 0, {"BBB": 10}), (600, 0, {}), (600, 200, {"BBB": 10})],
)
def test_settled_cash_is_spent_first(cash: int, told: int, bound: dict[str, int]) -> None:
    """10 BBB for 501, beside a sale of AAA."""
    state = AccountState("A", {"USD": D(cash)}, {}, balance=Balance("USD", unsettled={"USD": D(told)}))
    fills = [fill(Side.SELL, 10, 100, "AAA"), fill(Side.BUY, 10, 50)]
    assert unsettled_after(WED, None, state, fills, "USD") == Unsettled(
        WED, D(999), {s: D(q) for s, q in bound.items()}
    )


def test_a_second_run_of_the_session_spends_what_the_first_sold() -> None:
    first = Unsettled(WED, D(999))
    state = AccountState("A", {"USD": D(999)}, {})
    assert unsettled_after(WED, first, state, [fill(Side.BUY, 10, 50)], "USD") == Unsettled(WED, D(999), {"BBB": D(10)})
    assert unsettled_after(WED, None, state, [fill(Side.BUY, 10, 50)], "USD") is None
    assert unsettled_in(WED, TUE, first, state, "USD") is first
    assert unsettled_in(THU, WED, first, state, "USD") is None


def test_a_run_without_fills_leaves_what_is_to_settle_as_it_was() -> None:
    first, state = Unsettled(WED, D(999), {"BBB": D(10)}), AccountState("A", {"USD": D(0)}, {})
    assert unsettled_after(THU, first, state, [], "USD") is first


def test_a_broker_that_always_tells_unsettled_cash_binds_units_for_one_session_more_and_not_for_ever() -> None:
    state = AccountState("A", {"USD": D(999)}, {}, balance=Balance("USD", unsettled={"USD": D(999)}))
    first = Unsettled(WED, D(999), {"BBB": D(10)})
    on_thursday = unsettled_in(THU, WED, first, state, "USD")
    assert on_thursday == first
    more = [fill(Side.SELL, 4, 50), fill(Side.BUY, 1, 100, "AAA")]
    later = unsettled_after(THU, on_thursday, state, more, "USD")
    assert later is not None
    assert (later.bound("BBB"), later.bound("AAA"), later.all_proceeds) == (6, 1, 999 + 199)
    assert unsettled_in(THU, WED, later, state, "USD") is later
    on_friday = unsettled_in(FRI, THU, later, state, "USD")
    assert on_friday == Unsettled(THU, D(199), {"AAA": D(1)})
    assert unsettled_in(date(2023, 12, 4), FRI, on_friday, state, "USD") is None


def test_a_sell_that_good_faith_forbade_is_made_one_session_later_whatever_the_broker_tells() -> None:
    made = world()
    made.run(TUE)
    telling(made, balance(account_type=AccountType.CASH, unsettled={"USD": D(10_000)}))
    made.run(WED)
    assert (made.run(THU).outcome, made.held) == (Outcome.INCOMPLETE, {"BBB": 200})
    assert made.run(THU, "later").outcome is Outcome.INCOMPLETE
    assert (made.run(FRI).executes, made.held) == (WED, {"AAA": 100})


def test_units_that_settled_cash_bought_may_be_sold() -> None:
    state = AccountState("A", {}, {"BBB": D(15)}, balance=Balance("USD", account_type=AccountType.CASH))
    bound = Unsettled(WED, D(999), {"BBB": D(10)})
    sell = Order("q", "BBB", Side.SELL, D(5))
    assert good_faith(sell, state, bound, BalanceRules()) == []
    assert good_faith(replace(sell, side=Side.BUY, quantity=D(50)), state, bound, BalanceRules()) == []
    (said,) = good_faith(replace(sell, quantity=D(6)), state, bound, BalanceRules())
    assert "10 of 15 BBB were bought in 2023-11-29" in said
