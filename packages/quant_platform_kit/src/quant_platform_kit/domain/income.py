"""What an account earns without trading: interest on its cash, and dividends on what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

__all__ = ["Income"]

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Income:
    """Interest and dividends by session (exchange-local date).

    Attributes
    ----------
    interest
        What cash earned since the session before, as a share of it; nothing in a session that is not there.
    dividends
        Cash per unit by symbol, in its currency, on its ex-date.
    """

    interest: Mapping[date, Decimal] = field(default_factory=dict[date, Decimal])
    dividends: Mapping[date, Mapping[str, Decimal]] = field(default_factory=dict[date, Mapping[str, Decimal]])

    def earned(self, session: date, cash: Decimal, units: Mapping[str, Decimal]) -> tuple[Decimal, Decimal]:
        """Return the interest and the dividends of what was held until a session; a debt earns and costs nothing."""
        interest = max(cash, ZERO) * self.interest.get(session, ZERO)
        paid = self.dividends.get(session, {}).items()
        return interest, sum((units[symbol] * amount for symbol, amount in paid if symbol in units), ZERO)
