"""The dev days: the journal byte for byte, its figures, and both ways of deciding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from quant_platform_kit.domain.sessions import ExchangeCalendar
from trading_playbook.backtest import Backtest, backtest
from trading_playbook.days import days_between
from trading_playbook.dp20.bars import SessionBars
from trading_playbook.dp20.outcome import Note, Outcome
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.figures import figures
from trading_playbook.journal.csv_form import parse, render
from trading_playbook.sources.files import FileSource


def test_the_journal_is_the_expected_one_byte_for_byte(dev: Backtest, dev_journal: bytes) -> None:
    assert render(dev.records) == dev_journal


def test_the_figures_are_those_of_the_rules(dev: Backtest, dev_journal: bytes) -> None:
    found = figures(dev.records)
    assert found == figures(parse(dev_journal, "the dev journal"))
    assert (found.sessions, found.entries, found.closed, found.wins) == (54, 29, 29, 6)
    assert found.notes == {
        Note.STOP: 19,
        Note.STOP_GAP: 4,
        Note.EOD: 6,
        Note.NO_PULLBACK: 9,
        Note.NO_REVERSAL: 9,
        Note.INVALIDATED: 4,
        Note.NO_CONFIRMATION: 3,
    }
    told = (found.win_rate, found.expectancy, found.total, found.drawdown)
    assert [f"{figure:.6f}" for figure in told] == ["0.206897", "0.046120", "1.337474", "10.946182"]
    assert (found.trailing_closed, found.trailing_wins, found.longest_without_entry) == (12, 4, 3)


def test_the_half_day_is_left_five_minutes_before_one(dev: Backtest) -> None:
    last = dev.records[-1]
    assert (str(last.trade_date), last.notes, f"{last.exit_time:%H:%M}") == ("2025-11-28", Note.EOD, "12:55")


@pytest.mark.parametrize("length", [1, 2, 5, 15])
def test_bar_by_bar_says_the_same_of_every_session(dev: Backtest, length: int, follow: Callable[..., Outcome]) -> None:
    numbers = Dp20Parameters(bar_minutes=length)
    for session in dev.sessions:
        follow(session.bars, session.outcome.sma, session.day.minutes, numbers)


def test_five_minute_files_make_five_minute_bars(
    calendar: ExchangeCalendar, real_files: Callable[[str], Path], dev: Backtest, follow: Callable[..., Outcome]
) -> None:
    files = (real_files("intraday_5min.parquet"), real_files("intraday_warmup_daily.csv"))
    source = FileSource(*files, "SPY", calendar)
    days = days_between(calendar, dev.sessions[0].day.date, dev.sessions[-1].day.date)
    tested = backtest(source, days, calendar, Dp20Parameters(bar_minutes=5))
    assert source.bar_minutes == 5
    assert figures(tested.records).entries > 0
    for session in tested.sessions:
        numbers = Dp20Parameters(bar_minutes=5)
        assert session.outcome == follow(session.bars, session.outcome.sma, session.day.minutes, numbers)


def test_a_session_has_its_own_arrays_and_no_copy(dev: Backtest) -> None:
    bars: SessionBars = dev.sessions[0].bars
    assert bars.minutes[0] == 0
    assert bars.before(60).high.base is bars.high.base
