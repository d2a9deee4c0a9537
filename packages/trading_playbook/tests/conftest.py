"""What the tests of the playbook share: the real days where they are, and a market of one's own making."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.sessions import ExchangeCalendar
from trading_playbook.backtest import Backtest, backtest
from trading_playbook.days import days_between
from trading_playbook.dp20.at_once import outcome_of
from trading_playbook.dp20.bars import Bar, SessionBars
from trading_playbook.dp20.outcome import Outcome
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.rules import SessionFacts
from trading_playbook.dp20.stepwise import Dp20Session
from trading_playbook.sources.files import FileSource

CHECKOUT = Path(__file__).resolve().parents[3]
DATA_DIR = Path(os.environ.get("TEST_DATA_DIR") or CHECKOUT.parent / "shared" / "data")
FIRST, LAST = date(2025, 9, 15), date(2025, 11, 28)


@pytest.fixture(scope="session")
def calendar() -> ExchangeCalendar:
    """Return the calendar of the New York Stock Exchange."""
    return load_calendar("XNYS")


def existing(file: Path) -> Path:
    if not file.is_file():
        pytest.skip(f"real prices are not here: {file} does not exist; set TEST_DATA_DIR to the folder of prices")
    return file


@pytest.fixture(scope="session")
def real_files() -> Callable[[str], Path]:
    """Return how a real file is found, or the test skipped: they are not part of the repository."""
    return lambda name: existing(DATA_DIR / name)


@pytest.fixture(scope="session")
def dev_journal() -> bytes:
    """Return the expected journal of the dev days, which lies beside the folder of prices."""
    return existing(DATA_DIR.parent / "playbook" / "dp20_dev.csv").read_bytes()


@pytest.fixture(scope="session")
def dev_source(calendar: ExchangeCalendar, real_files: Callable[[str], Path]) -> FileSource:
    """Return QQQ's minutes of the dev days."""
    return FileSource(real_files("intraday_1min.parquet"), real_files("intraday_warmup_daily.csv"), "QQQ", calendar)


@pytest.fixture(scope="session")
def dev(dev_source: FileSource, calendar: ExchangeCalendar) -> Backtest:
    """Return the back-test of the dev days."""
    return backtest(dev_source, days_between(calendar, FIRST, LAST), calendar, Dp20Parameters())


Follow = Callable[..., Outcome]


@pytest.fixture(scope="session")
def follow() -> Follow:
    """Return how a session is decided both ways, which have to agree."""

    def followed(
        bars: SessionBars, sma: float | None = 50.0, minutes: int = 390, numbers: Dp20Parameters | None = None
    ) -> Outcome:
        facts, numbers = SessionFacts(minutes, sma), numbers or Dp20Parameters()
        session = Dp20Session(facts, numbers, bars.length)
        for bar in bars.rows():
            session.add(bar)
        outcome = session.outcome()
        assert outcome == outcome_of(facts, bars, numbers)
        return outcome

    return followed


Market = Callable[..., SessionBars]


@pytest.fixture(scope="session")
def market() -> Market:
    """Return how minute bars are made of a path of prices.

    A price holds until the next one; each bar opens where the one before it closed, or at its own price where that
    ``gaps``, and reaches ``spread`` beyond both.
    """

    def made(
        path: Mapping[int, float],
        *,
        gaps: Collection[int] = (),
        without: Collection[int] = (),
        end: int = 390,
        spread: float = 0.1,
    ) -> SessionBars:
        rows: list[Bar] = []
        before = price = path[min(path)]
        for minute in range(end):
            before, price = price, path.get(minute, price)
            start = price if minute in gaps else before
            rows.append(Bar(minute, start, max(start, price) + spread, min(start, price) - spread, price))
        kept = np.array([row for row in rows if row.minute not in without], dtype=np.float64).reshape(-1, 5)
        return SessionBars(kept[:, 0].astype(np.int64), *np.ascontiguousarray(kept[:, 1:].T))

    return made
