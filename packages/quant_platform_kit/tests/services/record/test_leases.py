"""One worker per account: who may take the lease and when, and that whoever lost it does nothing any more."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import BrokerError, InProgress, LeaseLost, StoreError
from quant_platform_kit.domain.orders import OrderState, Side
from quant_platform_kit.domain.paper_book import PaperBook
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.services.record.leases import AccountLease, LeaseState, LeaseTerms, read_lease

from ...exactly_once import ACCOUNT, CALENDAR, PLAIN, Bench, Desk, MemoryStore, Way, World, following, moment, prices

START = moment("2023-11-28 15:00")
TERMS = LeaseTerms(timedelta(seconds=60), timedelta(seconds=30))
MON, TUE = date(2023, 11, 27), date(2023, 11, 28)
SECOND = timedelta(seconds=1)


@dataclass
class Scene:
    """A store with its time, and two machines with clocks of their own."""

    store: MemoryStore
    store_clock: FrozenClock
    one_clock: FrozenClock
    two_clock: FrozenClock

    def one(self, opening: str | None = "run-1") -> AccountLease:
        """Take the lease on the first machine."""
        return AccountLease.acquire(self.store, ACCOUNT, "one", TERMS, self.one_clock, opening=opening)

    def two(self, opening: str | None = "run-2") -> AccountLease:
        """Take the lease on the second machine."""
        return AccountLease.acquire(self.store, ACCOUNT, "two", TERMS, self.two_clock, opening=opening)

    def wait(self, seconds: float) -> None:
        """Let time pass everywhere."""
        for clock in (self.store_clock, self.one_clock, self.two_clock):
            clock.sleep(seconds)

    @property
    def state(self) -> LeaseState:
        """What the lease object says."""
        state = read_lease(self.store, ACCOUNT)
        assert state is not None
        return state


@pytest.fixture
def scene() -> Scene:
    clocks = [FrozenClock(START) for _ in range(3)]
    return Scene(MemoryStore(clocks[0]), *clocks)


# --- taking it ------------------------------------------------------------------------------------


def test_the_first_worker_takes_the_lease_and_opens_its_run_in_one_write(scene: Scene) -> None:
    lease = scene.one()
    assert scene.store.writes == [f"accounts/{ACCOUNT}/lease"]
    assert scene.state == LeaseState("one", 1, START + 60 * SECOND, open_run="run-1")
    assert (lease.inherited, lease.took_over, lease.left) == (None, False, 60 * SECOND)


@pytest.mark.parametrize("after", [0, 59.999, 60, 89.999])
def test_nobody_takes_a_lease_before_its_end_and_the_settle_window(scene: Scene, after: float) -> None:
    scene.one()
    scene.wait(after)
    before = scene.state
    with pytest.raises(InProgress, match="one works on the account") as busy:
        scene.two()
    assert busy.value.retry_after == timedelta(seconds=90 - after)
    assert scene.state == before


def test_a_successor_takes_the_lease_after_its_end_and_the_settle_window(scene: Scene) -> None:
    scene.one()
    scene.wait(90)
    lease = scene.two()
    assert (lease.took_over, lease.inherited) == (True, "run-1")
    assert scene.state == LeaseState("two", 2, START + 150 * SECOND, open_run="run-1")


@pytest.mark.parametrize("hours", [-5, 5])
def test_only_the_stores_clock_says_when_a_lease_is_over(scene: Scene, hours: float) -> None:
    scene.one()
    scene.two_clock.sleep(hours * 3600)
    scene.store_clock.sleep(89)
    with pytest.raises(InProgress):
        scene.two()
    scene.store_clock.sleep(1)
    assert scene.two().state.epoch == 2


def test_the_settle_window_of_the_successor_counts() -> None:
    clock = FrozenClock(START)
    store = MemoryStore(clock)
    AccountLease.acquire(store, ACCOUNT, "one", LeaseTerms(60 * SECOND, timedelta(0)), clock)
    clock.sleep(60)
    with pytest.raises(InProgress):
        AccountLease.acquire(store, ACCOUNT, "two", TERMS, clock)
    lease = AccountLease.acquire(store, ACCOUNT, "two", LeaseTerms(60 * SECOND, timedelta(0)), clock)
    assert lease.took_over


def test_a_lease_given_back_lets_the_next_worker_in_at_once(scene: Scene) -> None:
    lease = scene.one()
    lease.close_run(release=True)
    assert scene.state == LeaseState("one", 1, None, last_run="run-1")
    successor = scene.two()
    assert (successor.took_over, successor.inherited) == (False, None)
    assert scene.state == LeaseState("two", 2, START + 60 * SECOND, open_run="run-2", last_run="run-1")


def test_closing_a_run_and_giving_the_lease_back_is_one_write_and_a_release_after_it_none(scene: Scene) -> None:
    lease = scene.one()
    lease.close_run(release=True)
    lease.release()
    assert len(scene.store.writes) == 2


def test_a_run_left_open_is_inherited_with_a_lease_that_was_given_back(scene: Scene) -> None:
    """A worker that stopped on an error gives the lease back, and its run stays open."""
    scene.one().release()
    lease = scene.two()
    assert (lease.inherited, lease.state.open_run, lease.took_over) == ("run-1", "run-1", False)


def test_an_account_has_at_most_one_open_run(scene: Scene) -> None:
    """What a successor wants to open waits until what was left open is closed."""
    scene.one()
    scene.wait(90)
    lease = scene.two()
    assert scene.state.open_run == "run-1"
    lease.close_run()
    assert (scene.state.open_run, scene.state.last_run) == (None, "run-1")
    lease.open_run("run-2")
    assert (scene.state.open_run, scene.state.last_run) == ("run-2", "run-1")


def test_a_lease_of_another_account_is_another_lease(scene: Scene) -> None:
    scene.one()
    other = AccountLease.acquire(scene.store, "DUSBX002", "two", TERMS, scene.two_clock, opening="run-2")
    assert other.state.epoch == 1


def test_of_two_that_find_the_lease_free_one_is_told_that_the_other_was_first(scene: Scene) -> None:
    scene.one().release()

    def overtake(operation: str, key: str, done: bool) -> None:
        if operation == "replace":
            scene.store.fault = lambda operation, key, done: None
            scene.two()

    scene.store.fault = overtake
    with pytest.raises(InProgress, match="another worker took the account at the same moment"):
        scene.one()
    assert scene.state.holder == "two"


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["finish", "give back", "die", "renew", "refused"]), min_size=1, max_size=12))
def test_epochs_only_grow_by_one_with_every_new_holder(story: list[str]) -> None:
    clock = FrozenClock(START)
    store = MemoryStore(clock)
    epochs: list[int] = []
    for number, end in enumerate(story):
        lease = AccountLease.acquire(store, ACCOUNT, f"worker {number}", TERMS, clock, opening=f"run-{number}")
        epochs.append(lease.state.epoch)
        if end == "renew":
            clock.sleep(40)
            lease.require(SECOND)
        if end == "refused":
            with pytest.raises(InProgress):
                AccountLease.acquire(store, ACCOUNT, "too early", TERMS, clock)
        if end == "finish":
            lease.close_run(release=True)
        elif end == "die":
            clock.sleep(90)
        else:
            lease.release()
        state = read_lease(store, ACCOUNT)
        assert state is not None
        assert state.epoch == epochs[-1]
    assert epochs == list(range(1, len(story) + 1))


# --- keeping it -----------------------------------------------------------------------------------


def test_a_lease_is_renewed_when_less_than_half_of_it_is_left(scene: Scene) -> None:
    lease = scene.one()
    scene.wait(30)
    lease.require(20 * SECOND)
    assert len(scene.store.writes) == 1
    scene.wait(0.001)
    lease.require(20 * SECOND)
    assert len(scene.store.writes) == 2
    assert lease.left == 60 * SECOND
    assert scene.state.expires_at == START + timedelta(seconds=90.001)


def test_a_lease_is_renewed_when_less_is_left_than_the_next_step_needs(scene: Scene) -> None:
    lease = scene.one()
    scene.wait(21)
    lease.require(40 * SECOND)
    assert len(scene.store.writes) == 2


@pytest.mark.parametrize("stopped", [60, 61, 3600])
def test_a_holder_stopped_past_the_end_does_nothing_more_even_when_nobody_took_over(
    scene: Scene, stopped: float
) -> None:
    """The clock that counts goes on while a process is stopped."""
    lease = scene.one()
    scene.wait(stopped)
    with pytest.raises(LeaseLost, match="the lease of one ran out: nothing more is sent"):
        lease.require(SECOND)
    assert len(scene.store.writes) == 1


def test_a_holder_whose_lease_was_taken_finds_out_when_it_renews(scene: Scene) -> None:
    lease = scene.one()
    scene.store_clock.sleep(90)
    scene.two()
    scene.one_clock.sleep(31)
    with pytest.raises(LeaseLost, match="another worker took the account over from one"):
        lease.require(20 * SECOND)
    assert scene.state.holder == "two"


@pytest.mark.parametrize(
    "act",
    [
        lambda lease: lease.open_run("run-9"),
        lambda lease: lease.close_run(),
        lambda lease: lease.close_run(release=True, uncertain=True),
        lambda lease: lease.clear_uncertain("run-1"),
        lambda lease: lease.release(),
    ],
    ids=["open", "close", "close and release", "settle", "release"],
)
def test_a_holder_whose_lease_was_taken_changes_nothing_in_it(
    scene: Scene, act: Callable[[AccountLease], None]
) -> None:
    lease = scene.one()
    scene.store_clock.sleep(90)
    scene.two()
    before = scene.state
    with pytest.raises(LeaseLost):
        act(lease)
    assert scene.state == before


@pytest.mark.parametrize("slow", ["now", "replace"])
def test_a_holders_own_idea_of_the_end_is_never_later_than_the_stores(scene: Scene, slow: str) -> None:
    """A store that takes 10 s to answer does not lengthen the lease."""
    lease = scene.one()
    scene.wait(31)

    def wait(operation: str, key: str, done: bool) -> None:
        if operation == slow and not done:
            scene.wait(10)

    scene.store.fault = wait
    lease.require(20 * SECOND)
    expires_at = scene.state.expires_at
    assert expires_at is not None
    assert lease.left == 50 * SECOND
    assert lease.left <= expires_at - scene.store_clock.now()


def test_a_renewal_that_failed_leaves_the_old_end(scene: Scene) -> None:
    lease = scene.one()
    scene.wait(31)
    scene.store.down = True
    with pytest.raises(StoreError):
        lease.require(20 * SECOND)
    assert lease.left == 29 * SECOND
    scene.store.down = False
    scene.wait(29)
    with pytest.raises(LeaseLost):
        lease.require(SECOND)


def test_a_released_lease_is_good_for_nothing(scene: Scene) -> None:
    lease = scene.one()
    lease.release()
    with pytest.raises(LeaseLost):
        lease.require(timedelta(0))


# --- runs that wait for an operator ---------------------------------------------------------------


def test_runs_with_unknown_orders_are_kept_until_each_is_settled(scene: Scene) -> None:
    for run in ("run-1", "run-2", "run-3"):
        scene.one(run).close_run(uncertain=run != "run-2", release=True)
    assert scene.state.uncertain_runs == ("run-1", "run-3")
    lease = scene.two(None)
    assert (lease.state.uncertain_runs, lease.state.open_run) == (("run-1", "run-3"), None)
    lease.clear_uncertain("run-1")
    lease.release()
    assert scene.state == LeaseState("two", 4, None, last_run="run-3", uncertain_runs=("run-3",))


def test_settling_a_run_that_is_not_uncertain_changes_nothing_else(scene: Scene) -> None:
    scene.one().close_run(uncertain=True, release=True)
    lease = scene.two(None)
    lease.clear_uncertain("run-9")
    assert scene.state.uncertain_runs == ("run-1",)


# --- twenty at once -------------------------------------------------------------------------------


@pytest.mark.parametrize("found", ["no lease", "a lease given back", "a lease left behind"])
def test_of_twenty_that_take_the_lease_at_once_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)

    class Store(FileStore):
        time = START

        def now(self) -> datetime:
            return self.time

    store, clock = Store(tmp_path), FrozenClock(START)
    earlier = 0
    if found != "no lease":
        lease = AccountLease.acquire(store, ACCOUNT, "before", TERMS, clock, opening="run-0")
        earlier = 1
        if found == "a lease given back":
            lease.close_run(release=True)
        else:
            store.time += 90 * SECOND
    start = Barrier(20)

    def contend(number: int) -> int | None:
        start.wait()
        try:
            lease = AccountLease.acquire(store, ACCOUNT, f"w{number}", TERMS, clock, opening=f"run-{number}")
        except InProgress:
            return None
        assert lease.state.epoch == earlier + 1
        return number

    with ThreadPoolExecutor(20) as pool:
        winners = [number for number in pool.map(contend, range(1, 21)) if number is not None]
    state = read_lease(store, ACCOUNT)
    assert state is not None
    assert [f"w{number}" for number in winners] == [state.holder]
    assert state.epoch == earlier + 1
    assert state.open_run == ("run-0" if found == "a lease left behind" else f"run-{winners[0]}")


# --- a worker that was stopped, and its successor -------------------------------------------------


@pytest.fixture
def world() -> World:
    """Return an account at a broker that neither knows repeated ids nor cuts old connections."""
    world = World(prices(MON, AAA=[100.0] * 5, BBB=[50.0] * 5), following({MON: {"AAA": 0.6, "BBB": 0.4}}))
    world.desk.dedupe = False
    return world


@pytest.mark.parametrize("boundary", Boundary)
def test_a_worker_stopped_at_any_boundary_wakes_up_after_its_successor_and_does_nothing_twice(
    world: World, boundary: Boundary
) -> None:
    """SIGSTOP past the end of the lease, a successor runs, SIGCONT."""
    successors: list[RunReport] = []
    bare = world.reached

    def stop(reached: Boundary) -> None:
        if reached is boundary and not successors:
            world.reached = bare
            world.clock.sleep(300)
            successors.append(world.run_now(TUE, holder="successor"))

    world.reached = stop
    try:
        woken = world.run(TUE)
    except LeaseLost:
        woken = None
    if not successors:
        assert boundary in {Boundary.SELLS_DONE, Boundary.REVISION_COMMITTED}, "there is nothing to sell"
        return
    (report,) = successors
    assert woken in (None, report)
    assert report.outcome is Outcome.COMPLETED
    assert world.desk.sent == {"AAA": 1, "BBB": 1}
    assert world.held == {"AAA": 60, "BBB": 80}
    assert world.reports.find(report.run_id) == report
    assert world.lease().open_run is None


def test_a_stopped_worker_does_not_publish_its_report_over_a_successors_orders(world: World) -> None:
    """It found no price, was stopped before it said so, and woke up while its successor was sending.

    The report of the run has to name the orders of the run.
    """
    quotes = world.market.quotes
    woken, waiting = Event(), Event()
    failures: list[BaseException] = []

    def first() -> None:
        try:
            world.run_now(TUE, holder="first")
        except LeaseLost as error:
            failures.append(error)
        finally:
            woken.set()

    worker = Thread(target=first)

    def reached(boundary: Boundary) -> None:
        if boundary is Boundary.DECISION_RECORDED and not waiting.is_set():
            world.market.quotes = lambda symbols: {}
            world.clock.sleep(300)
            waiting.set()
            assert resume.wait(10)
            world.market.quotes = lambda symbols: {}
        elif boundary is Boundary.ORDER_SENT and not resume.is_set():
            resume.set()
            assert woken.wait(10)
            world.market.quotes = quotes

    resume = Event()
    world.go_to(TUE)
    world.reached = reached
    worker.start()
    assert waiting.wait(10)
    world.market.quotes = quotes
    report = world.run_now(TUE, holder="successor")
    worker.join(10)
    assert world.desk.sent == {"AAA": 1, "BBB": 1}
    assert Counter(o.state for o in report.orders) == {OrderState.FILLED: 2}
    assert report.outcome is Outcome.COMPLETED


@pytest.mark.parametrize("call", ["submit", "find"])
def test_a_worker_that_was_stopped_in_a_call_to_the_broker_does_not_log_in_when_it_wakes_up(call: str) -> None:
    """Its login would make the connection of its successor powerless, in the middle of a send."""
    clock = FrozenClock(START)
    market = FileMarketData(prices(MON, AAA=[100.0] * 3, BBB=[50.0] * 3), CALENDAR, clock)
    book = PaperBook(ACCOUNT, "USD", Decimal(10_000))
    desk = Desk(clock, market, book, PLAIN, BrokerTraits(), {"AAA": [Way.WORK]})
    bench = Bench(clock, market, desk, MemoryStore(clock))
    answer = getattr(desk, call)

    def stopped(asked: Any) -> Any:
        if not desk.received and call == "find":
            return answer(asked)
        clock.sleep(300)
        raise BrokerError("connection reset")

    setattr(desk, call, stopped)
    with pytest.raises(LeaseLost):
        bench.run(bench.order("AAA", Side.BUY, 7))
    assert desk.logins == 0


# --- a run that cannot go on ----------------------------------------------------------------------


def test_a_run_stopped_by_the_broker_gives_its_lease_back_and_stays_open(world: World) -> None:
    account = world.desk.account

    def away() -> Any:
        raise BrokerError("the broker is away")

    world.desk.account = away  # type: ignore[method-assign]
    with pytest.raises(BrokerError, match="the broker is away"):
        world.run(TUE)
    state = world.lease()
    assert (state.expires_at, state.open_run) == (None, world.key(TUE).run_id)
    world.desk.account = account  # type: ignore[method-assign]
    assert world.run_now(TUE).outcome is Outcome.COMPLETED, "at once: nobody has to wait for a lease given back"


def test_a_second_worker_is_told_when_to_ask_again_and_nothing_is_written(world: World) -> None:
    told: list[InProgress] = []

    def second(boundary: Boundary) -> None:
        if boundary is Boundary.ORDER_SENT and not told:
            written = list(world.store.writes)
            for slot in ("cli", "2023-11-28T20:15:00Z"):
                with pytest.raises(InProgress, match="cli works on the account") as busy:
                    world.run_now(TUE, slot)
                told.append(busy.value)
            assert world.store.writes == written

    world.reached = second
    assert world.run(TUE).outcome is Outcome.COMPLETED
    assert [error.retry_after for error in told] == [60 * SECOND] * 2
    assert world.desk.sent == {"AAA": 1, "BBB": 1}
