"""The accounts that may trade live: kept in the store, out of reach of a service's environment."""

from __future__ import annotations

from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.switches import allowed

__all__ = ["set_allowed"]


def set_allowed(operator: Operator, account_id: str, reason: str, *, on: bool) -> bool:
    """Put an account on the allow-list, or strike it off; audited, durable when it returns; whether that changed it."""
    flags = allowed(operator.store)
    standing, lost = flags.audited()
    if (account_id in standing) is on and account_id not in lost:
        return False
    flags.command(operator, "allow" if on else "disallow", account_id, reason, on=on, account=account_id)
    return True
