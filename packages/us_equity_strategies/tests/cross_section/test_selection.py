"""Ranks, and what is held by them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from quant_platform_kit.domain.features import FeatureTable, RankedRow
from us_equity_strategies.cross_section.config import SelectionConfig
from us_equity_strategies.cross_section.ranking import Ranking
from us_equity_strategies.cross_section.selection import select


def ranked(*symbols: str, sectors: Iterable[int] = ()) -> Ranking:
    """Return a ranking of symbols in this order, each with a sector."""
    of = dict(zip(symbols, list(sectors) or [45] * len(symbols), strict=True))
    names = sorted(symbols)
    table = FeatureTable(names, {"sector_code": np.array([float(of[name]) for name in names])})
    return Ranking.of(table, np.arange(len(names)), np.array([-float(symbols.index(name)) for name in names]))


def chosen(ranking: Ranking, held: str = "", holdings: int = 2, keep: int = 4, per_sector: int | None = None) -> str:
    config = SelectionConfig(holdings=holdings, keep_rank=keep, min_adv20_usd=0)
    return " ".join(ranking.symbols[place] for place in select(ranking, set(held.split()), config, per_sector))


def test_the_best_rank_first_and_of_equal_scores_the_smaller_symbol() -> None:
    table = FeatureTable(list("ABCDE"), {"sector_code": np.full(5, 45.0)})
    ranking = Ranking.of(table, np.array([0, 1, 2, 4]), np.array([0.5, 0.7, 0.5, 0.7]))
    assert ranking.listed() == [
        RankedRow(1, "B", 0.7),
        RankedRow(2, "E", 0.7),
        RankedRow(3, "A", 0.5),
        RankedRow(4, "C", 0.5),
    ]


def test_scores_that_differ_beyond_nine_decimals_are_equal() -> None:
    table = FeatureTable(list("AB"), {"sector_code": np.full(2, 45.0)})
    assert Ranking.of(table, np.arange(2), np.array([0.1, 0.1 + 4e-10])).symbols == ["A", "B"]
    assert Ranking.of(table, np.arange(2), np.array([0.1, 0.1 + 6e-10])).symbols == ["B", "A"]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ("", "A B"),
        ("B", "B A"),
        ("D", "D A"),
        ("E", "A B"),
        ("D C", "C D"),
        ("D C B", "B C"),
        ("E D", "D A"),
        ("X Y", "A B"),
    ],
)
def test_what_is_held_stays_down_to_the_rank_to_keep_and_the_others_fill_up(held: str, expected: str) -> None:
    assert chosen(ranked(*"ABCDEF"), held) == expected


def test_one_whose_sector_is_full_is_passed_over_whether_it_is_held_or_not() -> None:
    ranking = ranked(*"ABCDEF", sectors=[45, 45, 45, 10, 10, 20])
    assert chosen(ranking, holdings=4, per_sector=1) == "A D F"
    assert chosen(ranking, holdings=4, per_sector=2) == "A B D E"
    assert chosen(ranking, "B C", holdings=3, keep=3, per_sector=1) == "B D F"
    assert chosen(ranking, "B C", holdings=3, keep=3, per_sector=2) == "B C D"


def test_fewer_are_taken_where_there_are_fewer() -> None:
    assert chosen(ranked("A"), holdings=4) == "A"
    assert chosen(ranked(), holdings=4) == ""
