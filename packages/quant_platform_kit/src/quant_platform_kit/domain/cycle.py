"""The pure steps of a run, in the order both a live run and a back-test take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from quant_platform_kit.domain.balances import BalanceRules, balance_objections
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.features import FeatureReading, FeatureSnapshot
from quant_platform_kit.domain.gates import RiskLimits, missing_prices, plan_gates
from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.inputs import build_context
from quant_platform_kit.domain.planning import REALISTIC, ExecutionRules, OrderPlan, plan_orders
from quant_platform_kit.domain.portfolio import AccountState, PortfolioSnapshot, Quote, value_portfolio
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.sessions import Session
from quant_platform_kit.domain.strategy import (
    Action,
    AllocationIntent,
    BoundStrategy,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)
from quant_platform_kit.domain.translation import ExecutionTargets, translate

__all__ = ["Decided", "ExecutionPolicy", "Observation", "Sized", "decide", "size"]


@dataclass(frozen=True, slots=True)
class ExecutionPolicy:
    """How a decision becomes orders on one account."""

    native_mode: TargetMode = TargetMode.VALUE
    rules: ExecutionRules = REALISTIC
    limits: RiskLimits = field(default_factory=RiskLimits)
    currency: str = "USD"
    allocation_fraction: Decimal = Decimal(1)
    balances: BalanceRules = field(default_factory=BalanceRules)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a run sees before it decides.

    Attributes
    ----------
    session
        The completed session decided on.
    history
        Closes up to ``session``; later rows are cut off before a strategy sees them.
    quotes
        Of held symbols, then of targets: one set for strategy and sizing.
    as_of
        When account and quotes were taken, aware UTC.
    handed_over
        Holdings of an earlier profile that this one is to sell: they count for the base.
    doubts
        Prices that are not believed, in words: with one, every decision is BLOCKED.
    features
        For a snapshot-backed profile, what there was to read for each session that is decided on.
    owned
        Holdings that the profile itself bought.
    """

    session: Session
    history: PriceHistory
    account: AccountState
    quotes: Mapping[str, Quote]
    as_of: datetime
    handed_over: frozenset[str] = frozenset()
    doubts: tuple[str, ...] = ()
    features: tuple[FeatureReading, ...] = ()
    owned: frozenset[str] = frozenset()

    @property
    def reading(self) -> FeatureReading:
        """What there was to read for the session decided on."""
        none = FeatureReading(self.session.date, None, f"no feature snapshot was read for {self.session.date}")
        return next((reading for reading in self.features if reading.session == self.session.date), none)

    @property
    def snapshot(self) -> FeatureSnapshot | None:
        """The feature snapshot of the session decided on; None where there is none."""
        return self.reading.snapshot if self.features else None

    def managed(self, manifest: StrategyManifest) -> frozenset[str]:
        """Return the symbols that the decision is about."""
        return manifest.managing(self.snapshot, self.owned)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with the portfolio it saw; ``portfolio`` is None when the account could not be valued."""

    decision: StrategyDecision
    digest: str
    portfolio: PortfolioSnapshot | None


@dataclass(frozen=True, slots=True)
class Sized:
    """An intent as targets and orders; ``plan`` is None if and only if ``blocked`` says why."""

    targets: ExecutionTargets
    plan: OrderPlan | None
    blocked: tuple[str, ...]


def decide(strategy: BoundStrategy, seen: Observation, policy: ExecutionPolicy) -> Decided:
    """Value the account and let the strategy decide; BLOCKED where prices or figures are doubted, or nothing valued."""
    manifest = strategy.manifest
    if refused := (*_unread(manifest, seen), *seen.doubts, *balance_objections(seen.account, policy.balances)):
        return _blocked(strategy, seen, refused)
    managed = seen.managed(manifest)
    try:
        portfolio = value_portfolio(
            seen.account,
            seen.quotes,
            managed | seen.handed_over if seen.handed_over else managed,
            as_of=seen.as_of,
            currency=policy.currency,
            allocation_fraction=policy.allocation_fraction,
        )
    except InvalidInput as error:
        return _blocked(strategy, seen, (str(error),))
    decision = strategy.decide(build_context(manifest, seen.session, seen.history, portfolio, seen.snapshot, managed))
    return Decided(decision, strategy.digest(decision), portfolio)


def _unread(manifest: StrategyManifest, seen: Observation) -> tuple[str, ...]:
    """Say why the snapshot cannot be decided on: a symbol that is its stock and the profile's own has two targets."""
    if not manifest.features:
        return ()
    if seen.reading.refused:
        return (seen.reading.refused,)
    clash = sorted(manifest.managed_set & seen.snapshot.stocks) if seen.snapshot else []
    own = f"{', '.join(clash)}: a stock of the snapshot, and managed by {manifest.profile} itself"
    return (f"{own}; take it out of the sectors file, and build and publish it again",) if clash else ()


def _blocked(strategy: BoundStrategy, seen: Observation, reasons: tuple[str, ...]) -> Decided:
    blocked = StrategyDecision(strategy.manifest.profile, seen.session.date, Action.BLOCKED, None, reasons)
    return Decided(blocked, strategy.digest(blocked), None)


def size(
    key: RunKey,
    intent: AllocationIntent,
    portfolio: PortfolioSnapshot,
    quotes: Mapping[str, Quote],
    policy: ExecutionPolicy,
    closing: frozenset[str] = frozenset(),
) -> Sized:
    """Translate an intent, plan its orders and judge the plan; ``closing`` is sold even where the intent only buys."""
    base = portfolio.base
    if base <= 0:
        empty = ExecutionTargets(intent.target_mode, base, intent.targets, intent.buy_only)
        return Sized(empty, None, (f"the base is {base:.2f} {portfolio.currency}; sizing needs a funded account",))
    targets = replace(translate(intent, base, policy.native_mode), closing=closing)
    if blocked := missing_prices(targets, portfolio, quotes):
        return Sized(targets, None, tuple(blocked))
    plan = plan_orders(key, portfolio, targets, quotes, policy.rules)
    blocked = plan_gates(plan, targets, portfolio, quotes, policy.rules, policy.limits)
    return Sized(targets, None if blocked else plan, tuple(blocked))
