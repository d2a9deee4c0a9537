"""What all tests of snapshots share: the calendar, and the real market where its files are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.sessions import ExchangeCalendar
from snapshot_pipelines.build.rows import Market
from snapshot_pipelines.build.sources import Inputs, read_market

CHECKOUT = Path(__file__).resolve().parents[2]
DATA_DIR = Path(os.environ.get("TEST_DATA_DIR") or CHECKOUT.parent / "shared" / "data")
REAL = ("xs_us_daily_2012_2020.parquet", "etf_daily.parquet", "xs_us_sectors.csv", "sp500_membership_to_2020.csv")


@pytest.fixture(scope="session")
def calendar() -> ExchangeCalendar:
    """Return the calendar of the New York Stock Exchange."""
    return load_calendar("XNYS")


@pytest.fixture(scope="session")
def real_inputs() -> Inputs:
    """Return the real files, or skip: they are not part of the repository."""
    for name in REAL:
        if not (DATA_DIR / name).is_file():
            pytest.skip(
                f"real prices are not here: {DATA_DIR / name} does not exist; set TEST_DATA_DIR to their folder"
            )
    stocks, funds, sectors, membership = (DATA_DIR / name for name in REAL)
    return Inputs([stocks, funds], sectors, membership)


@pytest.fixture(scope="session")
def real_market(real_inputs: Inputs, calendar: ExchangeCalendar) -> Market:
    """Return the real market."""
    return read_market(real_inputs, calendar)[0]
