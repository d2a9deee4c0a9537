"""What a back-test is asked: one type for the command, for notebooks, and for what the results say of their origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.feature_sources import feature_source
from quant_platform_kit.adapters.installed import load_only
from quant_platform_kit.adapters.price_files import LongPrices, price_table
from quant_platform_kit.adapters.price_import.importing import sha256_of
from quant_platform_kit.adapters.price_income import NO_INCOME, AskedIncome
from quant_platform_kit.adapters.share_counts import share_counts
from quant_platform_kit.adapters.strategies import source_of
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.features import FeatureReading
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.measures import risk_free_rate
from quant_platform_kit.domain.performance import BacktestResult, RiskFree, returns_of
from quant_platform_kit.domain.planning import IDEAL, REALISTIC
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.strategy import BoundStrategy, TargetMode
from quant_platform_kit.ports.snapshot_builder import SnapshotBuilder, SnapshotFiles
from quant_platform_kit.services.research.asked_costs import NO_COSTS, AskedCosts
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt, backtest, sessions_of

__all__ = ["DEFAULT_CASH", "BacktestRequest", "Execution", "policy"]

DEFAULT_BENCHMARK = "SPY"
DEFAULT_CASH = Decimal(100_000)
LEAST_RATE, MOST_RATE = Decimal("-0.1"), Decimal("0.5")
BUILDERS = "quant.snapshot_builders"
"""Entry point group: loads a `SnapshotBuilder`."""


class Execution(Enum):
    """How a simulated market treats orders."""

    REALISTIC = "realistic"
    IDEAL = "ideal"


def policy(execution: Execution, native_mode: TargetMode) -> ExecutionPolicy:
    """Return the rules and limits that ``--execution`` stands for."""
    if execution is Execution.IDEAL:
        return ExecutionPolicy(native_mode, IDEAL, RiskLimits(max_price_age=None))
    return ExecutionPolicy(native_mode, REALISTIC)


@dataclass(frozen=True, slots=True)
class Market:
    """What a back-test runs on: prices of every symbol, settings, and what there is to read for each session."""

    prices: PriceTable
    settings: BacktestSettings
    features: tuple[FeatureReading, ...]


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """All that the result of a back-test follows from.

    Attributes
    ----------
    start, end
        Exchange-local dates; the first and the last session inside them are used.
    price_field
        ``close`` or ``adj_close``: the one series for history and quotes.
    cash
        Starting cash in the policy's currency, positive.
    costs
        Costs and lots in place of those of ``execution``.
    benchmark
        Symbol to compare with; None: SPY where the prices have it.
    believed
        Symbols and days whose prices are right, however odd.
    snapshots
        Where the feature snapshots of a snapshot-backed profile are published.
    build
        What its snapshots are built of instead, on the way.
    risk_free
        What ratios of the tear sheet are above: a symbol of the prices, or a rate per year; None: above zero.
    income
        What cash and holdings earn beside their prices.
    """

    strategy: BoundStrategy
    prices: LongPrices
    start: date
    end: date
    price_field: str = "adj_close"
    fill: FillAt = FillAt.NEXT_OPEN
    execution: Execution = Execution.REALISTIC
    cash: Decimal = DEFAULT_CASH
    costs: AskedCosts = NO_COSTS
    benchmark: str | None = None
    believed: frozenset[tuple[str, date]] = frozenset()
    snapshots: str | None = None
    build: SnapshotFiles | None = None
    risk_free: str | Decimal | None = None
    income: AskedIncome = NO_INCOME

    @property
    def settings(self) -> BacktestSettings:
        """What it covers and how it trades, but for what is earned."""
        rules = policy(self.execution, self.strategy.manifest.target_mode)
        return BacktestSettings(
            self.start,
            self.end,
            self.cash,
            self.fill,
            self.costs.of(rules),
            self.benchmark or (DEFAULT_BENCHMARK if DEFAULT_BENCHMARK in self.prices.symbols else None),
            self.believed,
        )

    def features(self) -> tuple[FeatureReading, ...]:
        """Return what there is to read for each session; nothing for a profile that reads no snapshot."""
        if self.build is None:
            return self._read(self.snapshots)
        builder: SnapshotBuilder = load_only(BUILDERS, "builder of snapshots", "snapshot-pipelines")
        calendar, cadence = load_calendar("XNYS"), self.strategy.manifest.cadence
        first = calendar.last_decision(self.start, cadence)
        as_ofs = [day for day in calendar.between(first, self.end) if cadence.decides(calendar.session(day))]
        with TemporaryDirectory(prefix="snapshots-") as folder:
            builder(self.strategy, self.build, as_ofs, Path(folder))
            return self._read(folder)

    def _read(self, root: str | None) -> tuple[FeatureReading, ...]:
        source = feature_source(self.strategy, root)
        return source.read(self.strategy, load_calendar("XNYS").between(self.start, self.end)) if source else ()

    def run(self, on_session: Callable[[], object] = lambda: None) -> BacktestResult:
        """Back-test; raises as `backtest`, `price_table` and the reader of snapshots, and `InvalidInput`.

        Parameters
        ----------
        on_session
            Called once per evaluated session, for progress.
        """
        self._check_risk_free()
        market, calendar = self.market(), load_calendar("XNYS")
        result = backtest(self.strategy, market.prices, calendar, market.settings, on_session, market.features)
        counts = share_counts(self.prices, self.price_field, market.settings.policy.rules, result.trades)
        earned = self._earned(result.sessions, market.prices)
        return replace(result, risk_free=earned, notes=(*self.income.notes, *counts))

    def market(self) -> Market:
        """Return the prices, snapshots and settings, read once; raises as `run`."""
        settings, features, calendar = self.settings, self.features(), load_calendar("XNYS")
        stocks = {stock for reading in features if reading.snapshot for stock in reading.snapshot.stocks}
        traded = {*self.strategy.manifest.managed_set, *stocks.intersection(self.prices.symbols)}
        compared = {name for name in (settings.benchmark, self.risk_free) if isinstance(name, str)}
        symbols = {*self.strategy.manifest.symbols, *traded, *compared}
        prices = price_table(self.prices, symbols, self.price_field, calendar)
        if self.income.any:
            sessions = sessions_of(prices, calendar, settings)
            earning = {*traded, *filter(None, [settings.benchmark])}
            income = self.income.of(self.prices, self.price_field, earning, sessions, calendar)
            settings = replace(settings, income=income)
        return Market(prices, settings, features)

    def _check_risk_free(self) -> None:
        if isinstance(self.risk_free, Decimal) and not LEAST_RATE <= self.risk_free <= MOST_RATE:
            bounds = f"a rate per year lies between {LEAST_RATE} and {MOST_RATE}"
            raise InvalidInput(f"--risk-free is {self.risk_free}; {bounds}, write 2 % as 0.02")

    def _earned(self, sessions: Sequence[date], prices: PriceTable) -> RiskFree | None:
        """Return what cash would have earned between sessions."""
        if self.risk_free is None:
            return None
        if isinstance(self.risk_free, Decimal):
            return risk_free_rate(sessions, float(self.risk_free))
        first = prices.sessions.index(sessions[0])
        closes = prices.fields["close"][first : first + len(sessions), prices.column[self.risk_free]]
        if np.isnan(closes).any():
            missing = sessions[int(np.argmax(np.isnan(closes)))]
            raise InvalidInput(f"--risk-free {self.risk_free} has no price on {missing}; give a rate, such as 0.02")
        return RiskFree(self.risk_free, returns_of(closes))

    def origin(self) -> Mapping[str, object]:
        """Return what to say of a result's origin: enough to get the same result again, and to see what has changed.

        Files are named as they were given, with the SHA-256 of their content. Reading them takes a moment.
        """
        settings = self.settings
        rules = settings.policy.rules
        return plain(
            {
                "version": version("quant-platform-kit"),
                "profile": self.strategy.manifest.profile,
                "strategy": source_of(self.strategy.strategy),
                "config": self.strategy.config_values,
                "config_digest": self.strategy.config_digest,
                "prices": _files(self.prices.files),
                "price_field": self.price_field,
                "carries": self.prices.carried(self.price_field),
                "start": self.start,
                "end": self.end,
                "cash": self.cash,
                "fill": self.fill,
                "execution": self.execution,
                "commission_bps": rules.commission_bps,
                "commission_per_share": rules.commission_per_share,
                "commission_minimum": rules.commission_minimum,
                "slippage_bps": rules.slippage_bps,
                "lots": rules.quantity_step,
                "cash_yield": self.income.cash_yield,
                "dividends": self.income.dividends,
                "benchmark": settings.benchmark,
                "risk_free": self.risk_free,
                "believed": sorted(self.believed),
                "snapshots": self.snapshots,
                "built_of": _files(_given(self.build)) if self.build else None,
            }
        )


def _given(build: SnapshotFiles) -> list[Path]:
    """Return the files beside the prices."""
    return [path for path in (build.sectors, build.membership, build.fundamentals, build.features) if path]


def _files(paths: Sequence[Path]) -> list[dict[str, str]]:
    return [{"file": str(path), "sha256": sha256_of(path)} for path in paths]
