"""When a portfolio is close enough to its target weights to be left alone."""

from collections.abc import Mapping
from decimal import Decimal

from quant_platform_kit.domain.portfolio import PortfolioSnapshot

__all__ = ["in_place", "values"]


def in_place(portfolio: PortfolioSnapshot, weights: Mapping[str, float], drift: float) -> bool:
    """Whether every weight is within ``drift`` of its target and nothing has to be opened or closed.

    Parameters
    ----------
    weights
        Target share of the base per managed symbol, zeros included.
    """
    base = float(portfolio.base)
    held = {position.symbol: float(position.value) for position in portfolio.positions}
    if base <= 0 or held.keys() != {symbol for symbol, weight in weights.items() if weight > 0}:
        return False
    return all(round(abs(value / base - weights[symbol]), 9) <= drift for symbol, value in held.items())


def values(portfolio: PortfolioSnapshot, weights: Mapping[str, float]) -> dict[str, Decimal]:
    """Return weights as amounts of the portfolio's currency."""
    base = portfolio.base
    return {symbol: Decimal(repr(weight)) * base for symbol, weight in weights.items()}
