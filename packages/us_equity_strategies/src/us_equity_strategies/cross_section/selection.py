"""From ranks to what is held: what is held already stays a while longer, and no sector takes all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np
from quant_platform_kit.domain.portfolio import PortfolioSnapshot

from us_equity_strategies.cross_section.config import SelectionConfig
from us_equity_strategies.cross_section.eligibility import SECTOR, Rows
from us_equity_strategies.cross_section.ranking import Ranking

__all__ = ["held", "select"]


def held(portfolio: PortfolioSnapshot) -> frozenset[str]:
    """Return the symbols that are held."""
    return frozenset(position.symbol for position in portfolio.positions if position.quantity > 0)


def select(ranking: Ranking, owned: Collection[str], config: SelectionConfig, per_sector: int | None = None) -> Rows:
    """Return what is to be held, as places in the ranking (0 is the best) in the order taken.

    First what is held and ranks ``keep_rank`` or better, then the others, each in order of rank, until ``holdings`` are
    taken. One whose sector has ``per_sector`` already is passed over; None is no limit.
    """
    symbols, sectors = ranking.symbols, ranking.column(SECTOR).tolist()
    kept = [place for place, symbol in enumerate(symbols[: config.keep_rank]) if symbol in owned]
    others = sorted(set(range(len(symbols))).difference(kept))
    taken: list[int] = []
    full: Counter[float] = Counter()
    for place in (*kept, *others):
        if len(taken) == config.holdings:
            break
        if per_sector is None or full[sectors[place]] < per_sector:
            full[sectors[place]] += 1
            taken.append(place)
    return np.array(taken, dtype=np.intp)
