"""Nothing that comes later changes what was decided before."""

from __future__ import annotations

import numpy as np
from trading_playbook.backtest import Backtest
from trading_playbook.dp20.at_once import outcome_of
from trading_playbook.dp20.bars import SessionBars
from trading_playbook.dp20.outcome import Decision, Step
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.dp20.rules import SessionFacts
from trading_playbook.dp20.stepwise import Dp20Session

NUMBERS = Dp20Parameters()
SEARCHED = (Step.PULLBACK, Step.REVERSAL, Step.INVALIDATED, Step.CONFIRMED)


def known_at(decision: Decision) -> int:
    """Return the end of the last source bar that a decision looks at."""
    return decision.minute + (NUMBERS.bar_minutes if decision.step in SEARCHED else 1)


def replaced_from(bars: SessionBars, minute: int, factors: np.ndarray) -> SessionBars:
    """Return other prices from a minute on: each bar's by a factor of its own."""
    at = int(bars.minutes.searchsorted(minute))
    factor = np.concatenate((np.ones(at), factors[: len(bars) - at]))
    prices = (bars.open * factor, bars.high * factor, bars.low * factor, bars.close * factor)
    return SessionBars(bars.minutes, *prices)


def test_replacing_all_bars_after_a_minute_changes_no_decision_before_it(dev: Backtest) -> None:
    wild = 1 + 0.02 * np.sin(np.arange(390) * 2.1)
    changed = 0
    for session in dev.sessions:
        facts, outcome = SessionFacts(session.day.minutes, session.outcome.sma), session.outcome
        for minute in range(3, session.day.minutes, 3):
            other = outcome_of(facts, replaced_from(session.bars, minute, wild), NUMBERS)
            before = [decision for decision in outcome.decisions if known_at(decision) <= minute]
            assert [decision for decision in other.decisions if known_at(decision) <= minute] == before
            changed += other.decisions != outcome.decisions
    assert changed > 1000


def test_bar_by_bar_a_decision_is_known_when_its_bar_has_ended(dev: Backtest) -> None:
    for session in dev.sessions:
        following = Dp20Session(SessionFacts(session.day.minutes, session.outcome.sma), NUMBERS)
        made: list[Decision] = []
        for bar in session.bars.rows():
            made += following.advance(bar.minute)
            assert all(known_at(decision) <= bar.minute for decision in made)
            now = following.add(bar)
            assert all(known_at(decision) == bar.minute + 1 for decision in now)
            made += now
        assert tuple(made) == session.outcome.decisions


def test_a_bar_whose_last_minute_is_missing_is_judged_by_the_clock(dev: Backtest) -> None:
    session = next(session for session in dev.sessions if session.outcome.trade is not None)
    confirmed = session.outcome.confirmation
    following = Dp20Session(SessionFacts(session.day.minutes, session.outcome.sma), NUMBERS)
    for bar in session.bars.before(confirmed + 1).rows():
        following.add(bar)
    assert not following.search.is_confirmed
    assert [decision.step for decision in following.advance(confirmed + 2)] == [Step.CONFIRMED]
    assert following.advance(confirmed + 3) == ()
