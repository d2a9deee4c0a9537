"""The search for an entry: pullback, reversal, confirmation, on bars that have ended."""

from __future__ import annotations

from enum import Enum, auto

from trading_playbook.dp20.bars import Bar
from trading_playbook.dp20.outcome import Decision, Note, Step
from trading_playbook.dp20.parameters import Dp20Parameters

__all__ = ["Search"]


class _Stage(Enum):
    CALM = auto()
    ARMED = auto()
    REVERSED = auto()
    CONFIRMED = auto()
    ENDED = auto()


class Search:
    """The search of one session; bars are added in their order.

    Attributes
    ----------
    parameters
        The numbers it goes by.
    note
        How the session would end if nothing more came.
    pullback, reversal, confirmation
        Starts of the bars found, as in `Outcome`.
    atr
        Average true range at the confirmation bar, once there is one.
    decisions
        The steps so far.
    """

    __slots__ = (
        "_armed",
        "_end",
        "_stage",
        "atr",
        "confirmation",
        "decisions",
        "note",
        "parameters",
        "pullback",
        "reversal",
    )

    def __init__(self, parameters: Dp20Parameters) -> None:
        self.note = Note.NO_PULLBACK
        self.pullback: int | None = None
        self.reversal: int | None = None
        self.confirmation: int | None = None
        self.atr = 0.0
        self.decisions: list[Decision] = []
        self.parameters = parameters
        self._stage = _Stage.CALM
        self._armed = 0
        self._end = 0

    @property
    def is_confirmed(self) -> bool:
        """Whether the next bar is the entry bar."""
        return self._stage is _Stage.CONFIRMED

    @property
    def is_over(self) -> bool:
        """Whether no bar can change anything: there is a confirmation, or there will be none."""
        return self._stage in (_Stage.CONFIRMED, _Stage.ENDED)

    @property
    def risk(self) -> float:
        """Distance of the stop from the entry, in the symbol's currency."""
        return self.parameters.stop_atr * self.atr

    def add(self, bar: Bar, ema: float, atr: float) -> None:
        """Judge a bar that has ended, by the indicators with it."""
        numbers = self.parameters
        end = bar.minute + numbers.bar_minutes
        fits = bar.minute >= numbers.window_opens and end <= numbers.window_closes
        stage = self._stage
        if stage is _Stage.REVERSED:
            self._confirm(bar, ema, atr, fits=fits and self._follows(bar.minute))
        elif fits and stage is _Stage.CALM:
            if bar.close < ema - numbers.tolerance:
                self._arm(bar, Step.PULLBACK, Note.NO_REVERSAL)
        elif fits and stage is _Stage.ARMED:
            if bar.close > ema + numbers.tolerance and self._is_strong(bar):
                self._reverse(bar)
        self._end = end

    def enter(self, minute: int) -> bool:
        """Whether a source bar after the confirmation is entered; the search is over either way."""
        self._stage = _Stage.ENDED
        if not self._follows(minute - minute % self.parameters.bar_minutes):
            return False
        self.note = Note.ZERO_RISK
        return self.risk >= self.parameters.least_risk

    def _follows(self, minute: int) -> bool:
        return minute - self._end <= self.parameters.follows_minutes

    def _is_strong(self, bar: Bar) -> bool:
        reach, tolerance = bar.high - bar.low, self.parameters.tolerance
        return reach > tolerance and (bar.close - bar.low) / reach > self.parameters.strength + tolerance

    def _arm(self, bar: Bar, step: Step, note: Note) -> None:
        self._stage, self.note = _Stage.ARMED, note
        self._armed = bar.minute
        if self.reversal is None:
            self.pullback = bar.minute
        self._decide(step, bar)

    def _reverse(self, bar: Bar) -> None:
        self._stage, self.note = _Stage.REVERSED, Note.NO_CONFIRMATION
        self.pullback, self.reversal, self.confirmation = self._armed, bar.minute, None
        self._decide(Step.REVERSAL, bar)

    def _confirm(self, bar: Bar, ema: float, atr: float, *, fits: bool) -> None:
        if not fits:
            self._stage = _Stage.ENDED
            return
        self.confirmation = bar.minute
        if bar.close < ema - self.parameters.tolerance:
            self._arm(bar, Step.INVALIDATED, Note.INVALIDATED)
            return
        self._stage, self.note, self.atr = _Stage.CONFIRMED, Note.NO_ENTRY_BAR, atr
        self._decide(Step.CONFIRMED, bar)

    def _decide(self, step: Step, bar: Bar) -> None:
        self.decisions.append(Decision(step, bar.minute, bar.close))
