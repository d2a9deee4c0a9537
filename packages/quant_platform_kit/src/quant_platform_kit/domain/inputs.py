"""Runtime inputs: from prices and a portfolio to what one strategy asked for, the same on every platform."""

from __future__ import annotations

from typing import Any

from quant_platform_kit.domain.features import FeatureSnapshot
from quant_platform_kit.domain.indicators import indicator
from quant_platform_kit.domain.portfolio import PortfolioSnapshot
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.sessions import Session
from quant_platform_kit.domain.strategy import InputName, StrategyContext, StrategyManifest

__all__ = ["build_context"]


def build_context(
    manifest: StrategyManifest,
    session: Session,
    history: PriceHistory,
    portfolio: PortfolioSnapshot,
    features: FeatureSnapshot | None = None,
    managed: frozenset[str] | None = None,
) -> StrategyContext:
    """Give a strategy the inputs its manifest declares, and no others.

    Parameters
    ----------
    history
        Prices of at least the manifest's symbols; sessions after ``session.date`` are cut off here.
    managed
        The symbols that the decision is about; None for those that the manifest names.
    """
    known = history.until(session.date)
    inputs: dict[InputName, Any] = {}
    for name in manifest.required_inputs:
        if name == InputName.PORTFOLIO_SNAPSHOT:
            inputs[name] = portfolio
        elif name == InputName.DERIVED_INDICATORS:
            inputs[name] = _indicators(manifest, session, known)
        elif name == InputName.FEATURE_SNAPSHOT:
            inputs[name] = features
        else:
            inputs[name] = known
    return StrategyContext(session, inputs, managed)


def _indicators(manifest: StrategyManifest, session: Session, known: PriceHistory) -> dict[str, dict[str, float]]:
    """Compute the indicators of the session itself; a history that ends earlier knows none of them."""
    current = known if known.last_session == session.date else known.first(0)
    return {symbol: indicator(current, symbol, names) for symbol, names in manifest.indicators.items()}
