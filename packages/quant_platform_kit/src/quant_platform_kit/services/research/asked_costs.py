"""What a person asks of costs and lots, in place of what an execution model has."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal

from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["NO_COSTS", "AskedCosts"]

ZERO = Decimal(0)
_BOUNDS = {
    "commission_bps": (ZERO, Decimal(1000), "basis points"),
    "slippage_bps": (ZERO, Decimal(1000), "basis points"),
    "commission_per_share": (ZERO, Decimal(10), "of the currency"),
    "commission_minimum": (ZERO, Decimal(1000), "of the currency"),
    "lots": (Decimal("1e-9"), Decimal(1_000_000), "units; 1 stands for whole shares"),
}


@dataclass(frozen=True, slots=True)
class AskedCosts:
    """Costs and lots; None keeps what there is.

    Attributes
    ----------
    commission_bps, slippage_bps
        Basis points of the notional, of the price.
    commission_per_share, commission_minimum
        Of every unit beside them, and of every order at least, in the account's currency.
    lots
        Orders are multiples of it.

    Raises
    ------
    InvalidInput
        One is outside its bounds.
    """

    commission_bps: Decimal | None = None
    slippage_bps: Decimal | None = None
    commission_per_share: Decimal | None = None
    commission_minimum: Decimal | None = None
    lots: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse what is outside its bounds."""
        for name, value in self._given.items():
            least, most, unit = _BOUNDS[name]
            if not least <= value <= most:
                option = f"--{name.replace('_', '-')}"
                raise InvalidInput(f"{option} is {value}; it lies between {least:f} and {most:f} {unit}")

    @property
    def _given(self) -> dict[str, Decimal]:
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def of(self, policy: ExecutionPolicy) -> ExecutionPolicy:
        """Return a policy with what was asked."""
        given = {"quantity_step" if name == "lots" else name: value for name, value in self._given.items()}
        return replace(policy, rules=replace(policy.rules, **given))


NO_COSTS = AskedCosts()
"""Nothing is asked: costs and lots are what they are."""
