"""Whether what a broker says of an account adds up: cash, its own market values, and its own total."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from quant_platform_kit.domain.portfolio import AccountState, AccountType
from quant_platform_kit.domain.reconciliation import Discrepancy, Finding

__all__ = ["BalanceRules", "apart", "balance_objections", "unproven_balance"]

ZERO = Decimal(0)
OWED = Decimal("-0.01")
"""Cash that is less is owed; a cent is rounding."""


@dataclass(frozen=True, slots=True)
class BalanceRules:
    """What is held against a broker's figures before anything is sized by them.

    Attributes
    ----------
    tolerance_share, tolerance
        Cash and positions may be apart from the total by the larger of this share of it, and this amount in the
        broker's base currency.
    debit_accounts
        Ids of the accounts that may owe cash.
    cash_accounts
        Ids of the accounts without margin whose broker does not say so.
    """

    tolerance_share: Decimal = Decimal("0.005")
    tolerance: Decimal = Decimal(100)
    debit_accounts: tuple[str, ...] = ()
    cash_accounts: tuple[str, ...] = ()

    def is_cash_account(self, account: AccountState) -> bool:
        """Whether an account may not borrow, as its broker or the settings say."""
        told = account.balance.account_type if account.balance else None
        return told is AccountType.CASH or account.account_id in self.cash_accounts


def apart(account: AccountState, rules: BalanceRules) -> str | None:
    """Return the three figures of an account if they do not add up, in words; None if they do, or are not told.

    Where the broker does not tell what positions are worth, long ones are worth nothing at least: cash above the total
    is apart from it.
    """
    told = account.balance
    if told is None or told.cash is None or told.total is None:
        return None
    if told.positions is not None:
        worth, off = f"{told.positions:.2f}", abs(told.cash + told.positions - told.total)
    elif any(units < 0 for units in account.quantities.values()):
        return None
    else:
        worth, off = "at least 0", told.cash - told.total
    if off <= rules.tolerance or off <= rules.tolerance_share * abs(told.total):
        return None
    allowed = max(rules.tolerance_share * abs(told.total), rules.tolerance)
    return (
        f"cash {told.cash:.2f} {told.currency} and positions worth {worth} {told.currency} are not the broker's total "
        f"of {told.total:.2f} {told.currency}: they are apart by {off:.2f}, and {allowed:.2f} is allowed"
    )


def balance_objections(account: AccountState, rules: BalanceRules) -> list[str]:
    """Return why an account cannot be sized: its figures do not add up, or it owes cash and may not."""
    found: list[str] = []
    if figures := apart(account, rules):
        found.append(f"account {account.account_id}: {figures}; compare them with the broker's own pages")
    owed = {currency: amount for currency, amount in account.cash_by_currency.items() if amount < OWED}
    if owed and account.account_id not in rules.debit_accounts:
        debits = ", ".join(f"{-amount:.2f} {currency}" for currency, amount in sorted(owed.items()))
        found.append(
            f"account {account.account_id} owes {debits}{_standing(account)}: pay it back, or name the account in "
            "DEBIT_ACCOUNTS"
        )
    return found


def _standing(account: AccountState) -> str:
    """Return the figures of an account, for a sentence about its cash."""
    told = account.balance
    if told is None or told.cash is None or told.total is None:
        return ""
    worth = "not told" if told.positions is None else f"{told.positions:.2f}"
    return f" (cash {told.cash:.2f}, positions {worth}, total {told.total:.2f} {told.currency})"


def unproven_balance(account: AccountState) -> list[Finding]:
    """Name what a broker does not tell, so that its cash is taken on trust."""
    told = account.balance
    parts = {
        "a total of the account": told.total if told else None,
        "its cash in one currency": told.cash if told else None,
        "what its positions are worth": told.positions if told else None,
    }
    missing = [name for name, figure in parts.items() if figure is None]
    if not missing:
        return []
    text = f"the broker does not tell {' and '.join(missing)}: that its cash is right cannot be proven"
    return [Finding(Discrepancy.NO_TOTAL, text)]
