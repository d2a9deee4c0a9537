"""How an order test ends, also one that was stopped: it looks up and cancels, and never sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from quant_platform_kit.domain.errors import BrokerError, NeedsOperator, OrderRejected
from quant_platform_kit.domain.orders import ExecutionReport, OrderState
from quant_platform_kit.domain.runs import OrderRecord, Outcome, RunReport
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.resending import Resending
from quant_platform_kit.services.run.gateway import Gateway

__all__ = ["CANCEL_SECONDS", "cancel_working", "end_each", "end_order_test", "ended_report", "until"]

CANCEL_SECONDS = 20.0
"""How long a cancelled order may take to come to its end."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0


def until(gateway: Gateway, seconds: float, done: Callable[[], bool]) -> bool:
    """Ask until something is so, with growing pauses; return whether it was in time."""
    clock, pause = gateway.clock, FIRST_PAUSE
    deadline = clock.monotonic() + seconds
    while not done():
        if clock.monotonic() >= deadline:
            return False
        gateway.lease.require(gateway.broker.traits.timeout + timedelta(seconds=pause))
        clock.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    return True


def end_each(gateway: Gateway, records: Mapping[str, OrderRecord]) -> dict[str, OrderRecord]:
    """Bring every order of a test to its end, and cancel whatever else works of its symbol; nothing is sent.

    What was sent has had the broker's visibility window to appear.

    Raises
    ------
    BrokerError
        The broker does not answer, or an order works on after its cancel: the run stays open.
    """
    ended = {identity: _ended(gateway, record) for identity, record in records.items()}
    symbols = {record.order.symbol for record in records.values()}
    for symbol in sorted(symbols):
        if not until(gateway, CANCEL_SECONDS, lambda symbol=symbol: not cancel_working(gateway.broker, symbol)):
            raise BrokerError(f"orders of {symbol} work on after their cancel; the run stays open")
    return ended


def cancel_working(broker: Broker, symbol: str) -> int:
    """Cancel every working order of a symbol; return how many there were."""
    if isinstance(broker, Resending):
        return broker.cancel_every(symbol)
    working = [each.order.client_order_id for each in broker.open_orders() if each.order.symbol == symbol]
    for identity in working:
        broker.cancel(identity)
    return len(working)


def _ended(gateway: Gateway, record: OrderRecord) -> OrderRecord:
    """Return an order at its end; one whose fate the broker cannot tell is for a person."""
    identity, broker = record.order.client_order_id, gateway.broker
    if record.state.terminal or record.state is OrderState.UNKNOWN:
        return record
    gateway.lease.require(2 * broker.traits.timeout)
    try:
        found = broker.find(identity)
        if found is None:
            return _absent(gateway, record)
        if record.first_sent is None:
            gateway.lease.require(broker.traits.timeout)
            broker.cancel(identity)
            return gateway.finish_as(record, OrderState.UNKNOWN, "the broker knows it, and nothing says it was sent")
        record = gateway.answer(record, found)
        if not record.state.terminal:
            record = gateway.answer(record, _cancelled(broker, identity))
    except NeedsOperator as error:
        return gateway.finish_as(record, OrderState.UNKNOWN, str(error))
    if not record.state.terminal:
        raise BrokerError(f"order {identity} is {record.state.value} after its cancel; the run stays open")
    return record


def _cancelled(broker: Broker, identity: str) -> ExecutionReport:
    try:
        return broker.cancel(identity)
    except OrderRejected:
        found = broker.find(identity)
        if found is None:
            raise
        return found


def _absent(gateway: Gateway, record: OrderRecord) -> OrderRecord:
    """Record what it means that the broker does not know an order."""
    if record.first_sent is None:
        return gateway.finish_as(record, OrderState.CANCELLED, "not sent: the test ended before")
    traits, identity = gateway.broker.traits, record.order.client_order_id
    never_left = traits.records_sends and not gateway.broker.may_have_left(identity)
    proven = not record.acknowledged and (never_left or traits.after_silence.absence_proves)
    note = "not known to the broker once its visibility window was over"
    return gateway.finish_as(record, OrderState.CANCELLED if proven else OrderState.UNKNOWN, note)


def end_order_test(gateway: Gateway, base: RunReport, records: Mapping[str, OrderRecord]) -> tuple[RunReport, bool]:
    """End a test that was stopped; return its report, not published yet, and whether an order is UNKNOWN.

    Parameters
    ----------
    base
        As of `ended_report`. The login is a new one: nothing that was sent before can be on its way any more.
    """
    window = gateway.broker.traits.visibility_window
    gateway.lease.require(window + gateway.broker.traits.timeout)
    gateway.clock.sleep(window.total_seconds())
    ended = list(end_each(gateway, records).values())
    said = ["it was stopped, and was ended without sending"]
    return ended_report(base, ended, said, whole=False), any(record.uncertain for record in ended)


def ended_report(base: RunReport, records: Sequence[OrderRecord], said: Sequence[str], *, whole: bool) -> RunReport:
    """Return the report of an order test: what it found, and what of it needs a person.

    Parameters
    ----------
    base
        An undecided report that hands on what the account's last report has noted.
    whole
        Whether the test came to its end, and was not stopped on the way.
    """
    unknown = any(record.state is OrderState.UNKNOWN for record in records)
    filled = sum((record.filled for record in records), Decimal(0))
    reasons = ["order test", *said]
    if filled:
        symbol = records[0].order.symbol
        reasons.append(f"{filled} {symbol} were filled: a holding that no strategy owns; sell it by hand, or accept it")
    outcome = Outcome.BLOCKED if unknown else Outcome.NO_ACTION if whole else Outcome.INCOMPLETE
    return replace(
        base,
        outcome=outcome,
        reasons=tuple(reasons),
        orders=tuple(record.outcome for record in records if record.first_sent is not None),
    )
