"""Every number of DP20."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["BAR_MINUTES", "Dp20Parameters"]

BAR_MINUTES = tuple(minutes for minutes in range(1, 31) if 30 % minutes == 0)
"""Lengths a bar can have: with these, bars begin at every half hour after the open."""


class Dp20Parameters(BaseModel):
    """The numbers of DP20, frozen and checked; the defaults are the rules as they stand.

    Attributes
    ----------
    bar_minutes
        Length of the bars that are looked at; a divisor of 30.
    ema_bars
        Span n of the mean of closes: each moves it by 2 / (n + 1) of the distance.
    atr_bars
        Bars of Wilder's average true range.
    sma_sessions
        Daily closes before the session whose mean the open has to be above.
    window_opens, window_closes
        Minutes since the open; bars of the search start at or after one and end at or before the other.
    first_bar_before
        Minutes since the open before which the first source bar starts, or the session has no data.
    last_bar_from
        Minutes since the open from which the last source bar starts, or a session without entry is incomplete.
    strength
        Share of its range above which over its low a reversal closes; a fraction.
    stop_atr
        Distance of the stop from the entry, in average true ranges.
    least_risk
        Smallest distance of the stop that is traded, in the symbol's currency.
    follows_minutes
        Longest time between a bar's end and the start of the bar that follows it.
    leave_minutes
        Minutes before the close from which a trade is left.
    last_close_minutes
        Minutes before leaving within which the last bar has to start for a trade to be left at its close.
    tolerance
        Within which closes, means and stops count as equal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    bar_minutes: int = Field(default=2, ge=1, le=30)
    ema_bars: int = Field(default=20, ge=1, le=390)
    atr_bars: int = Field(default=14, ge=1, le=390)
    sma_sessions: int = Field(default=200, ge=1, le=1000)
    window_opens: int = Field(default=30, ge=0, le=389)
    window_closes: int = Field(default=60, ge=1, le=390)
    first_bar_before: int = Field(default=30, ge=1, le=390)
    last_bar_from: int = Field(default=50, ge=0, le=390)
    strength: float = Field(default=0.60, ge=0, lt=1)
    stop_atr: float = Field(default=1.2, gt=0, le=100)
    least_risk: float = Field(default=0.01, ge=0.000001)
    follows_minutes: int = Field(default=10, ge=0, le=390)
    leave_minutes: int = Field(default=5, ge=0, le=180)
    last_close_minutes: int = Field(default=10, ge=0, le=390)
    tolerance: float = Field(default=1e-9, ge=0, le=0.001)

    @model_validator(mode="after")
    def _fit_together(self) -> Dp20Parameters:
        if self.bar_minutes not in BAR_MINUTES:
            raise ValueError(f"bar_minutes is {self.bar_minutes}; it is one of {', '.join(map(str, BAR_MINUTES))}")
        if self.window_closes <= self.window_opens:
            raise ValueError(f"window_closes is {self.window_closes}; it is after window_opens, {self.window_opens}")
        return self
