"""Mistakes that are easily made, each made here: the dev journal tells every one of them by a known number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from quant_platform_kit.domain.sessions import ExchangeCalendar
from trading_playbook.backtest import Backtest, SessionResult, moving_average
from trading_playbook.dp20 import stepwise
from trading_playbook.dp20.bars import Bar, SessionBars, fold
from trading_playbook.dp20.indicators import Indicators
from trading_playbook.dp20.outcome import Note, Outcome, Trade
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.rules import SessionFacts, ended, opened
from trading_playbook.dp20.search import Search, _Stage
from trading_playbook.dp20.stepwise import Dp20Session
from trading_playbook.journal.cells import differences
from trading_playbook.journal.record import TradeRecord, record_of
from trading_playbook.sources.files import FileSource

RIGHT = Dp20Parameters()
Patch = pytest.MonkeyPatch


def followed(bars: SessionBars, facts: SessionFacts, numbers: Dp20Parameters = RIGHT) -> Outcome:
    session = Dp20Session(facts, numbers)
    for bar in bars.rows():
        session.add(bar)
    return session.outcome()


def facts_of(session: SessionResult) -> SessionFacts:
    return SessionFacts(session.day.minutes, session.outcome.sma)


def rows_of(dev: Backtest, decide: Callable[[SessionResult], Outcome]) -> Iterator[TradeRecord]:
    return (record_of("QQQ", session.day.opens, decide(session)) for session in dev.sessions)


def check(dev: Backtest, wrong: Iterator[TradeRecord], rows: int, outcomes: int) -> None:
    """Check in how many rows a journal differs from the right one, and in how many the note does."""
    pairs = list(zip(dev.records, wrong, strict=True))
    assert sum(bool(differences(right, other)) for right, other in pairs) == rows
    assert sum(right.notes is not other.notes for right, other in pairs) == outcomes


def decided(session: SessionResult) -> Outcome:
    return followed(session.bars, facts_of(session))


def test_without_a_mistake_no_row_differs(dev: Backtest) -> None:
    check(dev, rows_of(dev, decided), 0, 0)


def test_bars_named_by_their_end(dev: Backtest) -> None:
    def shifted(session: SessionResult) -> Outcome:
        bars = session.bars
        late = SessionBars(bars.minutes + 1, bars.open, bars.high, bars.low, bars.close)
        return followed(late.before(session.day.minutes), facts_of(session))

    check(dev, rows_of(dev, shifted), 40, 17)


def test_alpha_of_one_twentieth(dev: Backtest) -> None:
    numbers = RIGHT.model_copy(update={"ema_bars": 39})
    check(dev, rows_of(dev, lambda session: followed(session.bars, facts_of(session), numbers)), 35, 25)


def test_atr_of_the_entry_bar(dev: Backtest, monkeypatch: Patch) -> None:
    def looked_ahead(session: SessionResult) -> Outcome:
        indicators, atr = Indicators(20, 14), dict[int, float]()
        for bar in fold(session.bars, 2).rows():
            indicators.add(bar)
            atr[bar.minute] = indicators.atr

        def with_its_own(search: Search, bar: Bar) -> Trade:
            search.atr = atr[bar.minute - bar.minute % 2]
            return opened(search, bar)

        monkeypatch.setattr(stepwise, "opened", with_its_own)
        return decided(session)

    check(dev, rows_of(dev, looked_ahead), 29, 2)


class Ranges(Indicators):
    """Indicators that know all true ranges so far."""

    __slots__ = ("ranges",)

    def add(self, bar: Bar) -> None:
        before = getattr(self, "_close", None)
        self.ranges: list[float] = [] if before is None else self.ranges
        self.ranges.append(bar.high - bar.low if before is None else max(bar.high, before) - min(bar.low, before))
        super().add(bar)
        self.average()

    def average(self) -> None:
        raise NotImplementedError


class WilderFromTheFirst(Ranges):
    """Smooths from the first bar on."""

    __slots__ = ()

    def average(self) -> None:
        self.atr = self.ranges[0]
        for true_range in self.ranges[1:]:
            self.atr = (13 * self.atr + true_range) / 14


class MeanOfTheLast(Ranges):
    """Never smooths."""

    __slots__ = ()

    def average(self) -> None:
        self.atr = float(np.mean(self.ranges[-14:]))


@pytest.mark.parametrize(("kind", "outcomes"), [(WilderFromTheFirst, 1), (MeanOfTheLast, 4)])
def test_another_average_of_true_ranges(
    dev: Backtest, monkeypatch: Patch, kind: type[Indicators], outcomes: int
) -> None:
    monkeypatch.setattr(stepwise, "Indicators", kind)
    check(dev, rows_of(dev, decided), 29, outcomes)


def test_a_stop_rounded_to_the_cent(dev: Backtest, monkeypatch: Patch) -> None:
    def rounded(search: Search, bar: Bar) -> Trade:
        trade = opened(search, bar)
        return replace(trade, stop=round(trade.stop, 2))

    monkeypatch.setattr(stepwise, "opened", rounded)
    check(dev, rows_of(dev, decided), 29, 1)


class EndsWithAnInvalidation(Search):
    """Takes an invalidated reversal for the end."""

    def add(self, bar: Bar, ema: float, atr: float) -> None:
        super().add(bar, ema, atr)
        if self.note is Note.INVALIDATED:
            self._stage = _Stage.ENDED


class WeakBarsDisarm(Search):
    """Waits for another pullback after a weak reversal."""

    def add(self, bar: Bar, ema: float, atr: float) -> None:
        is_armed = self._stage is _Stage.ARMED
        super().add(bar, ema, atr)
        if is_armed and self._stage is _Stage.ARMED and bar.close > ema:
            self._stage = _Stage.CALM


class Longer(Search):
    """Judges bars of some stages up to 10:32."""

    stages: tuple[_Stage, ...]

    def add(self, bar: Bar, ema: float, atr: float) -> None:
        if self._stage in self.stages:
            self.parameters = RIGHT.model_copy(update={"window_closes": 62})
        super().add(bar, ema, atr)
        self.parameters = RIGHT


class ConfirmsLater(Longer):
    """Takes a confirmation that ends after 10:30."""

    stages = (_Stage.REVERSED,)


class SearchesLater(Longer):
    """Takes a pullback or reversal that ends after 10:30."""

    stages = (_Stage.CALM, _Stage.ARMED)


@pytest.mark.parametrize(
    ("kind", "rows", "outcomes"),
    [
        pytest.param(EndsWithAnInvalidation, 9, 7, id="an invalidated reversal ends the search"),
        pytest.param(ConfirmsLater, 3, 3, id="confirmation allowed to end after 10:30"),
        pytest.param(WeakBarsDisarm, 3, 1, id="a weak reversal disarms the pullback"),
        pytest.param(SearchesLater, 2, 2, id="a bar that ends after 10:30 counted"),
    ],
)
def test_another_search(dev: Backtest, monkeypatch: Patch, kind: type[Search], rows: int, outcomes: int) -> None:
    monkeypatch.setattr(stepwise, "Search", kind)
    check(dev, rows_of(dev, decided), rows, outcomes)


def test_an_exit_at_the_close_of_the_bar_before(dev: Backtest) -> None:
    def left_early(session: SessionResult) -> Outcome:
        bars = session.bars
        at = int(bars.minutes.searchsorted(session.day.minutes - RIGHT.leave_minutes))
        opens = bars.open.copy()
        opens[at] = bars.close[at - 1]
        return followed(replace(bars, open=opens), facts_of(session))

    check(dev, rows_of(dev, left_early), 6, 0)


def test_a_gap_filled_at_the_stop(dev: Backtest, monkeypatch: Patch) -> None:
    def at_the_stop(search: Search, trade: Trade, bar: Bar, leaves: int) -> Trade:
        after = ended(search, trade, bar, leaves)
        return replace(after, exit_price=trade.stop) if after.note is Note.STOP_GAP else after

    monkeypatch.setattr(stepwise, "ended", at_the_stop)
    check(dev, rows_of(dev, decided), 4, 0)


def test_a_stop_that_is_not_live_in_the_entry_bar(dev: Backtest, monkeypatch: Patch) -> None:
    def later(search: Search, trade: Trade, bar: Bar, leaves: int) -> Trade:
        in_entry_bar = bar.minute < trade.entry - trade.entry % 2 + 2
        return trade if in_entry_bar else ended(search, trade, bar, leaves)

    monkeypatch.setattr(stepwise, "ended", later)
    check(dev, rows_of(dev, decided), 2, 2)


def test_a_half_day_left_as_a_full_one(dev: Backtest) -> None:
    def full(session: SessionResult) -> Outcome:
        return followed(session.bars, SessionFacts(390, session.outcome.sma))

    check(dev, rows_of(dev, full), 1, 1)


def test_a_mean_with_the_close_of_the_day(dev: Backtest, dev_source: FileSource, calendar: ExchangeCalendar) -> None:
    def with_today(session: SessionResult) -> Outcome:
        later = calendar.after(session.day.date)
        mean, _ = moving_average(dev_source, later, calendar, RIGHT.sma_sessions)
        return followed(session.bars, SessionFacts(session.day.minutes, mean))

    wrong = list(rows_of(dev, with_today))
    check(dev, iter(wrong), 54, 0)
    assert {name for pair in zip(dev.records, wrong, strict=True) for name in differences(*pair)} == {"sma200"}
