"""The inputs of one run, taken once, and the plan made of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import cast

import numpy as np

from quant_platform_kit.domain.balances import unproven_balance
from quant_platform_kit.domain.cycle import ExecutionPolicy, Observation, size
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.errors import BrokerError, StoreError
from quant_platform_kit.domain.features import FeatureReading, FeatureSnapshot
from quant_platform_kit.domain.gates import RiskLimits, move_gate, price_age_gate
from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.plausibility import Doubt, listed_by_symbol
from quant_platform_kit.domain.plausibility import doubts as implausible
from quant_platform_kit.domain.portfolio import AccountState, Quote
from quant_platform_kit.domain.price_jumps import LastClose, last_closes, quote_doubts
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.reconciliation import Finding, UnitPrices, reconcile, unknown_account
from quant_platform_kit.domain.runs import FeatureSummary, InputSummary, Reasoning, RunPlan, RunReport, undecided_key
from quant_platform_kit.domain.sessions import Session
from quant_platform_kit.domain.settlement import Unsettled, unsettled_in
from quant_platform_kit.domain.strategy import Action, AllocationIntent, StrategyManifest, TargetMode
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.believing import believe_line, unbelieved
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.account_reading import read_account
from quant_platform_kit.services.run.deciding import MADE_UP_SESSIONS, Deciding, Situation
from quant_platform_kit.services.run.misreading import money_misread
from quant_platform_kit.services.run.request import Handover, RunPorts, RunRequest

__all__ = ["Inputs", "doubted", "make_plan", "outside_changes", "reasoning", "take_inputs"]

ZERO = Decimal(0)
NO_PRICES: tuple[UnitPrices, UnitPrices] = ({}, {})
LOOK_BACK = 5
"""Sessions back to which the newest close of a symbol is looked for that is traded and not decided on."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run sees: one account state and one set of quotes, used by strategy and sizing alike.

    Attributes
    ----------
    quotes
        Of held symbols and of those decided on; those of other targets are added when the plan is made.
    closes
        The newest close of every symbol decided on or held, to judge its quote by.
    doubts
        Prices that are not believed, in words: see `doubted`.
    bought_by
        symbol -> profile that bought it, for what is still held.
    leftovers
        Holdings that a profile bought, an earlier one or this one, and that this one does not manage now.
    digest
        By which they can be read back, once they are recorded.
    unsettled
        What sales of earlier runs left to settle, as far as it has not.
    features
        For a snapshot-backed profile, what there was to read for each session that is decided on.
    managed
        The symbols that the decisions are about.
    undecided
        As in the account's last report.
    asked
        What the profile in this mode is called in it.
    """

    session: Session
    history: PriceHistory
    account: AccountState
    quotes: Mapping[str, Quote]
    taken_at: datetime
    bought_by: Mapping[str, str]
    leftovers: tuple[str, ...]
    sells_leftovers: bool
    closes: Mapping[str, LastClose] = field(default_factory=dict[str, LastClose])
    doubts: tuple[str, ...] = ()
    digest: str | None = None
    unsettled: Unsettled | None = None
    features: tuple[FeatureReading, ...] = ()
    owned: frozenset[str] = frozenset()
    managed: frozenset[str] = frozenset()
    undecided: Mapping[str, date] = field(default_factory=dict[str, date])
    asked: str = ""

    def undecided_after(self, action: Action) -> Mapping[str, date]:
        """Return what is undecided after this run decided its session so."""
        own = {self.asked: self.session.date} if action is Action.BLOCKED else {}
        return {**own, **self.undecided}

    @property
    def observation(self) -> Observation:
        """What the strategy is shown."""
        handed_over = frozenset(self.leftovers) if self.sells_leftovers else frozenset[str]()
        return Observation(
            self.session,
            self.history,
            self.account,
            self.quotes,
            self.taken_at,
            handed_over,
            self.doubts,
            self.features,
            self.owned,
        )


def take_inputs(
    request: RunRequest,
    deciding: Deciding,
    as_of: date,
    ports: RunPorts,
    last: RunReport | None,
    policy: ExecutionPolicy,
) -> Inputs:
    """Take feature snapshots, account, history and the quotes of what is held or decided on, in this order.

    Parameters
    ----------
    deciding
        Knows which sessions will be decided.
    as_of
        The completed session to decide on (exchange-local date).
    last
        The account's last report: it knows which profile bought what.
    policy
        Says what the account's figures are held against; it is asked for once more where they do not add up.
    """
    manifest, session = request.strategy.manifest, ports.calendar.session(as_of)
    sell_leftovers = request.handover is Handover.SELL
    features = _read_features(request, deciding, as_of, ports)
    account = read_account(ports.broker, ports.clock, policy.balances)
    now = ports.clock.now()
    held = {symbol for symbol, quantity in account.quantities.items() if quantity}
    known: Mapping[str, str] = last.bought_by if last else {}
    bought_by = {symbol: profile for symbol, profile in known.items() if symbol in held}
    owned = frozenset(symbol for symbol, profile in bought_by.items() if profile == manifest.profile)
    managed = manifest.managed_set.union(*(manifest.managing(reading.snapshot, owned) for reading in features))
    leftovers = tuple(sorted(symbol for symbol in bought_by if symbol not in managed))
    valued = managed | frozenset(leftovers if sell_leftovers else ())
    history = _history(manifest, session, ports.market)
    quotes = ports.market.quotes(sorted(held & valued | {*history.symbols}))
    return Inputs(
        session=session,
        history=history,
        account=account,
        quotes=quotes,
        closes={**last_closes(history), **_other_closes(ports.market, quotes, history.symbols, session)},
        taken_at=now,
        bought_by=bought_by,
        leftovers=leftovers,
        sells_leftovers=sell_leftovers,
        unsettled=unsettled_in(session.next, session.date, last.unsettled if last else None, account, policy.currency),
        features=features,
        owned=owned,
        managed=managed,
        undecided=last.undecided if last else {},
        asked=undecided_key(manifest.profile, request.key.mode),
    )


def _read_features(request: RunRequest, deciding: Deciding, as_of: date, ports: RunPorts) -> tuple[FeatureReading, ...]:
    """Return what there is to read for each session that will be decided; nothing for a profile that reads nothing."""
    if request.strategy.manifest.features is None:
        return ()
    sessions = deciding.sessions(as_of, enter_now=request.enter_now)
    if ports.features is None:
        why = f"{request.strategy.manifest.profile} reads a feature snapshot, and none is given"
        return tuple(FeatureReading(session, None, why) for session in sessions)
    return ports.features.read(request.strategy, sessions)


def _history(manifest: StrategyManifest, session: Session, market: MarketData) -> PriceHistory:
    """Return the closes that the rule reads, and those that sessions missed before it would have read."""
    if not manifest.history_symbols:
        return PriceHistory(PriceTable(np.array([], dtype="datetime64[D]"), (), {"close": np.empty((0, 0))}))
    wanted = manifest.history_sessions + MADE_UP_SESSIONS
    return market.history(manifest.history_symbols, session.date, wanted).newest(wanted)


def _other_closes(
    market: MarketData, quotes: Mapping[str, Quote], known: Collection[str], session: Session
) -> dict[str, LastClose]:
    """Return the newest closes of quoted symbols that are not decided on, and so not in the history.

    Where the source has none of them, the venue's previous closes have to do; without these the run cannot go on.
    """
    others = sorted(symbol for symbol in quotes if symbol not in known)
    if not others:
        return {}
    try:
        return last_closes(market.history(others, session.date, LOOK_BACK))
    except BrokerError:
        if any(quotes[symbol].previous_close is None for symbol in others):
            raise
        return {}


def doubted(inputs: Inputs, store: VersionedStore, limits: RiskLimits) -> Inputs:
    """Return the inputs with all about their prices that is not believed.

    A decision on a wrong price, or on a base with one in it, would be recorded and carried: nothing is decided then.
    """
    traded_in = inputs.session.next
    found = [
        *quote_doubts(inputs.quotes, inputs.closes, inputs.session.date, traded_in, limits),
        *implausible(inputs.history),
    ]
    return replace(inputs, doubts=tuple(listed_by_symbol(unbelieved(store, found, traded_in), _in_words)))


def _in_words(doubt: Doubt) -> str:
    """Return a doubt with the command that lifts it."""
    return f"{doubt.text}; if it is right: {believe_line(doubt.symbol, doubt.day)}"


def reasoning(situation: Situation, inputs: Inputs) -> Reasoning:
    """Return how a decision came about, for the report."""
    history = inputs.history
    summary = InputSummary(
        digest=inputs.digest,
        history_until=history.last_session,
        sessions=len(history),
        symbols=len(history.symbols),
        missing=tuple(history.without_bar(inputs.session.date, history.symbols)),
        quotes=len(inputs.quotes),
        taken_at=inputs.taken_at,
        features=_feature_summary(inputs.observation.snapshot) if inputs.features else None,
    )
    diagnostics = {name: _recordable(value) for name, value in situation.today.decision.diagnostics.items()}
    return Reasoning(summary, situation.digests, diagnostics)


def _feature_summary(snapshot: FeatureSnapshot | None) -> FeatureSummary | None:
    return snapshot and FeatureSummary(snapshot.as_of, snapshot.age, snapshot.digest, len(snapshot.rows))


def _recordable(value: object) -> object:
    """Return a diagnostic out of JSON's own types, with None for a number that is not finite, at every depth."""
    if isinstance(value, Mapping):
        return {str(name): _recordable(item) for name, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, list | tuple | set | frozenset):
        return [_recordable(item) for item in cast("Iterable[object]", value)]
    return plain(value)


def outside_changes(inputs: Inputs, ports: RunPorts, last: RunReport | None) -> list[Finding]:
    """Name what changed in the account since the platform last took note of it, and orders that are not its own."""
    before = last.noted if last and last.noted else inputs.account
    open_orders = ports.broker.open_orders()
    changed = before.quantities != inputs.account.quantities
    prices = (_prices_then(inputs, ports.reports, last), _prices_now(inputs)) if changed else NO_PRICES
    changes = reconcile(before, inputs.account, open_orders, prices=prices)
    changes = [*changes, *unproven_balance(inputs.account), *money_misread(ports)]
    if last is None or not last.known:
        return [*unknown_account(inputs.account, inputs.managed, open_orders), *changes]
    return changes


def _prices_then(inputs: Inputs, reports: ReportStore, last: RunReport | None) -> UnitPrices:
    """Return what units were worth: as the history has it, and as the last run saw it, if its inputs can be read."""
    then: Mapping[str, Quote] = {}
    if last and last.reasoning and last.reasoning.inputs.digest:
        with suppress(StoreError):
            then = reports.inputs.read(last.reasoning.inputs.digest)[0].quotes
    known: dict[str, list[Decimal]] = {symbol: [close.price] for symbol, close in inputs.closes.items()}
    for symbol, quote in then.items():
        known.setdefault(symbol, []).append(quote.price)
    return known


def _prices_now(inputs: Inputs) -> UnitPrices:
    """Return what units are worth: at their quotes, and at the venue's previous closes."""
    told = ((symbol, (quote.price, quote.previous_close)) for symbol, quote in inputs.quotes.items())
    return {symbol: [price for price in prices if price is not None] for symbol, prices in told}


def make_plan(
    key: RunKey,
    situation: Situation,
    inputs: Inputs,
    ports: RunPorts,
    policy: ExecutionPolicy,
    findings: Sequence[Finding],
) -> tuple[RunPlan | None, list[str]]:
    """Return the plan for what is due, None when nothing has to be sent, and why it may not be made."""
    portfolio = situation.today.portfolio
    intent = _with_leftovers(situation.intent, inputs)
    if intent is None or portfolio is None:
        return None, []
    if strange := sorted(symbol for symbol in intent.targets if portfolio.unmanaged.get(symbol)):
        return None, [f"the decision of {situation.due.as_of} names {', '.join(strange)}, held and managed no more"]
    targets = [symbol for symbol, target in intent.targets.items() if target]
    inputs = _with_quotes(inputs, ports, [symbol for symbol in targets if symbol not in inputs.quotes], policy)
    traded = {*targets, *(position.symbol for position in portfolio.positions)}
    quotes = {symbol: quote for symbol, quote in inputs.quotes.items() if symbol in traded}
    if refused := [*_price_gates(quotes, inputs, policy), *inputs.doubts]:
        return None, refused
    closing = frozenset(inputs.leftovers) if inputs.sells_leftovers else frozenset[str]()
    sized = size(key, intent, portfolio, quotes, policy, closing)
    if sized.plan is None:
        return None, list(sized.blocked)
    plan = RunPlan(
        executes=situation.due.as_of,
        as_of=inputs.session.date,
        action=situation.today.decision.action,
        digest=situation.digest or situation.today.digest,
        plan=sized.plan,
        base=portfolio.base,
        account=inputs.account,
        prices={symbol: quote.price for symbol, quote in sorted(quotes.items())},
        buffer=policy.rules.cash_buffer * max(portfolio.base, ZERO),
        reasons=situation.today.decision.reasons,
        behind=situation.due.behind,
        findings=tuple(findings),
        bought_by=inputs.bought_by,
        committed_at=inputs.taken_at,
        reasoning=reasoning(situation, inputs),
        unsettled=inputs.unsettled,
        undecided=inputs.undecided_after(situation.today.decision.action),
    )
    return plan, []


def _with_quotes(inputs: Inputs, ports: RunPorts, symbols: Sequence[str], policy: ExecutionPolicy) -> Inputs:
    """Return the inputs with the quotes of more symbols, and what about these is doubted."""
    if not symbols:
        return inputs
    quotes = ports.market.quotes(symbols)
    closes = _other_closes(ports.market, quotes, inputs.closes, inputs.session)
    more = replace(inputs, quotes={**inputs.quotes, **quotes}, closes={**inputs.closes, **closes})
    return doubted(more, ports.store, policy.limits)


def _with_leftovers(intent: AllocationIntent | None, inputs: Inputs) -> AllocationIntent | None:
    if not (inputs.leftovers and inputs.sells_leftovers):
        return intent
    zeros = dict.fromkeys(inputs.leftovers, ZERO)
    if intent is None:
        return AllocationIntent(TargetMode.VALUE, zeros)
    return replace(intent, targets={**intent.targets, **zeros})


def _price_gates(quotes: Mapping[str, Quote], inputs: Inputs, policy: ExecutionPolicy) -> list[str]:
    limits = policy.limits
    closes = {symbol: close.price for symbol, close in inputs.closes.items()}
    return [
        *price_age_gate(quotes.values(), inputs.taken_at, limits.max_price_age),
        *move_gate(quotes.values(), closes, limits.max_price_move),
    ]
