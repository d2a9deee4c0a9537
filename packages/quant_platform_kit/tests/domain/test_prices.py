"""The price table owns what it checked, and a history never shows what came later."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import PriceHistory, PriceTable

NAN = float("nan")
DATES = np.array(["2023-11-27", "2023-11-28", "2023-11-29", "2023-12-01"], dtype="datetime64[D]")
CLOSE = np.array([[1.0, 10.0], [2.0, NAN], [3.0, 30.0], [4.0, 40.0]])


@pytest.fixture
def table() -> PriceTable:
    return PriceTable(DATES, ("AAA", "BBB"), {"close": CLOSE})


def test_a_table_keeps_its_own_copy(table: PriceTable) -> None:
    dates, close = DATES.copy(), CLOSE.copy()
    owned = PriceTable(dates, ("AAA", "BBB"), {"close": close})
    dates[0], close[0, 0] = np.datetime64("2020-01-01"), 99.0
    assert owned.sessions == table.sessions
    assert owned.fields["close"][0, 0] == 1.0


def test_nobody_can_write_into_a_table(table: PriceTable) -> None:
    for array in (table.dates, table.fields["close"], PriceHistory(table).close, PriceHistory(table, 2).dates):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_grids_are_c_ordered_whatever_they_were_made_of(table: PriceTable) -> None:
    from_columns = PriceTable(DATES, ("AAA", "BBB"), {"close": np.asfortranarray(CLOSE)})
    for made in (from_columns, from_columns.select(["BBB", "AAA"]), table.select(["BBB"])):
        assert made.fields["close"].flags.c_contiguous
        assert made.fields["close"].dtype == np.float64


def test_a_selection_takes_columns_in_the_order_asked_for(table: PriceTable) -> None:
    chosen = table.select(["BBB", "AAA"])
    assert chosen.symbols == ("BBB", "AAA")
    assert chosen.sessions == table.sessions
    np.testing.assert_array_equal(chosen.fields["close"], [[10, 1], [NAN, 2], [30, 3], [40, 4]])


def test_a_selection_of_a_symbol_not_held_is_a_key_error(table: PriceTable) -> None:
    with pytest.raises(KeyError, match="CCC"):
        table.select(["AAA", "CCC"])


@pytest.mark.parametrize(("price", "shown"), [(0.0, "0"), (-1.5, "-1.5"), (np.inf, "inf"), (-np.inf, "-inf")])
@pytest.mark.parametrize("name", ["close", "open"])
def test_a_price_that_is_not_positive_and_finite_is_refused_by_name(name: str, price: float, shown: str) -> None:
    grids = {"close": CLOSE.copy(), "open": CLOSE.copy()}
    grids[name][2, 1] = price
    with pytest.raises(InvalidInput, match=rf"^{name} of BBB on 2023-11-29 is {shown}; a price is positive and finite"):
        PriceTable(DATES, ("AAA", "BBB"), grids)


@pytest.mark.parametrize("order", [[0, 2, 1, 3], [0, 1, 1, 2], [3, 2, 1, 0]])
def test_dates_that_do_not_ascend_are_refused(order: list[int]) -> None:
    with pytest.raises(InvalidInput, match="dates ascend without duplicates"):
        PriceTable(DATES[order], ("AAA", "BBB"), {"close": CLOSE})


def test_the_first_date_out_of_order_is_named() -> None:
    with pytest.raises(InvalidInput, match="date 2023-11-28 follows 2023-11-29;"):
        PriceTable(DATES[[0, 2, 1, 3]], ("AAA", "BBB"), {"close": CLOSE})


def test_a_symbol_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="symbols repeat"):
        PriceTable(DATES, ("AAA", "AAA"), {"close": CLOSE})


def test_a_grid_of_another_shape_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"open has shape \(3, 2\); dates and symbols ask for \(4, 2\)"):
        PriceTable(DATES, ("AAA", "BBB"), {"close": CLOSE, "open": CLOSE[:3]})


def test_a_table_without_closes_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"\['open'\]; it needs 'close'"):
        PriceTable(DATES, ("AAA", "BBB"), {"open": CLOSE})


@pytest.mark.parametrize(
    ("session", "rows"),
    [
        (date(2023, 11, 24), 0),
        (date(2023, 11, 27), 1),
        (date(2023, 11, 29), 3),
        (date(2023, 11, 30), 3),
        (date(2023, 12, 1), 4),
        (date(2024, 1, 1), 4),
    ],
)
def test_a_history_ends_with_the_session_asked_for_or_the_last_before_it(
    table: PriceTable, session: date, rows: int
) -> None:
    history = PriceHistory(table).until(session)
    assert len(history) == rows
    np.testing.assert_array_equal(history.close, CLOSE[:rows])
    np.testing.assert_array_equal(history.dates, DATES[:rows])
    assert history.last_session == (DATES[rows - 1].item() if rows else None)


def test_a_history_cut_off_never_grows_back(table: PriceTable) -> None:
    early = PriceHistory(table).until(date(2023, 11, 28))
    assert len(early.until(date(2023, 12, 1))) == 2


def test_cutting_a_history_off_copies_nothing(table: PriceTable) -> None:
    assert np.shares_memory(PriceHistory(table).until(date(2023, 11, 28)).close, table.fields["close"])


def test_columns_are_numbered_in_the_order_asked_for(table: PriceTable) -> None:
    assert PriceHistory(table).columns(["BBB", "AAA", "BBB"]) == [1, 0, 1]
    with pytest.raises(KeyError, match="CCC"):
        PriceHistory(table).columns(["CCC"])


def test_a_symbol_without_a_bar_in_the_session_is_named(table: PriceTable) -> None:
    history = PriceHistory(table).until(date(2023, 11, 28))
    assert history.without_bar(date(2023, 11, 28), ["AAA", "BBB"]) == ["BBB"]
    assert history.without_bar(date(2023, 11, 28), ["AAA"]) == []


def test_a_history_that_ends_another_day_has_no_bar_of_the_session(table: PriceTable) -> None:
    history = PriceHistory(table)
    assert history.without_bar(date(2023, 11, 29), ["AAA", "BBB"]) == ["AAA", "BBB"]
    assert history.until(date(2023, 11, 27)).without_bar(date(2023, 11, 28), ["BBB"]) == ["BBB"]
    assert history.until(date(2000, 1, 1)).without_bar(date(2023, 11, 28), ["BBB"]) == ["BBB"]
