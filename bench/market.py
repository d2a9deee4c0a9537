"""The prices that the back-test benchmarks run on."""

import os
from collections.abc import Collection
from datetime import date
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import price_table, read_prices
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.planning import IDEAL
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt
from quant_platform_kit.testing.synthetic import synthetic_prices

CALENDAR = load_calendar("XNYS")
FILE = Path(os.environ.get("TEST_DATA_DIR", "../shared/data")) / "etf_daily.parquet"  # noqa: TID251


def table(symbols: Collection[str], first: date, last: date) -> tuple[str, PriceTable]:
    """Return real prices where the test data is present, invented ones elsewhere, and which of both."""
    if FILE.is_file():
        return "real", price_table(read_prices(FILE, ["close", "adj_close"]), symbols, "adj_close", CALENDAR)
    return "synthetic", invented(symbols, first, last)


def invented(symbols: Collection[str], first: date, last: date) -> PriceTable:
    """Return the synthetic market as a table."""
    return price_table(synthetic_prices(symbols, CALENDAR, first, last), symbols, "adj_close", CALENDAR)


def settings(start: date, end: date) -> BacktestSettings:
    """Return an ideal back-test that fills at the next close."""
    policy = ExecutionPolicy(rules=IDEAL, limits=RiskLimits(max_price_age=None))
    return BacktestSettings(start, end, Decimal(1_000_000), FillAt.NEXT_CLOSE, policy)
