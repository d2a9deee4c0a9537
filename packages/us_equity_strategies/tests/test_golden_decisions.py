"""What every profile decides on real prices, on the days that tell its rules apart.

Each case was worked out by hand from the closes; its name says why the answer is what it is. The digest then pins the
decision to the last digit: a change of it is a change of behaviour and has to be explained before it is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

import pytest
from quant_platform_kit.domain.cycle import Decided
from quant_platform_kit.domain.strategy import TargetMode

REBALANCE, HOLD, BLOCKED = "REBALANCE", "HOLD", "BLOCKED"


class Case(NamedTuple):
    """One decision.

    ``expected`` holds the non-zero targets as shares of the base, and for the buy-only profile the amounts to buy.
    ``units`` and ``cash`` are the account; holdings are valued at the next session's closes.
    """

    as_of: str
    action: str
    expected: Mapping[str, float]
    digest: str
    units: Mapping[str, float] = {}
    cash: float = 100_000
    config: Mapping[str, Any] = {}


def case(why: str, *values: Any, **named: Any) -> Any:
    """Return a case under the sentence that explains it."""
    return pytest.param(Case(*values, **named), id=f"{values[0]} {why}")


def readable(decided: Decided) -> dict[str, float]:
    """Return the non-zero targets of a decision in the terms of `Case.expected`."""
    intent, portfolio = decided.decision.intent, decided.portfolio
    if intent is None or portfolio is None:
        return {}
    if intent.target_mode is TargetMode.WEIGHT:
        return {symbol: float(weight) for symbol, weight in intent.targets.items() if weight}
    if intent.buy_only:
        return {symbol: round(float(v - portfolio.value(symbol)), 2) for symbol, v in intent.targets.items()}
    return {symbol: float(value / portfolio.base) for symbol, value in intent.targets.items() if value}


def check(desk: Any, profile: str, case: Case) -> None:
    decided = desk.decide(profile, date.fromisoformat(case.as_of), case.units, case.cash, case.config)
    assert decided.decision.action.value == case.action, decided.decision.reasons
    assert readable(decided) == pytest.approx(case.expected, abs=5e-5)
    assert decided.digest == case.digest


Desks = Callable[[str], Any]

ROTATION = [
    case(
        "eleven month ends lie before the last session of 2005, twelve are needed",
        "2005-12-30",
        BLOCKED,
        {},
        "a12590ebbc76a7e1502483fd19aaeb84965fbe74793a3a202c966eb1e646daf9",
    ),
    case(
        "VNQ 0.0979 and GLD 0.0940 lead; HYG is not listed yet and DBC eight weeks old, which only rules them out",
        "2006-03-31",
        REBALANCE,
        {"VNQ": 0.5, "GLD": 0.5},
        "99d41ed08277056be2cac36ec845258bc0506c04e97caa7c0aeaa4d62b2a1435",
    ),
    case(
        "SPY, EFA and EEM are negative, AGG at 0.0014 is not, so no emergency: DBC 0.2044 and XLE 0.0899",
        "2008-06-30",
        REBALANCE,
        {"DBC": 0.5, "XLE": 0.5},
        "cd28f8bcae1f7e6e4b0a589b3d50a505b4280b11b4609733e9b5ddb6cd98675a",
    ),
    case(
        "a quarter end with four eligible funds, but all canaries are negative and the emergency comes first",
        "2008-09-30",
        REBALANCE,
        {"BIL": 1.0},
        "cafec570d5fc4971279c248b0515af64461caf43c7b5a8df45843e88736edd63",
    ),
    case(
        "an emergency in the middle of a month, AGG at -0.1026 being the best canary",
        "2008-10-10",
        REBALANCE,
        {"BIL": 1.0},
        "6ef697467c30df82e6ae043e572b5fd29de085528d07aee295b6ff07e7d566ca",
    ),
    case(
        "IEF alone is above its mean: the second slot goes to BIL",
        "2015-09-30",
        REBALANCE,
        {"IEF": 0.5, "BIL": 0.5},
        "622aa5ac50ee66dec9172d17e4782ec3da133f889874bcfb67bea6f7399d28a6",
    ),
    case(
        "GLD 0.0483 and TLT 0.0473 lead IEF 0.0296",
        "2018-12-31",
        REBALANCE,
        {"GLD": 0.5, "TLT": 0.5},
        "62199b3651a35ce9873e7b12658ddaca90bdda5e21fe328c57ea8ebb83869464",
    ),
    case(
        "the same day with IEF held: 0.02 lifts it to 0.0496, before GLD, and TLT drops out",
        "2018-12-31",
        REBALANCE,
        {"GLD": 0.5, "IEF": 0.5},
        "a00088c1e7c0b460c7985b6c326f4893c7269d95690a4e1e545a6618b490f139",
        units={"IEF": 10},
    ),
    case(
        "QQQ 0.1389 + 0.02 because it is held beats SMH 0.1467 and XLK 0.1424",
        "2020-06-30",
        REBALANCE,
        {"QQQ": 0.5, "SMH": 0.5},
        "7c9f35390f3f3a6116b91c28bdd2aac3afd53a9dc570e74922baaf5e14819184",
        units={"QQQ": 1},
    ),
    case(
        "a month end that ends no quarter, SPY at 0.0255 keeping the emergency away",
        "2022-10-31",
        HOLD,
        {},
        "386874f1ef70ddff2a36a39b5fbda66ab3ed8de7429aecb9df97b91c03e87f62",
    ),
    case(
        "the prices end here, but the calendar's next session lies in 2024: a quarter end",
        "2023-12-29",
        REBALANCE,
        {"SMH": 0.5, "IWM": 0.5},
        "31988c8d52fef7205bcaabb0f2828e45bc836915d6986202602e267d48da907f",
    ),
]

TQQQ = [
    case(
        "QQQ has 190 sessions, its mean needs 200",
        "2005-10-03",
        BLOCKED,
        {},
        "96fe295754e1cd45b03f0ab5313f9776a6e1f9d27056908d30f007b9d991ca2f",
    ),
    case(
        "QQQ at 1.010005 of its mean is above the band by half a thousandth of a percent: on",
        "2018-10-23",
        REBALANCE,
        {"TQQQ": 0.45, "QQQ": 0.45, "BIL": 0.10},
        "568285d12fbb6901f0d6e798c01c4035ed68e7184c0c287bf4eaa28291f4494d",
    ),
    case(
        "QQQ at 0.990034 of its mean lies just inside the band; no TQQQ is held, so off",
        "2015-09-18",
        REBALANCE,
        {"BIL": 1.0},
        "834673ab2f480c71ff473d14dc53492e2e99184e38249e0ba377a535ad3f3d8d",
        units={"QQQ": 500},
    ),
    case(
        "the same day with one unit of TQQQ held: on",
        "2015-09-18",
        REBALANCE,
        {"TQQQ": 0.45, "QQQ": 0.45, "BIL": 0.10},
        "72a219f1a27169bca3adda283534427e840c395e942ceefd0ea02ff8eab3c6ab",
        units={"TQQQ": 1},
    ),
    case(
        "QQQ at 0.9739 of its mean is below the band: off, although TQQQ is held",
        "2020-03-09",
        REBALANCE,
        {"BIL": 1.0},
        "8b6953632d26f57c779bb23a22fd1ef333a124e70c22321f49a5ffb9a25ff08f",
        units={"TQQQ": 5_000, "QQQ": 220, "BIL": 120},
        cash=5_000,
    ),
    case(
        "on with 42,000 in TQQQ of 100,000: every weight within 5 points of its target",
        "2021-06-30",
        HOLD,
        {},
        "189cb00daaf9845af7a31ef6fb3e8eb435f84aabdf2b4a78bc3e59d2adfb8bea",
        units={"TQQQ": 1_440, "QQQ": 130, "BIL": 130},
        cash=3_000,
    ),
    case(
        "the same with TQQQ at 52 percent: 7 points too much",
        "2021-06-30",
        REBALANCE,
        {"TQQQ": 0.45, "QQQ": 0.45, "BIL": 0.10},
        "b876642f17e8ffad005600cb9cbebcd87843ba66e6314dcd8ee70d1af989787a",
        units={"TQQQ": 2_100, "QQQ": 130, "BIL": 130},
        cash=1_200,
    ),
    case(
        "above 150,000 the sleeve takes 20 percent in three parts and the rest is scaled by 0.8",
        "2021-06-30",
        REBALANCE,
        {"TQQQ": 0.36, "QQQ": 0.36, "BIL": 0.08, "XLP": 0.2 / 3, "XLU": 0.2 / 3, "LQD": 0.2 / 3},
        "a541ed892b65db324db7310c614a17c115a58fd3297f1693a7bc39dc1da536a2",
        cash=200_000,
    ),
    case(
        "the sleeve is there in the off regime too",
        "2022-06-30",
        REBALANCE,
        {"BIL": 0.8, "XLP": 0.2 / 3, "XLU": 0.2 / 3, "LQD": 0.2 / 3},
        "a7153b00eb43e9094015141fca8d69d1c4cfab891b86ecc7b989fafcf8f61c55",
        cash=200_000,
    ),
    case(
        "139,155 with XLP held keeps the sleeve",
        "2021-06-30",
        REBALANCE,
        {"TQQQ": 0.36, "QQQ": 0.36, "BIL": 0.08, "XLP": 0.2 / 3, "XLU": 0.2 / 3, "LQD": 0.2 / 3},
        "bdd22bb4c0a07938fa3f4637cba93c33dfbd0cfe6d0851c9203af533d10fada2",
        units={"XLP": 100},
        cash=133_000,
    ),
    case(
        "134,155 with XLP held ends the sleeve",
        "2021-06-30",
        REBALANCE,
        {"TQQQ": 0.45, "QQQ": 0.45, "BIL": 0.10},
        "7a38367f554215a990e41b43d778e4a6b5e79b1b86189c18577fff9a22aa0fb0",
        units={"XLP": 100},
        cash=128_000,
    ),
    case(
        "140,000 without a sleeve symbol does not open it",
        "2021-06-30",
        REBALANCE,
        {"TQQQ": 0.45, "QQQ": 0.45, "BIL": 0.10},
        "6970a085dea01ec2271ddbfa835a80f928a992e9e55dc4e57535b1b0b72cf9f5",
        cash=140_000,
    ),
]

SOXL = [
    case(
        "SOXX has 139 sessions, its mean needs 140",
        "2005-07-21",
        BLOCKED,
        {},
        "8f766868af94f2933f50aa64e84663c0bfc158801b309bcc8cf7d37a59ca42d5",
    ),
    case(
        "volatility 6.6 percent would allow 226 percent SOXL: capped at 70",
        "2014-06-18",
        REBALANCE,
        {"SOXL": 0.70, "SOXX": 0.25},
        "b9bd9d638eb1e62e950e688072a8dd50c367fe5b2c1bb7ec836fd4c36b5842f3",
    ),
    case(
        "up with volatility 49.1 percent: SOXL 0.45 / (3 x 0.491)",
        "2020-05-18",
        REBALANCE,
        {"SOXL": 0.30548, "SOXX": 0.64452},
        "e097dbd1e558f4773ea3737ae182f4c47d113ab97782a3940f274bcf3039f94f",
    ),
    case(
        "down at 0.9368 of the mean in the highest volatility since 2010, 118.7 percent",
        "2020-04-06",
        REBALANCE,
        {"BIL": 1.0},
        "91d4829a116232cfbe9875e72e0618d0477666742378e9da94b36b428992007b",
        units={"SOXX": 100},
    ),
    case(
        "SOXX at 0.9911 of its mean lies inside the band; nothing is held, so down",
        "2022-11-10",
        REBALANCE,
        {"BIL": 1.0},
        "14128552b515a265dde44c5ab6dc5eebcf52bb69eb7b71e443d5290ce98c43c9",
    ),
    case(
        "the same day with SOXX alone held: up, SOXL 0.45 / (3 x 0.5299)",
        "2022-11-10",
        REBALANCE,
        {"SOXL": 0.28309, "SOXX": 0.66691},
        "22ecd59cc10802b867346f5dfabfe911ec2f02465956250987b02413e1facdfe",
        units={"SOXX": 100},
    ),
    case(
        "the same day with SOXL alone held: up as well",
        "2022-11-10",
        REBALANCE,
        {"SOXL": 0.28309, "SOXX": 0.66691},
        "0b22d645b4d83fe129f1d4579b33d96a9b95ed5db4364f98bb6255f19dea8e1f",
        units={"SOXL": 1},
    ),
    case(
        "SOXL at 27.8 and SOXX at 66.2 percent of 102,000 are within drift of 28.3 and 66.7",
        "2022-11-10",
        HOLD,
        {},
        "5b01fe8a5f657e4c735d99a27e2500f18692bd0a4839b392b15e06b11d999d50",
        units={"SOXL": 2_200, "SOXX": 550},
        cash=6_100,
    ),
]

MOMENTUM = [
    case(
        "BIL is eleven months old: its 12-month return is unknown",
        "2008-04-30",
        BLOCKED,
        {},
        "c9e48271d1c26bcfa87c43a13210493f5534fb50e4ec2684a034a20b2eb80a0a",
    ),
    case(
        "SPY -13.2 percent against T-bills 3.1: bonds",
        "2008-06-30",
        REBALANCE,
        {"AGG": 1.0},
        "891440feaf9cf6e30b43d45288cb483c23c1bcfd90a248249f62d2bd9e6fbd82",
    ),
    case(
        "EFA 0.45 percent beats T-bills, but SPY -6.6 is what is asked: bonds",
        "2009-09-30",
        REBALANCE,
        {"AGG": 1.0},
        "304d28990a9f2279b8da373530b9e5ea62ef240c21b4bed99b6e413e907a8d3c",
    ),
    case(
        "SPY 9.7 beats T-bills and EFA 23.7 beats SPY",
        "2009-10-30",
        REBALANCE,
        {"EFA": 1.0},
        "bb61293ef2bf5bae6b9eb39ffb854263f6467f2ebfbe5e0eabec74fadac482c9",
    ),
    case(
        "SPY 27.09 beats EFA 26.82",
        "2013-10-31",
        REBALANCE,
        {"SPY": 1.0},
        "d38046dca575ce63bcc1a03f5d33d5a9c5ebf620307c55b90fffb11839be20a1",
    ),
    case(
        "the day before the last session of the month",
        "2018-03-28",
        HOLD,
        {},
        "696bf78e443e5441648fe43c21e0d00e7ff8521b95e4ce0295af5d0c48b685ad",
    ),
    case(
        "Good Friday ends the month on a Thursday: EFA 14.9 beats SPY 13.8",
        "2018-03-29",
        REBALANCE,
        {"EFA": 1.0},
        "e6b4f9282eab27814bd9f4041dbc2f1f8d32674c5198e6a09a7136b40ccf366c",
    ),
    case(
        "SPY 0.03 percent beats T-bills at -0.06",
        "2022-04-29",
        REBALANCE,
        {"SPY": 1.0},
        "a28a7781841a537618265e109d42926707f6a6998e5edac1213bc7761509876a",
    ),
    case(
        "SPY 2.66 percent loses to T-bills at 2.81",
        "2023-04-28",
        REBALANCE,
        {"AGG": 1.0},
        "134d0a517d6ed08cac3f19adf01caa688cca6a38eeffeb1cfd264840424f17f9",
    ),
]

TACTICAL = [
    case(
        "BIL is not listed yet",
        "2007-04-30",
        BLOCKED,
        {},
        "4c4ad8124ee070400bf81b37dfdff33c2f8ead1320c90e2661029503080d941a",
    ),
    case(
        "all five are above their means in BIL's first month, and none of it is bought",
        "2007-05-31",
        REBALANCE,
        {"SPY": 0.2, "EFA": 0.2, "IEF": 0.2, "DBC": 0.2, "VNQ": 0.2},
        "5e1ad98a2a062a0e8478b2a566ed6e6f1fba2d00b3690916e46c5e2725ba7aa9",
    ),
    case(
        "IEF alone is above its mean",
        "2008-11-28",
        REBALANCE,
        {"IEF": 0.2, "BIL": 0.8},
        "fe0e5b5282347e6a1aec1f757d7b7124d5dea883385e58ff572ed191171fcc59",
    ),
    case(
        "SPY and EFA turn up, DBC and VNQ do not, IEF fell below",
        "2009-06-30",
        REBALANCE,
        {"SPY": 0.2, "EFA": 0.2, "BIL": 0.6},
        "28895cba18bbe28092a1f539f0697e1a42d3c054fc55e0e8f5a4cdc61bf9ff32",
    ),
    case(
        "IEF, the best of the five, is five thousandths of a percent below its mean: everything in BIL",
        "2015-08-31",
        REBALANCE,
        {"BIL": 1.0},
        "bc6331de4f76cf6093fdabc41ca0a8fb9067a2388b1bea08a66682299f3c2b73",
    ),
    case(
        "EFA is 0.05 percent below its mean, the other four above",
        "2016-04-29",
        REBALANCE,
        {"SPY": 0.2, "IEF": 0.2, "DBC": 0.2, "VNQ": 0.2, "BIL": 0.2},
        "9331cdd808f3b09365d6ae9d85ccd80fc3eeb6e3129e46fa9948bb8445c0162d",
    ),
    case(
        "the first session of a month",
        "2016-05-02",
        HOLD,
        {},
        "5c898ce7c0b7368ed538d1ed05accf5b438a456b5ff783eea5ae043fb8c93795",
    ),
]

DCA = [
    case(
        "a month start with 232 sessions, 252 are needed",
        "2005-12-01",
        BLOCKED,
        {},
        "05c16da6352abdd84e21cc12337916351cd4a6aff0177fe7f2da3e2d3a929dc3",
    ),
    case(
        "both near their highs and means: 1 and 1",
        "2006-01-03",
        REBALANCE,
        {"QQQ": 500, "SPY": 500},
        "bfe43fcbd0ba6afa40ddb82764d135a494ae94b8330fae24fa447c0d55bb49ce",
    ),
    case(
        "QQQ at 0.83 and SPY at 0.86 of their highs: 1.5 and 1.5",
        "2019-01-02",
        REBALANCE,
        {"QQQ": 750, "SPY": 750},
        "b4eb7c0a9fccf62a0b089e14009513b896765c01fa517e28bce624e4edc55292",
    ),
    case(
        "QQQ at 0.887, SPY at 0.902 of its high: 1.5 and 1",
        "2015-09-01",
        REBALANCE,
        {"QQQ": 750, "SPY": 500},
        "dd9ba4be6216683e61b2992fe6194dfd936562458cf6a190653423b8c95df15d",
        units={"QQQ": 10, "SPY": 5},
    ),
    case(
        "QQQ at 1.321, SPY at 1.1511 of their means: 0.5 and 0.5",
        "2020-09-01",
        REBALANCE,
        {"QQQ": 250, "SPY": 250},
        "d29336504aef12cbce361474f1d5ec592a60f6d1cb5793a682fe6f99b02189f1",
    ),
    case(
        "QQQ at 1.119, SPY at 1.1515 of their means: 1 and 0.5, of 5,000",
        "2021-05-03",
        REBALANCE,
        {"QQQ": 2_500, "SPY": 1_250},
        "126ece79d3a8e72f5fe164b8231bf044f50a2b37f09bbc6463e6180fd967b783",
        config={"monthly_amount": 5_000},
    ),
    case(
        "without any cash it asks for the contribution all the same",
        "2020-04-01",
        REBALANCE,
        {"QQQ": 750, "SPY": 750},
        "f80fadaa032fc081cd618a4e4e759627748e2d0475774f4e3ced4b5e43bb3685",
        units={"SPY": 3},
        cash=0,
    ),
    case(
        "the second session of a month",
        "2020-04-02",
        HOLD,
        {},
        "f5b14654fdef978c23bf7321f3f8145a35be54f7dfb2a0e15c1bf63b1681b7d7",
    ),
]


@pytest.mark.parametrize("case", ROTATION)
def test_global_etf_rotation_decides(real_desk: Desks, case: Case) -> None:
    check(real_desk("global_etf_rotation"), "global_etf_rotation", case)


@pytest.mark.parametrize("case", TQQQ)
def test_tqqq_growth_income_decides(real_desk: Desks, case: Case) -> None:
    check(real_desk("tqqq_growth_income"), "tqqq_growth_income", case)


@pytest.mark.parametrize("case", SOXL)
def test_soxl_soxx_trend_income_decides(real_desk: Desks, case: Case) -> None:
    check(real_desk("soxl_soxx_trend_income"), "soxl_soxx_trend_income", case)


@pytest.mark.parametrize("case", MOMENTUM)
def test_dual_momentum_decides(real_desk: Desks, case: Case) -> None:
    check(real_desk("dual_momentum"), "dual_momentum", case)


@pytest.mark.parametrize("case", TACTICAL)
def test_tactical_asset_allocation_decides(real_desk: Desks, case: Case) -> None:
    check(real_desk("tactical_asset_allocation"), "tactical_asset_allocation", case)


@pytest.mark.parametrize("case", DCA)
def test_nasdaq_sp500_smart_dca_decides(real_desk: Desks, case: Case) -> None:
    check(real_desk("nasdaq_sp500_smart_dca"), "nasdaq_sp500_smart_dca", case)
