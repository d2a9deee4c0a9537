"""What both ways through a session share: the checks before it, and how a trade ends and is told."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trading_playbook.dp20.bars import Bar
from trading_playbook.dp20.outcome import Decision, Note, Outcome, Step, Trade
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.search import Search

__all__ = ["SessionFacts", "checked", "ended", "opened", "told"]


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What is known of a session before it opens.

    Attributes
    ----------
    minutes
        From the open to the close; 390, on half days 210.
    sma
        Mean of the daily closes before it, in the units of its bars; None where one of them is missing.
    """

    minutes: int
    sma: float | None

    def leaves(self, parameters: Dp20Parameters) -> int:
        """Return the minute since the open from which a trade is left."""
        return self.minutes - parameters.leave_minutes


def checked(facts: SessionFacts, first: Bar | None, parameters: Dp20Parameters) -> Outcome | None:
    """Return how a session ends that is not searched, by its first source bar; None for one that is."""
    if first is None or first.minute >= parameters.first_bar_before:
        return Outcome(Note.NO_DATA)
    if facts.sma is None:
        return Outcome(Note.NO_SMA200, first.open)
    if not first.open > facts.sma:
        return Outcome(Note.TREND_INVALID, first.open, facts.sma, trend_valid=False)
    return None


def opened(search: Search, bar: Bar) -> Trade:
    """Return the trade that is entered at the open of a source bar."""
    search.decisions.append(Decision(Step.ENTERED, bar.minute, bar.open))
    return Trade(bar.minute, bar.open, search.atr, bar.open - search.risk)


def ended(search: Search, trade: Trade, bar: Bar, leaves: int) -> Trade:
    """Return a trade after a source bar: ended, or as it was."""
    if bar.minute >= leaves:
        return _left(search, trade, bar.minute, bar.open, Note.EOD)
    if bar.low <= trade.stop + search.parameters.tolerance:
        note = Note.STOP_GAP if bar.open <= trade.stop else Note.STOP
        return _left(search, trade, bar.minute, min(bar.open, trade.stop), note)
    return trade


def told(search: Search, trade: Trade | None, first: Bar, last: Bar, facts: SessionFacts) -> Outcome:
    """Return the outcome of a session that was searched, by its first and last source bar, when no more come."""
    numbers = search.parameters
    if trade is None:
        note = search.note if last.minute >= numbers.last_bar_from else Note.INCOMPLETE_SESSION
    else:
        if trade.note is None and last.minute >= facts.leaves(numbers) - numbers.last_close_minutes:
            trade = _left(search, trade, last.minute, last.close, Note.EOD_LAST_CLOSE)
        note = trade.note or Note.INCOMPLETE_SESSION
    return Outcome(
        note,
        first.open,
        facts.sma,
        trend_valid=True,
        pullback=search.pullback,
        reversal=search.reversal,
        confirmation=search.confirmation,
        trade=trade,
        decisions=tuple(search.decisions),
    )


def _left(search: Search, trade: Trade, minute: int, price: float, note: Note) -> Trade:
    search.decisions.append(Decision(Step.LEFT, minute, price))
    return replace(trade, exit=minute, exit_price=price, note=note)
