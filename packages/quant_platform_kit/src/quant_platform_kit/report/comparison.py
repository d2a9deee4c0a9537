"""Two or more back-tests held against each other, over the sessions that all of them have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce

import numpy as np

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.measures import Measures, measures
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.report import formats
from quant_platform_kit.report.figures import YearOfReturns, years_of_returns
from quant_platform_kit.report.kept_results import KeptDecision, KeptResult
from quant_platform_kit.report.tear_sheet import Figure, figure_rows, fraction

__all__ = ["Comparison", "Difference", "compare", "comparison_rows", "multiple", "year_rows"]

BASE = 100.0
"""What every curve begins with."""
FEWEST, MOST = 2, 8
FEWEST_SESSIONS = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """A session that the results decided otherwise on, and what each decided."""

    as_of: date
    decisions: tuple[KeptDecision, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Results over the sessions that all of them have.

    Attributes
    ----------
    curves
        Equity of each result, `BASE` on the first session, shape (n,).
    measures, years
        Of each curve; ratios are above zero.
    decided
        How many sessions all of them decided on.
    differences
        Those that they decided otherwise on, by action or targets, ascending.
    """

    results: tuple[KeptResult, ...]
    sessions: tuple[date, ...]
    curves: tuple[FloatArray, ...]
    measures: tuple[Measures, ...]
    years: tuple[tuple[YearOfReturns, ...], ...]
    decided: int
    differences: tuple[Difference, ...]

    @property
    def names(self) -> list[str]:
        """The names of the results."""
        return [result.name for result in self.results]


def compare(results: Sequence[KeptResult]) -> Comparison:
    """Hold results against each other.

    Raises
    ------
    InvalidInput
        Less than two of them or more than eight, or they have less than two sessions in common.
    """
    if not FEWEST <= len(results) <= MOST:
        raise InvalidInput(f"{len(results)} results were named; between {FEWEST} and {MOST} can be compared")
    sessions = tuple(sorted(reduce(lambda one, other: one & other, (set(result.sessions) for result in results))))
    if len(sessions) < FEWEST_SESSIONS:
        spans = "; ".join(f"{result.name} has {result.sessions[0]} to {result.sessions[-1]}" for result in results)
        raise InvalidInput(f"the results have {len(sessions)} sessions in common, and two are needed: {spans}")
    curves = tuple(_rebased(result, sessions) for result in results)
    decided = sorted(reduce(lambda one, other: one & other, (set(result.decisions) for result in results)))
    each = [Difference(as_of, tuple(result.decisions[as_of] for result in results)) for as_of in decided]
    return Comparison(
        tuple(results),
        sessions,
        curves,
        tuple(measures(sessions, curve) for curve in curves),
        tuple(years_of_returns(sessions, curve) for curve in curves),
        len(decided),
        tuple(one for one in each if any(other != one.decisions[0] for other in one.decisions)),
    )


def _rebased(result: KeptResult, sessions: tuple[date, ...]) -> FloatArray:
    place = {session: i for i, session in enumerate(result.sessions)}
    values = result.equity[np.array([place[session] for session in sessions])]
    return BASE * values / values[0]


def comparison_rows(found: Comparison) -> list[Figure]:
    """Return the figures of each result over the common sessions, a row for each figure."""
    return [Figure("Final multiple", tuple(map(multiple, found.curves))), *figure_rows(found.measures)]


def year_rows(found: Comparison) -> list[Figure]:
    """Return the returns of each result, a row for each calendar year."""
    years = zip(*found.years, strict=True)
    return [Figure(str(same[0].year), tuple(fraction(one.total) for one in same)) for same in years]


def multiple(curve: FloatArray) -> str:
    """Return what became of 1, as text."""
    return formats.multiple(float(curve[-1] / curve[0]))
