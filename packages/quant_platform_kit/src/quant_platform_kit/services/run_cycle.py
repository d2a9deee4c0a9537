"""One run: claim, inputs, decide, commit the plan, submit, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from quant_platform_kit.domain.cycle import ExecutionPolicy, Observation, decide, size
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.gates import move_gate, price_age_gate, session_gate
from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.orders import ExecutionReport, OrderState
from quant_platform_kit.domain.portfolio import Quote, quote_price
from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.domain.runs import OrderOutcome, Outcome, RunClaim, RunPlan, RunReport
from quant_platform_kit.domain.sessions import ExchangeCalendar, Session
from quant_platform_kit.domain.strategy import Action, BoundStrategy
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.ledger import RunLedger
from quant_platform_kit.services.reports import ReportStore
from quant_platform_kit.services.submit import submit

__all__ = ["RunPorts", "run_cycle"]

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class RunPorts:
    """Everything of the world a run touches."""

    broker: Broker
    market: MarketData
    store: VersionedStore
    reports: ReportStore
    clock: Clock
    calendar: ExchangeCalendar


def run_cycle(strategy: BoundStrategy, key: RunKey, ports: RunPorts, policy: ExecutionPolicy) -> RunReport:
    """Run ``strategy`` once for ``key``; the same key always leads to the same orders and the same report.

    Raises
    ------
    InvalidInput
        The account is another than the key's, or ``key.session`` is no session.
    Refused
        The key belongs to a run of another profile or configuration.
    """
    if key.account_id != ports.broker.account_id:
        raise InvalidInput(f"the broker reports account {ports.broker.account_id}; the run is for {key.account_id}")
    session = ports.calendar.session(ports.calendar.session(key.session).previous)
    ledger = RunLedger(ports.store, key)
    ledger.claim(RunClaim(key, strategy.manifest.profile, strategy.config_values, session.date))
    if report := ports.reports.find(key.run_id):
        return report
    plan = ledger.plan() or ledger.commit_plan(_decide(strategy, key, session, ports, policy))
    orders = plan.plan.orders if plan.plan else ()
    executions = [submit(order, ports.broker, ledger) for order in orders]
    return ports.reports.publish(_report(strategy, key, plan, executions, ports))


def _decide(
    strategy: BoundStrategy, key: RunKey, session: Session, ports: RunPorts, policy: ExecutionPolicy
) -> RunPlan:
    """Take the inputs, decide and size: everything up to, and nothing after, the commitment."""
    manifest, now = strategy.manifest, ports.clock.now()
    account = ports.broker.account()
    history = ports.market.history(manifest.history_symbols, session.date, manifest.history_sessions)
    held = [symbol for symbol, quantity in account.quantities.items() if quantity and symbol in manifest.managed_set]
    quotes = dict(ports.market.quotes(held))
    decided = decide(strategy, Observation(session, history, account, quotes, now), policy)
    plan, blocked = None, ()
    if decided.decision.intent and decided.portfolio:
        targets = decided.decision.intent.targets
        quotes |= ports.market.quotes([symbol for symbol in targets if targets[symbol] and symbol not in quotes])
        sized = size(key, decided.decision.intent, decided.portfolio, quotes, policy)
        blocked = (*_gates(key, ports, policy, quotes, history), *sized.blocked)
        plan = None if blocked else sized.plan
    return RunPlan(
        decision=decided.decision,
        digest=decided.digest,
        plan=plan,
        blocked=blocked,
        base=decided.portfolio.base if decided.portfolio else None,
        account=account,
        quotes={symbol: quote.price for symbol, quote in sorted(quotes.items())},
        decided_at=now,
    )


def _gates(
    key: RunKey, ports: RunPorts, policy: ExecutionPolicy, quotes: Mapping[str, Quote], history: PriceHistory
) -> list[str]:
    now, limits = ports.clock.now(), policy.limits
    last = zip(history.symbols, history.close[-1], strict=True) if len(history) else ()
    closes = {symbol: quote_price(close) for symbol, close in last if close == close}
    return [
        *session_gate(ports.calendar.name, ports.calendar.hours(key.session), now),
        *price_age_gate(quotes.values(), now, limits.max_price_age),
        *move_gate(quotes.values(), closes, limits.max_price_move),
    ]


def _report(
    strategy: BoundStrategy, key: RunKey, plan: RunPlan, executions: list[ExecutionReport], ports: RunPorts
) -> RunReport:
    manifest = strategy.manifest
    orders = tuple(_order_outcome(execution) for execution in executions)
    unfilled = [f"{o.side.value} {o.symbol} ended {o.state.value}: {o.text}" for o in orders if o.filled != o.quantity]
    return RunReport(
        run_id=key.run_id,
        key=key,
        profile=manifest.profile,
        display_name=manifest.display_name,
        input_mode=manifest.input_mode,
        outcome=_outcome(plan, orders),
        reasons=(*plan.decision.reasons, *plan.blocked, *unfilled),
        as_of=plan.decision.as_of,
        action=plan.decision.action,
        decision_digest=plan.digest,
        plan=plan.plan,
        base=plan.base,
        orders=orders,
        account=ports.broker.account(),
        finished_at=ports.clock.now(),
    )


def _outcome(plan: RunPlan, orders: tuple[OrderOutcome, ...]) -> Outcome:
    if plan.blocked or plan.decision.action is Action.BLOCKED:
        return Outcome.BLOCKED
    if not orders:
        return Outcome.NO_ACTION
    done = all(order.state is OrderState.FILLED for order in orders)
    return Outcome.COMPLETED if done else Outcome.INCOMPLETE


def _order_outcome(execution: ExecutionReport) -> OrderOutcome:
    order, filled = execution.order, execution.filled_quantity
    paid = sum((fill.quantity * fill.price for fill in execution.fills), ZERO)
    return OrderOutcome(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        state=execution.state,
        filled=filled,
        average_price=paid / filled if filled else None,
        commission=sum((fill.commission for fill in execution.fills), ZERO),
        text=execution.text,
    )
