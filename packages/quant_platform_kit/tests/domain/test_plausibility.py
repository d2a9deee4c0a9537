"""What cannot be right in a history, and what is only odd."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import EVIDENCE_COLUMNS, price_table, read_prices
from quant_platform_kit.domain.plausibility import SeriesFigures, doubts, listed_by_symbol, remarks
from quant_platform_kit.domain.prices import PriceHistory, PriceTable

CALENDAR = load_calendar("XNYS")
NAN = float("nan")
SESSIONS = CALENDAR.between(date(2023, 1, 3), date(2023, 12, 29))
FUNDS = Path(os.environ.get("TEST_DATA_DIR", "../shared/data")) / "etf_daily.parquet"


def history(close: Sequence[float], **fields: Sequence[float]) -> PriceHistory:
    """Return a history of one symbol, AAA."""
    days = np.array(SESSIONS[: len(close)], dtype="datetime64[D]")
    grids = {name: np.array(values, dtype=float)[:, None] for name, values in {"close": close, **fields}.items()}
    return PriceHistory(PriceTable(days, ("AAA",), grids))


def calm(count: int = 80, size: float = 0.01) -> list[float]:
    """Return closes that go up and down by a share."""
    return [100.0 * (1 + size * (row % 2)) for row in range(count)]


def found(close: Sequence[float], **fields: Sequence[float]) -> list[tuple[str, int]]:
    """Return the kinds of doubt with the row of each."""
    return [(doubt.kind.value, SESSIONS.index(doubt.day)) for doubt in doubts(history(close, **fields))]


def put(close: list[float], **rows: float) -> list[float]:
    """Return closes with some multiplied."""
    return [price * rows.get(f"r{row}", 1.0) for row, price in enumerate(close)]


@pytest.mark.parametrize("factor", [100.0, 0.01, 1.3, 0.7, 1.25])
def test_a_move_that_comes_back_is_a_spike_and_its_way_back_is_none(factor: float) -> None:
    assert found(put(calm(), r70=factor)) == [("spike", 70)]


@pytest.mark.parametrize("factor", [1.19, 0.82])
def test_a_smaller_one_is_none(factor: float) -> None:
    assert found(put(calm(), r70=factor)) == []


def test_what_is_usual_for_a_series_is_no_spike() -> None:
    """5 % a day: eight deviations are 40 %."""
    assert found(put(calm(size=0.05), r70=1.3)) == []
    assert found(put(calm(size=0.02), r70=1.3)) == [("spike", 70)]


def test_one_of_which_more_than_a_quarter_stays_is_no_spike() -> None:
    close = put(calm(), r70=1.30)
    assert found([price * 1.09 if row > 70 else price for row, price in enumerate(close)]) == []
    assert found([price * 1.07 if row > 70 else price for row, price in enumerate(close)]) == [("spike", 70)]


@pytest.mark.parametrize(
    ("factor", "kinds"), [(0.5, ["jump"]), (1.5, ["jump"]), (0.59, ["jump"]), (0.667, []), (1.39, [])]
)
def test_a_move_beyond_two_fifths_that_stays_is_a_jump(factor: float, kinds: list[str]) -> None:
    close = [price * factor if row >= 70 else price for row, price in enumerate(calm())]
    assert [kind for kind, _ in found(close)] == kinds


def test_the_newest_close_may_be_the_one_that_jumps() -> None:
    assert found(put(calm(71), r70=100.0)) == [("jump", 70)]


def test_a_spike_does_not_hide_another_and_a_split_hides_none() -> None:
    assert found(put(calm(), r40=100.0, r60=1.5)) == [("spike", 40), ("spike", 60)]
    both = [price * (4 if row < 30 else 1) for row, price in enumerate(put(calm(), r70=100.0))]
    assert found(both) == [("jump", 30), ("spike", 70)]


def test_missing_bars_are_passed_over() -> None:
    close = put(calm(), r70=1.5)
    close[69] = close[71] = NAN
    assert found(close) == [("spike", 70)]


@pytest.mark.parametrize(
    ("low", "high", "kinds"),
    [
        (99.0, 101.0, []),
        (100.009, 101.0, []),
        (100.02, 101.0, ["outside_low_high"]),
        (99.0, 99.98, ["outside_low_high"]),
        (NAN, NAN, []),
    ],
)
def test_a_close_is_between_low_and_high_but_for_rounding(low: float, high: float, kinds: list[str]) -> None:
    assert [kind for kind, _ in found([100.0], low=[low], high=[high])] == kinds


@pytest.mark.parametrize(("last", "kinds"), [(4, []), (5, ["stale"]), (25, ["stale"])])
def test_a_series_that_stands_still_without_volume_is_stale_from_five_sessions_on(last: int, kinds: list[str]) -> None:
    close, volume = calm(40), [1000.0] * 40
    close[-last:], volume[-last:] = [100.5] * last, [0.0] * last
    assert found(close, volume=volume) == [(kind, 39) for kind in kinds]


def test_a_flat_price_alone_is_nothing_and_neither_is_a_volume_that_is_never_told() -> None:
    flat = [*calm(40), *[100.0] * 19]
    assert found(flat) == []
    assert found(flat, volume=[1000.0] * 59) == []
    assert found(flat, volume=[NAN] * 59) == []
    assert found(calm(59), volume=[0.0] * 59) == []


def test_a_text_names_symbol_day_prices_ratio_and_split() -> None:
    (doubt,) = doubts(history([price * (4 if row < 30 else 1) for row, price in enumerate([100.0] * 40)]))
    assert doubt.text == (
        f"AAA closes at 100 on {SESSIONS[30]} after 400 (ratio 0.25, the nearest split is 4:1): a split that was not "
        "applied, or a wrong price"
    )


def test_of_many_about_one_symbol_the_first_are_named() -> None:
    wrong = doubts(history([100.0] * 9, low=[101.0] * 9))
    assert len(wrong) == 9
    assert listed_by_symbol(wrong)[2:] == [wrong[2].text, "and 6 more of this kind"]


def texts(series: SeriesFigures) -> list[str]:
    return [remark.text for remark in remarks(series)]


def test_remarks_tell_what_keeps_nobody_from_anything() -> None:
    days = np.array(SESSIONS[:4], dtype="datetime64[D]")
    ones, stepped = np.ones(4), np.array([0.90, 0.90, 0.96, 0.96])
    assert texts(SeriesFigures("AAA", days, ones, ones, None, 0)) == [
        "AAA: adj_close equals close throughout: no dividends in it"
    ]
    assert texts(SeriesFigures("AAA", days, ones, stepped, np.array([0.0, 5, 5, 0]), 1)) == [
        f"AAA: adj_close / close steps by 6.7% on {days[2]}: a special dividend, or a wrong one",
        "AAA: volume is 0 in 2 of 4 sessions",
        "AAA: 1 of 5 sessions are missing",
    ]
    assert texts(SeriesFigures("AAA", days, ones, stepped / (1, 1, 1.03, 1.03), None, 0)) == []


@pytest.mark.skipif(not FUNDS.is_file(), reason=f"no test data in {FUNDS.parent}: set TEST_DATA_DIR")
def test_nothing_is_doubted_in_the_real_prices_of_31_funds() -> None:
    prices = read_prices(FUNDS, ("close",), EVIDENCE_COLUMNS)
    table = price_table(prices, prices.symbols, "close", CALENDAR)
    assert len(prices.days) == 142_694
    assert doubts(PriceHistory(table)) == []
