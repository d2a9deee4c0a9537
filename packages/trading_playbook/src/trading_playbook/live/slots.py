"""Which of the bars that come count, and when: a slot is judged once, when it is whole or its time is up."""

from __future__ import annotations

from trading_playbook.dp20.bars import Bar
from trading_playbook.dp20.outcome import Decision
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.rules import SessionFacts
from trading_playbook.dp20.stepwise import Dp20Session

__all__ = ["Slots"]


class Slots:
    """DP20 on bars that come late, twice, out of order, or not at all.

    The bars of the slot that is open are kept until it ends. It ends when all of its source bars are there, or when the
    clock says so; its bars are then taken in by their start. A bar of a slot that has ended, a second bar of one start,
    and a later word about a bar change nothing.

    Attributes
    ----------
    dp20
        What decides.
    open_from
        Start of the open slot, in minutes since the open.
    passed_over
        Starts of the bars that came when their slot had ended.
    newest
        The bar with the latest start that was ever told.
    """

    def __init__(self, facts: SessionFacts, parameters: Dp20Parameters, bar_minutes: int) -> None:
        self.dp20 = Dp20Session(facts, parameters, bar_minutes)
        self.open_from = 0
        self.passed_over: set[int] = set()
        self.newest: Bar | None = None
        self._counted: set[int] = set()
        self._waiting: dict[int, Bar] = {}
        self._minutes = facts.minutes
        self._length, self._bar = parameters.bar_minutes, bar_minutes

    @property
    def ends(self) -> int:
        """End of the open slot, in minutes since the open."""
        return self.open_from + self._length

    @property
    def decisions(self) -> list[Decision]:
        """All that was decided so far."""
        return self.dp20.search.decisions

    @property
    def missing(self) -> list[int]:
        """Starts of the source bars that the open slot lacks."""
        return [minute for minute in range(self.open_from, self.ends, self._bar) if minute not in self._waiting]

    def knows(self, minute: int) -> bool:
        """Whether a bar of a start was told."""
        return minute in self._counted or minute in self._waiting or minute in self.passed_over

    def take(self, bar: Bar) -> None:
        """Take in a bar that was told for the first time, or again."""
        if not 0 <= bar.minute < self._minutes:
            return
        if self.newest is None or bar.minute > self.newest.minute:
            self.newest = bar
        if bar.minute < self.open_from:
            if bar.minute not in self._counted:
                self.passed_over.add(bar.minute)
            return
        self._waiting.setdefault(bar.minute, bar)
        while not self.missing:
            self._judge()

    def end(self, minute: int) -> None:
        """End the slots that the clock says are over, whatever they lack."""
        while self.ends <= minute:
            self._judge()
        while not self.missing:
            self._judge()

    def _judge(self) -> None:
        ends = self.ends
        for minute in range(self.open_from, ends, self._bar):
            if (bar := self._waiting.pop(minute, None)) is not None:
                self._counted.add(minute)
                self.dp20.add(bar)
        self.dp20.advance(ends)
        self.open_from = ends
