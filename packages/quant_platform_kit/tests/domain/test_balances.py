"""An account is sized only when the broker's own figures add up; what it does not tell is named."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from quant_platform_kit.domain.balances import BalanceRules, apart, balance_objections, unproven_balance
from quant_platform_kit.domain.portfolio import AccountState, AccountType, Balance, value_portfolio
from quant_platform_kit.domain.reconciliation import Discrepancy

D = Decimal
RULES = BalanceRules()
AT = datetime(2024, 6, 10, 14, tzinfo=UTC)


def account(cash: str, positions: str | None, total: str | None, units: int = 5) -> AccountState:
    """Return an account whose broker tells these figures in USD."""
    told = Balance("USD", D(cash), None if positions is None else D(positions), None if total is None else D(total))
    return AccountState("U1", {"USD": D(cash)}, {"SPY": D(units)} if units else {}, balance=told)


@pytest.mark.parametrize(
    ("cash", "positions", "total"),
    [
        ("1000", "2000", "3000"),
        ("1000", "2000", "3100"),
        ("100000", "900000", "1005000"),
        ("5000", "-2000", "3000"),
        ("-500", "2000", "1500"),
        ("0", "0", "-100"),
    ],
)
def test_figures_that_are_apart_by_no_more_than_half_a_percent_or_a_hundred_add_up(
    cash: str, positions: str, total: str
) -> None:
    assert apart(account(cash, positions, total), RULES) is None


@pytest.mark.parametrize(
    ("cash", "positions", "total"),
    [
        ("0", "140000", "252000"),
        ("1000", "2000", "3100.01"),
        ("1000000", "0", "994000"),
        ("268909.58", "0", "186797.06"),
    ],
)
def test_figures_that_do_not_add_up_block_with_all_three(cash: str, positions: str, total: str) -> None:
    (said,) = balance_objections(account(cash, positions, total), RULES)
    assert all(f"{D(figure):.2f} USD" in said for figure in (cash, positions, total))


def test_long_positions_of_an_unknown_worth_cannot_make_cash_more_than_the_total() -> None:
    (said,) = balance_objections(account("268909.58", None, "186797.06"), RULES)
    assert "268909.58 USD and positions worth at least 0 USD" in said
    assert apart(account("186341.45", None, "186797.06"), RULES) is None
    assert apart(account("268909.58", None, "186797.06", units=-5), RULES) is None


def test_the_tolerances_are_settings() -> None:
    figures = account("1000", "2000", "3090")
    assert apart(figures, BalanceRules(D("0.001"), D(90))) is None
    assert apart(figures, BalanceRules(D("0.001"), D(89))) is not None
    assert apart(figures, BalanceRules(D("0.03"), D(0))) is None


def test_what_a_broker_does_not_tell_is_a_finding() -> None:
    assert unproven_balance(account("1000", "2000", "3000")) == []
    (finding,) = unproven_balance(account("1000", "2000", None))
    assert (finding.kind, "a total" in finding.text) == (Discrepancy.NO_TOTAL, True)
    (finding,) = unproven_balance(account("1000", None, "3000"))
    assert "what its positions are worth" in finding.text
    (finding,) = unproven_balance(AccountState("U1", {"USD": D(1)}, {}))
    assert "a total of the account and its cash in one currency" in finding.text


def test_a_debit_blocks_unless_the_account_may_have_one() -> None:
    (said,) = balance_objections(account("-8000", "140000", "132000"), RULES)
    assert "U1 owes 8000.00 USD" in said
    assert "cash -8000.00, positions 140000.00, total 132000.00 USD" in said
    assert balance_objections(account("-8000", "140000", "132000"), BalanceRules(debit_accounts=("U1",))) == []
    assert balance_objections(account("-0.01", "0", "0"), RULES) == []


def test_a_debit_in_another_currency_blocks_too() -> None:
    state = AccountState("U1", {"USD": D(1000), "AUD": D(-900)}, {})
    assert balance_objections(state, RULES) == [
        "account U1 owes 900.00 AUD: pay it back, or name the account in DEBIT_ACCOUNTS"
    ]


def test_what_may_be_spent_is_the_lesser_of_cash_and_what_the_broker_says() -> None:
    def may_spend(**told: Decimal) -> Decimal:
        state = AccountState("U1", {"USD": D(1000)}, {}, balance=Balance("USD", spendable=told))
        assert value_portfolio(state, {}, [], as_of=AT).may_spend == state.may_spend("USD")
        return state.may_spend("USD")

    assert [may_spend(USD=D(900)), may_spend(USD=D(5000)), may_spend(HKD=D(5))] == [900, 1000, 1000]
    assert AccountState("U1", {"USD": D(1000)}, {}).may_spend("USD") == 1000


def test_an_account_is_a_cash_account_when_its_broker_or_the_settings_say_so() -> None:
    def state(kind: AccountType | None) -> AccountState:
        return AccountState("U1", {}, {}, balance=Balance("USD", account_type=kind))

    named = BalanceRules(cash_accounts=("U1",))
    assert [RULES.is_cash_account(state(kind)) for kind in (*AccountType, None)] == [True, False, False]
    assert named.is_cash_account(state(None))
