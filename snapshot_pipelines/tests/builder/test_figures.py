"""The rows of two real sessions against figures that other implementations of the same formulas found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from snapshot_pipelines.build.features import FEATURES
from snapshot_pipelines.build.membership import Membership, Stay
from snapshot_pipelines.build.rows import Market, Values, rows_at

JUNE, NOVEMBER = date(2015, 6, 30), date(2018, 11, 30)
COUNTS = {JUNE: (329, 323, 2), NOVEMBER: (363, 356, 2)}
"""Rows, members, secondary lines."""

GOLDEN = {
    JUNE: """
symbol        AAPL            GOOGL           GOOG            JPM             SPY
is_stock      1               1               1               1               0
member        1               1               1               1               0
primary       1               1               0               1               1
sector_code   45              50              50              40              0
history       878             878             878             878             878
adv20_usd     5180413612.3864 880789228.9938  810903231.3898  1063520601.5891 24642111349.3190
dvol63_usd    5220177231.7505 886122073.0591  840120570.1782  919552714.3845  19430686650.0000
mom_13612w    0.014045284     -0.013836094    -0.029552395    0.066673937     -0.007442080
mom_6_1       0.105905049     0.002702137     -0.009093708    0.109497387     0.029124061
mom_12_1      0.468902467     -0.039254791    -0.043640756    0.221330625     0.119550160
sma20_gap     -0.016716665    -0.019390153    -0.022606362    -0.004408364    -0.016962891
sma50_gap     -0.022071713    -0.019354726    -0.029037325    0.024177111     -0.018997458
sma200_gap    0.068979897     -0.015650675    -0.033952145    0.109352368     0.011442877
vol_20        0.117872332     0.147796068     0.134185320     0.169155211     0.116385941
vol_63        0.180379049     0.174105005     0.171674676     0.143720346     0.100878876
vol_126       0.233230524     0.200780496     0.197908225     0.196291913     0.121122748
beta_252      1.084274063     1.022447959     0.989492157     1.230705848     1.000000000
corr_252      0.597186990     0.621089128     0.613457378     0.781260141     1.000000000
high_63_gap   -0.053642913    -0.058606137    -0.076312131    -0.028531565    -0.031141537
high_252_gap  -0.053642913    -0.107961750    -0.124380739    -0.028531565    -0.031141537
maxdd_126     -0.080903893    -0.083741814    -0.092800635    -0.133335948    -0.041329142
""",
    NOVEMBER: """
symbol        AAPL            GOOGL           JPM             TWTR            SPY
is_stock      1               1               1               1               0
member        1               1               1               1               0
primary       1               1               1               1               1
sector_code   45              50              40              50              0
history       1741            1741            1741            1276            1741
adv20_usd     8589447119.7942 1990742675.8173 1481227517.1471 617627518.6741  26156199572.1570
dvol63_usd    7305255756.0120 2149326569.7510 1567440823.7885 596228882.3318  26709925599.6468
mom_13612w    -0.160311375    -0.005176885    0.017891352     -0.064358409    0.007899612
mom_6_1       0.246391777     0.062632665     0.029280863     0.133029016     0.039813905
mom_12_1      0.314298364     0.055699600     0.108415832     0.685256963     0.071635201
sma20_gap     -0.057841404    0.041751284     0.014095924     -0.042472197    0.012888629
sma50_gap     -0.141543477    0.002711088     0.010572926     0.019085599     -0.005220333
sma200_gap    -0.075924960    -0.017844512    0.006301667     -0.075296427    0.004547588
vol_20        0.444796879     0.309943839     0.219938140     0.430402487     0.189319462
vol_63        0.346700784     0.311379762     0.205691167     0.542900013     0.174381487
vol_126       0.281355573     0.259724650     0.189234598     0.566382436     0.135164584
beta_252      1.224370076     1.429600522     1.037866723     1.262210991     1.000000000
corr_252      0.695846462     0.807168051     0.740411959     0.339160015     1.000000000
high_63_gap   -0.227805402    -0.084092018    -0.056151836    -0.101171785    -0.056823060
high_252_gap  -0.227805402    -0.136795002    -0.056151836    -0.327416555    -0.056823060
maxdd_126     -0.255004127    -0.200762315    -0.123212101    -0.427074382    -0.099251567
""",
}

CLOSES = {one.name for one in FEATURES} - {"adv20_usd", "dvol63_usd"}
"""Features of adjusted closes."""


def differing(rows: Values, as_of: date) -> set[str]:
    """Return the columns that differ from the golden ones, and ``counts`` if these do.

    Figures are printed with nine decimals, dollars with four: what was rounded away is no difference.
    """
    symbols = list(rows["symbol"])
    member, primary = np.asarray(rows["member"]), np.asarray(rows["primary"])
    found = {"counts"} if (len(symbols), member.sum(), (primary == 0).sum()) != COUNTS[as_of] else set[str]()
    header, *lines = (line.split() for line in GOLDEN[as_of].strip().splitlines())
    for name, *cells in lines:
        for symbol, cell in zip(header[1:], cells, strict=True):
            value, decimals = float(rows[name][symbols.index(symbol)]), len(cell.partition(".")[2])
            bound = 0.5 * 10.0**-decimals + 1e-12 * abs(float(cell)) if decimals else 0
            if not abs(value - float(cell)) <= bound:
                found.add(name)
    return found


@pytest.mark.parametrize("as_of", GOLDEN)
def test_features_labels_and_counts_are_those_of_other_implementations(real_market: Market, as_of: date) -> None:
    assert differing(rows_at(real_market, as_of), as_of) == set()


@pytest.mark.parametrize("as_of", GOLDEN)
def test_features_on_close_instead_of_adj_close_are_noticed(
    real_market: Market, with_bars: Callable[..., Market], as_of: date
) -> None:
    mistaken = with_bars(real_market, close=real_market.grid.table.fields["unadjusted"])

    assert differing(rows_at(mistaken, as_of), as_of) == CLOSES


@pytest.mark.parametrize("as_of", GOLDEN)
def test_closes_one_session_ahead_are_noticed(
    real_market: Market, with_bars: Callable[..., Market], as_of: date
) -> None:
    ahead = np.roll(real_market.grid.table.fields["close"], -1, axis=0)

    found = differing(rows_at(with_bars(real_market, close=ahead), as_of), as_of)

    assert CLOSES - found <= {"maxdd_126"}  # a fall within the window may stay the deepest


@pytest.mark.parametrize("as_of", GOLDEN)
def test_a_deviation_with_ddof_0_is_noticed_where_it_is_taken(real_market: Market, as_of: date) -> None:
    rows = dict(rows_at(real_market, as_of))
    for sessions in (20, 63, 126):
        rows[f"vol_{sessions}"] = np.asarray(rows[f"vol_{sessions}"]) * np.sqrt((sessions - 1) / sessions)

    assert differing(rows, as_of) == {"vol_20", "vol_63", "vol_126"}


@pytest.mark.parametrize("as_of", GOLDEN)
@pytest.mark.parametrize("known_on", [date(2020, 12, 11), None], ids=["members of today", "membership ignored"])
def test_other_members_than_those_of_the_session_are_noticed(
    real_market: Market, as_of: date, known_on: date | None
) -> None:
    assert real_market.membership
    always = Stay(date(1990, 1, 2), None)
    today = Membership({s: (always,) for s in sorted(real_market.membership.members(known_on))}) if known_on else None

    assert "counts" in differing(rows_at(replace(real_market, membership=today), as_of), as_of)
