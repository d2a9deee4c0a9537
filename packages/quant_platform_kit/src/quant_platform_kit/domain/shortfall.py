"""Live against back-test: two equity curves, and their difference taken apart to the cent.

A part is what a back-test makes with one kind of deviation alone, less what it makes with none. What came from outside,
as a deposit, comes to every back-test but the first, so that costs are those of the money that was there. Nothing is
spread over the parts: what they do to each other is a line of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

__all__ = ["Attribution", "Curve", "Curves", "ExecutedDecision", "Execution", "Part", "Shortfall", "taken_apart"]

ZERO = Decimal(0)

Curve = Sequence[Decimal]
"""Equity at each session's close, in the account's currency, to the cent."""


class Part(StrEnum):
    """A kind of difference between an account and a back-test."""

    DECISION = "different decision"
    DELAY = "delay"
    SPREAD = "spread and slippage"
    COMMISSION = "commission"
    LOTS = "lots"
    CARRY = "carry"
    OUTSIDE = "outside changes"


@dataclass(frozen=True, slots=True)
class Execution:
    """Orders that were filled for a decision: the session decided on, and the one they were filled in."""

    as_of: date
    session: date


@dataclass(frozen=True, slots=True)
class Curves:
    """What is compared; all curves have a value per session and begin with the same one.

    Attributes
    ----------
    backtest
        Without any deviation.
    funded
        With what came from outside, and no other deviation.
    moved
        With what came from outside and one kind of deviation besides.
    """

    sessions: tuple[date, ...]
    live: Curve
    backtest: Curve
    funded: Curve
    moved: Mapping[Part, Curve]

    def between(self, first: int, last: int) -> Attribution:
        """Return what was made from the close of one session, by its number, to that of another, taken apart."""

        def made(curve: Curve) -> Decimal:
            return curve[last] - curve[first]

        parts = {part: made(curve) - made(self.funded) for part, curve in self.moved.items()}
        parts[Part.OUTSIDE] = made(self.funded) - made(self.backtest)
        return Attribution(made(self.live), made(self.backtest), {part: parts.get(part, ZERO) for part in Part})


@dataclass(frozen=True, slots=True)
class Attribution:
    """A difference, taken apart; all in the account's currency, to the cent, negative where the account made less.

    Attributes
    ----------
    live, backtest
        What each made.
    parts
        What each kind of deviation did by itself.
    """

    live: Decimal
    backtest: Decimal
    parts: Mapping[Part, Decimal]

    @property
    def total(self) -> Decimal:
        """What the account made more than the back-test."""
        return self.live - self.backtest

    @property
    def interaction(self) -> Decimal:
        """What the parts did to each other: the total less their sum."""
        return self.total - sum(self.parts.values(), ZERO)

    @property
    def interaction_share(self) -> Decimal:
        """The interaction, without its sign, as a share of the sum of absolute parts; zero without any."""
        moved = sum((abs(part) for part in self.parts.values()), ZERO)
        return abs(self.interaction) / moved if moved else ZERO

    @property
    def execution(self) -> Decimal:
        """The total without what came from outside: what trading made beyond the back-test's cost model."""
        return self.total - self.parts[Part.OUTSIDE]

    @property
    def lines(self) -> dict[str, Decimal]:
        """Every part by its name, and the interaction: they add up to the total."""
        return {**{part.value: amount for part, amount in self.parts.items()}, "interaction": self.interaction}


@dataclass(frozen=True, slots=True)
class ExecutedDecision:
    """What became of a decision until the next one was executed.

    Attributes
    ----------
    as_of, session
        The session decided on, and the one it was executed in (exchange-local dates).
    until
        The last session that counts for it.
    """

    as_of: date
    session: date
    until: date
    cost: Attribution


@dataclass(frozen=True, slots=True)
class Shortfall:
    """An account beside its back-test.

    Attributes
    ----------
    sessions
        n sessions; the first is the one before the first run, where both begin.
    live, backtest
        Their equity, n values each.
    decisions
        Ascending. Together they are the whole, if there is any.
    """

    account_id: str
    profile: str
    currency: str
    sessions: tuple[date, ...]
    live: Curve
    backtest: Curve
    whole: Attribution
    decisions: tuple[ExecutedDecision, ...]

    @property
    def execution_share(self) -> Decimal:
        """`Attribution.execution` as a share of the equity that both began with."""
        return self.whole.execution / self.live[0]


def taken_apart(curves: Curves, executions: Sequence[Execution]) -> tuple[ExecutedDecision, ...]:
    """Return what each executed decision cost: from the close before it to the close before the next execution.

    The first one counts from the beginning, the last one to the end.

    Parameters
    ----------
    executions
        Ascending by session, at most one a session.
    """
    if not executions:
        return ()
    place = {session: number for number, session in enumerate(curves.sessions)}
    ends = [0, *(place[execution.session] - 1 for execution in executions[1:]), len(curves.sessions) - 1]
    return tuple(
        ExecutedDecision(execution.as_of, execution.session, curves.sessions[last], curves.between(first, last))
        for execution, (first, last) in zip(executions, pairwise(ends), strict=True)
    )
