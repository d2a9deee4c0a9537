"""How the time of a back-test grows with its length and its width: at most 1.2 times proportional."""

import statistics
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from pydantic import BaseModel
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.domain.indicators import momentum_13612w
from quant_platform_kit.domain.strategy import (
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)
from quant_platform_kit.services.research.backtest import backtest

from bench.market import CALENDAR, invented, settings

BOUND, ROUNDS = 1.2, 5
END = date(2023, 12, 29)


class _Widest:
    """Holds the best four of any number of symbols by momentum, decided at every month end."""

    class Config(BaseModel):
        """No settings."""

    def __init__(self, count: int) -> None:
        self.manifest = StrategyManifest(
            profile=f"widest_{count}",
            display_name="Widest",
            target_mode=TargetMode.WEIGHT,
            required_inputs=frozenset({InputName.MARKET_HISTORY}),
            managed=tuple(f"S{n:02d}" for n in range(count)),
            history_sessions=299,
            sources=("benchmark",),
        )

    def evaluate(self, ctx: StrategyContext, config: object) -> StrategyDecision:
        """Decide."""
        momentum = momentum_13612w(ctx.market_history)
        if momentum is None:
            return self.manifest.blocked(ctx, "short history")
        if not ctx.session.ends_month:
            return self.manifest.hold(ctx)
        best = sorted(zip((-momentum).tolist(), ctx.market_history.symbols, strict=True))[:4]
        return self.manifest.rebalance(ctx, {symbol: 0.25 for _, symbol in best})


def measure() -> dict[str, Any]:
    """Return t(15 years) / t(5 years) / 3 and t(40 symbols) / t(10 symbols) / 4, medians of five ratios."""
    length = _median_ratio(_by_length(2008), _by_length(2018)) / 3
    width = _median_ratio(_by_width(40), _by_width(10)) / 4
    return {
        "years_15_to_5_over_proportional": round(length, 3),
        "symbols_40_to_10_over_proportional": round(width, 3),
        "bound": BOUND,
        "met": max(length, width) <= BOUND,
    }


def _by_length(last_year_before: int) -> Callable[[], object]:
    strategy = bind(find_strategy("global_etf_rotation"))
    prices = invented(strategy.manifest.symbols, date(2005, 1, 3), END)
    return lambda: backtest(strategy, prices, CALENDAR, settings(date(last_year_before, 12, 31), END))


def _by_width(count: int) -> Callable[[], object]:
    strategy = bind(_Widest(count))
    prices = invented(strategy.manifest.symbols, date(2005, 1, 3), END)
    return lambda: backtest(strategy, prices, CALENDAR, settings(date(2008, 12, 31), END))


def _median_ratio(large: Callable[[], object], small: Callable[[], object]) -> float:
    return statistics.median(_seconds(large) / _seconds(small) for _ in range(ROUNDS))


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
