"""DP20 over a whole session at once: the same outcome as bar by bar, for back-tests."""

from __future__ import annotations

from trading_playbook.dp20.bars import SessionBars, fold
from trading_playbook.dp20.indicators import Indicators
from trading_playbook.dp20.outcome import Note, Outcome, Trade
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.rules import SessionFacts, checked, ended, opened, told
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
    trade = _traded(search, bars, facts.leaves(parameters)) if search.is_confirmed else None
    return told(search, trade, first, bars[-1], facts)


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


def _traded(search: Search, bars: SessionBars, leaves: int) -> Trade | None:
    """Return the trade of a confirmed session, if the next source bar is entered."""
    assert search.confirmation is not None
    rest = bars.since(search.confirmation + search.parameters.bar_minutes)
    if not len(rest) or not search.enter(int(rest.minutes[0])):
        return None
    trade = opened(search, rest[0])
    ends = (rest.low <= trade.stop + search.parameters.tolerance) | (rest.minutes >= leaves)
    return ended(search, trade, rest[int(ends.argmax())], leaves)
