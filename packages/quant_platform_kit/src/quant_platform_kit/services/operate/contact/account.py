"""The account: its type, currency and permissions, and whether cash, positions and total add up."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from quant_platform_kit.domain.balances import balance_objections, unproven_balance
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.ports.contact_source import AccountFacts
from quant_platform_kit.services.operate.contact.reading import Reading
from quant_platform_kit.services.operate.contact.result import Line, State

__all__ = ["account_lines"]

CURRENCY = "USD"
RETIREMENT = {
    True: "it is for retirement",
    False: "it is not for retirement",
    None: "whether it is for retirement is not told",
}
WITHOUT_US_FUNDS = frozenset({"EUR", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF"})
"""Base currencies of accounts that are likely kept where US funds are not sold to the public."""


def account_lines(reading: Reading) -> Iterator[Line]:
    """Yield the lines of the account; one alone where it was not told."""
    account = reading.told.account
    if account is None:
        why = reading.failed.get("account", "the broker does not tell it")
        yield Line("account", State.BLOCKS, why, "try again; if it stays so, compare with the broker's own pages")
        return
    facts = reading.told.facts or AccountFacts()
    yield _type(account, facts)
    yield _permissions(facts)
    yield _currency(account)
    yield _country(account)
    yield _cash(account, reading)


def _type(account: AccountState, facts: AccountFacts) -> Line:
    told = account.balance.account_type if account.balance else None
    kind = RETIREMENT[facts.retirement] + (f" ({facts.kind})" if facts.kind else "")
    if told is None:
        todo = "name it in CASH_ACCOUNTS if it may not"
        return Line("account type", State.NOT_TOLD, f"whether the account may borrow is not told; {kind}", todo)
    return Line("account type", State.GOOD, f"a {told.value} account; {kind}")


def _permissions(facts: AccountFacts) -> Line:
    if facts.only_closes:
        said = "the account may only close positions: every buy would be refused"
        return Line("permissions", State.BLOCKS, said, "ask the broker to lift it, or choose another account")
    open_ = "" if facts.only_closes is None else "the account may open positions; "
    todo = "look it up at the broker, or test it"
    return Line("permissions", State.NOT_TOLD, f"{open_}what it may trade is not told", todo)


def _currency(account: AccountState) -> Line:
    has = sorted(account.cash_by_currency)
    if CURRENCY not in has:
        said = f"cash is told in {', '.join(has) or 'no currency'}, and sizing needs {CURRENCY}"
        return Line("currency", State.BLOCKS, said, f"hold some {CURRENCY}, or have the broker tell it apart")
    base = account.balance.currency if account.balance else None
    if base is None:
        return Line("currency", State.NOT_TOLD, f"there is {CURRENCY} cash; the base currency is not told")
    if base != CURRENCY:
        said = f"the base currency is {base}; orders are sized by {CURRENCY} cash alone, and nothing is converted"
        return Line("currency", State.CAUTION, said, f"convert to {CURRENCY} what is to be invested")
    return Line("currency", State.GOOD, f"cash and base currency are {CURRENCY}")


def _country(account: AccountState) -> Line:
    """Return what is known of what the account's country forbids: no broker tells the country over these interfaces."""
    base = account.balance.currency if account.balance else None
    todo = "if the account is kept in the EU or the UK, ask the broker which US funds it may buy without a KID"
    if base in WITHOUT_US_FUNDS:
        return Line("country", State.CAUTION, f"the country is not told, and the base currency is {base}", todo)
    return Line("country", State.NOT_TOLD, "what the account's country may not buy is not told", todo)


def _cash(account: AccountState, reading: Reading) -> Line:
    told = account.balance
    named = {"cash": told.cash, "positions": told.positions, "total": told.total} if told else {}
    figures = {name: _amount(figure) for name, figure in named.items()}
    if objections := balance_objections(account, reading.asked.balances):
        return Line("cash", State.BLOCKS, "; ".join(objections), "compare it with the broker's own pages", figures)
    if unproven := unproven_balance(account):
        return Line("cash", State.NOT_TOLD, unproven[0].text, "compare it with the broker's own pages", figures)
    assert told is not None, "its figures are told"
    said = f"cash {figures['cash']} and positions {figures['positions']} are the total of {figures['total']}"
    return Line("cash", State.GOOD, f"{said} {told.currency}", "", figures)


def _amount(figure: Decimal | None) -> str:
    return "not told" if figure is None else f"{figure:.2f}"
