"""DP20 bar by bar: what a session that is going on can be followed with."""

from __future__ import annotations

from trading_playbook.dp20.bars import Bar
from trading_playbook.dp20.indicators import Indicators
from trading_playbook.dp20.outcome import Decision, Note, Outcome, Trade
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.rules import SessionFacts, checked, ended, opened, told
from trading_playbook.dp20.search import Search

__all__ = ["Dp20Session"]


class Dp20Session:
    """DP20 over one session whose source bars come one after the other.

    A bar of the search is judged as soon as its last source bar has ended, so that a confirmation is known when its
    bar ends: the entry is the next bar's open.

    Parameters
    ----------
    length
        Minutes of a source bar.
    """

    def __init__(self, facts: SessionFacts, parameters: Dp20Parameters, length: int = 1) -> None:
        self.search = Search(parameters)
        self.trade: Trade | None = None
        self._facts = facts
        self._parameters = parameters
        self._length = length
        self._indicators = Indicators(parameters.ema_bars, parameters.atr_bars)
        self._first: Bar | None = None
        self._last: Bar | None = None
        self._slot: Bar | None = None
        self._refused: Outcome | None = None

    def add(self, bar: Bar) -> tuple[Decision, ...]:
        """Take in the next source bar, which has ended, and return what was decided on it."""
        known = len(self.search.decisions)
        self.advance(bar.minute)
        self._last = bar
        if self._first is None:
            self._first = bar
            self._refused = checked(self._facts, bar, self._parameters)
        if self._refused is None:
            self._follow(bar)
        return tuple(self.search.decisions[known:])

    def advance(self, minute: int) -> tuple[Decision, ...]:
        """Say that all source bars which end by a minute are here, and return what was decided.

        A bar of the search may lack its last source bars; the next one says so too.
        """
        known = len(self.search.decisions)
        if self._slot is not None and self._slot.minute + self._parameters.bar_minutes <= minute:
            self._judge(self._slot)
            self._slot = None
        return tuple(self.search.decisions[known:])

    def outcome(self) -> Outcome:
        """Return the outcome of the session, if no more bars come."""
        self.advance(self._facts.minutes)
        if self._first is None or self._last is None:
            return Outcome(Note.NO_DATA)
        if self._refused is not None:
            return self._refused
        return told(self.search, self.trade, self._first, self._last, self._facts)

    def _follow(self, bar: Bar) -> None:
        if self.search.is_confirmed and self.search.enter(bar.minute):
            self.trade = opened(self.search, bar)
        if self.trade is None and not self.search.is_over:
            self._collect(bar)
            self.advance(bar.minute + self._length)
        elif self.trade is not None and self.trade.note is None:
            self.trade = ended(self.search, self.trade, bar, self._facts.leaves(self._parameters))

    def _collect(self, bar: Bar) -> None:
        slot = self._slot
        if slot is None:
            self._slot = bar._replace(minute=bar.minute - bar.minute % self._parameters.bar_minutes)
            return
        self._slot = Bar(slot.minute, slot.open, max(slot.high, bar.high), min(slot.low, bar.low), bar.close)

    def _judge(self, bar: Bar) -> None:
        self._indicators.add(bar)
        self.search.add(bar, self._indicators.ema, self._indicators.atr)
