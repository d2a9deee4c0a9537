"""The accounts that may trade live: kept in the store, out of reach of a service's environment."""

from __future__ import annotations

from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.switches import FlagEntry, allowed

__all__ = ["set_allowed"]


def set_allowed(operator: Operator, account_id: str, reason: str, *, on: bool) -> bool:
    """Put an account on the allow-list, or strike it off; audited, durable when it returns; whether that changed it."""
    flags = allowed(operator.store)
    if (account_id in flags.on()) is on:
        return False
    entry = operator.audit("allow" if on else "disallow", reason, account=account_id)
    flags.set(account_id, FlagEntry(on, entry.who, reason, entry.at))
    return True
