"""Indicators against numbers worked by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import pytest
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.indicators import (
    highest,
    indicator,
    momentum_13612w,
    month_closes,
    realised_volatility,
    sma,
    total_return,
)
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar

NAN = float("nan")
Market = Callable[..., PriceTable]

MONTH_ENDS = {
    date(2021, 4, 30): 80.0,
    date(2021, 5, 28): 81.0,
    date(2021, 6, 30): 82.0,
    date(2021, 7, 30): 83.0,
    date(2021, 8, 31): 84.0,
    date(2021, 9, 30): 85.0,
    date(2021, 10, 29): 100.0,
    date(2021, 11, 30): 87.0,
    date(2021, 12, 31): 88.0,
    date(2022, 1, 31): 96.0,
    date(2022, 2, 28): 98.0,
    date(2022, 3, 31): 110.0,
    date(2022, 4, 29): 120.0,
}
"""The last session of each month, taken from a printed calendar, with a close."""


@pytest.fixture
def year(calendar: ExchangeCalendar, market: Market) -> Callable[[date], PriceHistory]:
    """Return a maker of histories from a first session to 2022-04-29: closes of 1 between the month ends above."""

    def make(first: date, changes: Mapping[date, float] | None = None) -> PriceHistory:
        closes = {**MONTH_ENDS, **(changes or {})}
        column = [closes.get(session, 1.0) for session in calendar.between(first, date(2022, 4, 29))]
        return PriceHistory(market(first, {"UP": column, "FLAT": [7.0] * len(column)}))

    return make


def of(*closes: float, other: float = 5.0) -> PriceHistory:
    dates = np.arange(len(closes)).astype("datetime64[D]")
    grid = np.column_stack([closes, [other] * len(closes)])
    return PriceHistory(PriceTable(dates, ("AAA", "BBB"), {"close": grid}))


def test_month_closes_are_those_of_the_calendars_last_sessions(year: Callable[..., PriceHistory]) -> None:
    closes = month_closes(year(date(2021, 4, 30)), 12)
    assert closes is not None
    assert closes[:, 0].tolist() == list(MONTH_ENDS.values())
    assert closes[:, 1].tolist() == [7.0] * 13


def test_in_a_running_month_the_newest_close_stands_for_it(year: Callable[..., PriceHistory]) -> None:
    running = year(date(2021, 4, 30), {date(2022, 4, 14): 115.0}).until(date(2022, 4, 14))
    closes = month_closes(running, 2)
    assert closes is not None
    assert closes[:, 0].tolist() == [98.0, 110.0, 115.0]


def test_on_the_first_session_of_a_month_the_last_month_end_is_the_session_before(
    year: Callable[..., PriceHistory],
) -> None:
    closes = month_closes(year(date(2021, 4, 30)).until(date(2022, 4, 1)), 1)
    assert closes is not None
    assert closes[:, 0].tolist() == [110.0, 1.0]


def test_a_history_that_starts_on_a_month_end_knows_it_and_one_a_session_later_does_not(
    year: Callable[..., PriceHistory],
) -> None:
    assert month_closes(year(date(2022, 3, 31)), 1) is not None
    assert month_closes(year(date(2022, 4, 1)), 1) is None
    assert total_return(year(date(2021, 5, 3)), 12) is None
    assert momentum_13612w(year(date(2021, 5, 3))) is None


def test_months_of_twenty_three_sessions_are_reached_over(calendar: ExchangeCalendar, market: Market) -> None:
    # March and August 2023 have 23 sessions each; June to August 21 + 20 + 23.
    for first, last, months in ((date(2023, 2, 28), date(2023, 3, 31), 1), (date(2023, 5, 31), date(2023, 8, 31), 3)):
        sessions = calendar.between(first, last)
        prices = [float(number + 1) for number in range(len(sessions))]
        closes = month_closes(PriceHistory(market(first, {"AAA": prices, "BBB": prices})), months)
        assert closes is not None
        assert closes[0, 0] == 1.0
        assert closes[-1, 0] == len(sessions)


def test_total_return_compares_the_newest_close_with_a_month_end(year: Callable[..., PriceHistory]) -> None:
    # 120 / 80 - 1, 120 / 100 - 1, 120 / 96 - 1.
    history = year(date(2021, 4, 30))
    for months, expected in ((12, 0.5), (6, 0.2), (3, 0.25)):
        returns = total_return(history, months)
        assert returns is not None
        assert returns.tolist() == pytest.approx([expected, 0.0])


def test_momentum_13612w_weighs_recent_months_most(year: Callable[..., PriceHistory]) -> None:
    # r1 = 120/110 - 1 = 1/11, r3 = 120/96 - 1 = 1/4, r6 = 120/100 - 1 = 1/5, r12 = 120/80 - 1 = 1/2;
    # (12/11 + 1 + 2/5 + 1/2) / 19 = (120 + 110 + 44 + 55) / (110 * 19) = 329/2090.
    momentum = momentum_13612w(year(date(2021, 4, 30)))
    assert momentum is not None
    assert momentum.tolist() == pytest.approx([329 / 2090, 0.0])


def test_a_missing_month_end_makes_its_return_unknown_and_no_other(year: Callable[..., PriceHistory]) -> None:
    history = year(date(2021, 4, 30), {date(2022, 1, 31): NAN})
    three, six, momentum = total_return(history, 3), total_return(history, 6), momentum_13612w(history)
    assert three is not None
    assert six is not None
    assert momentum is not None
    assert math.isnan(three[0])
    assert math.isnan(momentum[0])
    assert six[0] == pytest.approx(0.2)
    assert (three[1], momentum[1]) == (0.0, 0.0)


def test_the_mean_is_of_the_last_sessions_only() -> None:
    values = sma(of(1000.0, 1.0, 2.0, 6.0), 3)
    assert values is not None
    assert values.tolist() == [3.0, 5.0]
    assert sma(of(1.0, 2.0, 6.0), 4) is None


def test_the_highest_is_of_the_last_sessions_only() -> None:
    values = highest(of(1000.0, 1.0, 7.0, 6.0), 3)
    assert values is not None
    assert values.tolist() == [7.0, 5.0]
    assert highest(of(1.0, 2.0, 6.0), 4) is None


def test_realised_volatility_is_the_annualised_sample_deviation_of_simple_returns() -> None:
    # Returns +10 % and -10 %: sample variance (0.01 + 0.01) / 1, deviation sqrt(0.02); sqrt(0.02 * 252) = 2.24499443.
    values = realised_volatility(of(50.0, 100.0, 110.0, 99.0), 2)
    assert values is not None
    assert values.tolist() == pytest.approx([2.2449944320643649, 0.0])
    assert realised_volatility(of(100.0, 110.0), 2) is None


@pytest.mark.parametrize("rule", [sma, highest, realised_volatility])
def test_a_missing_bar_makes_the_value_unknown_until_it_leaves_the_window(
    rule: Callable[[PriceHistory, int], np.ndarray],
) -> None:
    assert math.isnan(rule(of(NAN, 2.0, 4.0), 2 if rule is realised_volatility else 3)[0])
    assert not math.isnan(rule(of(NAN, 2.0, 3.0, 4.0), 2)[0])


def test_named_indicators_are_the_rules_of_their_names() -> None:
    history = of(50.0, 100.0, 110.0, 99.0)
    values = indicator(history, "AAA", ["close", "sma_3", "realised_vol_2"])
    assert list(values) == ["close", "sma_3", "realised_vol_2"]
    assert list(values.values()) == pytest.approx([99.0, 103.0, 2.2449944320643649])
    assert indicator(history, "BBB", ["close"]) == {"close": 5.0}


@pytest.mark.parametrize("name", ["close", "sma_5", "realised_vol_4"])
def test_an_indicator_of_too_short_a_history_is_not_a_number(name: str) -> None:
    history = of() if name == "close" else of(1.0, 2.0, 3.0, 4.0)
    assert math.isnan(indicator(history, "AAA", [name])[name])


@pytest.mark.parametrize("name", ["sma", "sma_0", "sma_-1", "sma_05", "SMA_5", "sma_5 ", "ema_5", "realised_vol", ""])
def test_an_indicator_of_another_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=rf"indicator '{name}' is not known; use close, sma_N or realised_vol_N"):
        indicator(of(1.0, 2.0), "AAA", [name])


def test_the_same_rows_give_the_same_bits_in_a_long_and_a_short_history(calendar: ExchangeCalendar) -> None:
    rng = np.random.default_rng(5)
    grid = 100 * np.cumprod(1 + 0.01 * rng.standard_normal((900, 3)), axis=0)
    dates = np.array(calendar.between(date(2020, 1, 1), date(2023, 12, 29))[:900], dtype="datetime64[D]")
    table = PriceTable(dates, ("AAA", "BBB", "CCC"), {"close": grid})
    late = PriceTable(dates[500:], ("AAA", "BBB", "CCC"), {"close": grid[500:]})
    turned = table.select(["CCC", "AAA", "BBB"])
    for rule, length in ((sma, 200), (realised_volatility, 252), (highest, 252), (total_return, 12)):
        long, short, other = (rule(PriceHistory(one), length) for one in (table, late, turned))
        assert long is not None
        assert short is not None
        assert other is not None
        assert long.tolist() == short.tolist() == other[[1, 2, 0]].tolist()
