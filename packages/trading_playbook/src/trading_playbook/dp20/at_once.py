"""DP20 over a whole session at once: the same outcome as bar by bar, for back-tests."""

from __future__ import annotations

from trading_playbook.dp20.bars import SessionBars, fold
from trading_playbook.dp20.indicators import Indicators
from trading_playbook.dp20.outcome import Note, Outcome, Trade
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.rules import Course, SessionFacts, checked, ended, opened, told
from trading_playbook.dp20.search import Search

__all__ = ["outcome_of"]


def outcome_of(facts: SessionFacts, bars: SessionBars, parameters: Dp20Parameters) -> Outcome:
    """Return the outcome of a session whose bars are all there.

    Only the bars up to the end of the search are folded and judged; the end of a trade is found by comparing arrays.
    """
    first = bars[0] if len(bars) else None
    refused = checked(facts, first, parameters)
    if first is None or refused is not None:
        return refused or Outcome(Note.NO_DATA)
    search = _searched(bars, parameters)
    trade = note = None
    if search.is_confirmed and (entry := _entry(bars, search, parameters)) is not None:
        trade, note = _held(search, bars.since(int(bars.minutes[entry])), facts, parameters)
    return told(facts, Course(first, bars[-1], search, trade, note), parameters)


def _searched(bars: SessionBars, parameters: Dp20Parameters) -> Search:
    """Return the search after all bars that can matter to it."""
    search = Search(parameters)
    indicators = Indicators(parameters.ema_bars, parameters.atr_bars)
    ends = parameters.window_closes - parameters.window_closes % parameters.bar_minutes
    for bar in fold(bars.before(ends), parameters.bar_minutes).rows():
        indicators.add(bar)
        if bar.minute >= parameters.window_opens:
            search.add(bar, indicators.ema, indicators.atr)
            if search.is_over:
                break
    return search


def _entry(bars: SessionBars, search: Search, parameters: Dp20Parameters) -> int | None:
    """Return the row of the source bar at whose open a confirmed session is entered, if it is."""
    assert search.confirmation is not None
    row = int(bars.minutes.searchsorted(search.confirmation + parameters.bar_minutes))
    if row == len(bars):
        return None
    minute = int(bars.minutes[row])
    return row if search.enter(minute - minute % parameters.bar_minutes) else None


def _held(
    search: Search, bars: SessionBars, facts: SessionFacts, parameters: Dp20Parameters
) -> tuple[Trade, Note | None]:
    """Return the trade that is entered on the first of some source bars, and how it ended, if it has."""
    trade = opened(search, bars[0])
    leaves, tolerance = facts.leaves(parameters), parameters.tolerance
    ends = (bars.low <= trade.stop + tolerance) | (bars.minutes >= leaves)
    return ended(search, trade, bars[int(ends.argmax())], leaves, tolerance) or (trade, None)
