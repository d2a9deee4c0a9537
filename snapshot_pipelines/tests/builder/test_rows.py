"""Who has a row on which day, and what its labels say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from quant_platform_kit.domain.errors import InvalidInput
from snapshot_pipelines.build.issuers import ISSUERS, secondary_lines
from snapshot_pipelines.build.membership import Membership, Stay
from snapshot_pipelines.build.rows import Market, Values, columns_of, rows_at

AS_OF = date(2017, 11, 30)


def labels(rows: Values, name: str) -> dict[str, float]:
    """Return a label by symbol."""
    return dict(zip(rows["symbol"], np.asarray(rows[name]).tolist(), strict=True))


def test_rows_are_members_those_of_late_and_what_they_are_compared_with(market: Market) -> None:
    rows = rows_at(market, AS_OF)

    assert rows["symbol"] == ["AAA", "BBB", "CCC", "DDD", "FOX", "FOXA", "HHH", "QQQ", "SPY"]
    assert {symbol for symbol, one in labels(rows, "member").items() if not one} == {"BBB", "QQQ", "SPY"}
    assert {symbol for symbol, one in labels(rows, "is_stock").items() if not one} == {"QQQ", "SPY"}
    assert labels(rows, "sector_code") == {s: 0 if s in ("HHH", "QQQ", "SPY") else 10 for s in rows["symbol"]}
    assert set(np.asarray(rows["as_of"]).tolist()) == {AS_OF}
    assert list(rows) == [column.name for column in columns_of(market)]


@pytest.mark.parametrize(
    ("symbol", "day", "member", "has_row"),
    [
        ("CCC", date(2017, 6, 29), False, False),
        ("CCC", date(2017, 6, 30), True, True),
        ("BBB", date(2017, 3, 30), True, True),
        ("BBB", date(2017, 3, 31), False, True),
        ("GGG", date(2017, 1, 31), False, True),
        ("GGG", date(2017, 2, 1), False, False),
        ("DDD", date(2016, 8, 31), False, False),
    ],
)
def test_a_stay_begins_on_its_first_day_ends_before_its_last_and_leaves_a_row_for_a_year(
    market: Market, symbol: str, day: date, member: bool, has_row: bool
) -> None:
    """GGG left on 2016-02-01: 365 days later it still has its row, 366 days later no more."""
    rows = rows_at(market, day)

    assert (symbol in rows["symbol"]) is has_row
    assert bool(labels(rows, "member").get(symbol)) is member


def test_a_row_needs_a_bar_by_then_and_not_on_that_day(market: Market, with_bars: Callable[..., Market]) -> None:
    table = market.grid.table
    close, at = table.fields["close"].copy(), table.sessions.index(AS_OF)
    close[at, table.column["AAA"]] = np.nan
    close[: at + 1, table.column["HHH"]] = np.nan

    rows = rows_at(with_bars(market, close=close), AS_OF)

    assert (labels(rows, "history")["AAA"], "HHH" in rows["symbol"]) == (0, False)
    assert "HHH" in rows_at(with_bars(market, close=close), table.sessions[at + 1])["symbol"]


def test_without_membership_every_stock_is_a_member(market: Market) -> None:
    rows = rows_at(replace(market, membership=None), AS_OF)

    assert [s for s, one in labels(rows, "member").items() if one] == sorted(market.stocks)


@pytest.mark.parametrize(
    ("fox", "foxa", "members", "behind"),
    [
        (1.0, 2.0, ("FOX", "FOXA"), {"FOX"}),
        (2.0, 1.0, ("FOX", "FOXA"), {"FOXA"}),
        (2.0, 2.0, ("FOX", "FOXA"), {"FOXA"}),
        (np.nan, 0.0, ("FOX", "FOXA"), {"FOX"}),
        (np.nan, np.nan, ("FOX", "FOXA"), {"FOXA"}),
        (1.0, 2.0, ("FOX",), set()),
        (1.0, 2.0, ("FOXA",), {"FOX"}),
        (1.0, 2.0, (), set()),
    ],
)
def test_the_line_that_is_traded_more_is_the_primary_one(
    fox: float, foxa: float, members: tuple[str, ...], behind: set[str]
) -> None:
    dollars = {"FOX": fox, "FOXA": foxa, "AAA": 9.0}

    assert secondary_lines(dollars, members) == behind


def test_a_line_without_a_bar_in_the_session_stands_behind_nobody(
    market: Market, with_hole: Callable[[Market, str, date], Market]
) -> None:
    primary = labels(rows_at(market, AS_OF), "primary")
    (first,) = (symbol for symbol in ("FOX", "FOXA") if primary[symbol])

    changed = labels(rows_at(with_hole(market, first, AS_OF), AS_OF), "primary")

    assert sorted([primary["FOX"], primary["FOXA"]]) == [0, 1]
    assert all(changed[symbol] for symbol in ("FOX", "FOXA") if symbol != first)
    assert all(one for symbol, one in primary.items() if symbol not in ("FOX", "FOXA"))


def test_every_issuer_has_several_lines_and_no_line_two_issuers() -> None:
    lines = [symbol for issuer in ISSUERS for symbol in issuer]

    assert len(lines) == len(set(lines)) == 2 * len(ISSUERS)


@pytest.mark.parametrize("day", [date(2015, 12, 31), date(2018, 1, 2), date(2017, 12, 2)])
def test_a_day_without_bars_has_no_rows(market: Market, day: date) -> None:
    with pytest.raises(InvalidInput, match=f"no stock has a bar on {day}; .* from 2016-01-04 to 2017-12-29"):
        rows_at(market, day)


def test_rows_know_nothing_of_what_comes_later(market: Market, with_bars: Callable[..., Market]) -> None:
    """Twenty sessions: every later bar is drawn anew, and of members only what was known by then is kept."""
    table = market.grid.table
    rng = np.random.default_rng(5)
    for stop in rng.choice(np.arange(30, len(table.sessions)), 20, replace=False).tolist():
        as_of = table.sessions[stop - 1]
        fields = {name: grid.copy() for name, grid in table.fields.items()}
        for grid in fields.values():
            grid[stop:] = np.where(rng.random(grid[stop:].shape) < 0.2, np.nan, rng.uniform(1, 1e6, grid[stop:].shape))
        forgotten = replace(with_bars(market, **fields), membership=_known_by(market, as_of))

        expected, found = rows_at(market, as_of), rows_at(forgotten, as_of)

        assert found["symbol"] == expected["symbol"]
        assert found["sector"] == expected["sector"]
        for name in set(expected) - {"symbol", "sector"}:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=f"{name} at {as_of}")


def _known_by(market: Market, day: date) -> Membership:
    """Return the membership without what happened after ``day``: stays that began later, and later ends."""
    assert market.membership
    begun = {
        symbol: tuple(Stay(s.start, s.end if s.end and s.end <= day else None) for s in stays if s.start <= day)
        for symbol, stays in market.membership.stays.items()
    }
    return Membership({symbol: stays for symbol, stays in begun.items() if stays})


def test_the_year_of_a_former_member_is_counted_in_days(market: Market) -> None:
    end = AS_OF - timedelta(days=365)
    for later, has_row in ((0, True), (-1, False)):
        left = Membership({"AAA": (Stay(date(2010, 1, 4), end + timedelta(days=later)),), "HHH": market_stay(market)})

        assert ("AAA" in rows_at(replace(market, membership=left), AS_OF)["symbol"]) is has_row


def market_stay(market: Market) -> tuple[Stay, ...]:
    """Return the open stay of HHH."""
    assert market.membership
    return tuple(market.membership.stays["HHH"])
