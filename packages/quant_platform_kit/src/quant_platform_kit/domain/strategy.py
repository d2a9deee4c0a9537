"""The strategy contract: what a strategy declares, what it is given, and what it may answer.

A strategy is an object with a `StrategyManifest`, a pydantic configuration class and a pure
``evaluate(ctx, config) -> StrategyDecision``: no I/O, no clock, no environment, no broker's name. See
``docs/start/first-strategy.md`` for one in forty lines.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from enum import Enum, StrEnum
from functools import cached_property
from typing import Any, Protocol

from quant_platform_kit.domain.digests import canonical_json, plain, sha256
from quant_platform_kit.domain.errors import InvalidInput, QuantError
from quant_platform_kit.domain.features import FeatureContract, FeatureSnapshot
from quant_platform_kit.domain.portfolio import PortfolioSnapshot
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.domain.sessions import Cadence, Session

__all__ = [
    "Action",
    "Adjustment",
    "AllocationIntent",
    "BoundStrategy",
    "InputName",
    "Status",
    "Strategy",
    "StrategyContext",
    "StrategyDecision",
    "StrategyManifest",
    "TargetMode",
]

ZERO = Decimal(0)


class TargetMode(Enum):
    """What the numbers of an intent mean: shares of the base, or amounts of the portfolio's currency."""

    WEIGHT = "weight"
    VALUE = "value"

    @property
    def step(self) -> Decimal:
        """The precision an intent is kept at: 1e-9 for weights, 0.01 for values."""
        return _STEP[self]


_STEP = {TargetMode.WEIGHT: Decimal("1e-9"), TargetMode.VALUE: Decimal("0.01")}


class InputName(StrEnum):
    """The inputs a strategy may ask for."""

    MARKET_HISTORY = "market_history"
    BENCHMARK_HISTORY = "benchmark_history"
    PORTFOLIO_SNAPSHOT = "portfolio_snapshot"
    DERIVED_INDICATORS = "derived_indicators"
    FEATURE_SNAPSHOT = "feature_snapshot"


class Adjustment(Enum):
    """How a price series treats splits and dividends."""

    TOTAL_RETURN = "total_return"
    SPLIT = "split"
    RAW = "raw"


class Status(Enum):
    """How far a profile may go."""

    RUNTIME_ENABLED = "runtime_enabled"
    RESEARCH_ONLY = "research_only"
    RETIRED = "retired"


class Action(Enum):
    """What a strategy decided."""

    REBALANCE = "REBALANCE"
    HOLD = "HOLD"
    BLOCKED = "BLOCKED"


@dataclass(frozen=True, slots=True)
class AllocationIntent:
    """Targets of a REBALANCE: every managed symbol by name, zeros included.

    Attributes
    ----------
    targets
        Ascending by symbol; kept at ``target_mode.step``, so that what is digested is what is executed.
    buy_only
        Never sell to reach a target.
    """

    target_mode: TargetMode
    targets: Mapping[str, Decimal]
    buy_only: bool = False


@dataclass(frozen=True, slots=True)
class StrategyDecision:
    """The answer of a strategy for one session.

    Attributes
    ----------
    as_of
        The completed session decided on (exchange-local date).
    intent
        Set if and only if ``action`` is REBALANCE.
    reasons
        Sentences for a person; not part of the digest.
    diagnostics
        Numbers behind the decision; not part of the digest.
    """

    profile: str
    as_of: date
    action: Action
    intent: AllocationIntent | None = None
    reasons: tuple[str, ...] = ()
    diagnostics: Mapping[str, object] = field(default_factory=dict[str, object])

    def document(self, config: Mapping[str, object]) -> dict[str, object]:
        """Return the digested content: profile, config, as_of, action, target_mode, targets."""
        intent = self.intent
        return {
            "profile": self.profile,
            "config": config,
            "as_of": self.as_of,
            "action": self.action,
            "target_mode": intent.target_mode if intent else None,
            "targets": intent.targets if intent else None,
        }

    def digest(self, config: Mapping[str, object]) -> str:
        """Return the SHA-256 of `document` in canonical JSON."""
        return sha256(canonical_json(self.document(config)))


class StrategyContext:
    """Everything a strategy may know. An input it did not declare is absent, and reading it is an error.

    Parameters
    ----------
    managed
        The symbols that this decision is about: an intent names each of them, and no others. None for those that the
        manifest names.
    """

    __slots__ = ("_inputs", "managed", "session")

    def __init__(
        self, session: Session, inputs: Mapping[InputName, Any], managed: frozenset[str] | None = None
    ) -> None:
        self.session = session
        self.managed = managed
        self._inputs = inputs

    @property
    def as_of(self) -> date:
        """The completed session to decide on."""
        return self.session.date

    @property
    def market_history(self) -> PriceHistory:
        """Closes of managed and watched symbols up to ``as_of``."""
        return self._input(InputName.MARKET_HISTORY)

    @property
    def benchmark_history(self) -> PriceHistory:
        """Closes of the benchmark symbols up to ``as_of``."""
        return self._input(InputName.BENCHMARK_HISTORY)

    @property
    def portfolio(self) -> PortfolioSnapshot:
        """The account at the run's quotes."""
        return self._input(InputName.PORTFOLIO_SNAPSHOT)

    @property
    def derived_indicators(self) -> Mapping[str, Mapping[str, float]]:
        """Symbol -> indicator -> value, NaN where it cannot be known."""
        return self._input(InputName.DERIVED_INDICATORS)

    @property
    def feature_snapshot(self) -> FeatureSnapshot:
        """The published features."""
        return self._input(InputName.FEATURE_SNAPSHOT)

    def _input(self, name: InputName) -> Any:
        try:
            return self._inputs[name]
        except KeyError:
            raise InvalidInput(f"{name.value} was not given; declare it in the manifest's required_inputs") from None


@dataclass(frozen=True)
class StrategyManifest:
    """What a profile declares about itself.

    Attributes
    ----------
    managed
        Symbols the strategy owns: it sizes, buys and sells these and no others. A snapshot-backed profile owns the
        stocks of its snapshot too, and what it holds: see `managing`.
    watched
        Symbols it only reads.
    benchmarks
        Symbols of ``benchmark_history``, out of managed and watched.
    optional
        Symbols whose missing bars the rule itself copes with.
    indicators
        symbol -> names (see `quant_platform_kit.domain.indicators.indicator`) for ``derived_indicators``.
    history_sessions
        Sessions of history the rule reads at most, ``as_of`` included.
    sources
        Where the rule comes from.
    features
        What a snapshot-backed profile asks of its snapshot; None for the others.
    cadence
        When the rule decides in the ordinary course. One that decides in every session says with a HOLD that all is
        in place, which supersedes what was due.
    """

    profile: str
    display_name: str
    target_mode: TargetMode
    required_inputs: frozenset[InputName]
    managed: tuple[str, ...]
    history_sessions: int
    sources: tuple[str, ...]
    adjustment: Adjustment = Adjustment.TOTAL_RETURN
    watched: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    indicators: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    required_capabilities: frozenset[str] = frozenset()
    features: FeatureContract | None = None
    cadence: Cadence = Cadence.UNSTATED
    status: Status = Status.RUNTIME_ENABLED
    domain: str = "us_equity"

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Managed and watched symbols, ascending."""
        return tuple(sorted({*self.managed, *self.watched}))

    @cached_property
    def managed_set(self) -> frozenset[str]:
        """The managed symbols as a set."""
        return frozenset(self.managed)

    @cached_property
    def _zeros(self) -> Mapping[str, Decimal]:
        """A target of zero for each managed symbol, ascending."""
        return dict.fromkeys(sorted(self.managed), ZERO)

    @cached_property
    def history_symbols(self) -> tuple[str, ...]:
        """Symbols whose history the declared inputs need, ascending."""
        wanted: set[str] = set(self.indicators)
        if InputName.MARKET_HISTORY in self.required_inputs:
            wanted.update(self.symbols)
        if InputName.BENCHMARK_HISTORY in self.required_inputs:
            wanted.update(self.benchmarks)
        return tuple(sorted(wanted))

    @cached_property
    def required_symbols(self) -> tuple[str, ...]:
        """Symbols that must have a bar in the session decided on."""
        return tuple(symbol for symbol in self.symbols if symbol not in self.optional)

    @property
    def reads_prices(self) -> bool:
        """Whether the rule reads prices, and not only what others have made of them."""
        return bool(self.history_symbols)

    @property
    def every_session(self) -> bool:
        """Whether the rule decides anew in every session."""
        return self.cadence is Cadence.SESSION

    @property
    def input_mode(self) -> str:
        """``snapshot`` if the profile reads a feature snapshot, else ``direct``."""
        return "snapshot" if InputName.FEATURE_SNAPSHOT in self.required_inputs else "direct"

    def managing(self, snapshot: FeatureSnapshot | None, owned: Collection[str]) -> frozenset[str]:
        """Return the symbols that a decision is about: those managed, of a snapshot its stocks and what is held.

        Parameters
        ----------
        owned
            What the account holds because this profile bought it.
        """
        if self.features is None:
            return self.managed_set
        return self.managed_set.union(snapshot.stocks if snapshot else (), owned)

    def managed_in(self, ctx: StrategyContext) -> frozenset[str]:
        """Return the symbols that the decision in a context is about."""
        return self.managed_set if ctx.managed is None else ctx.managed

    def rebalance(
        self,
        ctx: StrategyContext,
        targets: Mapping[str, float | Decimal],
        *reasons: str,
        buy_only: bool = False,
        diagnostics: Mapping[str, object] | None = None,
    ) -> StrategyDecision:
        """Return a REBALANCE; managed symbols that ``targets`` does not name get an explicit zero.

        Raises
        ------
        InvalidInput
            A target of a symbol that is not managed, negative, or not finite; weights that sum to more than 1.
        """
        intent = AllocationIntent(self.target_mode, self.checked(targets, self.managed_in(ctx)), buy_only)
        return StrategyDecision(self.profile, ctx.as_of, Action.REBALANCE, intent, reasons, diagnostics or {})

    def hold(self, ctx: StrategyContext, *reasons: str) -> StrategyDecision:
        """Return a HOLD."""
        return StrategyDecision(self.profile, ctx.as_of, Action.HOLD, None, reasons)

    def blocked(self, ctx: StrategyContext, *reasons: str) -> StrategyDecision:
        """Return a BLOCKED: an input is missing or unusable."""
        return StrategyDecision(self.profile, ctx.as_of, Action.BLOCKED, None, reasons)

    def checked(self, targets: Mapping[str, float | Decimal], managed: Collection[str]) -> dict[str, Decimal]:
        """Return complete targets at the mode's precision: see `rebalance` for what is refused."""
        complete = dict(self._zeros) if managed is self.managed_set else dict.fromkeys(sorted(managed), ZERO)
        for symbol, target in targets.items():
            if symbol not in complete:
                raise InvalidInput(f"{self.profile}: target for {symbol}, which is not managed: {', '.join(complete)}")
            if not target:
                continue
            if not math.isfinite(target) or target < 0:
                raise InvalidInput(f"{self.profile}: target {target} for {symbol}; a target is finite and not negative")
            number = target if isinstance(target, Decimal) else Decimal(repr(float(target)))
            complete[symbol] = number.quantize(self.target_mode.step, ROUND_HALF_EVEN)
        total = sum(complete.values(), ZERO)
        if self.target_mode is TargetMode.WEIGHT and total > 1 + len(complete) * self.target_mode.step:
            raise InvalidInput(f"{self.profile}: weights sum to {total}; the bound is 1")
        return complete


class Strategy(Protocol):
    """A strategy: declarations and one pure function."""

    manifest: StrategyManifest
    Config: type[Any]
    """A pydantic model, frozen, unknown keys forbidden, every field with bounds and, unless a file has to say it, a
    default."""

    def evaluate(self, ctx: StrategyContext, config: Any) -> StrategyDecision:
        """Decide on ``ctx.as_of``."""
        ...


def _around(decision: bytes, day: bytes) -> tuple[bytes, bytes]:
    """Return what stands before and after the day in a decision's canonical JSON: only its action comes before."""
    before, after = decision.split(b'"as_of":"' + day, 1)
    return before + b'"as_of":"', after


class BoundStrategy:
    """A strategy with its validated configuration: what is run.

    Parameters
    ----------
    config
        An instance of ``strategy.Config``.
    config_values
        The same as plain values, part of every decision digest.
    config_digest
        SHA-256 of the file the configuration is from; without one, of the values in canonical JSON.
    """

    __slots__ = ("_last", "config", "config_digest", "config_values", "manifest", "strategy")

    def __init__(
        self, strategy: Strategy, config: object, config_values: Mapping[str, object], config_digest: str = ""
    ) -> None:
        self.strategy = strategy
        self.manifest = strategy.manifest
        self.config = config
        self.config_values: Mapping[str, object] = plain(dict(config_values))
        self.config_digest = config_digest or sha256(canonical_json(self.config_values))
        self._last: tuple[object, tuple[bytes, bytes]] = (None, (b"", b""))

    def decide(self, ctx: StrategyContext) -> StrategyDecision:
        """Evaluate, and hold the answer to the contract.

        Raises
        ------
        InvalidInput
            The strategy raised, its answer is for another profile or session, or its intent breaks the manifest.
        """
        decision = self._evaluate(ctx)
        expected = (self.manifest.profile, ctx.as_of)
        if (decision.profile, decision.as_of) != expected:
            raise InvalidInput(f"decision is for {decision.profile} on {decision.as_of}; asked was {expected}")
        if (decision.intent is not None) != (decision.action is Action.REBALANCE):
            raise InvalidInput(f"{decision.profile}: {decision.action.value} does not fit its intent")
        if decision.intent:
            self._check_intent(decision.intent, self.manifest.managed_in(ctx))
        reasons = tuple(map(redact, decision.reasons))
        return decision if reasons == decision.reasons else replace(decision, reasons=reasons)

    def _evaluate(self, ctx: StrategyContext) -> StrategyDecision:
        try:
            return self.strategy.evaluate(ctx, self.config)
        except QuantError:
            raise
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise InvalidInput(f"{self.manifest.profile} fails on {ctx.as_of}: {what}") from error

    def _check_intent(self, intent: AllocationIntent, managed: frozenset[str]) -> None:
        """Hold an intent to the manifest's rules, however it was made."""
        profile = self.manifest.profile
        if frozenset(intent.targets) != managed:
            raise InvalidInput(f"{profile}: targets name {sorted(intent.targets)}; use the manifest")
        if intent.target_mode is not self.manifest.target_mode:
            raise InvalidInput(f"{profile}: intent in {intent.target_mode.value}s; the manifest says otherwise")
        if intent.targets != self.manifest.checked(intent.targets, managed):
            raise InvalidInput(f"{profile}: targets finer than {intent.target_mode.step}; use the manifest")

    def digest(self, decision: StrategyDecision) -> str:
        """Return the decision's digest under this configuration.

        Most decisions differ from the one before in their day only: what stands around it is kept.
        """
        said, day = (decision.profile, decision.action, decision.intent), decision.as_of.isoformat().encode()
        before, around = self._last
        if said != before:
            around = _around(canonical_json(decision.document(self.config_values)), day)
            self._last = said, around
        return sha256(day.join(around))
