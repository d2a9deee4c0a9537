"""Closes of brokers' HTTP APIs as a history."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.daily_closes import closes_history
from quant_platform_kit.domain.errors import InvalidInput

CALENDAR = load_calendar("XNYS")
FRIDAY, MONDAY = date(2023, 6, 2), date(2023, 6, 5)


def test_every_session_is_a_row_and_a_missing_bar_is_none() -> None:
    closes = {"SPY": [(MONDAY, 3.0), (FRIDAY, 2.0), (date(2023, 6, 6), 9.0), (date(2020, 1, 2), 1.0)]}
    history = closes_history("A broker", closes, ["SPY", "TLT"], MONDAY, 3, CALENDAR)
    assert history.last_session == MONDAY
    np.testing.assert_array_equal(history.close, [[np.nan, np.nan], [2, np.nan], [3, np.nan]])


@pytest.mark.parametrize(
    ("bars", "words"),
    [
        ([(date(2023, 6, 3), 1.0)], "no session"),
        ([(FRIDAY, 1.0), (FRIDAY, 1.0)], "two bars"),
        ([(FRIDAY, 0.0)], "close"),
    ],
)
def test_what_cannot_be_is_refused(bars: list[tuple[date, float]], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        closes_history("A broker", {"SPY": bars}, ["SPY"], MONDAY, 3, CALENDAR)
