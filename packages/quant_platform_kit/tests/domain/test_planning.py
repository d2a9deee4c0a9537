"""What no plan ever does, whatever the account and the targets; and one small example of each reason it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.orders import Order, Side
from quant_platform_kit.domain.planning import IDEAL, REALISTIC, ExecutionRules, OrderPlan, Residual, plan_orders
from quant_platform_kit.domain.portfolio import PortfolioSnapshot, Position, Quote
from quant_platform_kit.domain.strategy import TargetMode
from quant_platform_kit.domain.translation import ExecutionTargets

NOW = datetime(2023, 12, 1, 21, 0, tzinfo=UTC)
KEY = RunKey("PAPER-1", date(2023, 12, 1), "cli", Mode.PAPER)
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE")
NOISE = Fraction(1, 10**8)


@dataclass(frozen=True)
class Case:
    """Everything a plan is made of."""

    portfolio: PortfolioSnapshot
    targets: ExecutionTargets
    quotes: dict[str, Quote]
    rules: ExecutionRules

    def plan(self) -> OrderPlan:
        """Plan it."""
        return plan_orders(KEY, self.portfolio, self.targets, self.quotes, self.rules)

    def price(self, symbol: str) -> Fraction:
        """Return the quote, exactly."""
        return Fraction(self.quotes[symbol].price)

    def held(self, symbol: str) -> Fraction:
        """Return the units held, exactly."""
        return sum((Fraction(p.quantity) for p in self.portfolio.positions if p.symbol == symbol), Fraction(0))

    def bought_for(self, order: Order) -> Fraction:
        """Cash a buy takes: price up by slippage, then commission on top."""
        notional = (
            Fraction(order.quantity) * self.price(order.symbol) * (1 + Fraction(self.rules.slippage_bps) / 10_000)
        )
        return notional + self.commission(order, notional)

    def sold_for(self, order: Order) -> Fraction:
        """Cash a sale brings: price down by slippage, then commission off."""
        notional = (
            Fraction(order.quantity) * self.price(order.symbol) * (1 - Fraction(self.rules.slippage_bps) / 10_000)
        )
        return notional - self.commission(order, notional)

    def commission(self, order: Order, notional: Fraction) -> Fraction:
        """Basis points and an amount per unit, the minimum at least."""
        by_share = Fraction(order.quantity) * Fraction(self.rules.commission_per_share)
        asked = notional * Fraction(self.rules.commission_bps) / 10_000 + by_share
        return max(asked, Fraction(self.rules.commission_minimum))

    def spendable(self, plan: OrderPlan) -> Fraction:
        """Cash + proceeds of the planned sales - buffer."""
        buffer = Fraction(self.rules.cash_buffer) * Fraction(self.targets.base)
        return Fraction(self.portfolio.cash) - buffer + sum(self.sold_for(order) for order in sells(plan))

    def without_cash_limit(self) -> OrderPlan:
        """Plan the same targets with cash that never runs out: how large the buys were before any cut."""
        return replace(self, portfolio=replace(self.portfolio, cash=Decimal(10**15))).plan()


def sells(plan: OrderPlan) -> list[Order]:
    return [order for order in plan.orders if order.side is Side.SELL]


def buys(plan: OrderPlan) -> list[Order]:
    return [order for order in plan.orders if order.side is Side.BUY]


def money(largest: str, places: int = 2) -> st.SearchStrategy[Decimal]:
    return st.decimals(0, largest, places=places)


@st.composite
def rule_sets(draw: st.DrawFn) -> ExecutionRules:
    own = ExecutionRules(
        quantity_step=draw(st.sampled_from([Decimal(s) for s in ("1", "0.01", "1e-9", "10", "100")])),
        commission_bps=draw(st.sampled_from([Decimal(0), Decimal(1), Decimal(75)])),
        slippage_bps=draw(st.sampled_from([Decimal(0), Decimal(2), Decimal(100)])),
        cash_buffer=draw(st.sampled_from([Decimal(0), Decimal("0.005"), Decimal("0.1")])),
        minimum_notional=draw(st.sampled_from([Decimal(0), Decimal(25), Decimal(1000)])),
        rebalance_threshold=draw(st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("0.2")])),
        commission_per_share=draw(st.sampled_from([Decimal(0), Decimal("0.005")])),
        commission_minimum=draw(st.sampled_from([Decimal(0), Decimal(1), Decimal(40)])),
    )
    return draw(st.sampled_from([REALISTIC, IDEAL, own]))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rules = draw(rule_sets())
    prices = {symbol: draw(st.decimals("0.01", "5000", places=6)) for symbol in SYMBOLS}
    quantities = {
        symbol: draw(st.integers(0, 500).map(Decimal) | money("500", 9) | st.just(Decimal(0))) for symbol in SYMBOLS
    }
    held = tuple(Position(s, quantity, prices[s]) for s, quantity in quantities.items() if quantity)
    cash = draw(money("1000000") | money("1000") | st.just(Decimal(0)))
    portfolio = PortfolioSnapshot("PAPER-1", NOW, "USD", cash, held, unmanaged={"ZZZ": Decimal(7)})
    mode = draw(st.sampled_from(TargetMode))
    named = draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True))
    if mode is TargetMode.WEIGHT:
        parts = [draw(st.integers(0, 100)) for _ in named]
        total = max(100, sum(parts))
        targets = {s: (Decimal(part) / total).quantize(Decimal("1e-9")) for s, part in zip(named, parts, strict=True)}
    else:
        targets = {s: draw(money("500000") | money("100") | st.just(Decimal(0))) for s in named}
    wanted = ExecutionTargets(mode, portfolio.base, targets, draw(st.booleans()))
    return Case(portfolio, wanted, {s: Quote(s, price, NOW) for s, price in prices.items()}, rules)


@given(cases())
def test_a_plan_never_sells_more_than_is_held(case: Case) -> None:
    for order in sells(case.plan()):
        assert 0 < Fraction(order.quantity) <= case.held(order.symbol)


@given(cases())
def test_a_plan_never_spends_more_than_cash_and_proceeds_less_costs_and_buffer(case: Case) -> None:
    plan = case.plan()
    spent = sum(case.bought_for(order) for order in buys(plan))
    assert spent <= max(Fraction(0), case.spendable(plan)) + NOISE


@given(cases())
def test_a_plan_cuts_its_buys_no_deeper_than_the_cash_asks_for(case: Case) -> None:
    plan, full = case.plan(), buys(case.without_cash_limit())
    spent, wanted = (sum(case.bought_for(order) for order in orders) for orders in (buys(plan), full))
    step = Fraction(case.rules.quantity_step)
    lot = {symbol: case.bought_for(Order("", symbol, Side.BUY, case.rules.quantity_step)) for symbol in SYMBOLS}
    lost = sum(lot[o.symbol] + Fraction(case.rules.commission_minimum) for o in full)
    dropped = {order.symbol for order in full} - {order.symbol for order in buys(plan)}
    least = Fraction(case.rules.minimum_notional)
    lost += sum(least / (step * case.price(symbol)) * lot[symbol] for symbol in dropped)
    assert spent >= min(wanted, case.spendable(plan)) - lost - NOISE


@given(cases())
def test_buys_are_all_cut_by_one_factor_and_never_enlarged(case: Case) -> None:
    plan = case.plan()
    full = {order.symbol: Fraction(order.quantity) for order in buys(case.without_cash_limit())}
    cut = {order.symbol: Fraction(order.quantity) for order in buys(plan)}
    step, least = Fraction(case.rules.quantity_step), Fraction(case.rules.minimum_notional)
    assert cut.keys() <= full.keys()
    assert all(cut[symbol] <= full[symbol] for symbol in cut)
    lower = max((cut[symbol] / full[symbol] for symbol in cut), default=Fraction(0))
    upper = [(cut[symbol] + step) / full[symbol] for symbol in cut]
    upper += [max(step, least / case.price(symbol) + step) / full[symbol] for symbol in full.keys() - cut.keys()]
    assert lower <= min(upper, default=Fraction(1)) + NOISE


@given(cases())
def test_sales_do_not_depend_on_the_cash(case: Case) -> None:
    assert sells(case.plan()) == sells(case.without_cash_limit())


@given(cases())
def test_quantities_are_positive_multiples_of_the_step(case: Case) -> None:
    for order in case.plan().orders:
        assert order.quantity > 0
        assert (Fraction(order.quantity) / Fraction(case.rules.quantity_step)).denominator == 1


@given(cases())
def test_an_explicit_zero_sells_all_that_can_be_sold_however_little(case: Case) -> None:
    assume(not case.targets.buy_only)
    plan = case.plan()
    sold = {order.symbol: Fraction(order.quantity) for order in sells(plan)}
    for symbol, target in case.targets.targets.items():
        if not target:
            step = Fraction(case.rules.quantity_step)
            assert sold.get(symbol, 0) == case.held(symbol) // step * step
            assert symbol not in {order.symbol for order in buys(plan)}


@given(cases())
def test_a_buy_only_plan_never_sells(case: Case) -> None:
    assert sells(replace(case, targets=replace(case.targets, buy_only=True)).plan()) == []


@given(cases())
def test_only_symbols_of_the_intent_are_traded_and_each_is_explained(case: Case) -> None:
    plan = case.plan()
    assert [line.symbol for line in plan.lines] == sorted(case.targets.targets)
    stranger = Position("ZZZ", Decimal(7), Decimal(3))
    crowded = replace(case.portfolio, positions=(*case.portfolio.positions, stranger))
    assert replace(case, portfolio=crowded).plan() == plan


@given(cases())
def test_orders_go_out_sells_first_then_by_symbol(case: Case) -> None:
    plan = case.plan()
    assert list(plan.orders) == [*sells(plan), *buys(plan)]
    for side in (sells(plan), buys(plan)):
        assert [order.symbol for order in side] == sorted(order.symbol for order in side)
    assert len({order.client_order_id for order in plan.orders}) == len(plan.orders)


@settings(max_examples=400)
@given(cases())
def test_a_plan_has_orders_for_the_market_only_and_never_a_stop(case: Case) -> None:
    assert {(order.limit_price, order.stop_price) for order in case.plan().orders} <= {(None, None)}


@given(cases())
def test_no_residual_is_left_unexplained(case: Case) -> None:
    plan = case.plan()
    full = case.without_cash_limit()
    too_dear = sum(case.bought_for(order) for order in buys(full)) > case.spendable(plan)
    for line in plan.lines:
        target, current = Fraction(case.targets.values[line.symbol]), case.held(line.symbol)
        price = case.price(line.symbol)
        signed = Fraction(0)
        if line.order:
            signed = Fraction(line.order.quantity) * (1 if line.order.side is Side.BUY else -1)
        residual, lot = target - (current + signed) * price, Fraction(case.rules.quantity_step) * price
        assert abs(Fraction(line.residual) - residual) <= NOISE
        if line.why is Residual.NONE:
            assert abs(residual) <= NOISE * max(1, price)
        if abs(residual) <= lot + NOISE * max(1, price):
            continue
        wish = target - current * price
        applies = {
            Residual.MINIMUM_NOTIONAL: not line.order and abs(wish) < Fraction(case.rules.minimum_notional) + lot,
            Residual.THRESHOLD: not line.order
            and abs(wish) < Fraction(case.rules.rebalance_threshold) * Fraction(case.targets.base) + lot,
            Residual.CASH: wish > 0 and too_dear,
            Residual.BUY_ONLY: wish < 0 and case.targets.buy_only and not line.order,
        }
        assert applies.get(line.why), f"{line} leaves {float(residual)}"


# --- one example of each reason, by hand --------------------------------------------------------

FREE = ExecutionRules(
    commission_bps=Decimal(0), slippage_bps=Decimal(0), cash_buffer=Decimal(0), minimum_notional=Decimal(0)
)


def small(
    rules: ExecutionRules, cash: str, held: dict[str, str], targets: dict[str, str], buy_only: bool = False
) -> OrderPlan:
    """Plan value targets with AAA at 10 and BBB at 30."""
    prices = {"AAA": Decimal(10), "BBB": Decimal(30)}
    positions = tuple(Position(s, Decimal(quantity), prices[s]) for s, quantity in held.items())
    portfolio = PortfolioSnapshot("PAPER-1", NOW, "USD", Decimal(cash), positions)
    values = {symbol: Decimal(value) for symbol, value in targets.items()}
    wanted = ExecutionTargets(TargetMode.VALUE, portfolio.base, values, buy_only)
    return plan_orders(KEY, portfolio, wanted, {s: Quote(s, price, NOW) for s, price in prices.items()}, rules)


def told(plan: OrderPlan) -> list[tuple[str, int | Decimal, Decimal, Residual]]:
    """Return symbol, signed quantity, residual and reason of every line."""
    signed = [
        0 if not line.order else line.order.quantity if line.order.side is Side.BUY else -line.order.quantity
        for line in plan.lines
    ]
    return [(line.symbol, quantity, line.residual, line.why) for line, quantity in zip(plan.lines, signed, strict=True)]


def test_a_target_of_whole_lots_leaves_nothing() -> None:
    # 200 at 10 are 20 shares, 300 at 30 are 10.
    assert told(small(FREE, "500", {}, {"AAA": "200", "BBB": "300"})) == [
        ("AAA", 20, 0, Residual.NONE),
        ("BBB", 10, 0, Residual.NONE),
    ]


def test_the_part_of_a_share_that_cannot_be_bought_is_owed_to_the_step() -> None:
    # 205 at 10 are 20.5 shares: 20 bought, 5 left. Sold down to 95 / 30 = 3.17 shares of 5: 1 sold, 95 - 120 = -25.
    assert told(small(FREE, "500", {"BBB": "5"}, {"AAA": "205", "BBB": "95"})) == [
        ("AAA", 20, 5, Residual.LOTS),
        ("BBB", -2, 5, Residual.LOTS),
    ]


def test_a_part_of_a_share_that_is_held_stays_when_only_whole_ones_trade() -> None:
    assert told(small(FREE, "0", {"AAA": "10.5"}, {"AAA": "0"})) == [("AAA", -10, -5, Residual.LOTS)]


def test_a_part_of_a_share_that_is_held_does_not_keep_a_whole_one_from_being_bought() -> None:
    # 10.9 shares wanted, half a one held: ten more make 10.5, and 4 are left.
    assert told(small(FREE, "500", {"AAA": "0.5"}, {"AAA": "109"})) == [("AAA", 10, 4, Residual.LOTS)]


def test_a_commission_is_by_the_share_and_of_every_order_at_least() -> None:
    rules = replace(
        FREE, commission_bps=Decimal(10), commission_per_share=Decimal("0.01"), commission_minimum=Decimal(2)
    )
    # 100 at 30 pay 10 bp of 3000 and 1 cent each; 20 at 10 would pay 0.4, and nothing pays nothing.
    assert rules.commission(Decimal(100), Decimal(30)) == 4
    assert rules.commission(Decimal(20), Decimal(10)) == 2
    assert rules.commission(Decimal(0), Decimal(10)) == 0
    # 101 in cash pay for 9 shares of 10 and 2 of commission, of the 10 that are wanted; 1.5 for none.
    assert told(small(rules, "101", {}, {"AAA": "100"})) == [("AAA", 9, 10, Residual.CASH)]
    assert told(small(rules, "1.5", {}, {"AAA": "1"})) == [("AAA", 0, 1, Residual.LOTS)]


def test_what_a_small_sale_costs_more_than_it_brings_is_not_spent() -> None:
    # The sale of 1 at 10 costs 40: of the 339 in cash 309 are left, and 40 of them are the commission of 8 at 30.
    rules = replace(FREE, commission_minimum=Decimal(40))
    assert told(small(rules, "339", {"AAA": "1"}, {"AAA": "0", "BBB": "300"})) == [
        ("AAA", -1, 0, Residual.NONE),
        ("BBB", 8, 60, Residual.CASH),
    ]


def test_an_order_below_the_minimum_notional_is_not_sent_and_one_at_it_is() -> None:
    rules = replace(FREE, minimum_notional=Decimal(30))
    assert told(small(rules, "500", {}, {"AAA": "29.99", "BBB": "30"})) == [
        ("AAA", 0, Decimal("29.99"), Residual.MINIMUM_NOTIONAL),
        ("BBB", 1, 0, Residual.NONE),
    ]


def test_a_small_sale_is_not_sent_either_unless_it_closes_the_position() -> None:
    rules = replace(FREE, minimum_notional=Decimal(25))
    assert told(small(rules, "0", {"AAA": "10"}, {"AAA": "80"})) == [("AAA", 0, -20, Residual.MINIMUM_NOTIONAL)]
    assert told(small(rules, "0", {"AAA": "2"}, {"AAA": "0"})) == [("AAA", -2, 0, Residual.NONE)]


def test_a_change_inside_the_rebalance_threshold_is_not_traded_and_one_at_it_is() -> None:
    # Base 1000 = 700 cash + 30 x 10; 5 % of it are 50.
    rules = replace(FREE, rebalance_threshold=Decimal("0.05"))
    assert told(small(rules, "700", {"AAA": "30"}, {"AAA": "340"})) == [("AAA", 0, 40, Residual.THRESHOLD)]
    assert told(small(rules, "700", {"AAA": "30"}, {"AAA": "260"})) == [("AAA", 0, -40, Residual.THRESHOLD)]
    assert told(small(rules, "700", {"AAA": "30"}, {"AAA": "350"})) == [("AAA", 5, 0, Residual.NONE)]
    assert told(small(rules, "999", {"AAA": "1"}, {"AAA": "0"})) == [("AAA", -1, 0, Residual.NONE)]


def test_buys_beyond_the_cash_are_cut_by_one_factor() -> None:
    # Wanted 40 x 10 + 20 x 30 = 1000 with 500: half of each.
    assert told(small(FREE, "500", {}, {"AAA": "400", "BBB": "600"})) == [
        ("AAA", 20, 200, Residual.CASH),
        ("BBB", 10, 300, Residual.CASH),
    ]


def test_the_buffer_is_a_share_of_the_base_and_stays_in_cash() -> None:
    # Base 1000; 10 % stay: 900 of 1000 wanted, 90 shares of 100.
    rules = replace(FREE, cash_buffer=Decimal("0.1"))
    assert told(small(rules, "1000", {}, {"AAA": "1000"})) == [("AAA", 90, 100, Residual.CASH)]


def test_proceeds_less_costs_pay_for_the_buys_of_the_same_plan() -> None:
    # Slippage 10 %, commission 10 %. Selling 10 BBB brings 10 x 27 x 0.9 = 243; an AAA costs 11 x 1.1 = 12.1.
    # Wanted 30 AAA for 363: 30 x 243 / 363 = 20.08, 20 bought for 242.
    rules = replace(FREE, slippage_bps=Decimal(1000), commission_bps=Decimal(1000))
    assert told(small(rules, "0", {"BBB": "10"}, {"AAA": "300", "BBB": "0"})) == [
        ("AAA", 20, 100, Residual.CASH),
        ("BBB", -10, 0, Residual.NONE),
    ]


def test_without_cash_nothing_is_bought_and_the_plan_says_so() -> None:
    assert told(small(FREE, "0", {}, {"AAA": "50", "BBB": "0"})) == [
        ("AAA", 0, 50, Residual.CASH),
        ("BBB", 0, 0, Residual.NONE),
    ]


def test_negative_cash_buys_nothing_and_sells_what_is_asked() -> None:
    assert told(small(FREE, "-100", {"BBB": "2"}, {"AAA": "50", "BBB": "30"})) == [
        ("AAA", 0, 50, Residual.CASH),
        ("BBB", -1, 0, Residual.NONE),
    ]


def test_a_cut_buy_below_the_minimum_notional_is_not_sent() -> None:
    # Half of 5 shares is 2: 20, below 25. Half of 100 BBB is 50.
    rules = replace(FREE, minimum_notional=Decimal(25))
    assert told(small(rules, "1525", {}, {"AAA": "50", "BBB": "3000"})) == [
        ("AAA", 0, 50, Residual.CASH),
        ("BBB", 50, 1500, Residual.CASH),
    ]


def test_a_buy_only_plan_keeps_what_it_would_have_sold() -> None:
    assert told(small(FREE, "100", {"BBB": "5"}, {"AAA": "100", "BBB": "60"}, buy_only=True)) == [
        ("AAA", 10, 0, Residual.NONE),
        ("BBB", 0, -90, Residual.BUY_ONLY),
    ]


def test_the_whole_account_can_be_moved_without_costs() -> None:
    # 10 BBB for 300 and 100 in cash: 40 AAA.
    assert told(small(IDEAL, "100", {"BBB": "10"}, {"AAA": "400", "BBB": "0"})) == [
        ("AAA", 40, 0, Residual.NONE),
        ("BBB", -10, 0, Residual.NONE),
    ]


def test_a_line_tells_units_and_price_behind_it() -> None:
    (line,) = small(FREE, "100", {"AAA": "2"}, {"AAA": "95"}).lines
    assert (line.current, line.target, line.price) == (Decimal(2), Decimal("9.5"), Decimal(10))


@pytest.mark.parametrize("rules", [REALISTIC, IDEAL])
def test_a_plan_that_was_reached_is_not_planned_again(rules: ExecutionRules) -> None:
    assert small(rules, "0", {"AAA": "30", "BBB": "10"}, {"AAA": "300", "BBB": "300"}).orders == ()
