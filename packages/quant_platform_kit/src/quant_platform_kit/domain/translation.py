"""Between what a strategy wants and what a platform speaks: weights <-> values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import AllocationIntent, TargetMode

__all__ = ["ExecutionTargets", "translate"]


@dataclass(frozen=True, slots=True)
class ExecutionTargets:
    """An intent in a platform's native mode.

    Attributes
    ----------
    base
        What weights refer to, in the portfolio's currency.
    targets
        Every symbol of the intent, explicit zeros kept, never renormalised.
    closing
        Symbols that an earlier profile left and that are sold even where the intent only buys.
    """

    mode: TargetMode
    base: Decimal
    targets: Mapping[str, Decimal]
    buy_only: bool = False
    closing: frozenset[str] = frozenset()

    @property
    def values(self) -> Mapping[str, Decimal]:
        """Targets in the portfolio's currency."""
        return self.targets if self.mode is TargetMode.VALUE else _scaled(self.targets, self.base)


def translate(intent: AllocationIntent, base: Decimal, native_mode: TargetMode) -> ExecutionTargets:
    """Express an intent in ``native_mode``: weight -> value is ``weight x base``, value -> weight ``value / base``.

    Raises
    ------
    InvalidInput
        Values are asked for as weights of a base that is not positive.
    """
    targets = intent.targets
    if intent.target_mode is not native_mode:
        if native_mode is TargetMode.VALUE:
            targets = _scaled(targets, base)
        elif base <= 0:
            raise InvalidInput(f"base is {base}; values become weights of a positive base only: fund the account")
        else:
            targets = {symbol: value / base for symbol, value in targets.items()}
    return ExecutionTargets(native_mode, base, targets, intent.buy_only)


def _scaled(targets: Mapping[str, Decimal], base: Decimal) -> dict[str, Decimal]:
    return {symbol: target * base if target else target for symbol, target in targets.items()}
