"""One decision, everywhere: every direct profile, on every platform that may run it, and in the back-test.

Each venue delivers its broker's own prices: total return and split-adjusted at Interactive Brokers and at Alpaca,
split-adjusted at Schwab, traded and adjusted forward at LongBridge. In this market they differ over the past and agree
by now, as an adjusted series does, so that the same portfolio is worth the same everywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.platforms import platforms
from quant_platform_kit.adapters.price_files import LongPrices, price_table
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.backtest_request import BacktestRequest
from quant_platform_kit.domain.cycle import ExecutionPolicy, Observation, decide
from quant_platform_kit.domain.matrix import matrix
from quant_platform_kit.domain.performance import DecisionRecord
from quant_platform_kit.domain.portfolio import AccountState, Quote
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.strategy import BoundStrategy, Strategy
from quant_platform_kit.services.research.backtest import FillAt
from quant_platform_kit.testing.synthetic import synthetic_prices
from us_equity_strategies.catalog import CATALOG
from venue_sandbox.demo.market import due_on, write_prices
from venue_sandbox.demo.tour import report_of
from venue_sandbox.stands.alpaca import AlpacaPlatform
from venue_sandbox.stands.ibkr import IbkrPlatform
from venue_sandbox.stands.longbridge import LongBridgePlatform
from venue_sandbox.stands.paper import PaperPlatform
from venue_sandbox.stands.platform import ACCOUNT, Platform
from venue_sandbox.stands.schwab import SchwabPlatform

CALENDAR = load_calendar("XNYS")
FIRST, LAST = date(2020, 1, 2), date(2023, 7, 31)
EX_DIVIDEND = date(2023, 2, 1)
"""Before this day closes are higher than their total return, by what each symbol has paid since."""
CASH = Decimal(100_000)
DECIDES = {
    "global_etf_rotation": date(2023, 3, 31),
    "tqqq_growth_income": date(2023, 5, 31),
    "soxl_soxx_trend_income": date(2023, 5, 31),
    "dual_momentum": date(2023, 5, 31),
    "tactical_asset_allocation": date(2023, 5, 31),
    "nasdaq_sp500_smart_dca": date(2023, 6, 1),
}
"""A session on which each profile decides to rebalance."""

Fire = Callable[..., RunReport]
NOTHING: Mapping[str, int] = {}


class SplitIbkr(IbkrPlatform):
    """Interactive Brokers with profiles for split-adjusted prices."""

    app: ClassVar[str] = "split_ibkr"


class SplitSchwab(SchwabPlatform):
    """Schwab with profiles for split-adjusted prices."""

    app: ClassVar[str] = "split_schwab"


class SplitPaper(PaperPlatform):
    """Paper with profiles for split-adjusted prices."""

    app: ClassVar[str] = "split_paper"


TOTAL_RETURN: Mapping[str, type[Platform]] = {
    "paper": PaperPlatform,
    "ibkr": IbkrPlatform,
    "longbridge": LongBridgePlatform,
    "schwab": SchwabPlatform,
    "alpaca": AlpacaPlatform,
}
"""Schwab with a price source, as its own history is adjusted for splits only."""
SPLIT: Mapping[str, type[Platform]] = {"paper": SplitPaper, "ibkr": SplitIbkr, "schwab": SplitSchwab}


@pytest.fixture(scope="module")
def market() -> LongPrices:
    """Return invented prices of everything, with dividends in the past."""
    symbols = {symbol for strategy in CATALOG.values() for symbol in strategy.manifest.symbols}
    made = synthetic_prices(symbols, CALENDAR, FIRST, LAST)
    paid = np.array([0.86 if symbol == "BIL" else 0.90 + 0.004 * n for n, symbol in enumerate(made.symbols)])
    before = made.days < np.datetime64(EX_DIVIDEND)
    adjusted = np.where(before, made.columns["close"] * paid[made.codes], made.columns["close"])
    return replace(made, columns={**made.columns, "adj_close": np.round(adjusted, 6)})


@pytest.fixture(scope="module")
def file(market: LongPrices, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prices(market, tmp_path_factory.mktemp("market") / "prices.csv")


@pytest.fixture
def fire(file: Path, tmp_path: Path) -> Fire:
    """Return a function that has a platform run a profile once, and returns its report."""

    def run(
        kind: type[Platform], profile: str, as_of: date, held: Mapping[str, int] = NOTHING, **more: Any
    ) -> RunReport:
        due = due_on(CALENDAR.after(as_of))
        opens = {} if issubclass(kind, PaperPlatform) else {"opens_at": due.isoformat()}
        with kind(tmp_path / profile / kind.name, file, profile, CASH, **opens, **more) as platform:
            for symbol, units in held.items():
                platform.venue.fault("position", account=ACCOUNT, symbol=symbol, quantity=units)
            return report_of(platform, platform.fire(due))

    return run


def back_tested(strategy: Strategy, market: LongPrices, as_of: date, field: str) -> str:
    """Return the digest of the decision that a back-test begins with."""
    return first_decision(bind(strategy), market, as_of, field).digest


def first_decision(bound: BoundStrategy, market: LongPrices, as_of: date, field: str) -> DecisionRecord:
    """Return the decision that a back-test of a week begins with."""
    until = as_of + timedelta(days=7)
    asked = BacktestRequest(bound, market, as_of, until, price_field=field, cash=CASH, fill=FillAt.NEXT_CLOSE)
    return asked.run().decisions[0]


def decided(strategy: Strategy, market: LongPrices, as_of: date, field: str, held: Mapping[str, int]) -> str:
    """Return the digest of the step that back-test and run share, for an account that holds something."""
    bound, day = bind(strategy), CALENDAR.after(as_of)
    table = price_table(market, bound.manifest.history_symbols, field, CALENDAR)
    now = due_on(day)
    closes = price_table(market, sorted(held), "close", CALENDAR)
    row = PriceHistory(closes).until(day).close[-1]
    quotes = {
        symbol: Quote(symbol, Decimal(str(row[n])).quantize(Decimal("0.01")), now)
        for n, symbol in enumerate(closes.symbols)
    }
    account = AccountState(ACCOUNT, {"USD": CASH}, {symbol: Decimal(units) for symbol, units in held.items()})
    seen = Observation(CALENDAR.session(as_of), PriceHistory(table).until(as_of), account, quotes, now)
    return decide(bound, seen, ExecutionPolicy(bound.manifest.target_mode)).digest


def sourced(platform: str, file: Path) -> dict[str, Any]:
    """Return the settings of a platform for total-return profiles."""
    return {"settings": {"PRICE_HISTORY_PATH": str(file)}} if platform == "schwab" else {}


def traded(report: RunReport) -> str:
    assert report.outcome is Outcome.COMPLETED, report.reasons
    assert report.orders
    assert report.decision_digest is not None
    return report.decision_digest


def test_these_are_all_the_profiles_that_read_prices_and_all_platforms() -> None:
    assert set(DECIDES) == {name for name, strategy in CATALOG.items() if strategy.manifest.input_mode == "direct"}
    assert {platform.name for platform in platforms(Path.cwd())} == {*TOTAL_RETURN, *SPLIT}


@pytest.mark.parametrize("profile", DECIDES)
def test_total_return_platforms_and_the_back_test_decide_the_same(
    profile: str, market: LongPrices, file: Path, fire: Fire
) -> None:
    as_of = DECIDES[profile]
    digests = {name: traded(fire(kind, profile, as_of, **sourced(name, file))) for name, kind in TOTAL_RETURN.items()}
    digests["back-test"] = back_tested(CATALOG[profile], market, as_of, "adj_close")
    assert len(set(digests.values())) == 1, digests


@pytest.mark.parametrize("profile", ["tqqq_growth_income", "dual_momentum"])
def test_split_adjusted_platforms_and_the_back_test_decide_the_same(
    profile: str, market: LongPrices, fire: Fire, site: Path
) -> None:
    as_of, name = DECIDES[profile], f"split_{profile}"
    settings = {"PYTHONPATH": str(site)}
    digests = {}
    for platform, kind in SPLIT.items():
        series = {"price_field": "close"} if platform == "paper" else {}
        digests[platform] = traded(fire(kind, name, as_of, settings=settings, **series))
    strategy = import_module("split_strategy").CATALOG[name]
    digests["back-test"] = back_tested(strategy, market, as_of, "close")
    assert len(set(digests.values())) == 1, digests


HELD = {"TQQQ": 40, "QQQ": 60, "BIL": 25, "SPY": 30}
"""What an account holds: of some profiles something they manage, of others not."""


@pytest.mark.parametrize("profile", ["tqqq_growth_income", "nasdaq_sp500_smart_dca", "global_etf_rotation"])
def test_the_same_holdings_lead_to_the_same_decision(
    profile: str, market: LongPrices, file: Path, fire: Fire, site: Path
) -> None:
    as_of, split = DECIDES[profile], f"split_{profile}"
    ours = {
        name: fire(TOTAL_RETURN[name], profile, as_of, HELD, **sourced(name, file)).decision_digest
        for name in ("ibkr", "longbridge", "schwab")
    }
    ours["shared step"] = decided(CATALOG[profile], market, as_of, "adj_close", HELD)
    assert len(set(ours.values())) == 1, ours
    settings = {"PYTHONPATH": str(site)}
    theirs = {"schwab": fire(SPLIT["schwab"], split, as_of, HELD, settings=settings).decision_digest}
    theirs["shared step"] = decided(import_module("split_strategy").CATALOG[split], market, as_of, "close", HELD)
    assert len(set(theirs.values())) == 1, theirs


def test_the_convention_of_prices_decides(market: LongPrices, site: Path) -> None:
    variants = import_module("split_strategy").CATALOG
    as_of = DECIDES["dual_momentum"]
    bound = [bind(CATALOG["dual_momentum"]), bind(variants["split_dual_momentum"])]
    weights = []
    for strategy, field in zip(bound, ("adj_close", "close"), strict=True):
        weights.append(first_decision(strategy, market, as_of, field).decision.diagnostics)
    assert weights[0] != weights[1], "what a fund has paid counts in one, and not in the other"


@pytest.mark.parametrize("profile", DECIDES)
def test_what_needs_a_price_source_says_so(profile: str, site: Path) -> None:
    described = {platform.name: platform for platform in platforms(Path.cwd())}
    manifests = [CATALOG[profile].manifest, import_module("split_strategy").CATALOG[f"split_{profile}"].manifest]
    rows = {(row.profile, row.platform): row for row in matrix(manifests, described.values())}
    assert all(row.eligible for row in rows.values())
    assert [name for name in described if rows[profile, name].needs_source] == ["schwab"]
    assert [name for name in described if rows[f"split_{profile}", name].needs_source] == ["longbridge"]


@pytest.mark.parametrize("profile", ["dual_momentum"])
def test_schwab_s_service_does_not_start_without_the_price_source_that_a_profile_needs(profile: str) -> None:
    environment = {
        "PATH": os.defpath,
        "STRATEGY_PROFILE": profile,
        "STORE_URL": "file:///nowhere",
        "REPORT_STORE_URL": "file:///nowhere",
        "SCHWAB_APP_KEY": "sandbox-key",
        "SCHWAB_APP_SECRET": "sandbox-secret",
        "SCHWAB_TOKEN_PATH": "/nowhere",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "schwab_app"], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.returncode == 1
    assert f"STRATEGY_PROFILE {profile} needs total_return prices, which schwab does not deliver" in ran.stderr
    assert "set PRICE_HISTORY_PATH to a price file" in ran.stderr
