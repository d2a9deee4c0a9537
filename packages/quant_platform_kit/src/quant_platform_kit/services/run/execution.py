"""Executing a recorded plan: sells, wait, buys cut to confirmed cash, wait; from any point a crash left it at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from quant_platform_kit.domain.balances import apart
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator, OrderRejected, Superseded
from quant_platform_kit.domain.orders import OrderState, Side
from quant_platform_kit.domain.planning import cut_buys
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.runs import BuyRevision, OrderRecord, RunPlan
from quant_platform_kit.domain.settlement import good_faith
from quant_platform_kit.domain.silence import may_resend
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.services.run.account_reading import read_account
from quant_platform_kit.services.run.gateway import Gateway

__all__ = ["Execution", "ExecutionTimes"]

MOST_SENDS = 3
"""How often one worker sends one order before it leaves the run open for the next."""
PAUSE_GROWS = 2
ASK_AGAIN_SHARE = 4
"""Quotes are asked for anew when a fourth of the age that they may have has passed since they were."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ExecutionTimes:
    """How long a phase waits for fills before it cancels, and how often it looks.

    Attributes
    ----------
    first_poll, poll
        The first pause before a look, and the longest; each is twice as long as the one before, until an order comes to
        its end.
    """

    fill_timeout: timedelta = timedelta(seconds=120)
    poll: timedelta = timedelta(milliseconds=250)
    first_poll: timedelta = timedelta(milliseconds=5)


@dataclass(slots=True)
class Execution:
    """One plan on its way.

    Attributes
    ----------
    records
        What the ledger knows, kept up to date.
    resumed
        Whether another worker began it: then no order is new before the broker was asked for it.
    figures
        Those of the account after the sells, where they do not add up: then nothing is bought.
    quoted_at
        When quotes were asked for last, on the clock's seconds.
    """

    gateway: Gateway
    market: MarketData
    plan: RunPlan
    times: ExecutionTimes
    records: dict[str, OrderRecord]
    same_session: bool
    resumed: bool = False
    switched_off: list[str] = field(default_factory=list[str])
    figures: str | None = None
    quoted_at: float = 0.0

    def run(self) -> Sequence[OrderRecord]:
        """Bring every order as far as it goes today; safe to call again after any interruption.

        Raises
        ------
        BrokerError, StoreError
            The broker or the store cannot answer: the run stays open, to be recovered.
        LeaseLost
            Another worker is at it.
        """
        sells, buys = self._ids(Side.SELL), self._ids(Side.BUY)
        for identities, done in ((sells, Boundary.SELLS_DONE), (buys, Boundary.BUYS_DONE)):
            if done is Boundary.BUYS_DONE and sells and buys:
                self._revise(buys)
            if unfinished := [identity for identity in identities if not self.records[identity].state.terminal]:
                began, quotes = self._begin(unfinished)
                for number, identity in enumerate(unfinished):
                    quotes = self._fresh(quotes, unfinished[number:])
                    self._bring(self.records[identity], quotes)
                with self.gateway.tracer.span("settle", orders=len(unfinished)):
                    self._wait(unfinished, began)
                    for identity in self._working(unfinished):
                        self._cancel(identity)
            self.gateway.reached(done)
        return tuple(self.records[order.client_order_id] for order in self.plan.plan.orders)

    def _ids(self, side: Side) -> list[str]:
        return [order.client_order_id for order in self.plan.plan.orders if order.side is side]

    def _begin(self, identities: Sequence[str]) -> tuple[float, Mapping[str, Quote]]:
        """Return when a phase begins, on the clock's seconds, and the quotes that its gates go by."""
        quotes = self._quotes(identities)
        self.switched_off = self.gateway.switches()
        return self.quoted_at, quotes

    def _fresh(self, quotes: Mapping[str, Quote], identities: Sequence[str]) -> Mapping[str, Quote]:
        """Return the quotes there are, or those of now when a part of the age that they may have has passed.

        A broker that takes few orders in a minute would let them grow too old for the last orders of a phase.
        """
        limit = self.gateway.policy.limits.max_price_age
        passed = self.gateway.clock.monotonic() - self.quoted_at
        return (
            quotes if limit is None or passed <= limit.total_seconds() / ASK_AGAIN_SHARE else self._quotes(identities)
        )

    def _quotes(self, identities: Sequence[str]) -> Mapping[str, Quote]:
        """Return the quotes of some orders as of now."""
        quotes = self.market.quotes([self.records[identity].order.symbol for identity in identities])
        self.quoted_at = self.gateway.clock.monotonic()
        return quotes

    def _working(self, identities: Iterable[str]) -> list[str]:
        """Return the orders that the broker may still fill; UNKNOWN ones wait for an operator."""
        states = ((identity, self.records[identity].state) for identity in identities)
        return [identity for identity, state in states if not state.terminal and state is not OrderState.UNKNOWN]

    def _bring(self, record: OrderRecord, quotes: Mapping[str, Quote]) -> None:
        """Send an order; after silence, wait until it would have appeared, ask, and send again where that is safe."""
        gateway, order = self.gateway, record.order
        for tries in range(MOST_SENDS, 0, -1):
            if not self._to_be_sent(record, quotes):
                return
            try:
                with gateway.tracer.span("send", order=order.client_order_id, symbol=order.symbol) as span:
                    sent = gateway.send(record)
                    span.note(state=sent.state.value)
                self._keep(sent)
            except Superseded:
                raise
            except NeedsOperator as error:
                self._leave_to_operator(gateway.ledger.steps.reread(record), str(error))
            except BrokerError:
                if tries == 1:
                    raise
                self._let_appear()
                record = gateway.ledger.steps.reread(record)
                continue
            return

    def _to_be_sent(self, record: OrderRecord, quotes: Mapping[str, Quote]) -> bool:
        """Whether an order is to be sent now; one that was sent is looked up first, and what is found is recorded."""
        if record.state is OrderState.RECORDED:
            return not (self.resumed and self._known_after_all(record)) and self._new(record, quotes)
        if record.first_sent is None:
            return False
        if record.state in (OrderState.SENT, OrderState.UNKNOWN):
            return self._lost(record, quotes)
        self._refresh(record.order.client_order_id)
        return False

    def _new(self, record: OrderRecord, quotes: Mapping[str, Quote]) -> bool:
        """Whether an order that was never sent may be; otherwise it is cancelled."""
        forbidden = [*self.switched_off, *self.gateway.forbidden(record.order, quotes)]
        if not self.same_session:
            forbidden = ["its session is over: the decision carries"]
        forbidden += good_faith(record.order, self.plan.account, self.plan.unsettled, self.gateway.policy.balances)
        if self.figures and record.order.side is Side.BUY:
            forbidden = [self.figures]
        if not record.order.quantity:
            forbidden = ["cut to nothing: cash and buffer"]
        if forbidden:
            self._keep(self.gateway.finish_as(record, OrderState.CANCELLED, "not sent: " + "; ".join(forbidden)))
        return not forbidden

    def _known_after_all(self, record: OrderRecord) -> bool:
        """Whether the broker knows an order that nobody recorded to have sent; then a person has to see to it."""
        try:
            known = self._ask(lambda: self.gateway.broker.find(record.order.client_order_id)) is not None
            note = "the broker knows it, and the ledger has no record that it was sent: the ledger has lost an object"
        except NeedsOperator as error:
            known, note = True, str(error)
        if known:
            self._leave_to_operator(record, note)
        return known

    def _lost(self, record: OrderRecord, quotes: Mapping[str, Quote]) -> bool:
        """Ask the broker what became of an order that was sent; return whether it is safe to send it again."""
        gateway = self.gateway
        try:
            found = self._ask(lambda: gateway.broker.find(record.order.client_order_id))
        except NeedsOperator as error:
            self._leave_to_operator(record, str(error))
            return False
        if found is not None:
            self._keep(gateway.answer(record, found))
        elif not self._may_resend(record):
            sent = f"sent at {_first_sent(record):%H:%M:%S} UTC"
            self._leave_to_operator(record, f"{sent}, not known to the broker, and may not be sent again")
        elif forbidden := [*gateway.switches(), *gateway.forbidden(record.order, quotes)]:
            proven = gateway.broker.traits.after_silence.absence_proves
            state = OrderState.CANCELLED if proven else OrderState.UNKNOWN
            note = "not sent again: " + "; ".join(forbidden)
            self._keep(record if record.state is state else gateway.finish_as(record, state, note))
        else:
            return True
        return False

    def _let_appear(self) -> None:
        """Log in anew, and wait until what was sent has appeared at the broker, if it was accepted."""
        gateway, traits = self.gateway, self.gateway.broker.traits
        gateway.lease.require(traits.visibility_window + traits.timeout)
        gateway.broker.connect()
        gateway.clock.sleep(traits.visibility_window.total_seconds())

    def _may_resend(self, record: OrderRecord) -> bool:
        """Whether an order that the broker does not know may be sent again; one that never left may, in its session."""
        broker, identity = self.gateway.broker, record.order.client_order_id
        if record.acknowledged:
            return False
        if self.same_session and broker.traits.records_sends and not broker.may_have_left(identity):
            return True
        return may_resend(broker.traits, _first_sent(record), self.gateway.clock.now(), same_session=self.same_session)

    def _leave_to_operator(self, record: OrderRecord, note: str) -> None:
        """Record that only a person can tell what became of an order."""
        known = record.state is OrderState.UNKNOWN
        self._keep(record if known else self.gateway.finish_as(record, OrderState.UNKNOWN, note))

    def _ask(self, question: Callable[[], _T]) -> _T:
        """Ask the broker something that changes nothing or may be repeated; over a new connection if one breaks."""
        self.gateway.lease.require(self.gateway.broker.traits.timeout)
        try:
            return question()
        except (Superseded, NeedsOperator, OrderRejected):
            raise
        except BrokerError:
            self.gateway.lease.require(self.gateway.broker.traits.timeout)
            self.gateway.broker.connect()
            return question()

    def _refresh(self, identity: str) -> None:
        """Look where a working order stands; one that the broker does not show in time is for a person."""
        record, gateway = self.records[identity], self.gateway
        try:
            found = self._ask(lambda: gateway.broker.find(identity))
        except NeedsOperator as error:
            self._leave_to_operator(record, str(error))
            return
        if found is not None:
            self._keep(gateway.answer(record, found))
        elif gateway.clock.now() - record.transitions[-1].at > gateway.broker.traits.visibility_window:
            self._leave_to_operator(record, "the broker acknowledged it, and does not show it any more")

    def _wait(self, identities: Sequence[str], began: float) -> None:
        """Look until every order has come to its end; first when a pause has passed since sending began."""
        clock, first, longest = self.gateway.clock, self.times.first_poll, self.times.poll
        deadline = clock.monotonic() + self.times.fill_timeout.total_seconds()
        pause, wait = first, max(0.0, first.total_seconds() - (clock.monotonic() - began))
        working = self._working(identities)
        while working and clock.monotonic() < deadline:
            clock.sleep(wait)
            for identity in working:
                self._refresh(identity)
            before, working = working, self._working(working)
            pause = first if working != before else min(PAUSE_GROWS * pause, longest)
            wait = pause.total_seconds()

    def _cancel(self, identity: str) -> None:
        """Cancel what still works at the deadline; a fill that came first counts.

        Orders are for the day. One that a broker neither ends nor completes in a later session, as where it calls it
        filled and never tells the fills, is for a person: the account would wait for it for ever.
        """
        try:
            execution = self._ask(lambda: self.gateway.broker.cancel(identity))
        except NeedsOperator as error:
            self._leave_to_operator(self.records[identity], str(error))
            return
        self._keep(self.gateway.answer(self.records[identity], execution))
        if execution.state.terminal:
            return
        if self.same_session:
            raise BrokerError(f"order {identity} is {execution.state.value} after its cancel; the run stays open")
        told = f"{execution.filled_quantity} of {execution.order.quantity} filled"
        self._leave_to_operator(
            self.records[identity],
            f"its session is over, and the broker calls it {execution.state.value} with {told}, after its cancel too",
        )

    def _revise(self, buys: Sequence[str]) -> None:
        """Cut the buys, all by one factor, to what may be spent less the buffer; recorded once."""
        gateway, ledger = self.gateway, self.gateway.ledger
        revision = ledger.revision()
        if revision is None:
            account = read_account(gateway.broker, gateway.clock, gateway.policy.balances)
            self.figures = apart(account, gateway.policy.balances)
            if self.figures is not None:
                return
            orders = [self.records[identity].order for identity in buys]
            cash = account.may_spend(gateway.policy.currency) - self.plan.buffer
            revision = ledger.commit_revision(
                BuyRevision(cut_buys(orders, self.plan.prices, cash, gateway.policy.rules))
            )
        self.gateway.reached(Boundary.REVISION_COMMITTED)
        for identity, quantity in revision.quantities.items():
            record = self.records[identity]
            self._keep(replace(record, order=replace(record.order, quantity=quantity)))

    def _keep(self, record: OrderRecord) -> None:
        self.records[record.order.client_order_id] = record


def _first_sent(record: OrderRecord) -> datetime:
    assert record.first_sent is not None, "an order is looked up only after it was sent"
    return record.first_sent
