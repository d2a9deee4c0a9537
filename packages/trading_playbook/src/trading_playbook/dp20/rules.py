"""What both ways through a session share: the checks before it, and how a trade ends and is told."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trading_playbook.dp20.bars import Bar
from trading_playbook.dp20.outcome import Decision, Note, Outcome, Step, Trade
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.search import Search

__all__ = ["Course", "SessionFacts", "checked", "ended", "opened", "told"]


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


def ended(search: Search, trade: Trade, bar: Bar, leaves: int, tolerance: float) -> tuple[Trade, Note] | None:
    """Return the trade as a source bar ends it, and how; None where it goes on."""
    if bar.minute >= leaves:
        return _left(search, trade, bar.minute, bar.open), Note.EOD
    if not bar.low <= trade.stop + tolerance:
        return None
    note = Note.STOP_GAP if bar.open <= trade.stop else Note.STOP
    return _left(search, trade, bar.minute, min(bar.open, trade.stop)), note


def _left(search: Search, trade: Trade, minute: int, price: float) -> Trade:
    search.decisions.append(Decision(Step.LEFT, minute, price))
    return replace(trade, exit=minute, exit_price=price)


@dataclass(frozen=True, slots=True)
class Course:
    """How far a session has come.

    Attributes
    ----------
    first, last
        Its first and last source bar.
    trade, note
        The trade if there is one, and how it ended if it has.
    """

    first: Bar
    last: Bar
    search: Search
    trade: Trade | None
    note: Note | None


def told(facts: SessionFacts, course: Course, parameters: Dp20Parameters) -> Outcome:
    """Return the outcome of a session that was searched, when no more bars come."""
    search, trade, note = course.search, course.trade, course.note
    last = course.last
    if trade is None:
        note = Note.INCOMPLETE_SESSION if last.minute < parameters.last_bar_from else search.note
    elif note is None:
        note = Note.INCOMPLETE_SESSION
        if last.minute >= facts.leaves(parameters) - parameters.last_close_minutes:
            trade, note = _left(search, trade, last.minute, last.close), Note.EOD_LAST_CLOSE
    return Outcome(
        note,
        course.first.open,
        facts.sma,
        trend_valid=True,
        pullback=search.pullback,
        reversal=search.reversal,
        confirmation=search.confirmation,
        trade=trade,
        decisions=tuple(search.decisions),
    )
