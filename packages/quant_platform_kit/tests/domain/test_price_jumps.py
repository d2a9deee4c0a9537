"""The two tests of quotes: the basis, and the move."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.plausibility import nearest_split
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.price_jumps import LastClose, last_closes, quote_doubts
from quant_platform_kit.domain.prices import PriceHistory, PriceTable

FRI, MON, TUE = date(2023, 11, 24), date(2023, 11, 27), date(2023, 11, 28)
NOW = datetime(2023, 11, 28, 20, tzinfo=UTC)
CLOSE = {"AAA": LastClose(MON, Decimal(100))}


def doubted(price: str, previous: str | None = None, close: LastClose | None = CLOSE["AAA"]) -> list[str]:
    """Return the kinds of doubt about a quote of AAA."""
    quote = Quote("AAA", Decimal(price), NOW, None if previous is None else Decimal(previous))
    found = quote_doubts({"AAA": quote}, {"AAA": close} if close else {}, MON, TUE, RiskLimits())
    assert {(doubt.symbol, doubt.day) for doubt in found} <= {("AAA", TUE)}
    return [doubt.kind.value for doubt in found]


@pytest.mark.parametrize("price", ["75", "125", "100"])
def test_without_a_previous_close_a_move_of_a_quarter_passes(price: str) -> None:
    assert doubted(price) == []


@pytest.mark.parametrize("price", ["74.99", "125.01", "66.7", "51.5", "14.3", "200"])
def test_without_a_previous_close_a_larger_move_is_doubted_whatever_its_ratio(price: str) -> None:
    assert doubted(price) == ["move"]


@pytest.mark.parametrize(("price", "found"), [("60", []), ("140", []), ("59.99", ["move"]), ("140.01", ["move"])])
def test_where_the_previous_close_agrees_a_move_of_two_fifths_passes(price: str, found: list[str]) -> None:
    assert doubted(price, previous="100") == found
    assert doubted(price, previous="92") == found
    assert doubted(price, previous="108") == found


@pytest.mark.parametrize("previous", ["91.99", "108.01", "50", "66.67", "700"])
def test_a_previous_close_further_than_a_dividend_from_the_history_is_doubted_at_any_quote(previous: str) -> None:
    for price in ("100", previous):
        assert doubted(price, previous) == ["basis"]


def test_a_previous_close_is_not_compared_with_the_close_of_another_session() -> None:
    """The history lacks Monday's bar: the smaller limit holds."""
    friday = LastClose(FRI, Decimal(100))
    assert doubted("110", "110", friday) == []
    assert doubted("130", "126", friday) == ["move"]


def test_what_is_not_in_the_history_moves_from_the_venues_previous_close() -> None:
    assert doubted("76", "100", close=None) == []
    assert doubted("74", "100", close=None) == ["move"]
    assert doubted("74", None, close=None) == [], "there is nothing to test it by"


def test_a_doubt_names_both_prices_their_ratio_and_the_nearest_split() -> None:
    quotes = {"AAA": Quote("AAA", Decimal(67), NOW), "BBB": Quote("BBB", Decimal(50), NOW, Decimal("25.1"))}
    closes = {**CLOSE, "BBB": LastClose(MON, Decimal(50))}
    assert [doubt.text for doubt in quote_doubts(quotes, closes, MON, TUE, RiskLimits())] == [
        "AAA: possible split: it is quoted at 67 after a close of 100 on 2023-11-27 (ratio 0.67, the nearest split is "
        "3:2), more than 25% apart",
        "BBB: possible split: the venue's previous close is 25.1, the history closes at 50 on 2023-11-27 (ratio 0.502, "
        "the nearest split is 2:1), more than 8% apart; it is quoted at 50",
    ]


def test_limits_that_are_off_doubt_nothing() -> None:
    off = RiskLimits(price_basis=None, price_jump=None, price_jump_alone=None)
    for previous in (None, Decimal(10)):
        assert quote_doubts({"AAA": Quote("AAA", Decimal(1), NOW, previous)}, CLOSE, MON, TUE, off) == []


@pytest.mark.parametrize(
    ("ratio", "split"),
    [
        (0.5, "2:1"),
        (0.515, "2:1"),
        (0.667, "3:2"),
        (1 / 7, "7:1"),
        (2.0, "1:2"),
        (1.5, "2:3"),
        (10.1, "1:10"),
        (0.8, "5:4"),
    ],
)
def test_the_nearest_split_is_named_in_either_direction(ratio: float, split: str) -> None:
    assert nearest_split(ratio) == split


def test_the_newest_close_is_the_last_there_is_in_the_units_of_quotes() -> None:
    grid = np.array([[90.0, 45.0, np.nan], [91.0, np.nan, np.nan]])
    dates = np.array([FRI, MON], dtype="datetime64[D]")
    plain = PriceTable(dates, ("AAA", "BBB", "CCC"), {"close": grid})
    assert last_closes(PriceHistory(plain)) == {
        "AAA": LastClose(MON, Decimal(91)),
        "BBB": LastClose(FRI, Decimal(45)),
    }
    beside = PriceTable(dates, ("AAA", "BBB", "CCC"), {"close": grid, "unadjusted": grid + 10})
    assert last_closes(PriceHistory(beside.select(["AAA"])).until(FRI)) == {"AAA": LastClose(FRI, Decimal(100))}
    assert last_closes(PriceHistory(plain, 0)) == {}
