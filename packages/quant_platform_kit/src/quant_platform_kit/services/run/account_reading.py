"""Asking a broker for an account, and once more where its figures do not add up."""

from __future__ import annotations

from quant_platform_kit.domain.balances import BalanceRules, apart
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.clock import Clock

__all__ = ["ASK_AGAIN_SECONDS", "read_account"]

ASK_AGAIN_SECONDS = 2.0
"""After what time figures that do not add up are asked for again: a broker writes them one after the other."""


def read_account(broker: Broker, clock: Clock, rules: BalanceRules) -> AccountState:
    """Return what the broker says of the account; whether it adds up, `balance_objections` tells."""
    account = broker.account()
    if apart(account, rules) is None:
        return account
    clock.sleep(ASK_AGAIN_SECONDS)
    return broker.account()
