"""The inputs of one run, taken once, and the plan made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import cast

from quant_platform_kit.domain.balances import unproven_balance
from quant_platform_kit.domain.cycle import ExecutionPolicy, Observation, size
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.gates import move_gate, price_age_gate
from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.portfolio import AccountState, Quote, quote_price
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.reconciliation import Finding, reconcile, suspected_splits, unknown_account
from quant_platform_kit.domain.runs import InputSummary, Reasoning, RunPlan, RunReport
from quant_platform_kit.domain.sessions import Session
from quant_platform_kit.domain.settlement import Unsettled, unsettled_in
from quant_platform_kit.domain.strategy import AllocationIntent, StrategyManifest, TargetMode
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.services.run.account_reading import read_account
from quant_platform_kit.services.run.deciding import MADE_UP_SESSIONS, Situation
from quant_platform_kit.services.run.request import RunPorts

__all__ = ["Inputs", "make_plan", "outside_changes", "reasoning", "take_inputs"]

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run sees: one account state and one set of quotes, used by strategy and sizing alike.

    Attributes
    ----------
    quotes
        Of held symbols; those of targets are added when the plan is made.
    bought_by
        symbol -> profile that bought it, for what is still held.
    leftovers
        Holdings that a profile bought, an earlier one or this one, and that this one does not manage now.
    digest
        By which they can be read back, once they are recorded.
    unsettled
        What sales of earlier runs left to settle, as far as it has not.
    """

    session: Session
    history: PriceHistory
    account: AccountState
    quotes: Mapping[str, Quote]
    taken_at: datetime
    bought_by: Mapping[str, str]
    leftovers: tuple[str, ...]
    sells_leftovers: bool
    digest: str | None = None
    unsettled: Unsettled | None = None

    @property
    def observation(self) -> Observation:
        """What the strategy is shown."""
        handed_over = frozenset(self.leftovers) if self.sells_leftovers else frozenset[str]()
        return Observation(self.session, self.history, self.account, self.quotes, self.taken_at, handed_over)


def take_inputs(
    manifest: StrategyManifest,
    session: Session,
    ports: RunPorts,
    last: RunReport | None,
    policy: ExecutionPolicy,
    *,
    sell_leftovers: bool,
) -> Inputs:
    """Take account, history and the quotes of what is held, in this order.

    Parameters
    ----------
    last
        The account's last report: it knows which profile bought what.
    policy
        Says what the account's figures are held against; it is asked for once more where they do not add up.
    """
    account = read_account(ports.broker, ports.clock, policy.balances)
    now = ports.clock.now()
    wanted = manifest.history_sessions + MADE_UP_SESSIONS
    held = {symbol for symbol, quantity in account.quantities.items() if quantity}
    known: Mapping[str, str] = last.bought_by if last else {}
    bought_by = {symbol: profile for symbol, profile in known.items() if symbol in held}
    leftovers = tuple(sorted(symbol for symbol in bought_by if symbol not in manifest.managed_set))
    valued = manifest.managed_set | frozenset(leftovers if sell_leftovers else ())
    return Inputs(
        session=session,
        history=ports.market.history(manifest.history_symbols, session.date, wanted).newest(wanted),
        account=account,
        quotes=ports.market.quotes(sorted(held & valued)),
        taken_at=now,
        bought_by=bought_by,
        leftovers=leftovers,
        sells_leftovers=sell_leftovers,
        unsettled=unsettled_in(session.next, last.unsettled if last else None, account, policy.currency),
    )


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
    )
    diagnostics = {name: _recordable(value) for name, value in situation.today.decision.diagnostics.items()}
    return Reasoning(summary, situation.digests, diagnostics)


def _recordable(value: object) -> object:
    """Return a diagnostic out of JSON's own types, with None for a number that is not finite, at every depth."""
    if isinstance(value, Mapping):
        return {str(name): _recordable(item) for name, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, list | tuple | set | frozenset):
        return [_recordable(item) for item in cast("Iterable[object]", value)]
    return plain(value)


def outside_changes(
    manifest: StrategyManifest, inputs: Inputs, broker: Broker, last: RunReport | None
) -> list[Finding]:
    """Name what changed in the account since the platform last took note of it, and orders that are not its own."""
    before = last.noted if last and last.noted else inputs.account
    open_orders = broker.open_orders()
    changes = [*reconcile(before, inputs.account, open_orders), *unproven_balance(inputs.account)]
    if last is None or not last.known:
        return [*unknown_account(inputs.account, manifest.managed_set, open_orders), *changes]
    return changes


def make_plan(
    key: RunKey,
    situation: Situation,
    inputs: Inputs,
    market: MarketData,
    policy: ExecutionPolicy,
    findings: Sequence[Finding],
) -> tuple[RunPlan | None, list[str]]:
    """Return the plan for what is due, None when nothing has to be sent, and why it may not be made."""
    portfolio = situation.today.portfolio
    intent = _with_leftovers(situation.intent, inputs)
    if intent is None or portfolio is None:
        return None, []
    wanted = [symbol for symbol, target in intent.targets.items() if target and symbol not in inputs.quotes]
    quotes = {**inputs.quotes, **market.quotes(wanted)}
    if refused := _price_gates(quotes, inputs, policy):
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
    )
    return plan, []


def _with_leftovers(intent: AllocationIntent | None, inputs: Inputs) -> AllocationIntent | None:
    if not (inputs.leftovers and inputs.sells_leftovers):
        return intent
    zeros = dict.fromkeys(inputs.leftovers, ZERO)
    if intent is None:
        return AllocationIntent(TargetMode.VALUE, zeros)
    return replace(intent, targets={**intent.targets, **zeros})


def _price_gates(quotes: Mapping[str, Quote], inputs: Inputs, policy: ExecutionPolicy) -> list[str]:
    limits, history = policy.limits, inputs.history
    last = zip(history.symbols, history.close[-1].tolist(), strict=True) if len(history) else ()
    closes = {symbol: quote_price(close) for symbol, close in last if close == close}
    return [
        *price_age_gate(quotes.values(), inputs.taken_at, limits.max_price_age),
        *move_gate(quotes.values(), closes, limits.max_price_move),
        *suspected_splits({symbol: quote.price for symbol, quote in quotes.items()}, closes),
    ]
