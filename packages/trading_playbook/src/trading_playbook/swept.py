"""DP20 with its numbers left open: what `quant playbook sweep` tries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
from pydantic import ValidationError
from quant_platform_kit.adapters.strategies import why_refused
from quant_platform_kit.domain.axes import Point
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.performance import drawdown
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.sweeping import Figure, Outcome

from trading_playbook.backtest import backtest
from trading_playbook.costs import Costs
from trading_playbook.days import TradingDay, sessions_before
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.figures import figures
from trading_playbook.journal.record import STRATEGY, TradeRecord
from trading_playbook.sources.port import BarSource

__all__ = ["SweptDp20"]

FUNDS = 100_000.0


@dataclass(frozen=True, slots=True)
class SweptDp20:
    """`Swept`: DP20 on the bars of one symbol. A trade puts the same share of the equity at risk each time.

    Attributes
    ----------
    risk
        That share: a trade that ends at 1 R makes so much of the equity, costs aside.
    identity
        What an outcome depends on beside these, as plain values: digests of the files and of the code.
    """

    source: BarSource
    days: Sequence[TradingDay]
    calendar: ExchangeCalendar
    risk: float
    costs: Costs
    fixed: Mapping[str, str]
    identity: Mapping[str, object]
    profile: str = STRATEGY
    display_name: str = "DP20"

    @property
    def question(self) -> Mapping[str, object]:
        """All that an outcome depends on beside the configuration."""
        period = [self.days[0].date, self.days[-1].date]
        asked = {"symbol": self.source.symbol, "period": period, "risk": self.risk, "costs": self.costs.model_dump()}
        return {**self.identity, "profile": self.profile, **asked}

    @property
    def sessions(self) -> Sequence[date]:
        """The sessions of the period, and the one before, whose close is what the first trade adds to."""
        return (*sessions_before(self.calendar, self.days[0].date, 1), *(day.date for day in self.days))

    def config(self, point: Point) -> Mapping[str, object]:
        """Return all numbers of a point."""
        return self._parameters(point).model_dump()

    def outcome(self, point: Point) -> Outcome:
        """Test a point."""
        records = backtest(self.source, self.days, self.calendar, self._parameters(point)).records
        made = [self.risk * self._result(record) for record in records]
        equity: FloatArray = FUNDS * np.cumprod(np.array([1.0, *(1 + each for each in made)]), dtype=np.float64)
        return Outcome(tuple(self.sessions), equity, self._figures(records, equity))

    def _result(self, record: TradeRecord) -> float:
        """Return what a session made, in R, less its costs."""
        return 0.0 if record.r_multiple is None else record.r_multiple - (self.costs.of(record) or 0.0)

    def _figures(self, records: Sequence[TradeRecord], equity: FloatArray) -> Mapping[str, Figure]:
        own = asdict(figures(records))
        kept = ("sessions", "entries", "closed", "wins", "win_rate", "expectancy", "total", "longest_without_entry")
        found: dict[str, Figure] = {name: own[name] for name in kept}
        fall, multiple = float(drawdown(equity).min()), float(equity[-1] / equity[0])
        return found | {"final_multiple": multiple, "max_drawdown": fall, "max_drawdown_r": own["drawdown"]}

    def _parameters(self, point: Point) -> Dp20Parameters:
        try:
            return Dp20Parameters.model_validate_strings({**self.fixed, **point})
        except ValidationError as error:
            raise InvalidInput(f"config of {self.profile}: {why_refused(error, Dp20Parameters)}") from None
