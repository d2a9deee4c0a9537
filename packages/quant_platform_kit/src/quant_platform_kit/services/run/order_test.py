"""An order test: a run of its own kind that sends a few orders which cannot fill, and watches what the broker does.

It goes through the lease, the ledger and the gateway of every run. A test that was stopped is ended by the account's
next run, or by the next test, which look up and cancel (`quant_platform_kit.services.run.order_test_end`).
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

from quant_platform_kit.domain.assumptions import assumed_of
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import BrokerError, LeaseLost, NeedsOperator, OrderRejected, Refused, StoreError
from quant_platform_kit.domain.gates import price_age_gate, session_gate
from quant_platform_kit.domain.identity import Mode, client_order_id
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.planning import OrderPlan, PlanLine, Residual
from quant_platform_kit.domain.portfolio import AccountState, Quote
from quant_platform_kit.domain.runs import OrderRecord, Outcome, RunClaim, RunPlan, RunReport
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.domain.strategy import Action
from quant_platform_kit.ports.resending import Resending
from quant_platform_kit.services.operate.assumptions import Mark, Verdict, keep_mark
from quant_platform_kit.services.operate.owners import require_ownership
from quant_platform_kit.services.operate.switches import lost_switches, switched_off
from quant_platform_kit.services.record.leases import AccountLease, LeaseTerms, read_lease
from quant_platform_kit.services.record.ledger import RunLedger
from quant_platform_kit.services.run.closing import close
from quant_platform_kit.services.run.footing import footing_of
from quant_platform_kit.services.run.gateway import Gateway
from quant_platform_kit.services.run.order_test_end import (
    CANCEL_SECONDS,
    cancel_working,
    end_each,
    ended_report,
    until,
)
from quant_platform_kit.services.run.report_building import undecided_report
from quant_platform_kit.services.run.request import RunPorts, RunRequest, RunTerms

__all__ = ["BELOW", "ORDERS", "Tried", "order_test"]

ORDERS = 5
BELOW = Decimal("0.15")
"""How far below the market the limit is, as a share: brokers take that, and a liquid fund does not fall so far."""
WINDOWS = 2
"""For how many visibility windows an order is looked for."""
SAFETY = 3
"""The window that is proposed is so many times the longest that an order took to be shown."""
CENT = Decimal("0.01")
ONCE = ("reference-once", "request-returns-first")
"""The assumptions about a reference that is sent a second time."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of an order test.

    Attributes
    ----------
    shown_after
        Seconds from sending until each order was shown.
    settle_seconds
        The visibility window that is proposed; None where no order was shown.
    marks
        What it says of assumptions.
    """

    report: RunReport
    shown_after: tuple[float, ...] = ()
    settle_seconds: int | None = None
    marks: tuple[Mark, ...] = ()


def order_test(request: RunRequest, symbol: str, ports: RunPorts, policy: ExecutionPolicy, terms: RunTerms) -> Tried:
    """Send orders of one unit far below the market, one after the other, watch each, and cancel it.

    Parameters
    ----------
    request
        Its key is one of `RunKey.of_order_test`.

    Raises
    ------
    Refused
        The mode, a switch, an open run, an UNKNOWN order, the session, the cash or an order of the symbol forbids it;
        nothing was sent.
    BrokerError, StoreError
        The broker or the store cannot answer: the test stays open, and is ended by the next run.
    """
    _refuse_unless_free(request, ports)
    lease_terms = LeaseTerms(terms.lease, ports.broker.traits.visibility_window)
    account, run_id = request.key.account_id, request.key.run_id
    lease = AccountLease.acquire(ports.store, account, request.holder, lease_terms, ports.clock, opening=run_id)
    try:
        if lease.inherited:
            raise Refused(f"run {lease.inherited} was left open: run the service once more first, which finishes it")
        return _Test(request, symbol, ports, policy, lease).run()
    finally:
        with suppress(StoreError, LeaseLost):
            lease.release()


def _refuse_unless_free(request: RunRequest, ports: RunPorts) -> None:
    key, store = request.key, ports.store
    if not key.mode.submits:
        raise Refused(f"mode {key.mode.value} sends nothing: an order test needs a paper account, or live trading")
    require_ownership(store, key.account_id, request.service)
    state = read_lease(store, key.account_id)
    if state is not None and state.open_run:
        raise Refused(f"run {state.open_run} is open: run the service once more first, which finishes it")
    if state is not None and state.uncertain_runs:
        raise Refused(f"run {state.uncertain_runs[0]} has UNKNOWN orders: settle them with `quant resolve` first")
    reasons = [
        *switched_off(store, request.service, key.account_id, key.mode),
        *lost_switches(store, request.service, key.account_id, key.mode),
        *session_gate(ports.calendar.name, ports.calendar.hours(key.session), ports.clock.now()),
    ]
    last = ports.reports.find(state.last_run) if state and state.last_run else None
    if key.mode is Mode.LIVE:
        reasons += [reason for reason in footing_of(request, ports, last).refused if "never met" in reason]
    if reasons:
        raise Refused("no order is sent: " + "; ".join(reasons))


@dataclass(slots=True)
class _Test:
    """A test that holds the account's lease."""

    request: RunRequest
    symbol: str
    ports: RunPorts
    policy: ExecutionPolicy
    lease: AccountLease
    claim: RunClaim = field(init=False)
    records: dict[str, OrderRecord] = field(default_factory=dict[str, OrderRecord])
    shown: list[float] = field(default_factory=list[float])
    said: list[str] = field(default_factory=list[str])
    verdicts: dict[str, tuple[Verdict, str]] = field(default_factory=dict[str, tuple[Verdict, str]])
    is_lost: bool = False

    @property
    def traits(self) -> BrokerTraits:
        return self.ports.broker.traits

    @property
    def window(self) -> float:
        return self.traits.visibility_window.total_seconds()

    def run(self) -> Tried:
        ports = self.ports
        ports.reached(Boundary.LEASE_TAKEN)
        try:
            ports.broker.connect()
            ports.reached(Boundary.CONNECTED)
            account, quote = self._look()
        except (Refused, BrokerError):
            self.lease.leave_run()  # nothing is recorded of it
            raise
        ports.reached(Boundary.RUN_OPENED)
        gateway = self._planned(account, quote)
        for number, record in enumerate(tuple(self.records.values()), 1):
            if not self._try(gateway, record, is_last=number == ORDERS):
                break
        if self.is_lost:
            self.lease.require(self.traits.visibility_window + self.traits.timeout)
            ports.clock.sleep(self.window)
        self.records = end_each(gateway, self.records)
        return self._report(gateway)

    def _look(self) -> tuple[AccountState, Quote]:
        """Return account and quote; `Refused` where an order of one unit may not be sent now."""
        broker, policy = self.ports.broker, self.policy
        account, quote = broker.account(), self.ports.market.quotes([self.symbol]).get(self.symbol)
        if quote is None:
            raise Refused(f"there is no price of {self.symbol}: name a symbol that the broker quotes")
        reasons = price_age_gate([quote], self.ports.clock.now(), policy.limits.max_price_age)
        if any(each.order.symbol == self.symbol for each in broker.open_orders()):
            reasons.append(f"an order of {self.symbol} works on the account: cancel it, or name another symbol")
        if account.may_spend(policy.currency) < self._limit(quote):
            reasons.append(
                f"the account has {account.may_spend(policy.currency)} {policy.currency}, one unit needs "
                f"{self._limit(quote)}: name a cheaper symbol"
            )
        if reasons:
            raise Refused("no order is sent: " + "; ".join(reasons))
        return account, quote

    def _limit(self, quote: Quote) -> Decimal:
        return (quote.price * (1 - BELOW)).quantize(CENT, ROUND_DOWN)

    def _planned(self, account: AccountState, quote: Quote) -> Gateway:
        """Claim the run, and commit the orders that it may send."""
        ports, key = self.ports, self.request.key
        as_of, zero = ports.calendar.before(key.session), Decimal(0)
        unit = max(self.policy.rules.quantity_step, Decimal(1))
        identities = [client_order_id(key, self.symbol, Side.BUY.value, number) for number in range(ORDERS)]
        orders = [Order(each, self.symbol, Side.BUY, unit, self._limit(quote)) for each in identities]
        held = account.quantities.get(self.symbol, zero)
        ledger = RunLedger(ports.store, key.account_id, key.run_id, self.lease.chain)
        self.claim = ledger.claim(self.request.claim(as_of, ports.clock.now()))
        ports.reached(Boundary.CLAIMED)
        plan = ledger.commit_plan(
            RunPlan(
                executes=None,
                as_of=as_of,
                action=Action.HOLD,
                digest="",
                plan=OrderPlan(
                    tuple(
                        PlanLine(self.symbol, held, held, quote.price, order, zero, Residual.NONE) for order in orders
                    )
                ),
                base=zero,
                account=account,
                prices={self.symbol: quote.price},
                buffer=zero,
                reasons=("order test",),
                behind=(),
                findings=(),
                bought_by={},
                committed_at=ports.clock.now(),
            )
        )
        ports.reached(Boundary.PLAN_COMMITTED)
        self.records = {order.client_order_id: OrderRecord(order) for order in plan.plan.orders}
        return Gateway(
            ports.broker,
            ports.store,
            ports.clock,
            ports.calendar,
            self.lease,
            ledger,
            self.policy,
            self.request.service,
            key.mode,
            key.session,
            plan.prices,
            ports.reached,
        )

    # --- one order ---------------------------------------------------------------------------------

    def _try(self, gateway: Gateway, record: OrderRecord, *, is_last: bool) -> bool:
        """Send one order, watch it and cancel it; return whether the next one may follow."""
        identity, clock = record.order.client_order_id, self.ports.clock
        if forbidden := gateway.forbidden(record.order, self.ports.market.quotes([self.symbol])):
            self.said.append("stopped: " + "; ".join(forbidden))
            return False
        began = clock.monotonic()
        try:
            record = gateway.send(record)
        except NeedsOperator as error:
            self.is_lost = True
            self.said.append(str(error))
            record = gateway.ledger.steps.reread(record)
        except BrokerError:
            record = gateway.ledger.steps.reread(record)
            gateway.lease.require(self.traits.timeout)
            self.ports.broker.connect()
        self.records[identity] = record
        if record.state.terminal:
            self.said.append(f"order {identity} is {record.state.value}: {record.outcome.text}".strip(": "))
            return False
        if not until(gateway, WINDOWS * self.window + 1, lambda: self._is_shown(identity)):
            self.is_lost = True
            self.said.append(f"order {identity} was not shown within {WINDOWS} visibility windows")
            return False
        self._shown(clock.monotonic() - began)
        if is_last:
            self._log_in_anew(gateway, identity)
            self._once_more(gateway, record.order)
        return self._cancel(gateway, identity)

    def _is_shown(self, identity: str) -> bool:
        broker = self.ports.broker
        found = broker.find(identity)
        if found is None or found.state.terminal:
            return found is not None
        return any(each.order.client_order_id == identity for each in broker.open_orders())

    def _shown(self, seconds: float) -> None:
        self.shown.append(seconds)
        in_time = seconds <= max(self.window, 1)
        said = f"shown after {max(self.shown):.1f} s at most, the window is {self.window:g} s"
        if self.verdicts.get("shown-in-window", (Verdict.HELD, ""))[0] is Verdict.HELD:
            self.verdicts["shown-in-window"] = (Verdict.HELD if in_time else Verdict.REFUTED, said)

    def _log_in_anew(self, gateway: Gateway, identity: str) -> None:
        gateway.lease.require(2 * self.traits.timeout)
        self.ports.broker.connect()
        found = until(gateway, self.window + 1, lambda: self.ports.broker.find(identity) is not None)
        said = "a new login found it" if found else "a new login did not find it"
        self.verdicts["found-after-login"] = (Verdict.HELD if found else Verdict.REFUTED, said)

    def _once_more(self, gateway: Gateway, order: Order) -> None:
        """Send the same reference a second time where the broker is said to refuse or return it, and cancel all."""
        broker = self.ports.broker
        if not isinstance(broker, Resending) or self.traits.after_silence is AfterSilence.BLOCK:
            self.said.append("the same reference was not sent again: the broker is never asked to take it")
            return
        try:
            if not gateway.send_again(order, broker):
                return
            answer = "it was taken"
        except OrderRejected as error:
            answer = f"it was refused: {error}"
        except BrokerError as error:
            answer = f"it was not answered: {error}"
            gateway.lease.require(self.traits.timeout)
            broker.connect()
        gateway.lease.require(self.traits.visibility_window + self.traits.timeout)
        self.ports.clock.sleep(self.window)
        count = cancel_working(broker, self.symbol)
        said = f"the same reference once more: {answer}; {count} of {self.symbol} worked, and were cancelled"
        self.said.append(said)
        self.verdicts |= {name: (Verdict.REFUTED if count > 1 else Verdict.HELD, said) for name in ONCE}

    def _cancel(self, gateway: Gateway, identity: str) -> bool:
        record = self.records[identity]
        with suppress(NeedsOperator):
            began = self.ports.clock.monotonic()
            gateway.lease.require(2 * self.traits.timeout)
            found = self.ports.broker.cancel(identity)
            ended = found.state.terminal or until(gateway, CANCEL_SECONDS, lambda: self._is_over(identity))
            if ended:
                found = self.ports.broker.find(identity) or found
            said = f"ended {self.ports.clock.monotonic() - began:.1f} s after its cancel" if ended else "worked on"
            self.verdicts["cancel-ends"] = (Verdict.HELD if ended else Verdict.REFUTED, said)
            self.records[identity] = gateway.answer(record, found)
            return found.state is OrderState.CANCELLED
        return False

    def _is_over(self, identity: str) -> bool:
        found = self.ports.broker.find(identity)
        return found is not None and found.state.terminal

    # --- the end -----------------------------------------------------------------------------------

    def _report(self, gateway: Gateway) -> Tried:
        """Keep what was found, publish the report and close the run."""
        ports, key = self.ports, self.request.key
        marks, settle = self._marks(), self._settle_seconds()
        for mark in marks:
            keep_mark(ports.store, key.account_id, mark)
        self.said += [f"{mark.identity}: {mark.verdict.value}, {mark.said}" for mark in marks]
        if settle is not None:
            longest = f"the longest of {len(self.shown)} orders took {max(self.shown):.1f} s to be shown"
            self.said.append(f"{longest}: let *_SETTLE_SECONDS be {settle}")
        ended, last = list(self.records.values()), self.lease.state.last_run
        known = ports.reports.find(last) if last else None
        base = undecided_report(self.claim, Outcome.NO_ACTION, [], ports.broker, ports.clock, known)
        report = ended_report(base, ended, self.said, whole=len(self.shown) == ORDERS)
        uncertain = any(record.uncertain for record in ended)
        report = close(report, ports, self.lease, uncertain=uncertain, release=True)
        return Tried(report, tuple(self.shown), settle, tuple(marks))

    def _settle_seconds(self) -> int | None:
        default = BrokerTraits().visibility_window.total_seconds()
        return math.ceil(max(default, SAFETY * max(self.shown))) if self.shown else None

    def _marks(self) -> list[Mark]:
        """Return what the test says of the assumptions about this broker."""
        client, now = self.request.client, self.ports.store.now()
        if client is None:
            return []
        able = [each.identity for each in assumed_of(client.platform) if each.identity in self.verdicts]
        return [Mark(name, self.verdicts[name][0], client.text, now, self.verdicts[name][1]) for name in able]
