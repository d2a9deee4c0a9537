"""Decisions on real snapshots against tables that other implementations of the same rules found.

The tables also have to catch what is easily got wrong: each mistake is made here on purpose, changes a golden decision
or the figures of five years, and these to what they are known to be with this mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pytest
from quant_platform_kit.adapters.price_files import price_table, read_prices
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.domain.features import FeatureSnapshot, FeatureTable
from quant_platform_kit.domain.inputs import build_context
from quant_platform_kit.domain.portfolio import PortfolioSnapshot, Position
from quant_platform_kit.domain.prices import FloatArray, PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import BoundStrategy, StrategyDecision
from snapshot_pipelines.build.as_ofs import month_ends
from snapshot_pipelines.build.grid import Grid
from snapshot_pipelines.build.membership import Membership
from snapshot_pipelines.build.rows import Market, rows_at
from snapshot_pipelines.build.sources import Inputs
from us_equity_strategies import russell_1000_multi_factor_defensive as defensive
from us_equity_strategies.cross_section import zscores

RUSSELL, MEGA, TECH = PROFILES = (
    "russell_1000_multi_factor_defensive",
    "mega_cap_leader_rotation",
    "tech_communication_pullback_enhancement",
)
EVERY_PROFILE = pytest.mark.parametrize("profile", PROFILES)
LAST_DAY = date(2018, 12, 31)
ZERO = Decimal(0)
NO_PRICES = PriceHistory(PriceTable(np.array([], dtype="datetime64[D]"), (), {"close": np.empty((0, 0))}))
ITS_FILE = {
    "profile": TECH,
    "benchmark": "QQQ",
    "sectors": ["Information Technology", "Communication Services"],
    "holdings": 8,
    "keep_rank": 12,
    "max_per_sector": 5,
    "name_cap": 0.10,
    "sector_cap": 0.50,
    "pullback_depth": 0.08,
    "pullback_limit": 0.25,
    "exposure_on": 0.8,
    "exposure_soft": 0.6,
    "exposure_hard": 0.0,
    "breadth_soft": 0.55,
    "breadth_hard": 0.35,
    "min_adv20_usd": 50_000_000,
}


class Golden(NamedTuple):
    """One decision; what is held follows from those before it, the first of which is that of 2014-01-31."""

    profile: str
    as_of: date
    told: dict[str, object]
    weights: str

    @property
    def targets(self) -> dict[str, Decimal]:
        """What is held, BIL included, without zeros."""
        pairs = (pair.split("=") for pair in self.weights.split())
        return {symbol: Decimal(weight) for symbol, weight in pairs if Decimal(weight)}


DECISIONS = [
    Golden(
        RUSSELL,
        date(2014, 1, 31),
        {"regime": "on", "trend": True, "breadth": 0.732258, "eligible": 310, "selected": 30},
        """
        ABC=0.050000000 AIZ=0.040455870 AMP=0.038345979 BA=0.033114770 BBY=0.012364380 BSX=0.026666505
        CMG=0.022384184 CTAS=0.050000000 CTSH=0.034849409 D=0.049196383 GILD=0.026175332 ICE=0.040957283
        LMT=0.041110188 LNC=0.031123987 LUV=0.030566009 MU=0.018438122 NFLX=0.016176115 NI=0.047012107
        NOC=0.042194459 OKE=0.039766587 PBI=0.018646210 SEE=0.025389746 SPGI=0.039490424 TMO=0.045452585
        TRIP=0.022838136 TSN=0.027278388 VFC=0.040657707 VLO=0.026588037 WBA=0.034626520 WYNN=0.028134577
        BIL=0.000000000
        """,
    ),
    Golden(
        MEGA,
        date(2014, 1, 31),
        {"eligible": 50, "candidates": 32, "selected": 4},
        """
        FB=0.130188149 GILD=0.222834772 MU=0.158113110 NFLX=0.145329189 BIL=0.343534780
        """,
    ),
    Golden(
        TECH,
        date(2014, 1, 31),
        {"regime": "on", "trend": True, "breadth": 0.833333, "eligible": 48, "candidates": 40, "selected": 8},
        """
        CTSH=0.100000000 FB=0.100000000 IPG=0.100000000 MA=0.100000000 MU=0.100000000 NFLX=0.100000000
        PAYX=0.100000000 WDC=0.100000000 BIL=0.200000000
        """,
    ),
    Golden(
        RUSSELL,
        date(2016, 1, 29),
        {"regime": "hard", "trend": False, "breadth": 0.319876, "eligible": 322, "selected": 30},
        """
        AIZ=0.007097333 AMZN=0.004345209 AVY=0.006345891 AZO=0.007093711 CI=0.006024068 CINF=0.007888008
        CTAS=0.006720522 EFX=0.006002089 EXR=0.006840488 FISV=0.006869980 HRL=0.007343544 ICE=0.006014434
        LMT=0.007762390 MCD=0.007521824 MPC=0.003789075 NKE=0.005727603 NOC=0.006384223 ORLY=0.006330206
        PAYX=0.007238409 PSA=0.007781161 PSX=0.005056227 RSG=0.008087296 SBUX=0.005858439 SNA=0.006554569
        VLO=0.004120671 VMC=0.004568237 VRSN=0.006398408 WLTW=0.007438376 WM=0.008488910 XRAY=0.007140828
        BIL=0.805167871
        """,
    ),
    Golden(
        MEGA,
        date(2016, 1, 29),
        {"eligible": 50, "candidates": 17, "selected": 4},
        """
        AMZN=0.160557177 GOOGL=0.250000000 MCD=0.250000000 SBUX=0.240906615 BIL=0.098536209
        """,
    ),
    Golden(
        TECH,
        date(2016, 1, 29),
        {"regime": "hard", "trend": False, "breadth": 0.326531, "eligible": 49, "candidates": 16, "selected": 8},
        """
        BIL=1.000000000
        """,
    ),
    Golden(
        RUSSELL,
        date(2018, 11, 30),
        {"regime": "soft", "trend": True, "breadth": 0.488636, "eligible": 352, "selected": 30},
        """
        AES=0.017709731 AJG=0.030000000 AON=0.025973913 BLL=0.019851126 CINF=0.021212185 CME=0.024086914
        DISCA=0.011937014 ECL=0.027619049 FISV=0.020945494 GWW=0.013081464 HCA=0.016392637 HFC=0.010958084
        HRL=0.022563228 ICE=0.022949901 JKHY=0.019743270 JWN=0.010018929 LLY=0.019641106 MKC=0.021295423
        MOS=0.013082378 MRK=0.026302272 NSC=0.017143744 NTAP=0.011187619 ORLY=0.017993840 ROST=0.017439887
        RSG=0.030000000 SPG=0.023356983 TGT=0.016514489 VRSK=0.023593371 VZ=0.023262488 WM=0.024143458
        BIL=0.400000000
        """,
    ),
    Golden(
        MEGA,
        date(2018, 11, 30),
        {"eligible": 50, "candidates": 30, "selected": 4},
        """
        ABT=0.250000000 COST=0.250000000 MRK=0.250000000 PFE=0.250000000 BIL=0.000000000
        """,
    ),
    Golden(
        TECH,
        date(2018, 11, 30),
        {"regime": "soft", "trend": False, "breadth": 0.433333, "eligible": 60, "candidates": 26, "selected": 8},
        """
        ADBE=0.075000000 CRM=0.075000000 DIS=0.075000000 DISCA=0.075000000 INTU=0.075000000 KEYS=0.075000000
        MA=0.075000000 VZ=0.075000000 BIL=0.400000000
        """,
    ),
]
REGIMES = {
    RUSSELL: ({"on": 49, "soft": 7, "hard": 3}, [date(2015, 8, 31), date(2015, 9, 30), date(2016, 1, 29)]),
    TECH: (
        {"on": 50, "soft": 5, "hard": 4},
        [date(2015, 8, 31), date(2015, 9, 30), date(2016, 1, 29), date(2016, 2, 29)],
    ),
}
"""How often the market stood how, and when hard."""
FIGURES = {RUSSELL: (1.617817, -0.134776), MEGA: (1.723308, -0.281985), TECH: (1.639496, -0.224695)}
"""Final multiple and deepest drawdown of the five years."""
TOLERANCE = (0.001, 0.002)
"""Of these figures, as shares."""

Decisions = Mapping[date, StrategyDecision]


def bound(profile: str) -> BoundStrategy:
    return bind(find_strategy(profile), ITS_FILE if profile == TECH else None)


def table_at(market: Market, as_of: date) -> FeatureTable:
    """Return the rows of a session as a run sees them."""
    rows = rows_at(market, as_of)
    numbers = {n: np.asarray(c, np.float64) for n, c in rows.items() if n not in ("as_of", "symbol", "sector")}
    return FeatureTable(list(rows["symbol"]), numbers)


def one_decision(
    strategy: BoundStrategy, as_of: date, table: FeatureTable, held: list[str], calendar: ExchangeCalendar
) -> StrategyDecision:
    positions = tuple(Position(symbol, Decimal(1), Decimal(1)) for symbol in sorted(held))
    portfolio = PortfolioSnapshot("TEST", datetime(2018, 12, 31, tzinfo=UTC), "USD", Decimal(1), positions)
    snapshot = FeatureSnapshot(as_of, "d" * 64, table, as_of)
    managed = strategy.manifest.managing(snapshot, held)
    session = calendar.session(as_of)
    return strategy.decide(build_context(strategy.manifest, session, NO_PRICES, portfolio, snapshot, managed))


def weights(decision: StrategyDecision) -> dict[str, Decimal]:
    """Return the targets of a decision that are not zero."""
    assert decision.intent is not None, decision.reasons
    return {symbol: weight for symbol, weight in decision.intent.targets.items() if weight}


def holdings(decision: StrategyDecision) -> list[str]:
    return [symbol for symbol in weights(decision) if symbol != "BIL"]


@dataclass(frozen=True)
class Record:
    """Month after month, a profile decides on its own snapshot and holds what it decided."""

    tables: Mapping[date, FeatureTable]
    prices: PriceTable
    calendar: ExchangeCalendar

    def decisions(self, profile: str, *, forgets: bool = False) -> Decisions:
        """Return the decisions by session; one that forgets decides as if nothing were held."""
        strategy, held = bound(profile), list[str]()
        made: dict[date, StrategyDecision] = {}
        for as_of, table in self.tables.items():
            made[as_of] = one_decision(strategy, as_of, table, held, self.calendar)
            held = [] if forgets else holdings(made[as_of])
        return made

    def figures(self, decisions: Decisions) -> tuple[float, float]:
        """Return final multiple and deepest drawdown: filled at the next close, nothing lost on the way."""
        dates, close = self.prices.sessions, self.prices.fields["close"]
        equity, units, due = [1.0], dict[int, float](), dict[str, Decimal]()
        for row in range(dates.index(next(iter(decisions))), dates.index(LAST_DAY) + 1):
            equity.append(sum(n * close[row, at] for at, n in units.items()) if units else equity[-1])
            if due:
                columns = {self.prices.column[symbol]: float(weight) for symbol, weight in due.items()}
                units = {at: weight * equity[-1] / close[row, at] for at, weight in columns.items()}
            due = weights(decisions[dates[row]]) if dates[row] in decisions else {}
        path = np.array(equity)
        return float(path[-1]), float((path / np.maximum.accumulate(path) - 1).min())


@pytest.fixture(scope="session")
def record(real_market: Market, real_inputs: Inputs, calendar: ExchangeCalendar) -> Record:
    """Return the record of five years of real snapshots."""
    market = real_market.grid.table
    funds = price_table(read_prices(real_inputs.prices[1], ["close", "adj_close"]), ["BIL"], "adj_close", calendar)
    rows = [funds.sessions.index(session) for session in market.sessions]
    close = np.column_stack([market.fields["close"], funds.fields["close"][rows]])
    prices = PriceTable(market.dates, (*market.symbols, "BIL"), {"close": carried(close)})
    tables = {
        as_of: table_at(real_market, as_of) for as_of in month_ends(date(2014, 1, 1), date(2018, 11, 1), calendar)
    }
    return Record(tables, prices, calendar)


def carried(close: FloatArray) -> FloatArray:
    """Return closes that go on where prices end: what is held then is closed at its last close."""
    known = np.where(~np.isnan(close), np.arange(len(close))[:, np.newaxis], 0)
    return np.take_along_axis(close, np.maximum.accumulate(known, axis=0), axis=0)


@pytest.fixture(scope="session")
def decided(record: Record) -> Callable[[str], Decisions]:
    """Return a function from a profile to its decisions."""
    made = {profile: record.decisions(profile) for profile in PROFILES}
    return made.__getitem__


# --- as it is meant -------------------------------------------------------------------------------


@pytest.mark.parametrize("golden", DECISIONS, ids=lambda golden: f"{golden.profile} {golden.as_of}")
def test_a_decision_is_the_golden_one_to_the_last_digit(golden: Golden, decided: Callable[[str], Decisions]) -> None:
    decision = decided(golden.profile)[golden.as_of]
    assert decision.diagnostics == golden.told
    assert weights(decision) == golden.targets


@pytest.mark.parametrize("profile", REGIMES)
def test_the_market_stood_as_it_is_known_to_have_stood(profile: str, decided: Callable[[str], Decisions]) -> None:
    regimes = {as_of: decision.diagnostics["regime"] for as_of, decision in decided(profile).items()}
    counts, hard = REGIMES[profile]
    assert Counter(regimes.values()) == counts
    assert [as_of for as_of, regime in regimes.items() if regime == "hard"] == hard


@pytest.mark.parametrize(
    ("profile", "multiple", "drawdown"),
    [(profile, *figures) for profile, figures in FIGURES.items()],
)
def test_five_years_of_decisions_end_at_the_known_figures(
    profile: str, multiple: float, drawdown: float, decided: Callable[[str], Decisions], record: Record
) -> None:
    assert len(decided(profile)) == 59
    assert record.figures(decided(profile)) == pytest.approx((multiple, drawdown), abs=1e-6)


# --- mistakes that the tables catch ---------------------------------------------------------------


def forgetting(record: Record, monkeypatch: pytest.MonkeyPatch, profile: str) -> Decisions:
    del monkeypatch
    return record.decisions(profile, forgets=True)


def both_lines(record: Record, monkeypatch: pytest.MonkeyPatch, profile: str) -> Decisions:
    del monkeypatch
    ones = {d: FeatureTable(t.symbols, {**t.columns, "primary": np.ones(len(t))}) for d, t in record.tables.items()}
    return replace(record, tables=ones).decisions(profile)


def uncut_scores(record: Record, monkeypatch: pytest.MonkeyPatch, profile: str) -> Decisions:
    monkeypatch.setattr(zscores, "FARTHEST", np.inf)
    return record.decisions(profile)


def no_name_cap(record: Record, monkeypatch: pytest.MonkeyPatch, profile: str) -> Decisions:
    monkeypatch.setattr(defensive, "cap_names", lambda weights, cap: weights)
    return record.decisions(profile)


@pytest.mark.parametrize(
    ("mistake", "profile", "multiple", "drawdown"),
    [
        (forgetting, RUSSELL, 1.6844, -0.1299),
        (forgetting, MEGA, 1.6114, -0.3092),
        (forgetting, TECH, 1.5301, -0.2372),
        (both_lines, RUSSELL, 1.6202, -0.1348),
        (both_lines, MEGA, 1.6401, -0.2792),
        (both_lines, TECH, 1.6687, -0.2329),
        (uncut_scores, RUSSELL, 1.6110, -0.1348),
        (uncut_scores, MEGA, 1.6675, -0.2820),
        (no_name_cap, RUSSELL, 1.6152, -0.1347),
    ],
)
def test_a_mistake_is_caught_by_the_tables_and_leads_where_it_is_known_to_lead(
    mistake: Any,
    profile: str,
    multiple: float,
    drawdown: float,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = mistake(record, monkeypatch, profile)
    figures = record.figures(wrong)
    assert [golden.as_of for golden in DECISIONS if golden.profile == profile and differs(wrong, golden)] or any(
        abs(found / known - 1) > share for found, known, share in zip(figures, FIGURES[profile], TOLERANCE, strict=True)
    )
    assert figures == pytest.approx((multiple, drawdown), abs=5.1e-5)


def differs(decisions: Decisions, golden: Golden) -> bool:
    """Whether a golden decision is another one, by more than the last digit."""
    found = weights(decisions[golden.as_of])
    return any(
        abs(found.get(symbol, ZERO) - golden.targets.get(symbol, ZERO)) > Decimal("1e-9")
        for symbol in found.keys() | golden.targets.keys()
    )


# --- the future -----------------------------------------------------------------------------------


def with_other_future(market: Market, after: date, seed: int) -> Market:
    """Return the market with every bar after a session drawn anew, and without later facts of membership."""
    table, rng = market.grid.table, np.random.default_rng(seed)
    stop = table.sessions.index(after) + 1
    fields = {name: grid.copy() for name, grid in table.fields.items()}
    for grid in fields.values():
        grid[stop:] = np.exp(rng.normal(3, 2, grid[stop:].shape))
    assert market.membership is not None
    known = {
        symbol: tuple(
            stay._replace(end=None if stay.end and stay.end > after else stay.end)
            for stay in stays
            if stay.start <= after
        )
        for symbol, stays in market.membership.stays.items()
    }
    grid = Grid(PriceTable(table.dates, table.symbols, fields))
    return replace(market, grid=grid, membership=Membership({s: stays for s, stays in known.items() if stays}))


def test_decisions_do_not_depend_on_what_comes_after_them(
    record: Record, decided: Callable[[str], Decisions], real_market: Market, calendar: ExchangeCalendar
) -> None:
    """Twenty times: the decision at a cut, and one before it."""
    as_ofs, rng = list(record.tables), np.random.default_rng(7)
    for number in rng.choice(np.arange(2, len(as_ofs)), 20, replace=False).tolist():
        other = with_other_future(real_market, as_ofs[number], number)
        for at in (number, int(rng.integers(1, number))):
            table = table_at(other, as_ofs[at])
            for profile in PROFILES:
                held = holdings(decided(profile)[as_ofs[at - 1]])
                found = one_decision(bound(profile), as_ofs[at], table, held, calendar)
                assert found == decided(profile)[as_ofs[at]]


def test_a_cut_that_the_decision_looks_beyond_is_seen(
    record: Record, decided: Callable[[str], Decisions], real_market: Market, calendar: ExchangeCalendar
) -> None:
    as_ofs = list(record.tables)
    table = table_at(with_other_future(real_market, as_ofs[29], 1), as_ofs[30])
    for profile in PROFILES:
        held = holdings(decided(profile)[as_ofs[29]])
        assert one_decision(bound(profile), as_ofs[30], table, held, calendar) != decided(profile)[as_ofs[30]]
