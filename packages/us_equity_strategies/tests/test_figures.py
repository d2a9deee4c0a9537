"""Each profile's whole record on real prices against figures that other implementations of the same rules found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import pytest
from quant_platform_kit.adapters.strategies import bind, catalog
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.planning import IDEAL
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt, backtest

END = date(2023, 12, 29)


class Figures(NamedTuple):
    """A row of independent figures; the later starts are the first bars of the leveraged funds."""

    profile: str
    start: date
    final_multiple: float
    max_drawdown: float
    rebalance_decisions: int
    config: dict[str, object]


ROWS = [
    Figures("global_etf_rotation", date(2008, 6, 2), 3.2332, -0.3478, 366, {}),
    Figures("tqqq_growth_income", date(2010, 2, 11), 9.9701, -0.3513, 71, {}),
    Figures("soxl_soxx_trend_income", date(2010, 3, 11), 21.4008, -0.5092, 282, {}),
    Figures("dual_momentum", date(2008, 6, 2), 2.4886, -0.3372, 186, {}),
    Figures("tactical_asset_allocation", date(2008, 6, 2), 1.6894, -0.1437, 186, {}),
    Figures("nasdaq_sp500_smart_dca", date(2008, 6, 2), 4.1913, -0.3019, 187, {"monthly_amount": 5_000}),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.profile)
def test_an_ideal_back_test_reproduces_the_independent_figures(
    row: Figures, real_table: Callable[[str], PriceTable], calendar: ExchangeCalendar
) -> None:
    """Decide at t, fill at the t+1 close, fractional units, no costs, one million to start with."""
    strategy = bind(catalog()[row.profile], row.config)
    policy = ExecutionPolicy(strategy.manifest.target_mode, IDEAL, RiskLimits(max_price_age=None))
    settings = BacktestSettings(row.start, END, Decimal(1_000_000), FillAt.NEXT_CLOSE, policy)

    summary = backtest(strategy, real_table(row.profile), calendar, settings).summary

    assert summary.final_multiple == pytest.approx(row.final_multiple, rel=0.001)
    assert summary.max_drawdown == pytest.approx(row.max_drawdown, rel=0.002)
    assert summary.rebalance_decisions == row.rebalance_decisions
    assert summary.blocked_decisions == 0
    assert summary.runs == summary.sessions - 1 == len(calendar.between(row.start, END)) - 1
