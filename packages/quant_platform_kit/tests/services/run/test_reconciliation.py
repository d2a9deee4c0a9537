"""What happened to an account without the platform: named, and warned of or blocked by setting.

Monday's decision puts 60 % into AAA at 100 and 40 % into BBB at 50, of 10,000 USD: 60 and 80 units, bought on Tuesday,
no cash left. Tuesday's decision wants half of each, so that on Wednesday there is something to trade.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, OrderState, Side
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.reconciliation import (
    SPLIT_RATIOS,
    Discrepancy,
    Finding,
    expected_account,
    reconcile,
)
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.domain.strategy import Action, InputName

from ...exactly_once import ACCOUNT, CALENDAR, Way, World, following, moment, prices, switch, trust

MON, TUE, WED, THU, FRI = (date(2023, 11, 27 + n) if n < 4 else date(2023, 12, 1) for n in range(5))
MANUAL, SPLIT, LIQUIDATION = Discrepancy.MANUAL_TRADE, Discrepancy.SPLIT, Discrepancy.LIQUIDATION
CASH, UNKNOWN = Discrepancy.CASH_MOVEMENT, Discrepancy.UNKNOWN_ORDER


def account(cash: dict[str, str] | str, **held: str | int) -> AccountState:
    """Return an account; cash without a currency is USD."""
    by_currency = cash if isinstance(cash, dict) else {"USD": cash}
    return AccountState(
        ACCOUNT,
        {currency: Decimal(amount) for currency, amount in by_currency.items()},
        {symbol: Decimal(units) for symbol, units in held.items()},
    )


def working(identity: str, symbol: str = "AAA", units: int = 5) -> ExecutionReport:
    return ExecutionReport(Order(identity, symbol, Side.BUY, Decimal(units)), OrderState.ACKNOWLEDGED)


# --- pure -----------------------------------------------------------------------------------------


def test_an_account_that_is_as_expected_has_no_findings() -> None:
    expected = account("81.03", AAA=60, BBB="80.5")
    assert reconcile(expected, account("81.03", AAA=60, BBB="80.5")) == []


def test_a_holding_of_nothing_is_no_holding() -> None:
    assert reconcile(account("5", AAA=60, BBB=0), account("5", AAA=60, CCC=0)) == []


CASES: dict[str, tuple[AccountState, list[tuple[Discrepancy, str]]]] = {
    "units bought by hand": (
        account("0", AAA=70, BBB=80),
        [(MANUAL, "AAA: the ledger expects 60 units, the broker has 70; cash -1000.00 USD")],
    ),
    "units sold by hand": (
        account("1500", AAA=45, BBB=80),
        [(MANUAL, "AAA: the ledger expects 60 units, the broker has 45; cash +500.00 USD")],
    ),
    "one of two holdings sold by hand": (
        account("7000", BBB=80),
        [(MANUAL, "AAA: the ledger expects 60 units, the broker has 0; cash +6000.00 USD")],
    ),
    "something new bought by hand": (
        account("900", AAA=60, BBB=80, MINE=7),
        [(MANUAL, "MINE: the ledger expects 0 units, the broker has 7; cash -100.00 USD")],
    ),
    "units received from another account": (
        account("1000", AAA=67, BBB=80),
        [(MANUAL, "AAA: the ledger expects 60 units, the broker has 67; cash ")],
    ),
    "two trades by hand": (
        account("1000", AAA=50, BBB=100),
        [
            (MANUAL, "AAA: the ledger expects 60 units, the broker has 50; cash "),
            (MANUAL, "BBB: the ledger expects 80 units, the broker has 100; cash "),
        ],
    ),
    "a split": (
        account("1000", AAA=120, BBB=80),
        [(SPLIT, "AAA went from 60 to 120 units with no cash moved: a split")],
    ),
    "a reverse split": (
        account("1000", AAA=60, BBB=8),
        [(SPLIT, "BBB went from 80 to 8 units with no cash moved: a split")],
    ),
    "two splits": (
        account("1000", AAA=180, BBB=20),
        [
            (SPLIT, "AAA went from 60 to 180 units with no cash moved: a split"),
            (SPLIT, "BBB went from 80 to 20 units with no cash moved: a split"),
        ],
    ),
    "twice the units, but paid for": (
        account("-5000", AAA=120, BBB=80),
        [(MANUAL, "AAA: the ledger expects 60 units, the broker has 120; cash -6000.00 USD")],
    ),
    "a deposit": (
        account("1500", AAA=60, BBB=80),
        [(CASH, "cash moved by +500.00 USD without an order: deposit, withdrawal, dividend or fee")],
    ),
    "a withdrawal": (
        account("250.50", AAA=60, BBB=80),
        [(CASH, "cash moved by -749.50 USD without an order: deposit, withdrawal, dividend or fee")],
    ),
    "a dividend in another currency": (
        account({"USD": "1000", "HKD": "12.34"}, AAA=60, BBB=80),
        [(CASH, "cash moved by +12.34 HKD without an order: deposit, withdrawal, dividend or fee")],
    ),
    "money changed": (
        account({"USD": "0", "HKD": "7800"}, AAA=60, BBB=80),
        [(CASH, "cash moved by +7800.00 HKD, -1000.00 USD without an order: deposit, withdrawal, dividend or fee")],
    ),
    "a cent of rounding": (account("1000.01", AAA=60, BBB=80), []),
    "more than a cent": (
        account("1000.02", AAA=60, BBB=80),
        [(CASH, "cash moved by +0.02 USD without an order: deposit, withdrawal, dividend or fee")],
    ),
    "a liquidation": (
        account("10987.65"),
        [(LIQUIDATION, "every position is gone (AAA, BBB), cash moved by +9987.65 USD")],
    ),
    "everything transferred away": (
        account("1000"),
        [(LIQUIDATION, "every position is gone (AAA, BBB), cash moved by nothing")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_changed_is_named(case: str) -> None:
    actual, expected = CASES[case]
    findings = reconcile(account("1000", AAA=60, BBB=80), actual)
    assert [(finding.kind, finding.text) for finding in findings] == expected


@pytest.mark.parametrize("ratio", SPLIT_RATIOS)
def test_every_usual_ratio_is_a_split_forwards_and_backwards(ratio: Decimal) -> None:
    few, many = account("0", AAA=30), account("0", AAA=str(30 * ratio))
    assert [finding.kind for finding in reconcile(few, many)] == [SPLIT]
    assert [finding.kind for finding in reconcile(many, few)] == [SPLIT]


@pytest.mark.parametrize("units", [61, 90, 115, 130, 150])
def test_other_ratios_are_no_split(units: int) -> None:
    assert [finding.kind for finding in reconcile(account("0", AAA=60), account("0", AAA=units))] == [MANUAL]


def test_a_working_order_that_the_ledger_did_not_send_is_named_and_one_that_it_sent_is_not() -> None:
    state = account("0", AAA=60)
    findings = reconcile(state, state, [working("q-own"), working("hand-1", "BBB", 12)], {"q-own"})
    assert findings == [
        Finding(UNKNOWN, "order hand-1 (BUY 12 BBB) works at the broker and is not the platform's"),
    ]


def test_trades_and_orders_are_named_side_by_side() -> None:
    kinds = [f.kind for f in reconcile(account("0", AAA=60), account("0", AAA=61), [working("hand-1")])]
    assert kinds == [MANUAL, UNKNOWN]


def test_fills_lead_to_the_account_that_is_expected() -> None:
    """5,000 - 3 x 100 - 0.30 + 80 x 50 - 0.40; a holding sold whole is gone."""
    at = moment("2023-11-28 20:00")
    fills = [
        Fill("q1", "AAA", Side.BUY, Decimal(3), Decimal(100), Decimal("0.30"), at),
        Fill("q2", "BBB", Side.SELL, Decimal(80), Decimal(50), Decimal("0.40"), at),
        Fill("q3", "CCC", Side.BUY, Decimal(2), Decimal(10), Decimal(0), at),
    ]
    before = account({"USD": "5000", "HKD": "7"}, AAA=60, BBB=80)
    after = expected_account(before, fills, "USD")
    assert after.cash_by_currency == {"USD": Decimal("8679.30"), "HKD": 7}
    assert after.quantities == {"AAA": 63, "CCC": 2}
    assert before.quantities == {"AAA": 60, "BBB": 80}


# --- in a run -------------------------------------------------------------------------------------


def market(**changes: list[float]) -> PriceTable:
    return prices(MON, **{"AAA": [100.0] * 5, "BBB": [50.0] * 5, **changes})


def invested(table: PriceTable | None = None) -> World:
    """Return an account after Tuesday's run."""
    strategy = following({MON: {"AAA": 0.6, "BBB": 0.4}, TUE: {"AAA": 0.5, "BBB": 0.5}})
    world = World(table or market(), strategy)
    assert world.run(TUE).findings == ()
    assert world.held == {"AAA": 60, "BBB": 80}
    return world


def trade_by_hand(world: World) -> None:
    world.desk.book.quantities["AAA"] = Decimal(50)
    world.desk.book.cash += 1_000


def split(world: World) -> None:
    world.desk.book.quantities["BBB"] = Decimal(160)


def deposit(world: World) -> None:
    world.desk.book.cash += 2_000


def liquidate(world: World) -> None:
    world.desk.book.quantities.clear()
    world.desk.book.cash += 10_000


def order_by_hand(world: World) -> None:
    world.desk.foreign.append(working("hand-1"))


HAPPENINGS: dict[Discrepancy, tuple[Callable[[World], None], bool]] = {
    MANUAL: (trade_by_hand, False),
    SPLIT: (split, False),
    CASH: (deposit, False),
    LIQUIDATION: (liquidate, True),
    UNKNOWN: (order_by_hand, True),
}
"""What happens between two runs, and whether it blocks unless the setting says otherwise."""


@pytest.mark.parametrize("kind", HAPPENINGS)
def test_what_happened_between_two_runs_is_named_in_the_report_and_blocks_or_warns(kind: Discrepancy) -> None:
    happen, blocks = HAPPENINGS[kind]
    world = invested()
    happen(world)
    report = world.run(WED)
    assert [finding.kind for finding in report.findings] == [kind]
    assert (report.outcome is Outcome.BLOCKED) is blocks
    assert bool(report.orders) is not blocks
    if blocks:
        assert report.reasons[-1] == report.findings[0].text
        assert world.desk.sent == {"AAA": 1, "BBB": 1}, "of Tuesday"


@pytest.mark.parametrize("kind", HAPPENINGS)
def test_any_kind_can_be_set_to_block(kind: Discrepancy) -> None:
    world = invested()
    HAPPENINGS[kind][0](world)
    report = world.run(WED, block_on=frozenset({kind}))
    assert (report.outcome, report.orders) == (Outcome.BLOCKED, ())
    assert report.reasons[-1] == report.findings[0].text
    assert world.desk.sent == {"AAA": 1, "BBB": 1}


@pytest.mark.parametrize("kind", HAPPENINGS)
def test_any_kind_can_be_set_to_warn(kind: Discrepancy) -> None:
    world = invested()
    HAPPENINGS[kind][0](world)
    report = world.run(WED, block_on=frozenset())
    assert report.outcome is Outcome.COMPLETED
    assert [finding.kind for finding in report.findings] == [kind]
    assert report.orders


@pytest.mark.parametrize("kind", HAPPENINGS)
def test_a_dry_run_and_a_probe_name_it_too(kind: Discrepancy) -> None:
    for mode in (Mode.DRY_RUN, Mode.PROBE):
        world = invested()
        HAPPENINGS[kind][0](world)
        assert [finding.kind for finding in world.run(WED, "look", mode).findings] == [kind]


def test_runs_in_which_nothing_else_happens_have_no_findings() -> None:
    world = invested()
    for session in (WED, THU, FRI):
        assert world.run(session).findings == ()


def test_plans_are_made_for_the_account_as_it_is_found() -> None:
    """A deposit of 2,000: half of 12,000 is 60 AAA, which are there, and 120 BBB."""
    world = invested()
    deposit(world)
    report = world.run(WED)
    assert (report.base, world.held) == (12_000, {"AAA": 60, "BBB": 120})


def test_an_unknown_order_blocks_as_long_as_it_works() -> None:
    world = invested()
    order_by_hand(world)
    assert [world.run(WED, slot).outcome for slot in ("cli", "again")] == [Outcome.BLOCKED] * 2
    world.desk.foreign.clear()
    report = world.run(THU)
    assert (report.outcome, report.executes, world.held) == (Outcome.COMPLETED, TUE, {"AAA": 50, "BBB": 100})


@pytest.mark.parametrize("between", ["too late", "halted", "closed"])
def test_a_liquidation_blocks_the_next_plan_also_when_a_run_that_plans_nothing_came_first(between: str) -> None:
    """A run that only looks at the clock, or is halted, does not take note of the account on anyone's behalf."""
    world = invested()
    liquidate(world)
    if between == "too late":
        world.go_to(WED)
        late = world.clock.instant - timedelta(minutes=31)
        assert world.run_now(WED, "old", scheduled_at=late).outcome is Outcome.SKIPPED
    elif between == "halted":
        switch(world.store, "all")
        assert world.run(WED, "halted").outcome is Outcome.BLOCKED
        switch(world.store, "all", on=False)
    else:
        world.clock.instant = moment("2023-11-29 14:00")
        assert world.run_now(WED, "early").outcome is Outcome.SKIPPED
    report = world.run(WED)
    assert [finding.kind for finding in report.findings] == [LIQUIDATION]
    assert (report.outcome, report.orders) == (Outcome.BLOCKED, ())


def test_what_happens_while_a_run_executes_is_named_after_it() -> None:
    world = World(market(), following({MON: {"AAA": 0.6}}))

    def fee(order: Order) -> None:
        world.desk.book.cash -= 5

    world.desk.on_submit = fee
    report = world.run(TUE)
    assert report.outcome is Outcome.COMPLETED
    assert [(f.kind, f.text) for f in report.findings] == [
        (CASH, "cash moved by -5.00 USD without an order: deposit, withdrawal, dividend or fee")
    ]
    assert world.run(WED).findings == (), "named once"


def test_what_happened_before_and_during_a_run_is_named_in_one_report() -> None:
    world = invested()
    deposit(world)
    world.desk.on_submit = lambda order: world.desk.book.quantities.__setitem__("MINE", Decimal(7))
    report = world.run(WED)
    assert [finding.kind for finding in report.findings] == [CASH, MANUAL]
    assert "MINE: the ledger expects 0 units, the broker has 7" in report.findings[1].text


def test_a_half_filled_order_is_expected_at_what_it_filled() -> None:
    world = World(market(), following({MON: {"AAA": 0.6}}))
    world.desk.ways = {"AAA": [Way.HALF]}
    assert world.run(TUE).findings == ()


# --- prices after a split -------------------------------------------------------------------------


@pytest.mark.parametrize("price", [50.0, 200.0, 25.0, 1000.0, 66.0, 140.0])
def test_a_split_between_the_close_decided_on_and_now_blocks_the_run(price: float) -> None:
    """Wednesday's quote of AAA against Tuesday's close; the next day's history is on the new basis."""
    world = invested(market(AAA=[100.0, 100.0, price, price, price]))
    report = world.run(WED)
    assert (report.outcome, report.orders, report.action) == (Outcome.BLOCKED, (), Action.BLOCKED)
    (reason,) = report.reasons
    figures = f"AAA: possible split: it is quoted at {price:.6f} after a close of 100.000000 on 2023-11-28"
    assert reason.startswith(figures)
    assert "if it is right: quant believe AAA --session 2023-11-29 --reason TEXT --store" in reason
    world.market.history = FileMarketData(market(AAA=[price] * 5), CALENDAR, world.clock).history
    after = world.run(THU)
    assert (after.outcome, after.executes) == (Outcome.COMPLETED, TUE)


def test_a_split_of_something_that_is_only_decided_on_blocks_the_run() -> None:
    world = World(market(BBB=[50.0, 25.0, 25.0, 25.0, 25.0]), following({MON: {"AAA": 1}}))
    report = world.run(TUE)
    assert (report.outcome, report.orders, world.decisions().history()) == (Outcome.BLOCKED, (), [])
    assert "BBB: possible split" in report.reasons[0]


def test_a_belief_lifts_the_gate_for_one_symbol_in_one_session() -> None:
    table = market(AAA=[100.0, 50.0, 25.0, 25.0, 25.0], BBB=[50.0, 25.0, 25.0, 25.0, 25.0])
    world = World(table, following({MON: {"AAA": 1}}))
    trust(world.store, "AAA", TUE)
    report = world.run(TUE)
    assert [reason.split(":")[0] for reason in report.reasons] == ["BBB"]
    trust(world.store, "BBB", TUE)
    assert world.run(TUE, "again").outcome is Outcome.COMPLETED
    assert world.run(WED).reasons[0].startswith("AAA: possible split: it is quoted at 25.000000"), "the next day's not"


def test_a_history_that_cannot_be_right_is_not_decided_on_until_it_is_believed() -> None:
    """A spike of Tuesday is seen on Wednesday evening, when the close has come back."""
    world = World(market(AAA=[100.0, 124.0, 100.0, 100.0, 100.0]), following({WED: {"AAA": 1}}))
    report = world.run(THU)
    assert (report.outcome, report.action, world.decisions().history()) == (Outcome.BLOCKED, Action.BLOCKED, [])
    assert "AAA closes at 124 on 2023-11-28 after 100" in report.reasons[0]
    assert "quant believe AAA --session 2023-11-28" in report.reasons[0]
    trust(world.store, "AAA", TUE)
    assert world.run(THU, "again").outcome is Outcome.COMPLETED


@pytest.mark.parametrize("session", [THU, TUE], ids=["in the run's session", "of the price's session"])
def test_either_session_may_be_believed(session: date) -> None:
    world = World(market(AAA=[100.0, 124.0, 100.0, 100.0, 100.0]), following({WED: {"AAA": 1}}))
    trust(world.store, "AAA", session)
    assert world.run(THU).outcome is Outcome.COMPLETED
    assert (world.run(FRI).outcome is Outcome.BLOCKED) is (session == THU)


def test_what_is_traded_and_not_decided_on_is_tested_too() -> None:
    """BBB is not in the history of the profile: its newest close is asked for besides."""
    strategy = following(
        {MON: {"BBB": 1}}, required_inputs=frozenset({InputName.BENCHMARK_HISTORY}), benchmarks=("AAA",)
    )
    world = World(market(BBB=[50.0, 33.0, 33.0, 33.0, 33.0]), strategy)
    report = world.run(TUE)
    assert (report.outcome, report.orders) == (Outcome.BLOCKED, ())
    assert "BBB: possible split: it is quoted at 33.000000 after a close of 50.000000" in report.reasons[-1]
    assert "the nearest split is 3:2" in report.reasons[-1]


def test_a_large_move_that_is_no_jump_is_traded_unless_a_limit_forbids_it() -> None:
    table = market(AAA=[100.0, 76.0, 76.0, 76.0, 76.0])
    strategy = following({MON: {"AAA": 1}})
    assert World(table, strategy).run(TUE).outcome is Outcome.COMPLETED
    careful = World(table, strategy)
    careful.policy = replace(careful.policy, limits=RiskLimits(max_price_move=Decimal("0.2")))
    report = careful.run(TUE)
    assert (report.outcome, report.reasons[-1]) == (
        Outcome.BLOCKED,
        "AAA moved 24.00% since the decision; the limit is 20.00%",
    )


@pytest.mark.parametrize("units", [61, 90, 115, 150, 200])
def test_units_that_changed_at_a_kept_value_are_a_corporate_action_whatever_the_ratio(units: int) -> None:
    price = Decimal(100) * 60 / units
    for off, kind in ((Decimal("1.019"), SPLIT), (Decimal("1.05"), MANUAL)):
        then, now = {"AAA": [Decimal(100)]}, {"AAA": [price * off]}
        found = reconcile(account("0", AAA=60), account("0", AAA=units), prices=(then, now))
        assert [finding.kind for finding in found] == [kind if units != 120 else SPLIT]


def test_units_that_changed_with_cash_or_without_a_kept_value_are_no_corporate_action() -> None:
    then, now = {"AAA": [Decimal(100)]}, {"AAA": [Decimal(80)]}
    assert [f.kind for f in reconcile(account("0", AAA=60), account("50", AAA=75), prices=(then, now))] == [MANUAL]
    assert [f.kind for f in reconcile(account("0", AAA=60), account("0", AAA=70), prices=(then, now))] == [MANUAL]


def test_a_run_names_an_action_of_an_odd_ratio() -> None:
    """13 for 10: 60 units are 78, and 100 is 76.92; the history has the old basis, and the operator knows."""
    world = invested(market(AAA=[100.0, 100.0, 76.92, 76.92, 76.92]))
    world.desk.book.quantities["AAA"] = Decimal(78)
    assert [finding.kind for finding in world.run(WED).findings] == [SPLIT]


# --- currencies -----------------------------------------------------------------------------------


def fund(world: World, **other: str) -> World:
    world.desk.other_cash = {currency: Decimal(amount) for currency, amount in other.items()}
    return world


def new(**other: str) -> World:
    return fund(World(market(), following({MON: {"AAA": 0.6, "BBB": 0.4}})), **other)


def test_only_usd_is_sized_and_every_other_currency_is_reported() -> None:
    world = new(HKD="78000", EUR="0.07")
    report = world.run(TUE)
    assert (report.outcome, report.base) == (Outcome.COMPLETED, 10_000)
    assert world.held == {"AAA": 60, "BBB": 80}
    assert report.account is not None
    assert report.account.cash_by_currency == {"USD": 0, "HKD": 78_000, "EUR": Decimal("0.07")}
    assert report.findings == ()


def test_buys_are_never_paid_out_of_another_currency() -> None:
    """100 USD are there: 0.6 of a unit of AAA and 0.8 of BBB are less than one."""
    world = new(HKD="1000000")
    world.desk.book.cash = Decimal(100)
    report = world.run(TUE)
    assert (report.outcome, report.orders, report.base) == (Outcome.NO_ACTION, (), 100)


def test_an_account_whose_usd_cannot_be_told_apart_is_blocked() -> None:
    world = new(HKD="78000")
    world.desk.usd = False
    report = world.run(TUE)
    assert report.outcome is Outcome.BLOCKED
    assert report.reasons == (f"account {ACCOUNT} reports cash in ['HKD']; sizing needs its USD cash told apart",)
    assert report.account is not None
    assert report.account.cash_by_currency == {"HKD": 78_000}
    assert world.desk.received == []


def test_an_account_that_reports_no_cash_at_all_is_blocked() -> None:
    world = new()
    world.desk.usd = False
    report = world.run(TUE)
    assert report.reasons == (f"account {ACCOUNT} reports cash in no currency; sizing needs its USD cash told apart",)


def test_a_decision_blocked_for_want_of_usd_is_made_when_there_is_some() -> None:
    world = new(HKD="78000")
    world.desk.usd = False
    world.run(TUE)
    world.desk.usd = True
    report = world.run(TUE, "again")
    assert (report.outcome, world.held) == (Outcome.COMPLETED, {"AAA": 60, "BBB": 80})


def test_an_account_without_usd_to_spend_is_blocked_and_says_so() -> None:
    world = new(HKD="78000")
    world.desk.book.cash = Decimal(0)
    report = world.run(TUE)
    assert (report.outcome, report.reasons[-1]) == (
        Outcome.BLOCKED,
        "the base is 0.00 USD; sizing needs a funded account",
    )


def test_a_movement_in_another_currency_is_named_and_changes_no_size() -> None:
    world = fund(invested(), HKD="500")
    report = world.run(WED)
    assert [finding.text for finding in report.findings] == [
        "cash moved by +500.00 HKD without an order: deposit, withdrawal, dividend or fee"
    ]
    assert (report.base, world.held) == (10_000, {"AAA": 50, "BBB": 100})


def test_orders_cut_to_cash_are_cut_to_the_cash_of_their_own_currency() -> None:
    """The sale of 10 AAA is refused; 20 BBB would be paid out of HKD, and are not bought."""
    world = fund(invested(), HKD="500000")
    world.desk.ways = {"AAA": [Way.REJECT]}
    report: Any = world.run(WED)
    assert report.outcome is Outcome.INCOMPLETE
    assert [(o.symbol, o.filled) for o in report.orders] == [("AAA", 0), ("BBB", 0)]
    assert world.held == {"AAA": 60, "BBB": 80}
