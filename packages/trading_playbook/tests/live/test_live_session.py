"""Live sessions in a world of their own: what they do, and what they leave undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.errors import BrokerError, Refused
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import OrderState, Side
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.switches import halts
from quant_platform_kit.services.operate.verifying import verify
from trading_playbook.days import trading_day
from trading_playbook.dp20.outcome import Note, Outcome
from trading_playbook.live.events import Happening, Terms
from trading_playbook.live.replay import replay_session
from trading_playbook.live.running import Wanted, Worker, run_session
from trading_playbook.live.session import LiveSession
from trading_playbook.live.shortfall import as_decided, difference, shortfalls
from trading_playbook.testing.live.exchange import Fault, Working
from trading_playbook.testing.live.market import made_up
from trading_playbook.testing.live.world import ACCOUNT, LEASE, SERVICE, SYMBOL, Killed, World

DAY = replace(trading_day(load_calendar("XNYS"), date(2025, 11, 28)), minutes=80)
"""A session that is as short as a trade allows."""


def ends(note: Note) -> tuple[World, Outcome]:
    return made_up(7, DAY, lambda outcome: outcome.note is note)


@pytest.fixture
def until_end() -> tuple[World, Outcome]:
    """Return a world whose trade is left at the end of the session."""
    return ends(Note.EOD)


@pytest.fixture
def stopped_out() -> tuple[World, Outcome]:
    """Return a world whose trade is stopped out."""
    return ends(Note.STOP)


def run(world: World) -> LiveSession:
    session = world.process().run()
    assert session is not None
    return session


def orders(world: World, side: Side, *, stop: bool = False) -> list[Working]:
    found = (each for each in world.exchange.orders.values() if each.order.side is side)
    return [each for each in found if (each.order.stop_price is not None) == stop]


def alerts(world: World) -> list[Happening]:
    return [noted.what for noted in world.told]


def test_a_trade_is_entered_at_the_confirmations_end_protected_at_once_and_left_before_the_close(
    until_end: tuple[World, Outcome],
) -> None:
    world, outcome = until_end
    world.risk = Decimal("0.0005")
    session = run(world)
    (entry,), (stop,), (exit_,) = orders(world, Side.BUY), orders(world, Side.SELL, stop=True), orders(world, Side.SELL)
    assert outcome.confirmation is not None
    assert timedelta(0) <= entry.at - world.at(outcome.confirmation + 2) <= timedelta(seconds=2)
    assert stop.at - entry.at <= timedelta(seconds=2)
    paid = entry.fills[0].price
    risk = Decimal(repr(session.slots.dp20.search.risk))
    level = stop.order.stop_price
    assert level is not None
    assert level <= paid - risk < level + Decimal("0.01")
    assert (stop.order.quantity, stop.state) == (entry.order.quantity, OrderState.CANCELLED)
    assert timedelta(0) <= exit_.at - world.terms.leaves <= timedelta(seconds=5)
    assert (world.exchange.held, world.exchange.least_free, alerts(world)) == (0, 0, [])
    assert entry.order.quantity == (world.risk * world.cash / risk).to_integral_value("ROUND_FLOOR")


def test_a_stop_that_fills_ends_the_trade_at_the_exchanges_price(stopped_out: tuple[World, Outcome]) -> None:
    world, _ = stopped_out
    session = run(world)
    (stop,) = orders(world, Side.SELL, stop=True)
    assert (stop.state, orders(world, Side.SELL), world.exchange.held) == (OrderState.FILLED, [], 0)
    assert session.orders.sold[1] == stop.fills[0].price
    assert session.r_multiple is not None
    assert session.r_multiple <= -1


@pytest.mark.parametrize("note", [Note.NO_PULLBACK, Note.NO_REVERSAL])
def test_without_a_confirmation_nothing_is_sent(note: Note) -> None:
    world, _ = ends(note)
    run(world)
    assert world.exchange.orders == {}


def boundaries() -> list[str]:
    world, _ = ends(Note.EOD)
    run(world)
    return list(world.boundaries)


@pytest.mark.parametrize("boundary", boundaries())
def test_a_process_that_is_killed_at_any_boundary_is_followed_by_one_that_goes_on(
    boundary: str, until_end: tuple[World, Outcome]
) -> None:
    world, outcome = until_end
    visits = iter([True])
    with pytest.raises(Killed):
        world.process(lambda name: name == boundary and next(visits)).run()
    session = run(world)
    assert len([each for each in orders(world, Side.BUY) if each.fills]) == 1
    assert (world.exchange.held, world.exchange.least_free) == (0, 0)
    assert session.is_over
    assert not replay_session(world.store, ACCOUNT, world.terms.key.run_id)
    assert as_decided(session).entry_price == round(outcome.trade.entry_price if outcome.trade else 0, 6)
    assert verify(world.store, world.store).damage == ()


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.DROPPED, Fault.DELAYED])
@pytest.mark.parametrize("kind", ["buy", "stop", "sell"])
def test_an_answer_that_is_lost_is_asked_for_and_nothing_is_sent_twice(
    kind: str, fault: Fault, until_end: tuple[World, Outcome]
) -> None:
    world, _ = until_end
    world.exchange.faults[kind] = [fault]
    run(world)
    assert [len(orders(world, Side.BUY)), len(orders(world, Side.SELL, stop=True)), len(orders(world, Side.SELL))] == [
        1
    ] * 3
    assert (world.exchange.held, world.exchange.least_free) == (0, 0)


def test_the_rest_of_an_entry_that_fills_in_part_is_cancelled_after_five_seconds(
    until_end: tuple[World, Outcome],
) -> None:
    world, _ = until_end
    world.exchange.faults["buy"] = [Fault.PARTIAL]
    run(world)
    (entry,), (stop,) = orders(world, Side.BUY), orders(world, Side.SELL, stop=True)
    assert entry.state is OrderState.CANCELLED
    assert stop.order.quantity == entry.fills[0].quantity < entry.order.quantity
    assert timedelta(seconds=5) <= stop.at - entry.at <= timedelta(seconds=8)


def test_what_was_bought_is_sold_at_once_if_its_stop_is_refused(until_end: tuple[World, Outcome]) -> None:
    world, _ = until_end
    world.exchange.faults["stop"] = [Fault.REFUSED]
    session = run(world)
    (entry,), (exit_,) = orders(world, Side.BUY), orders(world, Side.SELL)
    assert exit_.at - entry.at <= timedelta(seconds=2)
    assert session.leaving is not None
    assert session.leaving.text.startswith("the stop was refused")


def test_a_dry_run_decides_and_sends_nothing(until_end: tuple[World, Outcome]) -> None:
    world, _ = until_end
    world.mode = Mode.DRY_RUN
    session = run(world)
    assert world.exchange.orders == {}
    assert "would buy" in session.noted[Happening.REFUSED].text


@pytest.mark.parametrize("scope", ["all", f"account-{ACCOUNT}", f"playbook-{ACCOUNT}.{SYMBOL}"])
def test_a_halt_forbids_the_entry_and_is_named(scope: str, until_end: tuple[World, Outcome]) -> None:
    world, _ = until_end
    set_halt(Operator(world.store, world.clock, "me"), scope, "today not", on=True)
    session = run(world)
    assert world.exchange.orders == {}
    assert scope in session.noted[Happening.REFUSED].text


def test_a_halt_during_the_trade_keeps_neither_stop_nor_exit(until_end: tuple[World, Outcome]) -> None:
    world, _ = until_end
    operator = Operator(world.store, world.clock, "me")

    def halting(boundary: str) -> bool:
        if boundary == "entry-filled":
            set_halt(operator, "all", "at once", on=True)
        return False

    world.process(halting).run()
    assert (world.exchange.held, len(orders(world, Side.SELL, stop=True)), len(orders(world, Side.SELL))) == (0, 1, 1)


def test_what_of_the_symbol_is_not_ours_forbids_the_entry_and_is_not_sold(until_end: tuple[World, Outcome]) -> None:
    world, _ = until_end
    world.exchange.held = Decimal(3)
    session = run(world)
    assert (world.exchange.orders, world.exchange.held) == ({}, 3)
    assert "3 QQQ are held that this session did not buy" in session.noted[Happening.FINDING].text
    assert Happening.FINDING in alerts(world)


def test_a_signal_that_comes_late_is_missed(until_end: tuple[World, Outcome]) -> None:
    world, outcome = until_end
    assert outcome.confirmation is not None
    begins = world.at(outcome.confirmation)
    world.deliveries = [each for each in world.deliveries if not begins < each.at < begins + timedelta(minutes=4)]
    stop_at = world.at(outcome.confirmation + 1)
    with pytest.raises(Killed):
        world.process(lambda name: name == "bar-recorded" and world.clock.now() >= stop_at - timedelta(minutes=1)).run()
    world.clock.reach(world.at(outcome.confirmation + 2) + timedelta(seconds=31))
    session = run(world)
    assert world.exchange.orders == {}
    assert "30 s is the most" in session.noted[Happening.MISSED].text


def test_bars_that_stay_away_alert_and_break_after_ten_minutes(stopped_out: tuple[World, Outcome]) -> None:
    world, _ = stopped_out
    begins, end = world.at(5), world.at(17)
    world.deliveries = [each for each in world.deliveries if not begins < each.at < end]
    world.rest_down.append((begins, end))
    session = run(world)
    assert Happening.STALE in alerts(world)
    assert session.noted[Happening.BREAKER].text.startswith(("bars: none for", "errors: "))
    assert f"playbook-{ACCOUNT}.{SYMBOL}" in halts(world.store).on()


def test_a_clock_that_is_apart_from_the_brokers_breaks(until_end: tuple[World, Outcome]) -> None:
    world, _ = until_end
    process = world.process()
    process.ports = replace(process.ports, drift=lambda: timedelta(seconds=3))
    session = process.run()
    assert session is not None
    assert session.noted[Happening.BREAKER].text == "clock: 3.0 s apart, the bound is 2 s"
    assert world.exchange.orders == {}


def test_what_cannot_be_sold_is_told_again_and_again(until_end: tuple[World, Outcome]) -> None:
    world, _ = until_end
    world.exchange.faults["sell"] = [Fault.REFUSED] * 200
    late = world.exchange.closes + timedelta(minutes=5)
    world.process().run("first", lambda: world.clock.now() > late)
    told = [noted.at - world.terms.leaves for noted in world.told if noted.what is Happening.NOT_FLAT]
    assert [round(each / timedelta(minutes=1)) for each in told] == [3, 6, 9]
    assert world.exchange.held > 0


def test_a_second_instance_waits_and_takes_over_when_the_first_is_told_to_stop(
    until_end: tuple[World, Outcome],
) -> None:
    world, _ = until_end
    tries = iter((False, False, True))
    seen: list[object] = []

    def second_looks_in(boundary: str) -> bool:
        if boundary == "stop-acknowledged":
            seen.append(world.process().run("second", lambda: next(tries)))
        return False

    first = world.process(second_looks_in)
    session = first.run("first", lambda: bool(seen))
    assert seen == [None]
    assert session is not None
    assert not session.is_over
    (stop,) = orders(world, Side.SELL, stop=True)
    assert stop.is_open, "what protects stays when a process is told to stop"
    assert run(world).is_over
    assert (world.exchange.held, len(orders(world, Side.BUY))) == (0, 1)


def test_the_account_of_another_service_is_refused_by_name(until_end: tuple[World, Outcome]) -> None:
    world, _ = until_end
    run(world)
    ports, other = world.process().ports, replace(world.wanted, service="alpaca-catalog")
    with pytest.raises(Refused, match=r"belongs to service trading-playbook-live since .*, this is alpaca-catalog"):
        run_session(other, ports, Worker("other"))


def test_what_is_held_is_looked_after_before_terms_are_made(until_end: tuple[World, Outcome]) -> None:
    world, _ = until_end
    with pytest.raises(Killed):
        world.process(lambda name: name == "entry-filled").run()

    def unknown() -> Terms:
        raise BrokerError("no closes")

    session = run_session(replace(world.wanted, terms=unknown), world.process().ports, Worker("next", LEASE))
    assert session is not None
    assert (session.is_over, world.exchange.held) == (True, 0)


def test_an_earlier_session_is_finished_before_the_next_one_begins(until_end: tuple[World, Outcome]) -> None:
    world, _ = until_end
    with pytest.raises(Killed):
        world.process(lambda name: name == "stop-acknowledged").run()
    other = replace(world.wanted.key, session=date(2025, 12, 1))
    late = world.exchange.closes + timedelta(minutes=5)
    asked: list[Decimal] = []

    def terms() -> Terms:
        asked.append(world.exchange.held)
        return replace(world.terms, key=other)

    next_day = Worker("next", LEASE, lambda: world.clock.now() > late)
    run_session(Wanted(other, SERVICE, terms), world.process().ports, next_day)
    assert asked == [0], "the next session's terms are made once, when nothing is held any more"


def test_a_worker_that_was_stopped_before_its_terms_leaves_no_run_behind(until_end: tuple[World, Outcome]) -> None:
    world, _ = until_end
    earlier = replace(world.wanted, key=replace(world.wanted.key, session=date(2025, 11, 26)))
    with pytest.raises(Killed):
        run_session(earlier, world.process(lambda name: name == "lease-taken").ports, Worker("first", LEASE))
    assert run(world).is_over


def test_model_and_fill_are_held_against_each_other_in_r(
    until_end: tuple[World, Outcome],
) -> None:
    world, _ = until_end
    session = run(world)
    row = as_decided(session)
    (found,) = shortfalls(world.store, ACCOUNT, SYMBOL, [row])
    assert (found.decided_otherwise, found.late, found.model) == ("", (), row.r_multiple)
    assert found.live == session.r_multiple
    (other,) = shortfalls(world.store, ACCOUNT, SYMBOL, [replace(row, reversal_time=None)])
    assert other.decided_otherwise == difference(replace(row, reversal_time=None), row)
    assert other.decided_otherwise.startswith("reversal_time 1")
