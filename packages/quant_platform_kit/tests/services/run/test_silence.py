"""Orders that were sent and not answered: what each broker allows, and that nothing else is ever done.

The brokers of these tests do not know repeated ids: an order sent twice is filled twice, and shows.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator, Superseded
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, Side
from quant_platform_kit.domain.paper_book import PaperBook
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits, may_resend

from ...exactly_once import (
    ACCOUNT,
    CALENDAR,
    PLAIN,
    Bench,
    Desk,
    Killed,
    MemoryStore,
    Way,
    World,
    following,
    moment,
    prices,
    switch,
)

SENT_AT = moment("2023-11-28 15:00")
FILLED, SENT, UNKNOWN, CANCELLED = OrderState.FILLED, OrderState.SENT, OrderState.UNKNOWN, OrderState.CANCELLED
ACKNOWLEDGED = OrderState.ACKNOWLEDGED
QUICK = {"visibility_window": timedelta(seconds=2), "timeout": timedelta(seconds=1)}


def bench(after: AfterSilence, *ways: Way, delay: float = 10, **traits: Any) -> Bench:
    """Return a bench on Tuesday morning, at a broker that does with orders of AAA one thing after the other."""
    clock = FrozenClock(SENT_AT)
    market = FileMarketData(prices(date(2023, 11, 27), AAA=[100.0] * 4, BBB=[50.0] * 4), CALENDAR, clock)
    desk = Desk(
        clock,
        market,
        PaperBook(ACCOUNT, "USD", Decimal(10_000)),
        PLAIN,
        BrokerTraits(after, **traits),
        {"AAA": list(ways)},
        dedupe=False,
        delay=timedelta(seconds=delay),
    )
    return Bench(clock, market, desk, MemoryStore(clock))


def states(record: Any) -> list[OrderState]:
    return [transition.state for transition in record.transitions]


def die_before_sending(bench: Bench, order: Order) -> None:
    """Record that the order is about to be sent, and die."""

    def stop(boundary: Boundary) -> None:
        if boundary is Boundary.SENT_RECORDED:
            raise Killed

    bench.reached = stop
    with pytest.raises(Killed):
        bench.run(order)
    bench.reached = lambda boundary: None


# --- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "since_first_sent", "expected"),
    [
        (AfterSilence.RESEND, 50, True),
        (AfterSilence.RESEND, 5 * 3600, True),
        (AfterSilence.RESEND_SOON, 50, True),
        (AfterSilence.RESEND_SOON, 599.999, True),
        (AfterSilence.RESEND_SOON, 600, False),
        (AfterSilence.RESEND_SOON, 5 * 3600, False),
        (AfterSilence.BLOCK, 50, False),
        (AfterSilence.BLOCK, 0, False),
        (AfterSilence.RESEND_SAME_DAY, 50, True),
        (AfterSilence.RESEND_SAME_DAY, 5 * 3600, True),
    ],
)
def test_an_order_that_the_broker_does_not_know_is_sent_again_only_where_and_as_long_as_that_is_safe(
    rule: AfterSilence, since_first_sent: float, expected: bool
) -> None:
    now = SENT_AT + timedelta(seconds=since_first_sent)
    assert may_resend(BrokerTraits(rule), SENT_AT, now, same_session=True) is expected


@pytest.mark.parametrize("rule", AfterSilence)
def test_an_order_of_an_earlier_session_is_sent_again_nowhere(rule: AfterSilence) -> None:
    now = SENT_AT + timedelta(seconds=50)
    assert may_resend(BrokerTraits(rule), SENT_AT, now, same_session=False) is False


def test_every_rule_has_a_row_in_these_tests() -> None:
    assert {rule.name for rule in AfterSilence} == {"RESEND", "RESEND_SOON", "BLOCK", "RESEND_SAME_DAY"}


def test_the_defaults_are_those_of_the_execution_model() -> None:
    traits = BrokerTraits()
    assert (traits.visibility_window, traits.timeout, traits.replay_window) == (
        timedelta(seconds=30),
        timedelta(seconds=20),
        timedelta(minutes=10),
    )


# --- one worker -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", AfterSilence)
def test_an_order_whose_answer_was_lost_is_found_and_not_sent_again(rule: AfterSilence) -> None:
    desk = bench(rule, Way.LOST)
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert states(record) == [SENT, FILLED]
    assert desk.desk.sent == {"AAA": 1}
    assert desk.desk.book.quantities == {"AAA": 7}
    assert desk.clock.instant == SENT_AT + timedelta(seconds=20 + 30), "the visibility window was waited for"
    assert desk.desk.logins == 1, "a new login makes the old connection powerless before the look-up"


@pytest.mark.parametrize("rule", [AfterSilence.RESEND, AfterSilence.RESEND_SOON, AfterSilence.RESEND_SAME_DAY])
def test_an_order_lost_on_the_way_is_sent_once_more_with_the_same_id_and_parameters(rule: AfterSilence) -> None:
    desk = bench(rule, Way.DROP)
    order = desk.order("AAA", Side.BUY, 7)
    (record,) = desk.run(order)
    assert desk.desk.received == [order, order]
    assert states(record) == [SENT, SENT, FILLED]
    assert desk.desk.book.quantities == {"AAA": 7}


@pytest.mark.parametrize("rule", AfterSilence)
@pytest.mark.parametrize("delay", [21, 49, 50])
def test_an_order_accepted_late_but_inside_the_settle_window_is_not_sent_again(
    rule: AfterSilence, delay: float
) -> None:
    desk = bench(rule, Way.DELAY, delay=delay)
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert desk.desk.sent == {"AAA": 1}
    assert states(record) == [SENT, FILLED]
    assert desk.desk.book.quantities == {"AAA": 7}


def test_an_order_is_not_sent_again_once_the_replay_window_is_over() -> None:
    desk = bench(AfterSilence.RESEND_SOON, Way.DROP, replay_window=timedelta(seconds=50))
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert states(record) == [SENT, UNKNOWN]
    assert desk.desk.sent == {"AAA": 1}
    assert record.transitions[-1].note == ("sent at 15:00:00 UTC, not known to the broker, and may not be sent again")


def test_the_replay_window_counts_from_the_first_send() -> None:
    """Sent at 0 s, again at 50 s; at 100 s the second is young enough, the first is not."""
    desk = bench(AfterSilence.RESEND_SOON, Way.DROP, Way.DROP, replay_window=timedelta(seconds=80))
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert states(record) == [SENT, SENT, UNKNOWN]
    assert record.transitions[-1].note.startswith("sent at 15:00:00 UTC, not known to the broker")
    assert desk.desk.sent == {"AAA": 2}


def test_where_nothing_may_be_sent_again_a_lost_order_is_unknown_and_the_others_go_their_way() -> None:
    desk = bench(AfterSilence.BLOCK, Way.DROP)
    orders = desk.order("AAA", Side.BUY, 7), desk.order("BBB", Side.BUY, 3)
    lost, other = desk.run(*orders)
    assert (states(lost), states(other)) == ([SENT, UNKNOWN], [SENT, FILLED])
    assert desk.desk.sent == {"AAA": 1, "BBB": 1}


@pytest.mark.parametrize("left", [False, True])
def test_where_nothing_may_be_sent_again_an_order_that_never_left_is_sent(
    monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    desk = bench(AfterSilence.BLOCK, records_sends=True)
    order = desk.order("AAA", Side.BUY, 7)
    die_before_sending(desk, order)
    monkeypatch.setattr(desk.desk, "may_have_left", lambda identity: left, raising=False)
    (record,) = desk.run(order)
    assert states(record) == ([SENT, UNKNOWN] if left else [SENT, SENT, FILLED])
    assert desk.desk.sent == ({} if left else {"AAA": 1})


def test_an_order_of_yesterday_is_not_sent_even_if_it_never_left(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = bench(AfterSilence.BLOCK, records_sends=True)
    order = desk.order("AAA", Side.BUY, 7)
    die_before_sending(desk, order)
    monkeypatch.setattr(desk.desk, "may_have_left", lambda identity: False, raising=False)
    (record,) = desk.run(order, same_session=False)
    assert (states(record), desk.desk.sent) == ([SENT, UNKNOWN], {})


def test_an_order_lost_three_times_leaves_the_run_to_the_next_worker() -> None:
    desk = bench(AfterSilence.RESEND, Way.DROP, Way.DROP, Way.DROP, **QUICK)
    order = desk.order("AAA", Side.BUY, 7)
    with pytest.raises(BrokerError, match="no answer within 1 s"):
        desk.run(order)
    assert desk.desk.received == [order] * 3
    assert states(desk.ledger.orders([order])[order.client_order_id]) == [SENT, SENT, SENT]
    (record,) = desk.run(order)
    assert states(record) == [SENT, SENT, SENT, SENT, FILLED]
    assert desk.desk.book.quantities == {"AAA": 7}


def test_a_superseded_worker_neither_logs_in_again_nor_sends() -> None:
    desk = bench(AfterSilence.RESEND)

    def taken(order: Order) -> None:
        raise Superseded("a newer login took the account's connection")

    desk.desk.on_submit = taken
    order = desk.order("AAA", Side.BUY, 7)
    with pytest.raises(Superseded):
        desk.run(order)
    assert (desk.desk.logins, desk.desk.received) == (0, [])
    assert states(desk.ledger.orders([order])[order.client_order_id]) == [SENT]


def test_a_refused_order_is_not_sent_again() -> None:
    desk = bench(AfterSilence.RESEND, Way.REJECT)
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert states(record) == [SENT, OrderState.REJECTED]
    assert record.outcome.text == "not today"
    assert desk.desk.sent == {"AAA": 1}


def test_an_answer_that_only_a_person_can_judge_leaves_the_order_unknown_and_sends_nothing_more() -> None:
    desk = bench(AfterSilence.RESEND)

    def refuse(order: Order) -> None:
        raise NeedsOperator("103: duplicate order id; the broker shows no such order")

    desk.desk.on_submit = refuse
    first, second = desk.run(desk.order("AAA", Side.BUY, 7), desk.order("BBB", Side.BUY, 3))
    assert states(first) == states(second) == [SENT, OrderState.UNKNOWN]
    assert first.outcome.text == "103: duplicate order id; the broker shows no such order"


def test_several_orders_that_could_be_the_lost_one_are_left_to_a_person_with_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = bench(AfterSilence.RESEND, Way.LOST)

    def find(identity: str) -> None:
        raise NeedsOperator("orders 17 and 18 could both be it")

    monkeypatch.setattr(desk.desk, "find", find)
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert states(record) == [SENT, OrderState.UNKNOWN]
    assert record.outcome.text == "orders 17 and 18 could both be it"
    assert desk.desk.sent == {"AAA": 1}


@pytest.mark.parametrize("seconds_held", [0, 5, 15, 25])
def test_waiting_for_a_lost_answer_does_not_cost_the_worker_its_lease(seconds_held: float) -> None:
    """A timeout of 20 s and a visibility window of 30 s fit into a lease of 60 s that is renewed."""
    desk = bench(AfterSilence.RESEND, Way.LOST)
    desk.clock.sleep(seconds_held)
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert states(record) == [SENT, FILLED]


# --- halted meanwhile -----------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [AfterSilence.RESEND, AfterSilence.RESEND_SAME_DAY])
def test_a_halt_stops_a_resend_but_no_look_up(rule: AfterSilence) -> None:
    """After the visibility window, "not found" proves at these brokers that the order does not exist."""
    desk = bench(rule, Way.DROP)
    desk.desk.on_submit = lambda order: switch(desk.store, "all")
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert states(record) == [SENT, CANCELLED]
    assert record.transitions[-1].note == "not sent again: halted: all; lift it with `quant resume`"
    assert desk.desk.sent == {"AAA": 1}


def test_an_order_found_under_a_halt_counts() -> None:
    desk = bench(AfterSilence.RESEND, Way.LOST)
    desk.desk.on_submit = lambda order: switch(desk.store, "all")
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert states(record) == [SENT, FILLED]


def test_where_not_found_is_no_proof_a_halt_leaves_the_order_unknown() -> None:
    """The broker that recognises an id for ten minutes is sent it again, or the order is BLOCKED: nothing between."""
    desk = bench(AfterSilence.RESEND_SOON, Way.DROP)
    desk.desk.on_submit = lambda order: switch(desk.store, "all")
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert desk.desk.sent == {"AAA": 1}
    assert states(record) == [SENT, UNKNOWN]


@pytest.mark.parametrize(("rule", "last"), [(AfterSilence.RESEND, CANCELLED), (AfterSilence.RESEND_SOON, UNKNOWN)])
def test_a_halt_set_after_the_look_up_and_before_the_resend_forgets_nothing_of_the_first_send(
    rule: AfterSilence, last: OrderState
) -> None:
    """The second send is what the halt stops; what became of the first is as open as before."""
    desk = bench(rule, Way.DROP)
    recorded: list[Boundary] = []

    def halt(boundary: Boundary) -> None:
        if boundary is Boundary.SENT_RECORDED:
            recorded.append(boundary)
            if len(recorded) == 2:
                switch(desk.store, "all")

    desk.reached = halt
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert desk.desk.sent == {"AAA": 1}
    assert states(record) == [SENT, SENT, last]


# --- a worker that died, and its successor --------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "minutes", "sends", "last"),
    [
        (AfterSilence.RESEND, 2, 1, FILLED),
        (AfterSilence.RESEND, 120, 1, FILLED),
        (AfterSilence.RESEND_SOON, 2, 1, FILLED),
        (AfterSilence.RESEND_SOON, 11, 0, UNKNOWN),
        (AfterSilence.BLOCK, 2, 0, UNKNOWN),
        (AfterSilence.RESEND_SAME_DAY, 2, 1, FILLED),
    ],
)
def test_a_successor_sends_an_order_of_unknown_fate_only_where_that_is_safe(
    rule: AfterSilence, minutes: int, sends: int, last: OrderState
) -> None:
    desk = bench(rule)
    order = desk.order("AAA", Side.BUY, 7)
    die_before_sending(desk, order)
    desk.clock.sleep(minutes * 60)
    desk.lease = desk.take()
    (record,) = desk.run(order)
    assert desk.desk.sent["AAA"] == sends
    assert record.state is last


@pytest.mark.parametrize("rule", AfterSilence)
def test_a_successor_of_another_session_looks_up_and_sends_nothing(rule: AfterSilence) -> None:
    desk = bench(rule)
    sent, recorded = desk.order("AAA", Side.BUY, 7), desk.order("BBB", Side.BUY, 3)
    die_before_sending(desk, sent)
    desk.clock.sleep(24 * 3600)
    desk.lease = desk.take()
    unknown, cancelled = desk.run(sent, recorded, same_session=False)
    assert desk.desk.received == []
    assert (states(unknown), states(cancelled)) == ([SENT, UNKNOWN], [CANCELLED])
    assert cancelled.transitions[-1].note == "not sent: its session is over: the decision carries"


@pytest.mark.parametrize("rule", AfterSilence)
def test_a_successor_that_need_not_wait_for_the_lease_waits_for_the_settle_window(rule: AfterSilence) -> None:
    """The broker went away after it took the order: the worker stopped and gave its lease back at once.

    The order appears 45 s after it was sent; a look-up before that would prove nothing.
    """
    tuesday = date(2023, 11, 28)
    table = prices(date(2023, 11, 27), AAA=[100.0] * 3, BBB=[50.0] * 3)
    world = World(table, following({date(2023, 11, 27): {"AAA": 0.6}}))
    desk, connect = world.desk, world.desk.connect
    desk.traits, desk.dedupe = BrokerTraits(rule), False
    desk.ways, desk.delay = {"AAA": [Way.DELAY]}, timedelta(seconds=45)

    def away() -> None:
        if desk.received:
            raise BrokerError("the broker is away")

    desk.connect = away  # type: ignore[method-assign]
    with pytest.raises(BrokerError, match="the broker is away"):
        world.run(tuesday)
    assert world.lease().expires_at is None
    desk.connect = connect  # type: ignore[method-assign]
    report = world.run_now(tuesday)
    assert (report.outcome, world.held) == (Outcome.COMPLETED, {"AAA": 60})
    assert desk.sent == {"AAA": 1}


def test_a_look_up_that_finds_an_unknown_order_settles_it_and_one_that_does_not_records_nothing() -> None:
    desk = bench(AfterSilence.BLOCK, Way.DELAY, delay=3600)
    order = desk.order("AAA", Side.BUY, 7)
    (record,) = desk.run(order)
    assert states(record) == [SENT, UNKNOWN]
    written = len(desk.store.writes)
    assert states(desk.run(order)[0]) == [SENT, UNKNOWN]
    assert [key for key in desk.store.writes[written:] if "/orders/" in key] == []
    desk.clock.sleep(3600)
    desk.lease = desk.take()
    assert states(desk.run(order)[0]) == [SENT, UNKNOWN, FILLED]
    assert desk.desk.sent == {"AAA": 1}


# --- orders that were acknowledged ----------------------------------------------------------------


def vanish(desk: Desk) -> None:
    """Make the broker forget every order it has."""
    desk.entries.clear()


@pytest.mark.parametrize("rule", AfterSilence)
def test_an_acknowledged_order_that_the_broker_does_not_show_any_more_is_for_a_person(rule: AfterSilence) -> None:
    desk = bench(rule, Way.WORK, visibility_window=timedelta(seconds=5))
    lost, other = desk.order("AAA", Side.BUY, 7), desk.order("BBB", Side.BUY, 3)
    submit = desk.desk.submit

    def forgetful(order: Order) -> ExecutionReport:
        try:
            return submit(order)
        finally:
            if order is lost:
                vanish(desk.desk)

    desk.desk.submit = forgetful  # type: ignore[method-assign]
    first, second = desk.run(lost, other)
    assert states(first) == [SENT, ACKNOWLEDGED, UNKNOWN]
    assert first.outcome.text == "the broker acknowledged it, and does not show it any more"
    assert states(second) == [SENT, FILLED]
    since = first.transitions[2].at - first.transitions[1].at
    assert timedelta(seconds=5) < since < timedelta(seconds=6), "it waited for the order to appear, not for fills"
    assert states(desk.run(lost, other)[0]) == [SENT, ACKNOWLEDGED, UNKNOWN]
    assert desk.desk.sent == {"AAA": 1, "BBB": 1}, "what was acknowledged is never sent again"


def test_an_acknowledged_order_that_is_shown_again_in_time_goes_on() -> None:
    desk = bench(AfterSilence.BLOCK, Way.LATE, delay=3)
    find, hidden_until = desk.desk.find, SENT_AT + timedelta(seconds=2)

    def late(identity: str) -> ExecutionReport | None:
        return find(identity) if desk.clock.now() > hidden_until or not desk.desk.entries else None

    submit = desk.desk.submit

    def acknowledged(order: Order) -> ExecutionReport:
        desk.desk.find = find  # type: ignore[method-assign]
        try:
            return submit(order)
        finally:
            desk.desk.find = late  # type: ignore[method-assign]

    desk.desk.submit = acknowledged  # type: ignore[method-assign]
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert states(record) == [SENT, ACKNOWLEDGED, FILLED]


def test_an_order_that_never_comes_to_its_end_is_for_a_person_once_its_session_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one that a broker calls filled without telling all its fills: adapters wait for these."""
    desk = bench(AfterSilence.BLOCK, Way.WORK)
    order = desk.order("AAA", Side.BUY, 7)
    monkeypatch.setattr(desk.desk, "cancel", desk.desk.find)
    with pytest.raises(BrokerError, match="ACKNOWLEDGED after its cancel; the run stays open"):
        desk.run(order)
    desk.clock.sleep(24 * 3600)
    desk.lease = desk.take()
    (record,) = desk.run(order, same_session=False)
    assert states(record) == [SENT, ACKNOWLEDGED, UNKNOWN]
    assert "its session is over, and the broker calls it ACKNOWLEDGED with 0 of 7 filled" in record.outcome.text
    assert desk.desk.sent == {"AAA": 1}


@pytest.mark.parametrize("method", ["find", "cancel"])
def test_candidates_shown_after_the_acknowledgement_are_left_to_a_person(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    desk = bench(AfterSilence.BLOCK, Way.WORK)

    def refuse(identity: str) -> None:
        raise NeedsOperator("orders 17 and 18 could both be it")

    submit = desk.desk.submit

    def acknowledged(order: Order) -> ExecutionReport:
        report = submit(order)
        monkeypatch.setattr(desk.desk, method, refuse)
        return report

    monkeypatch.setattr(desk.desk, "submit", acknowledged)
    (record,) = desk.run(desk.order("AAA", Side.BUY, 7))
    assert states(record) == [SENT, ACKNOWLEDGED, UNKNOWN]
    assert record.outcome.text == "orders 17 and 18 could both be it"
    assert desk.desk.sent == {"AAA": 1}


def test_a_halt_does_not_make_an_acknowledged_order_one_that_never_was() -> None:
    desk = bench(AfterSilence.RESEND, Way.WORK, visibility_window=timedelta(seconds=1))
    order = desk.order("AAA", Side.BUY, 7)
    submit = desk.desk.submit

    def forgetful(order: Order) -> ExecutionReport:
        try:
            return submit(order)
        finally:
            vanish(desk.desk)

    desk.desk.submit = forgetful  # type: ignore[method-assign]
    desk.run(order)
    switch(desk.store, "all")
    (record,) = desk.run(order)
    assert record.state is UNKNOWN
