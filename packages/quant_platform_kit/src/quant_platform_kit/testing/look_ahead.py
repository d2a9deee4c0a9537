"""Does a strategy know the future? Every bar after a cut is replaced, and no decision up to the cut may change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.inputs import build_context
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.prices import FloatArray, PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import BoundStrategy, InputName, StrategyContext, StrategyDecision

__all__ = ["FUTURES", "Future", "first_changed_decision", "with_future"]

Future = Callable[[FloatArray, int], FloatArray]
"""Returns closes, shape (n_sessions, n_symbols), with other rows from an index on."""


@dataclass
class _Witness:
    """A strategy that passes everything on to another and keeps the portfolio it was shown, by session."""

    inner: Any
    seen: dict[date, Any] = field(default_factory=dict[date, Any])

    def __post_init__(self) -> None:
        self.manifest, self.Config = self.inner.manifest, self.inner.Config

    def evaluate(self, ctx: StrategyContext, config: Any) -> StrategyDecision:
        """Decide as the other does."""
        declared = InputName.PORTFOLIO_SNAPSHOT in self.manifest.required_inputs
        self.seen[ctx.as_of] = ctx.portfolio if declared else None
        return self.inner.evaluate(ctx, config)


def _garbage(closes: FloatArray, stop: int) -> FloatArray:
    changed = closes.copy()
    changed[stop:] = np.exp(np.random.default_rng(11).normal(3, 2, closes[stop:].shape))
    return changed


def _nothing(closes: FloatArray, stop: int) -> FloatArray:
    changed = closes.copy()
    changed[stop:] = np.nan
    return changed


FUTURES: Mapping[str, Future] = {"garbage": _garbage, "nothing": _nothing}
"""What may stand behind a cut."""


def with_future(table: PriceTable, after: date, future: Future) -> PriceTable:
    """Return the table with every bar after a session replaced."""
    stop = table.sessions.index(after) + 1
    return PriceTable(table.dates, table.symbols, {"close": future(table.fields["close"], stop)})


def first_changed_decision(
    strategy: Any,
    table: PriceTable,
    calendar: ExchangeCalendar,
    run: Callable[[BoundStrategy], BacktestResult],
    cuts: Iterable[date],
    futures: Iterable[Future] = tuple(FUTURES.values()),
) -> date | None:
    """Return the first session decided differently for what lies behind a cut; None when the future is invisible.

    Parameters
    ----------
    strategy
        A `quant_platform_kit.domain.strategy.Strategy`.
    run
        Back-tests a strategy on ``table`` as it is.
    cuts
        Sessions; the bars after each are replaced in turn.
    """
    witness = _Witness(strategy)
    bound = bind(witness)
    record, futures = run(bound), tuple(futures)
    for after, future in ((after, future) for after in cuts for future in futures):
        history = PriceHistory(with_future(table, after, future).select(bound.manifest.history_symbols))
        for known in record.decisions:
            session = calendar.session(known.decision.as_of)
            if session.date > after:
                break
            ctx = build_context(bound.manifest, session, history, witness.seen[session.date])
            if bound.digest(bound.decide(ctx)) != known.digest:
                return session.date
    return None
