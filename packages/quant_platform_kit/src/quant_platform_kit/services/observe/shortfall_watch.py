"""Whether an account makes less than the back-test's cost model lets expect."""

from __future__ import annotations

from decimal import Decimal

from quant_platform_kit.domain.shortfall import Shortfall
from quant_platform_kit.services.observe.watchdog import Alert, Kind

__all__ = ["shortfall_alert", "uncompared_alert"]


def shortfall_alert(found: Shortfall, most: Decimal, where: str) -> Alert | None:
    """Return an alert if an account is behind its back-test by more than ``most``; None where it is not.

    What came from outside does not count.

    Parameters
    ----------
    most
        Share of the equity that both began with.
    where
        The options that name the account in a command.
    """
    if -found.execution_share <= most:
        return None
    inner = {name: amount for name, amount in found.whole.lines.items() if name != "outside changes"}
    name, amount = min(inner.items(), key=lambda line: line[1])
    what = (
        f"account {found.account_id} made {-found.whole.execution:.2f} {found.currency} less than its back-test from "
        f"{found.sessions[0]} to {found.sessions[-1]}, {-found.execution_share:.2%} of what it began with; the "
        f"bound is {most:.2%}"
    )
    advice = f"most of it is {name}, {amount:.2f}; `quant shortfall {where} --prices FILE` shows the rest"
    return Alert(Kind.SHORTFALL, found.account_id, f"{what}; {advice}")


def uncompared_alert(account: str, error: Exception) -> Alert:
    """Return the alert for an account that cannot be held against a back-test."""
    return Alert(Kind.SHORTFALL, account, f"account {account} cannot be compared with its back-test: {error}")
