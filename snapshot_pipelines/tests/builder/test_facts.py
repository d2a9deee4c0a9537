"""Facts of accounts are used from the day on which they were published, and refused before it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from quant_platform_kit.domain.errors import InvalidInput
from snapshot_pipelines.build.fundamentals import Fundamentals, read_fundamentals
from snapshot_pipelines.build.rows import Market, columns_of, rows_at
from snapshot_pipelines.build.text_table import TextTable

AS_OF = date(2017, 11, 30)
HEADER = "ticker,published,returnOnEquity,trailingPE,marketCap"


def facts(*lines: str, name: str = "facts.csv", header: str = HEADER) -> Fundamentals:
    """Read a file of some lines."""
    return read_fundamentals(TextTable(Path(name), "\n".join([header, *lines]).encode(), "fundamentals", ("ticker",)))


def test_the_newest_fact_known_by_then_is_taken(market: Market) -> None:
    lines = [
        "AAA,2017-10-31,0.2,11,5e9",
        "AAA,2017-11-30,0.3,,5e9",
        "AAA,2017-12-01,0.4,12,5e9",
        "ZZZ,2018-01-01,1,1,1",
    ]
    known = replace(market, fundamentals=facts(*lines))

    rows = rows_at(known, AS_OF)

    assert [column.name for column in columns_of(known)][-3:] == ["return_on_equity", "trailing_pe", "market_cap_usd"]
    at = {symbol: i for i, symbol in enumerate(rows["symbol"])}
    assert np.asarray(rows["return_on_equity"])[at["AAA"]] == 0.3
    assert np.asarray(rows["market_cap_usd"])[at["AAA"]] == 5e9
    assert math.isnan(float(rows["trailing_pe"][at["AAA"]]))
    assert np.isnan(np.asarray(rows["return_on_equity"])[[at["BBB"], at["SPY"]]]).all()


def test_facts_of_later_are_refused_and_not_left_empty(market: Market) -> None:
    later = replace(market, fundamentals=facts("AAA,2017-10-31,0.2,11,5e9", "CCC,2017-12-01,0.4,12,5e9"))

    with pytest.raises(InvalidInput, match=r"facts of CCC were published 2017-12-01, after 2017-11-30; .* leave"):
        rows_at(later, AS_OF)


def test_facts_of_nobody_in_the_rows_are_refused(market: Market) -> None:
    with pytest.raises(InvalidInput, match="names none of the 7 symbols at 2017-11-30"):
        rows_at(replace(market, fundamentals=facts("ZZZ,2017-10-31,0.2,11,5e9")), AS_OF)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("facts_2017_11_30.csv", date(2017, 11, 30)),
        ("facts-2017-02.csv", date(2017, 2, 28)),
        ("2016_12_facts_of_2017_01.csv", date(2017, 1, 31)),
    ],
)
def test_a_file_may_state_its_day_in_its_name(market: Market, name: str, day: date) -> None:
    table = facts("AAA,0.2", name=name, header="ticker,return_on_equity")

    assert table.known(["AAA"], day) == {"return_on_equity": [0.2]}
    with pytest.raises(InvalidInput, match=f"published {day}"):
        table.known(["AAA"], date.fromordinal(day.toordinal() - 1))


@pytest.mark.parametrize(
    ("header", "lines", "name", "said"),
    [
        (HEADER, ["AAA,,0.2,11,5e9"], "f.csv", "AAA has no day in published"),
        (HEADER, ["AAA,31.10.2017,0.2,11,5e9"], "f.csv", "published is '31.10.2017'; write an ISO date"),
        (HEADER, ["AAA,2017-10-31,0.2,11,5e9"] * 2, "f.csv", "row 2 has AAA of 2017-10-31 again"),
        (HEADER, ["AAA,2017-10-31,inf,11,5e9"], "f.csv", "returnOnEquity is 'inf'; it is a finite number"),
        (HEADER, ["AAA,2017-10-31,high,11,5e9"], "f.csv", "returnOnEquity is 'high'; it is a finite number"),
        (HEADER, ["AAA,2017-10-31,0.2,11,-5"], "f.csv", "row 1: marketCap is -5"),
        (HEADER, [",2017-10-31,0.2,11,5e9"], "f.csv", "row 1 has no ticker"),
        ("ticker,returnOnEquity", ["AAA,0.2"], "f.csv", "says not when its facts were published"),
        ("ticker,returnOnEquity", ["AAA,0.2"], "f_2017_13.csv", "says not when its facts were published"),
        ("ticker,published,sector", ["AAA,2017-10-31,Energy"], "f.csv", r"none of the columns return_on_equity \(or"),
    ],
)
def test_a_file_of_facts_that_cannot_be_read_is_refused(header: str, lines: list[str], name: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        facts(*lines, name=name, header=header)
