"""The paper platform for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import date, timedelta
from pathlib import Path

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.testing.synthetic import synthetic_prices

from .service_frame import DUE, PROFILE, SHORT, SYMBOLS, Platform


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a price file of two and a half invented years."""
    made = synthetic_prices(SYMBOLS, load_calendar("XNYS"), date(2020, 1, 2), date(2022, 6, 30))
    rows = zip(made.days.astype(str), made.codes.tolist(), made.columns["close"].tolist(), strict=True)
    lines = [f"{day},{made.symbols[code]},{close:.4f},{close:.4f}" for day, code, close in rows]
    path = tmp_path_factory.mktemp("market") / "prices.csv"
    path.write_text("\n".join(["date,symbol,close,adj_close", *lines]) + "\n")
    return path


@pytest.fixture
def platform(tmp_path: Path, prices: Path) -> Generator[Callable[..., Platform]]:
    """Return a function that starts the platform with settings; its clock shows the trigger's time."""
    running: list[Platform] = []

    def start(**settings: str) -> Platform:
        made = Platform(tmp_path / "platform", prices, PROFILE, settings={**SHORT, **settings})
        made.__enter__()
        running.append(made)
        made.set_clock(DUE + timedelta(seconds=1))
        return made

    yield start
    for made in running:
        made.__exit__(None, None, None)
