"""The figures of a journal, on rows of one's own making."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from trading_playbook.costs import Costs
from trading_playbook.dp20.outcome import Note, Outcome, Trade
from trading_playbook.figures import figures
from trading_playbook.journal.record import TradeRecord, record_of

DAY = datetime(2025, 3, 31, 9, 30, tzinfo=ZoneInfo("America/New_York"))


def row(result: float | None, days_before: int = 0, *, entered: bool = True) -> TradeRecord:
    """Return a session with a risk of 1 on a price of 100; one that is entered and not left has no result."""
    trade = Trade(40, 100.0, 1.0, 99.0)
    if result is not None:
        trade = replace(trade, exit=60, exit_price=100.0 + result)
    outcome = Outcome(Note.EOD, trade=trade) if entered else Outcome(Note.NO_PULLBACK)
    return record_of("QQQ", DAY - timedelta(days=days_before), outcome)


def test_nothing_closed_has_no_figures_rather_than_zeros() -> None:
    found = figures([row(None, 1), row(None, entered=False)])
    assert (found.entries, found.closed, found.wins) == (1, 0, 0)
    empty = (found.win_rate, found.trailing_win_rate, found.expectancy, found.total, found.drawdown)
    assert set(empty) == {None}
    assert figures([]).trades_per_day is None


def test_the_trailing_days_are_thirty_and_the_last_one_counts() -> None:
    found = figures([row(1.0, 30), row(2.0, 29), row(-1.0, 0)])
    assert (found.trailing_closed, found.trailing_wins, found.trailing_win_rate) == (2, 1, 0.5)
    assert figures([row(1.0, 30)], as_of=date(2025, 3, 1)).trailing_closed == 1
    assert figures([row(1.0, 30), row(1.0, 0)], as_of=date(2025, 3, 30)).trailing_closed == 1


@pytest.mark.parametrize(
    ("results", "fall"), [([-1, -1], 2), ([3, -1, -1, 2], 2), ([1, 2], 0), ([-1, 5, -3, 1, -2], 4)]
)
def test_the_drawdown_is_from_the_highest_sum_that_starts_at_zero(results: Sequence[float], fall: float) -> None:
    assert figures([row(result, 9 - i) for i, result in enumerate(results)]).drawdown == fall


def test_a_result_of_zero_is_no_win() -> None:
    found = figures([row(0.0)])
    assert (found.closed, found.wins, found.win_rate) == (1, 0, 0.0)


def test_the_longest_wait_counts_sessions_without_an_entry() -> None:
    entries = [False, False, True, False, True, False, False, False]
    assert figures([row(1.0, 9 - i, entered=entered) for i, entered in enumerate(entries)]).longest_without_entry == 3
    assert figures([row(None)]).longest_without_entry == 0


def test_costs_stand_beside_the_results_and_change_none() -> None:
    won = row(2.0)
    costs = Costs(commission_bps=1, slippage_bps=2)
    assert costs.of(won) == pytest.approx(0.0003 * (100 + 102) / 1)
    assert costs.of(row(None)) is None
    assert costs.mean_of([won, row(None), row(0.0)]) == pytest.approx(0.0003 * (202 + 200) / 2)
    assert Costs().of(won) == 0
    assert Costs().mean_of([]) is None
