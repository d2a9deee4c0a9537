"""Commands: signed once, sent at most until they expire, and never left without an end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from event_trading_app.errors import VenueDown
from event_trading_app.executor.executing import Executor, lease_fence
from event_trading_app.executor.ledger import Answer, Command, Ledger, Trade, answer_id
from event_trading_app.executor.machine import (
    KIT_STATES,
    Move,
    Standing,
    Times,
    after_look,
    after_nothing_left,
    after_send,
    next_move,
)
from event_trading_app.executor.parts import Parts, Point
from event_trading_app.executor.settling import Settler
from event_trading_app.monitor.monitor import Monitor
from event_trading_app.payloads import Input, TradeState
from event_trading_app.ports import Sent
from quant_platform_kit.domain.errors import LeaseLost
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import TRANSITIONS
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.errors import BusDown
from quant_platform_kit.ports.notifier import Notification
from quant_platform_kit.services.operate.allow_list import set_allowed
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt

from .frame import ACCOUNT, LONG, LOST, NOW, Desk, MemoryStore, command, run, signed

TIMES = Times.of(NOW + LONG, NOW + 2 * LONG, timedelta(seconds=10))
EARLY, LATE, FINAL = NOW, NOW + LONG, NOW + 2 * LONG + timedelta(seconds=10)
REFUSED = Sent(acknowledged=False, reason="no such quote")


class Crash(BaseException):
    """The process is killed."""


def start(desk: Desk, crash_at: Point | None = None, **changes: Any) -> Executor:
    def reached(point: Point) -> None:
        if point is crash_at:
            raise Crash

    return Executor(desk.parts(reached=reached, **changes))


def handle(desk: Desk, *commands: Command, crash_at: Point | None = None, **changes: Any) -> Executor:
    """Start an executor, have it take the partition and handle commands, and end it as a service ends."""
    executor = start(desk, crash_at, **changes)

    async def work() -> None:
        await executor.assigned(0)
        for each in commands:
            await executor.handle(each)
        await executor.revoked(0)

    if crash_at is None:
        run(work())
    else:
        with pytest.raises(Crash):
            run(work())
    return executor


def trade_of(desk: Desk, each: Command | None = None) -> Trade:
    asked = (each or command()).asked
    found = Ledger(desk.store, ACCOUNT).find(answer_id(asked.account, asked.quote_id))
    assert found is not None
    return found


def settle(desk: Desk, each: Command | None = None, *, hinted: bool = False) -> Trade:
    return run(Settler(desk.parts()).settle(trade_of(desk, each), 1, hinted=hinted))


# --- the machine ---------------------------------------------------------------------------------


def test_what_has_ended_is_left_alone_whenever() -> None:
    for state, now in product((s for s in TradeState if s.terminal), (EARLY, LATE, FINAL)):
        assert next_move(Standing(state), TIMES, now) is Move.REST


@pytest.mark.parametrize(
    ("state", "moves"),
    [
        (TradeState.RECORDED, (Move.SEND, Move.EXPIRE, Move.EXPIRE)),
        (TradeState.SENT, (Move.SEND, Move.DOUBT, Move.DOUBT)),
        (TradeState.UNKNOWN, (Move.SEND, Move.WAIT, Move.LOOK)),
        (TradeState.ACKNOWLEDGED, (Move.WAIT, Move.WAIT, Move.LOOK)),
    ],
)
def test_what_is_open_is_sent_until_it_expires_and_looked_up_when_that_is_final(
    state: TradeState, moves: tuple[Move, ...]
) -> None:
    assert tuple(next_move(Standing(state), TIMES, now) for now in (EARLY, LATE, FINAL)) == moves


def test_only_the_refusal_of_bytes_that_were_never_sent_before_is_an_end() -> None:
    assert after_send(Standing(TradeState.SENT, 1), REFUSED) is TradeState.REJECTED
    assert after_send(Standing(TradeState.SENT, 2), REFUSED) is TradeState.UNKNOWN
    assert after_send(Standing(TradeState.SENT, 1), None) is TradeState.UNKNOWN
    assert after_nothing_left(Standing(TradeState.SENT, 2), TradeState.EXPIRED) is TradeState.UNKNOWN


def test_an_unused_nonce_is_an_end_only_when_that_is_final() -> None:
    standing = Standing(TradeState.ACKNOWLEDGED, 1)
    assert after_look(standing, TIMES, LATE, used=False) is TradeState.ACKNOWLEDGED
    assert after_look(standing, TIMES, FINAL, used=False) is TradeState.NOT_SELECTED
    assert after_look(standing, TIMES, EARLY, used=True) is TradeState.SETTLED


def test_every_state_has_a_state_of_the_kit_of_its_own_and_ends_with_it() -> None:
    assert len(set(KIT_STATES.values())) == len(TradeState)
    for state, kit in KIT_STATES.items():
        assert state.terminal is kit.terminal is (not TRANSITIONS[kit])


# --- sending -------------------------------------------------------------------------------------


def test_a_command_is_signed_recorded_sent_and_acknowledged() -> None:
    desk = Desk()
    handle(desk, command())
    assert desk.told.states() == ["ACKNOWLEDGED"]
    assert desk.venue.arrived == [signed(command().asked, desk.venue.current_salt).data]
    assert [step.state.value for step in trade_of(desk).steps.transitions] == ["SENT", "ACKNOWLEDGED"]


@pytest.mark.parametrize("point", [point for point in Point if point is not Point.LOOKED])
def test_wherever_an_executor_is_killed_the_same_bytes_are_all_that_ever_arrives(point: Point) -> None:
    desk = Desk()
    handle(desk, command(), crash_at=point)
    desk.venue.current_salt = b"\x09"
    desk.clock.sleep(6)
    handle(desk, command())
    assert set(desk.told.states()) == {"ACKNOWLEDGED"}
    assert len(set(desk.venue.arrived)) == 1
    assert len({event.event_id for event in desk.told.events}) == 1


def test_bytes_without_an_answer_are_sent_again_until_there_is_one() -> None:
    desk = Desk()
    desk.venue.says = [LOST, LOST]
    handle(desk, command())
    assert desk.told.states() == ["ACKNOWLEDGED"]
    assert len(desk.venue.arrived) == 3
    assert len(set(desk.venue.arrived)) == 1
    assert trade_of(desk).standing.sends == 3


def test_bytes_without_an_answer_are_not_sent_after_they_expire() -> None:
    desk = Desk()
    desk.venue.says = [LOST] * 1000
    handle(desk, command())
    assert desk.told.states() == ["UNKNOWN"]
    assert desk.clock.now() == NOW + LONG
    assert len(set(desk.venue.arrived)) == 1


def test_a_refusal_of_the_first_sending_is_the_end() -> None:
    desk = Desk()
    desk.venue.says = [REFUSED]
    handle(desk, command())
    assert [(e.payload["state"], e.payload["reason"]) for e in desk.told.events] == [("REJECTED", "no such quote")]


def test_a_venue_that_cannot_be_reached_gets_the_answer_when_it_can() -> None:
    desk = Desk()
    desk.venue.says = [VenueDown("not now"), VenueDown("not now")]
    handle(desk, command())
    assert desk.told.states() == ["ACKNOWLEDGED"]
    assert len(desk.venue.arrived) == 1


def test_what_is_late_is_answered_expired_and_never_sent_not_even_with_a_clock_that_went_back() -> None:
    desk = Desk()
    desk.clock.sleep(60)
    handle(desk, command())
    desk.clock.sleep(-30)
    handle(desk, command())
    assert desk.told.states() == ["EXPIRED", "EXPIRED"]
    assert desk.venue.arrived == []


def test_what_expires_between_the_intent_and_the_sending_is_not_sent() -> None:
    desk = Desk()

    def late(point: Point) -> None:
        if point is Point.LEAVING:
            desk.clock.sleep(60)

    executor = Executor(desk.parts(reached=late, terms=replace(desk.parts().terms, lease=timedelta(hours=1))))

    async def work() -> None:
        await executor.assigned(0)
        await executor.handle(command())

    run(work())
    assert desk.told.states() == ["EXPIRED"]
    assert desk.venue.arrived == []


def test_whoever_was_stopped_for_longer_than_its_lease_sends_nothing() -> None:
    desk = Desk()

    def slow(point: Point) -> None:
        if point is Point.LEAVING:
            desk.clock.sleep(6)

    executor = Executor(desk.parts(reached=slow))

    async def work() -> None:
        await executor.assigned(0)
        await executor.handle(command())

    with pytest.raises(LeaseLost):
        run(work())
    assert desk.venue.arrived == []


def test_one_quote_has_one_answer_and_another_command_for_it_is_rejected() -> None:
    desk = Desk()
    other = replace(command(), asked=command().asked.model_copy(update={"command_id": "e" * 64}))
    handle(desk, command(), other, command())
    assert desk.told.states() == ["ACKNOWLEDGED", "REJECTED", "ACKNOWLEDGED"]
    assert "has its answer already" in desk.told.events[1].payload["reason"]
    assert len(desk.venue.arrived) == 1


def test_the_same_command_again_is_told_again_with_the_same_id_and_not_sent_again() -> None:
    desk = Desk()
    handle(desk, command(), command())
    assert len({event.event_id for event in desk.told.events}) == 1
    assert len(desk.venue.arrived) == 1


def test_results_have_the_times_of_the_event_that_they_go_back_to() -> None:
    desk = Desk()
    observed = NOW - timedelta(seconds=3)
    handle(desk, replace(command(), observed_at=observed))
    (event,) = desk.told.events
    assert (event.observed_at, event.ingested_at) == (observed, NOW)


# --- what keeps answers back ---------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["all", "service-event-trading", f"account-{ACCOUNT}", "release-event-trading"])
def test_a_halt_keeps_an_answer_back(scope: str) -> None:
    desk = Desk()
    set_halt(Operator(desk.store, desk.clock, "me"), scope, "a test", on=True)
    handle(desk, command())
    assert desk.told.states() == ["REJECTED"]
    assert scope in desk.told.events[0].payload["reason"]
    assert desk.venue.arrived == []


def test_a_halt_between_two_sendings_leaves_an_answer_unknown() -> None:
    desk = Desk()
    desk.venue.says = [LOST]

    async def halt(seconds: float) -> None:
        desk.clock.sleep(seconds)
        set_halt(Operator(desk.store, desk.clock, "me"), "all", "a test", on=True)

    handle(desk, command(), pause=halt)
    assert desk.told.states() == ["UNKNOWN"]
    assert len(desk.venue.arrived) == 1


def test_a_live_account_has_to_be_on_the_allow_list() -> None:
    desk = Desk(mode=Mode.LIVE)
    handle(desk, command("1"))
    set_allowed(Operator(desk.store, desk.clock, "me"), ACCOUNT, "a test", on=True)
    handle(desk, command("2"))
    assert desk.told.states() == ["REJECTED", "ACKNOWLEDGED"]
    assert "is not on the allow-list" in desk.told.events[0].payload["reason"]


def test_a_dry_run_signs_and_sends_nothing() -> None:
    desk = Desk(mode=Mode.DRY_RUN)
    handle(desk, command())
    assert [e.payload["reason"] for e in desk.told.events] == ["dry_run: nothing is sent"]
    assert (desk.venue.prepared, desk.venue.arrived) == (0, [])


def test_a_command_of_another_account_is_refused() -> None:
    desk = Desk()
    handle(desk, command(account="dusbx000002.near"))
    assert desk.told.states() == ["REJECTED"]


# --- the end -------------------------------------------------------------------------------------


def test_an_acknowledged_answer_is_settled_or_not_selected_as_its_nonce_says() -> None:
    for used, end in ((True, "SETTLED"), (False, "NOT_SELECTED")):
        desk = Desk()
        handle(desk, command())
        if used:
            desk.venue.settled.add(signed(command().asked, desk.venue.current_salt).nonce)
        settle(desk)
        assert desk.told.states() == ["ACKNOWLEDGED"]
        desk.clock.instant = FINAL
        settle(desk)
        assert desk.told.states() == ["ACKNOWLEDGED", end]


def test_an_unknown_answer_is_left_by_a_look_up_only() -> None:
    desk = Desk()
    desk.venue.says = [LOST] * 1000
    handle(desk, command())
    desk.venue.down = True
    desk.clock.instant = FINAL
    assert settle(desk).standing.state is TradeState.UNKNOWN
    desk.venue.down = False
    assert settle(desk).standing.state is TradeState.NOT_SELECTED


def test_what_the_venue_tells_of_settles_at_once_if_the_nonce_is_used() -> None:
    desk = Desk()
    handle(desk, command())
    assert settle(desk, hinted=True).standing.state is TradeState.ACKNOWLEDGED
    desk.venue.settled.add(signed(command().asked, desk.venue.current_salt).nonce)
    assert settle(desk, hinted=True).standing.state is TradeState.SETTLED


def test_an_end_that_another_one_was_quicker_to_record_is_told_too() -> None:
    desk = Desk()
    handle(desk, command())
    desk.clock.instant = FINAL
    before = trade_of(desk)
    run(Settler(desk.parts()).settle(before, 1))
    after = run(Settler(desk.parts()).settle(before, 2))
    assert after.standing.state is TradeState.NOT_SELECTED
    assert desk.told.events[-1] == desk.told.events[-2]


# --- the monitor ---------------------------------------------------------------------------------


def monitor_of(desk: Desk, alerts: list[Notification], **changes: Any) -> Monitor:
    return Monitor(desk.parts("monitor", **changes), alerts.append, timedelta(seconds=30))


async def renewed(monitor: Monitor) -> None:
    """Take the monitor's lease anew: time was moved on, and it has run out."""
    await monitor.fences[0].give_back()
    await monitor.fences[0].take()


def test_a_monitor_reads_open_answers_from_the_ledger_and_tells_their_ends() -> None:
    desk, alerts = Desk(), list[Notification]()
    handle(desk, command("1"), command("2"))
    desk.venue.settled.add(signed(command("1").asked, desk.venue.current_salt).nonce)

    async def work() -> None:
        monitor = monitor_of(desk, alerts)
        await monitor.assigned(0)
        assert monitor.open == 2
        desk.clock.instant = FINAL
        await renewed(monitor)
        await monitor.turn()
        assert monitor.open == 0
        again = monitor_of(desk, alerts)
        await monitor.revoked(0)
        await again.assigned(0)
        await again.revoked(0)

    run(work())
    assert sorted(desk.told.states()[2:]) == ["NOT_SELECTED", "NOT_SELECTED", "SETTLED", "SETTLED"]
    assert len({event.event_id for event in desk.told.events}) == 4
    assert alerts == []


def test_a_monitor_hears_of_answers_over_the_bus_and_of_settlements_from_the_venue() -> None:
    desk = Desk()
    answer = signed(command().asked, desk.venue.current_salt)

    async def work() -> None:
        monitor = monitor_of(desk, [])
        await monitor.assigned(0)
        executor = Executor(desk.parts())
        await executor.assigned(0)
        await executor.handle(command())
        await monitor.handle(desk.told.events[-1], 0)
        desk.venue.settled.add(answer.nonce)
        monitor.hint(answer.intent_hash, "tx1")
        await monitor.turn()

    run(work())
    assert [(e.payload["state"], e.payload["tx_hash"]) for e in desk.told.events] == [
        ("ACKNOWLEDGED", None),
        ("SETTLED", "tx1"),
    ]


def test_a_partition_may_be_given_back_while_an_answer_of_it_is_looked_at() -> None:
    desk = Desk()
    handle(desk, command())

    async def work() -> None:
        monitor = monitor_of(desk, [])
        await monitor.assigned(0)
        tell = monitor.settler.parts.tell

        async def given_back(event: Event) -> None:
            await tell(event)
            await monitor.revoked(0)

        monitor.settler.parts = replace(monitor.settler.parts, tell=given_back)
        desk.clock.instant = FINAL
        await monitor.fences[0].give_back()
        await monitor.fences[0].take()
        await monitor.turn()
        assert monitor.open == 0

    run(work())
    assert desk.told.states() == ["ACKNOWLEDGED", "NOT_SELECTED"]


def test_a_command_that_stays_unknown_is_told_of_once() -> None:
    desk, alerts = Desk(), list[Notification]()
    handle(desk, command())
    desk.venue.down = True

    async def work() -> None:
        monitor = monitor_of(desk, alerts)
        for seconds in (0, 29, 31, 40):
            desk.clock.instant = FINAL + timedelta(seconds=seconds)
            await monitor.assigned(0)
            await monitor.turn()
            await monitor.revoked(0)

    run(work())
    assert [alert.title for alert in alerts] == [f"event-trading: command {command().asked.command_id[:12]} is BLOCKED"]
    assert "990 of nep141:b.near stay reserved" in alerts[0].body


def test_hours_in_which_all_is_over_are_not_read_again() -> None:
    desk = Desk()
    handle(desk, command())
    ledger = Ledger(desk.store, ACCOUNT)
    assert ledger.open_since(0) == NOW

    async def work() -> None:
        monitor = monitor_of(desk, [])
        desk.clock.instant = FINAL
        await monitor.assigned(0)
        await monitor.tidy()
        assert ledger.open_since(0) == NOW - timedelta(hours=2)
        await monitor.turn()
        desk.clock.instant = NOW + timedelta(hours=5)
        await monitor.tidy()

    run(work())
    assert ledger.open_since(0) == NOW + timedelta(hours=3)


def test_an_answer_that_the_ledger_does_not_have_is_watched_no_more_once_it_is_due() -> None:
    desk = Desk()
    handle(desk, command())

    async def work() -> None:
        monitor = monitor_of(desk, [], ledger=Ledger(MemoryStore(), ACCOUNT))
        await monitor.assigned(0)
        await monitor.handle(desk.told.events[-1], 0)
        assert monitor.open == 1
        desk.clock.instant = FINAL
        await renewed(monitor)
        await monitor.turn()
        assert monitor.open == 0

    run(work())
    assert desk.told.states() == ["ACKNOWLEDGED"]


def test_ends_that_were_told_are_not_told_again_by_whoever_comes_next() -> None:
    desk = Desk()
    handle(desk, command("1"))

    async def work() -> None:
        monitor = monitor_of(desk, [])
        await monitor.assigned(0)
        for instant in (FINAL, FINAL + timedelta(minutes=5)):
            desk.clock.instant = instant
            await renewed(monitor)
            await monitor.turn()
        await monitor.tidy()
        await monitor.revoked(0)
        again = monitor_of(desk, [])
        await again.assigned(0)

    run(work())
    assert desk.told.states() == ["ACKNOWLEDGED", "NOT_SELECTED"]


def test_an_end_that_was_recorded_and_not_told_is_told_by_whoever_comes_next_however_late() -> None:
    desk = Desk()
    handle(desk, command())
    desk.clock.instant = FINAL

    async def refused(event: Event) -> None:
        raise BusDown("nobody listens")

    async def work() -> None:
        monitor = monitor_of(desk, [])
        await monitor.assigned(0)
        monitor.settler.parts = replace(monitor.settler.parts, tell=refused)
        with pytest.raises(BusDown):
            await monitor.turn()
        desk.clock.instant += timedelta(hours=1)
        await monitor.tidy()
        await monitor.revoked(0)
        await monitor_of(desk, []).assigned(0)

    run(work())
    assert desk.told.states() == ["ACKNOWLEDGED", "NOT_SELECTED"]


# --- leases --------------------------------------------------------------------------------------


def test_a_lease_that_was_given_back_is_taken_at_once_and_its_epoch_grows() -> None:
    desk = Desk()

    async def work(parts: Parts) -> int:
        fence = lease_fence(parts, "executor", 0)
        await fence.take()
        epoch = fence.epoch
        await fence.give_back()
        return epoch

    assert [run(work(desk.parts(name))) for name in ("one", "two")] == [1, 2]
    assert desk.clock.now() == NOW


def test_a_lease_is_waited_for_until_it_has_run_out_and_not_for_ever() -> None:
    desk = Desk()

    async def work() -> None:
        first, second = (lease_fence(desk.parts(name), "executor", 0) for name in ("one", "two"))
        await first.take()
        await second.take()
        assert desk.clock.now() == NOW + timedelta(seconds=6)
        assert second.holds()
        assert not first.holds()
        with pytest.raises(LeaseLost):
            await first.require()

    run(work())

    async def renewing(seconds: float) -> None:
        desk.clock.sleep(seconds)
        await holder.renew()

    holder = lease_fence(desk.parts("one"), "monitor", 0)
    waiting = lease_fence(desk.parts("two", pause=renewing), "monitor", 0)

    async def wait() -> None:
        await holder.take()
        await waiting.take()

    with pytest.raises(LeaseLost, match="goes on being held"):
        run(wait())


def test_an_answer_is_read_back_as_it_was_written_without_the_inputs_of_its_command() -> None:
    desk = Desk()
    each = command()
    used = Input(event_id="e", event_type="norm.inventory", values={"amount": "1"})
    each = replace(each, asked=each.asked.model_copy(update={"inputs": (used,)}))
    written = Answer(each, signed(each.asked, b"\x01"), 3, NOW)
    _, objects = Ledger(desk.store, ACCOUNT).recorded(written)
    desk.store.create_all(objects)
    asked = each.asked.model_copy(update={"inputs": ()})
    assert trade_of(desk).answer == replace(written, command=replace(each, asked=asked))
