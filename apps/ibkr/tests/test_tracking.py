"""What events tell of an order is the same in whatever sequence and however often they come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest
from ibkr_app.mapping import ErrorMeaning, meaning, order_state
from ibkr_app.tracking import COMMISSION_SECONDS, Tracker
from quant_platform_kit.domain.errors import NeedsOperator
from quant_platform_kit.domain.orders import Order, OrderState, Side, refuse_contradiction

ORDER = Order("q1", "SPY", Side.BUY, Decimal(5))
AT = datetime(2023, 6, 2, 15, tzinfo=UTC)
NOW = 1e9

Event = Callable[[Tracker], None]


def trade(status: str, perm_id: int = 7) -> Any:
    order = SimpleNamespace(
        orderRef="q1", permId=perm_id, orderId=40, account="DUSBX1", totalQuantity=5, orderType="MKT", action="BUY"
    )
    return SimpleNamespace(
        order=order,
        orderStatus=SimpleNamespace(status=status, permId=perm_id, filled=0),
        contract=SimpleNamespace(symbol="SPY"),
    )


def fill(shares: float, number: int, correction: int = 1, price: float = 60.0) -> Any:
    execution = SimpleNamespace(
        orderRef="q1",
        permId=7,
        acctNumber="DUSBX1",
        execId=f"0001.{number:02}.{correction:02}",
        shares=shares,
        price=price,
        time=AT.replace(second=number),
    )
    return SimpleNamespace(execution=execution, commissionReport=None)


def status(name: str, perm_id: int = 7) -> Event:
    return lambda tracker: tracker.on_trade(trade(name, perm_id))


def executed(shares: float, number: int, **more: Any) -> Event:
    return lambda tracker: tracker.on_execution(None, fill(shares, number, **more))


def commission(number: int, amount: float = 1.0) -> Event:
    report = SimpleNamespace(execId=f"0001.{number:02}.01", commission=amount)
    return lambda tracker: tracker.on_commission(None, fill(0, number), report)


def error(code: int, text: str = "why") -> Event:
    return lambda tracker: tracker.on_error(40, code, text)


def tracker_of(*events: Event) -> Tracker:
    tracker = Tracker()
    tracker.expect(ORDER, 40, "DUSBX1")
    for event in events:
        event(tracker)
    return tracker


def report(*events: Event, now: float = NOW) -> Any:
    tracked = tracker_of(*events).get("q1")
    assert tracked is not None
    return tracked.report(now)


FILLED = (status("Submitted"), executed(2, 1), executed(3, 2), commission(1, 1.0), commission(2, 0.5), status("Filled"))


def test_events_of_a_fill_lead_to_one_report_in_every_sequence() -> None:
    reports = [report(*events) for events in permutations(FILLED)]
    assert {each.state for each in reports} == {OrderState.FILLED}
    assert {tuple((f.quantity, f.commission) for f in each.fills) for each in reports} == {
        ((2, 1), (3, Decimal("0.5")))
    }


def test_events_that_come_twice_count_once() -> None:
    assert report(*FILLED, *FILLED) == report(*FILLED)


def test_a_correction_of_a_fill_replaces_it() -> None:
    corrected = report(*FILLED, executed(3, 2, correction=2, price=59.5))
    assert [f.price for f in corrected.fills] == [60, Decimal("59.5")]
    assert corrected.filled_quantity == 5


def test_of_corrections_the_highest_number_counts_in_any_sequence() -> None:
    first, second = executed(3, 2, correction=2, price=59.5), executed(3, 2, correction=3, price=59.0)
    for events in permutations((executed(3, 2), first, second)):
        corrected = report(status("Submitted"), executed(2, 1), commission(1), commission(2), *events)
        assert [f.price for f in corrected.fills] == [60, 59]


def test_executions_beyond_the_order_are_for_a_person() -> None:
    answer = report(status("Submitted"), executed(3, 1), executed(3, 2), commission(1), commission(2))
    with pytest.raises(NeedsOperator, match=r"add up to 6 \w+, and 5 were ordered"):
        refuse_contradiction(answer, None)


def test_silence_is_no_acknowledgement() -> None:
    assert tracker_of().get("q1") is None
    assert tracker_of(status("PendingSubmit", perm_id=0)).get("q1") is None


def test_a_status_of_filled_waits_for_the_fills() -> None:
    assert report(status("Submitted"), status("Filled")).state is OrderState.ACKNOWLEDGED
    assert report(status("Filled"), executed(2, 1), commission(1)).state is OrderState.PARTIALLY_FILLED


def test_a_cancel_waits_for_the_commission_of_what_came_first() -> None:
    tracked = tracker_of(status("Submitted"), executed(2, 1), status("Cancelled")).get("q1")
    assert tracked is not None
    assert tracked.state(tracked.filled_since) is OrderState.ACKNOWLEDGED
    assert tracked.state(tracked.filled_since + COMMISSION_SECONDS * 2) is OrderState.CANCELLED


def test_a_fill_waits_a_while_for_its_commission_and_then_counts_without() -> None:
    tracker = tracker_of(status("Filled"), executed(5, 1))
    tracked = tracker.get("q1")
    assert tracked is not None
    since = tracked.filled_since
    assert tracked.state(since + COMMISSION_SECONDS / 2) is OrderState.ACKNOWLEDGED
    assert tracked.state(since + COMMISSION_SECONDS * 2) is OrderState.FILLED


@pytest.mark.parametrize("events", list(permutations([status("Inactive"), error(201, "no\nmargin")])))
def test_a_rejection_says_why_in_either_sequence(events: tuple[Event, ...]) -> None:
    rejected = report(*events)
    assert (rejected.state, rejected.text) == (OrderState.REJECTED, "201: no margin")


@pytest.mark.parametrize("code", [399, 10349, 2109, 404])
def test_information_about_an_order_leaves_it_alive(code: int) -> None:
    living = report(status("PreSubmitted"), error(code))
    assert (living.state, living.text) == (OrderState.ACKNOWLEDGED, "")


def test_a_cancel_keeps_the_fills_that_came_first_and_those_that_come_after() -> None:
    for events in permutations([status("Cancelled"), executed(2, 1), commission(1)]):
        cancelled = report(status("Submitted"), *events)
        assert (cancelled.state, cancelled.filled_quantity) == (OrderState.CANCELLED, 2)


def test_an_order_filled_whole_before_its_cancel_is_filled() -> None:
    assert report(*FILLED, status("Cancelled")).state is OrderState.FILLED


def test_a_late_status_does_not_revive_an_order() -> None:
    assert report(status("Cancelled"), status("Submitted")).state is OrderState.CANCELLED


def test_a_duplicate_id_is_no_order() -> None:
    tracked = tracker_of(error(103, "Duplicate order id")).get("q1")
    assert tracked is not None
    assert tracked.duplicate
    assert not tracked.perm_id


def test_errors_of_other_requests_are_not_the_orders() -> None:
    tracker = tracker_of(status("Submitted"))
    tracker.on_error(41, 201, "of another")
    tracked = tracker.get("q1")
    assert tracked is not None
    assert tracked.reason is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (201, ErrorMeaning.REJECTED),
        (200, ErrorMeaning.REJECTED),
        (103, ErrorMeaning.DUPLICATE),
        (202, ErrorMeaning.CANCELLED),
        (10147, ErrorMeaning.NOTHING_TO_CANCEL),
        (10148, ErrorMeaning.NOTHING_TO_CANCEL),
        (399, ErrorMeaning.INFORMATION),
        (2150, ErrorMeaning.INFORMATION),
        (1100, ErrorMeaning.OTHER),
        (999_999, ErrorMeaning.OTHER),
    ],
)
def test_each_error_code_means_one_thing(code: int, expected: ErrorMeaning) -> None:
    assert meaning(code) is expected


def test_a_status_nobody_knows_is_no_acknowledgement() -> None:
    assert order_state("Teleported") is OrderState.SENT


@pytest.mark.parametrize("code", [10147, 10148, 10349])
def test_an_end_that_only_the_library_claims_is_doubted_and_asked_for(code: int) -> None:
    """After such errors the library calls the order cancelled, which the broker never said."""
    tracker = tracker_of(status("Submitted"), status("Cancelled"), error(code))
    tracked = tracker.get("q1")
    assert tracked is not None
    assert (tracked.state(NOW), tracked.doubted) == (OrderState.ACKNOWLEDGED, True)
    status("Cancelled")(tracker)
    tracker.believe()
    assert (tracked.state(NOW), tracked.doubted) == (OrderState.CANCELLED, False)
