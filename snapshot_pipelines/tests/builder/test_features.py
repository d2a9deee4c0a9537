"""Features against the same formulas in plain lists, and what a missing bar does to each."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray
from snapshot_pipelines.build.feature import Feature, feature
from snapshot_pipelines.build.features import FEATURES, adv20_usd, beta_252, corr_252, maxdd_126
from snapshot_pipelines.build.grid import Window
from snapshot_pipelines.build.rows import Market, rows_at

AS_OF = date(2017, 11, 30)
BARS = {
    "adv20_usd": 20,
    "dvol63_usd": 63,
    "mom_6_1": 148,
    "mom_12_1": 274,
    "sma20_gap": 20,
    "sma50_gap": 50,
    "sma200_gap": 200,
    "vol_20": 21,
    "vol_63": 64,
    "vol_126": 127,
    "beta_252": 253,
    "corr_252": 253,
    "high_63_gap": 63,
    "high_252_gap": 252,
    "maxdd_126": 126,
}
"""How many sessions each feature asks for, but 13612W, which asks for five of them."""
MONTH_ENDS = [date(2016, 11, 30), date(2017, 5, 31), date(2017, 8, 31), date(2017, 10, 31), AS_OF]
"""The closes of 13612W at `AS_OF`."""

Dig = Callable[[Market, str, date], Market]


def known(market: Market, symbol: str) -> set[str]:
    """Return the features of a symbol that are known at `AS_OF`."""
    rows = rows_at(market, AS_OF)
    at = list(rows["symbol"]).index(symbol)
    return {one.name for one in FEATURES if not math.isnan(float(rows[one.name][at]))}


def plainly(market: Market, symbol: str) -> Iterator[tuple[str, float]]:
    """Yield the features of a symbol at `AS_OF` by their formulas in plain lists."""
    table = market.grid.table
    stop = table.sessions.index(AS_OF) + 1
    c, p, v, spy = (
        table.fields[field][:stop, table.column[name]].tolist()[::-1]
        for field, name in (("close", symbol), ("unadjusted", symbol), ("volume", symbol), ("close", "SPY"))
    )
    r = [now / before - 1 for now, before in pairwise(c)]
    m = [now / before - 1 for now, before in pairwise(spy)][:252]
    back = {session: c[stop - 1 - table.sessions.index(session)] for session in MONTH_ENDS}
    year, half, quarter, month, now = (back[session] for session in MONTH_ENDS)
    yield "adv20_usd", statistics.fmean(a * b for a, b in zip(p[:20], v[:20], strict=True))
    yield "dvol63_usd", statistics.median(a * b for a, b in zip(p[:63], v[:63], strict=True))
    yield "mom_13612w", (12 * (now / month - 1) + 4 * (now / quarter - 1) + 2 * (now / half - 1) + now / year - 1) / 19
    yield "mom_6_1", c[21] / c[147] - 1
    yield "mom_12_1", c[21] / c[273] - 1
    for n in (20, 50, 200):
        yield f"sma{n}_gap", c[0] / statistics.fmean(c[:n]) - 1
    for n in (20, 63, 126):
        yield f"vol_{n}", statistics.stdev(r[:n]) * math.sqrt(252)
    yield "beta_252", statistics.covariance(r[:252], m) / statistics.variance(m)
    yield "corr_252", statistics.correlation(r[:252], m)
    for n in (63, 252):
        yield f"high_{n}_gap", c[0] / max(c[:n]) - 1
    yield "maxdd_126", min(c[at] / max(c[at:126]) for at in range(126)) - 1


@pytest.mark.parametrize("symbol", ["AAA", "FOXA", "SPY"])
def test_every_feature_is_what_its_formula_says(market: Market, symbol: str) -> None:
    rows = rows_at(market, AS_OF)
    at = list(rows["symbol"]).index(symbol)

    expected = dict(plainly(market, symbol))

    assert list(expected) == [one.name for one in FEATURES]
    for name, value in expected.items():
        assert float(rows[name][at]) == pytest.approx(value, rel=1e-11, abs=1e-13), name


@pytest.mark.parametrize(
    "back", [0, 1, 19, 20, 21, 49, 50, 62, 63, 64, 125, 126, 127, 147, 148, 199, 200, 251, 252, 253, 273, 274]
)
def test_one_hole_makes_exactly_the_features_unknown_whose_sessions_it_lies_in(
    market: Market, with_hole: Dig, back: int
) -> None:
    sessions = market.grid.table.sessions
    day = sessions[sessions.index(AS_OF) - back]

    holed = with_hole(market, "AAA", day)

    unknown = {name for name, bars in BARS.items() if back < bars} | ({"mom_13612w"} if day in MONTH_ENDS else set())
    assert known(holed, "AAA") == {one.name for one in FEATURES} - unknown
    assert known(holed, "HHH") == {one.name for one in FEATURES}
    assert int(np.asarray(rows_at(holed, AS_OF)["history"])[0]) == back


@pytest.mark.parametrize("day", MONTH_ENDS)
def test_13612w_counts_its_five_closes_alone(market: Market, with_hole: Dig, day: date) -> None:
    sessions = market.grid.table.sessions
    beside = sessions[sessions.index(day) - 1]

    assert "mom_13612w" not in known(with_hole(market, "AAA", day), "AAA")
    assert "mom_13612w" in known(with_hole(market, "AAA", beside), "AAA")


def test_a_hole_in_the_market_takes_beta_and_correlation_of_everyone(market: Market, with_hole: Dig) -> None:
    sessions = market.grid.table.sessions
    holed = with_hole(market, "SPY", sessions[sessions.index(AS_OF) - 252])

    assert known(holed, "AAA") == {one.name for one in FEATURES} - {"beta_252", "corr_252"}
    assert known(with_hole(market, "SPY", sessions[sessions.index(AS_OF) - 253]), "AAA") >= {"beta_252", "corr_252"}


def test_a_volume_that_is_missing_takes_dollars_alone(market: Market, with_bars: Callable[..., Market]) -> None:
    volume = market.grid.table.fields["volume"].copy()
    volume[market.grid.table.sessions.index(AS_OF) - 19, market.grid.table.column["AAA"]] = np.nan

    changed = with_bars(market, volume=volume)

    assert known(changed, "AAA") == {one.name for one in FEATURES} - {"adv20_usd", "dvol63_usd"}


def test_a_symbol_that_did_not_move_has_no_correlation_and_no_beta_against_it(
    market: Market, with_bars: Callable[..., Market]
) -> None:
    close = market.grid.table.fields["close"].copy()
    close[:, market.grid.table.column["AAA"]] = 50.0
    still = with_bars(market, close=close).grid.until(AS_OF)
    at = still.column("AAA")

    assert beta_252(still)[at] == 0
    assert math.isnan(corr_252(still)[at])
    assert maxdd_126(still)[at] == 0


@pytest.mark.parametrize("sessions", [1, 20, 100])
def test_what_there_were_no_sessions_for_is_unknown(market: Market, sessions: int) -> None:
    window = market.grid.until(market.grid.table.sessions[sessions - 1])

    told = {one.name for one in FEATURES if not np.isnan(one(window)).any()}

    assert told == {name for name, bars in BARS.items() if bars <= sessions}


def test_every_feature_says_its_formula_and_when_it_is_unknown() -> None:
    for one in FEATURES:
        assert "NaN" in one.text, one.name
        assert one.bars == BARS.get(one.name, 0), one.name
        assert str(one.bars) in one.text or one.name in ("mom_13612w", "maxdd_126"), one.name


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        (lambda w: w.closes(3)[0] / 0, "infinite"),
        (lambda w: w.closes(3), "shape"),
        (lambda w: 1 / 0, "ZeroDivisionError"),
        (lambda w: ["high"] * len(w.symbols), "ValueError"),
    ],
)
def test_a_feature_that_returns_no_number_per_symbol_is_refused(
    market: Market, formula: Callable[[Window], Sequence[object]], said: str
) -> None:
    formula.__name__ = "odd"

    with pytest.raises(InvalidInput, match=rf"^feature odd .*{said}"):
        Feature(formula, 3)(market.grid.until(AS_OF))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("sessions", [1, 5, 252, 300, 480])
def test_a_window_gives_as_many_sessions_as_are_asked_for_and_nobody_may_change_them(
    market: Market, sessions: int
) -> None:
    window = market.grid.until(AS_OF)
    known = market.grid.table.sessions.index(AS_OF)

    closes, returns = window.closes(sessions + 1), window.returns(sessions)

    np.testing.assert_array_equal(returns, closes[1:] / closes[:-1] - 1)
    assert returns.shape == window.dollar_volume(sessions).shape == (sessions, len(window.symbols))
    assert np.isnan(returns).sum(axis=0).max() == max(0, sessions - known)
    assert not returns.flags.writeable
    assert not window.history.flags.writeable


def test_a_feature_is_called_what_its_function_is_called(market: Market) -> None:
    @feature(bars=20)
    def mine(w: Window) -> np.ndarray:
        """Say something."""
        return w.dollar_volume(20).mean(axis=0)

    assert (mine.name, mine.text) == ("mine", "Say something.")
    assert np.array_equal(mine(market.grid.until(AS_OF)), adv20_usd(market.grid.until(AS_OF)))


def test_a_feature_that_reads_more_sessions_than_it_says_is_refused(market: Market) -> None:
    @feature(bars=20)
    def greedy(w: Window) -> FloatArray:
        return w.closes(300)[0]

    with pytest.raises(InvalidInput, match="feature greedy: it reads 300 sessions and says bars=20"):
        greedy(market.grid.until(AS_OF))
