"""Markets that nobody made: random walks of a session, of which the model says what is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import numpy as np

from trading_playbook.days import TradingDay
from trading_playbook.dp20.at_once import outcome_of
from trading_playbook.dp20.bars import SessionBars
from trading_playbook.dp20.outcome import Outcome
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.rules import SessionFacts
from trading_playbook.testing.live.world import World

__all__ = ["made_up"]

START, SMA, STEP, REACH = 100.0, 90.0, 0.05, 0.02


def made_up(seed: int, day: TradingDay, wanted: Callable[[Outcome], bool]) -> tuple[World, Outcome]:
    """Return the world of the first random walk whose outcome is as wanted, and what the model says of it."""
    draw = np.random.default_rng(seed)
    while True:
        path = START + np.cumsum(draw.normal(scale=STEP, size=day.minutes + 1))
        opens, closes = path[:-1].round(2), path[1:].round(2)
        highs, lows = np.maximum(opens, closes) + REACH, np.minimum(opens, closes) - REACH
        bars = SessionBars(np.arange(day.minutes, dtype=np.int64), opens, highs, lows, closes)
        outcome = outcome_of(SessionFacts(day.minutes, SMA), bars, Dp20Parameters())
        if wanted(outcome):
            return World(day.opens.astimezone(UTC), day.minutes, SMA, bars.rows()), outcome
