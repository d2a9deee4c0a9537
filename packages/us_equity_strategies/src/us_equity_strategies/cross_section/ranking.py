"""The candidates of a rule by rank."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from quant_platform_kit.domain.features import FeatureTable, RankedRow
from quant_platform_kit.domain.prices import FloatArray

from us_equity_strategies.cross_section.eligibility import Rows

__all__ = ["Ranking", "largest_first"]

DIGITS = 9
"""Decimals that scores are compared at."""


def largest_first(values: FloatArray) -> Rows:
    """Return positions by falling value, shape (n,); of equal values the earlier position, so the smaller symbol."""
    return np.argsort(-values, kind="stable")


@dataclass(frozen=True)
class Ranking:
    """The candidates of a rule, the best first; of equal scores the smaller symbol.

    Parameters
    ----------
    table
        The snapshot's rows.
    rows
        Row numbers of the candidates, the best first, shape (n,).
    scores
        In that order, shape (n,).
    """

    table: FeatureTable
    rows: Rows
    scores: FloatArray

    @classmethod
    def of(cls, table: FeatureTable, candidates: Rows, scores: FloatArray) -> Ranking:
        """Return the ranking of candidates, which are row numbers in ascending order with their scores."""
        rounded = np.round(scores, DIGITS)
        order = largest_first(rounded)
        return cls(table, candidates[order], rounded[order])

    @cached_property
    def symbols(self) -> list[str]:
        """The candidates' symbols."""
        return [self.table.symbols[row] for row in self.rows.tolist()]

    def column(self, name: str) -> FloatArray:
        """Return a feature of the candidates, shape (n,)."""
        return self.table.columns[name][self.rows]

    def listed(self) -> list[RankedRow]:
        """Return the ranking row by row."""
        named = zip(self.symbols, self.scores.tolist(), strict=True)
        return [RankedRow(rank, symbol, score) for rank, (symbol, score) in enumerate(named, 1)]
