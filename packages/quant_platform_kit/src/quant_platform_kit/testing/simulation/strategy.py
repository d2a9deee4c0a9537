"""The strategy of the simulation: drawn from the date alone, so that everybody can tell what it decided."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import cache

from pydantic import BaseModel

from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.features import IS_STOCK, FeatureContract
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import (
    BoundStrategy,
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)

__all__ = ["SYMBOLS", "bound", "rows", "weights"]

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")


class Config(BaseModel):
    """What is drawn from, with the date."""

    seed: int = 0


class _Drawn:
    """New weights in most of the sessions it decides on, a HOLD in the others; BLOCKED without a bar of the session."""

    Config = Config

    def __init__(self, cadence: Cadence) -> None:
        self.manifest = StrategyManifest(
            profile="drawn",
            display_name="Drawn",
            target_mode=TargetMode.WEIGHT,
            required_inputs=frozenset({InputName.MARKET_HISTORY}),
            managed=SYMBOLS,
            history_sessions=2,
            cadence=cadence,
            sources=("simulation",),
        )

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide."""
        if missing := ctx.market_history.without_bar(ctx.as_of, SYMBOLS):
            return self.manifest.blocked(ctx, f"no bar of {', '.join(missing)} on {ctx.as_of}")
        if not self.manifest.cadence.decides(ctx.session) or _draw(config.seed, ctx.as_of)[11] < 40:
            return self.manifest.hold(ctx, "nothing drawn")
        return self.manifest.rebalance(ctx, weights(config.seed, ctx.as_of), "drawn")


class _Backed:
    """The same, with the weights out of the snapshot that it is given."""

    Config = Config

    def __init__(self, cadence: Cadence) -> None:
        self.manifest = StrategyManifest(
            profile="backed",
            display_name="Backed",
            target_mode=TargetMode.WEIGHT,
            required_inputs=frozenset({InputName.FEATURE_SNAPSHOT}),
            managed=(),
            history_sessions=0,
            features=FeatureContract((WEIGHT,)),
            cadence=cadence,
            sources=("simulation",),
        )

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide."""
        found = ctx.feature_snapshot.rows
        if not self.manifest.cadence.decides(ctx.session) or _draw(config.seed, ctx.as_of)[11] < 40:
            return self.manifest.hold(ctx, "nothing drawn")
        return self.manifest.rebalance(ctx, {symbol: row[WEIGHT] for symbol, row in found.items()}, "drawn")


WEIGHT = "weight"


def rows(seed: int, day: date) -> dict[str, dict[str, float]]:
    """Return the snapshot of a session."""
    return {symbol: {IS_STOCK: 1.0, WEIGHT: weight} for symbol, weight in weights(seed, day).items()}


def _draw(seed: int, day: date) -> bytes:
    return hashlib.sha256(f"{seed}|{day}".encode()).digest()


def weights(seed: int, day: date) -> dict[str, float]:
    """Return what is drawn for a session."""
    drawn = _draw(seed, day)
    parts = [drawn[n] for n in range(len(SYMBOLS))]
    parts[drawn[10] % len(SYMBOLS)] = 0
    total = sum(parts) or 1
    return {symbol: 0.97 * part / total for symbol, part in zip(SYMBOLS, parts, strict=True)}


@cache
def bound(seed: int, *, monthly: bool, backed: bool = False) -> BoundStrategy:
    """Return the strategy with a seed."""
    kind = _Backed if backed else _Drawn
    return bind(kind(Cadence.MONTH_END if monthly else Cadence.SESSION), {"seed": seed})
