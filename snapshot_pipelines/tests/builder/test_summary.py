"""What a reader is told of a snapshot: figures, and sentences that say what they mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from snapshot_pipelines.build.rows import Market, rows_at
from snapshot_pipelines.build.sectors import SectorLabel
from snapshot_pipelines.build.summary import summary_of

AS_OF = date(2017, 11, 30)


def told(market: Market, as_of: date = AS_OF) -> dict[str, object]:
    """Return the summary of a session."""
    return summary_of(market, as_of, rows_at(market, as_of))


def test_coverage_counts_members_with_a_row_and_names_the_others(market: Market) -> None:
    summary = told(market)

    assert summary["coverage"] == {
        "membership_given": True,
        "members": 7,
        "with_row": 6,
        "share": 0.8571,
        "without_row": ["XXX"],
    }
    assert summary["former_members"] == ["BBB"]
    words = " ".join(summary["in_words"])
    assert "6 of 7 members on 2017-11-30 have a row (85.7%)." in words
    assert "Survivorship: 1 members have no prices or no sector here." in words
    assert "kept so that holdings are sold: BBB." in words


def test_without_membership_the_summary_says_that_all_stocks_count(market: Market) -> None:
    summary = told(replace(market, membership=None))

    assert summary["coverage"]["membership_given"] is False
    assert "No membership was given: all 10 stocks count as members" in summary["in_words"][0]


def test_labels_of_later_and_unknown_sectors_are_told(market: Market) -> None:
    known = replace(market, sectors={**market.sectors, "AAA": SectorLabel("Energy", 10, AS_OF)})

    summary = told(known)

    assert summary["sector_labels"] == {
        "stocks": 7,
        "dated_after_as_of": 5,
        "newest": "2018-03-01",
        "unknown": ["HHH"],
    }
    assert any(
        "5 of 7 sector labels are dated after 2017-11-30, the newest 2018-03-01" in s for s in summary["in_words"]
    )


def test_gaps_are_counted_in_the_sessions_that_features_read_since_the_first_bar(
    market: Market, with_bars: Callable[..., Market]
) -> None:
    table = market.grid.table
    close, at = table.fields["close"].copy(), table.sessions.index(AS_OF)
    close[[at - 3, at - 273, at - 274], table.column["AAA"]] = np.nan
    close[: at - 100, table.column["HHH"]] = np.nan
    close[at - 7, table.column["HHH"]] = np.nan
    close[at, table.column["SPY"]] = np.nan

    summary = told(with_bars(market, close=close))

    assert summary["gaps"] == {"AAA": 2, "HHH": 1}
    assert summary["benchmarks_without_bar"] == ["SPY"]
    assert summary["unknown_values"]["beta_252"] == 6
    assert summary["unknown_values"]["mom_6_1"] == 2
    assert any("No bar on that day, and so hardly a feature: SPY." in s for s in summary["in_words"])
    assert any(
        s.startswith("Unknown of more than a tenth of the members") and "beta_252" in s for s in summary["in_words"]
    )


def test_a_symbol_that_came_back_or_paused_may_be_two_companies(
    market: Market, with_bars: Callable[..., Market]
) -> None:
    """DDD was a member until 2005 and is again since 2016-09-01; its bars begin before that."""
    close = market.grid.table.fields["close"].copy()
    close[100:121, market.grid.table.column["AAA"]] = np.nan
    close[100:120, market.grid.table.column["HHH"]] = np.nan

    reused = told(with_bars(market, close=close))["suspected_ticker_reuse"]

    assert reused == {
        "AAA": "no bar for 21 sessions, then bars again",
        "DDD": "a member until 2005-06-01, and again from 2016-09-01; bars from 2016-01-04",
    }


def test_nothing_is_said_that_is_not_so(market: Market) -> None:
    clean = replace(market, sectors={s: SectorLabel("Energy", 10, date(2010, 1, 4)) for s in ("AAA", "FOX", "FOXA")})

    summary = told(replace(clean, membership=None))

    assert (summary["gaps"], summary["unknown_values"], summary["benchmarks_without_bar"]) == ({}, {}, [])
    assert [sentence[:22] for sentence in summary["in_words"]] == ["No membership was give", "Another line of the sa"]


def test_the_real_universe_is_covered_by_two_thirds_and_the_rest_is_named(real_market: Market) -> None:
    shares = []
    for as_of in (date(2014, 1, 31), date(2018, 11, 30), date(2020, 11, 30)):
        coverage = told(real_market, as_of)["coverage"]
        assert len(coverage["without_row"]) == coverage["members"] - coverage["with_row"]
        shares.append(coverage["share"])
    assert shares == pytest.approx([0.636, 0.708, 0.75], abs=0.001)


def test_what_happened_later_changes_nothing_but_dates_of_labels(
    market: Market, with_bars: Callable[..., Market]
) -> None:
    fields = {name: grid.copy() for name, grid in market.grid.table.fields.items()}
    for grid in fields.values():
        grid[market.grid.table.sessions.index(AS_OF) + 1 :] = np.nan

    assert told(with_bars(market, **fields)) == told(market)
