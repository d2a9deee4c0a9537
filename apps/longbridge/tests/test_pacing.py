"""LongBridge takes 30 calls in 30 seconds: whoever shares a pace makes no more, and nobody waits for long."""

from __future__ import annotations

import random
import threading
from itertools import pairwise

import pytest
from longbridge_app.pacing import Pace
from longbridge_app.rows import Credentials
from longbridge_app.worker import NoTurn, Worker


class Time:
    """Seconds that pass while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def made(pace: Pace, time: Time, calls: int) -> list[float]:
    """Return when calls were made that each waited as long as it had to."""
    instants: list[float] = []
    for _ in range(calls):
        assert pace.take(60)
        instants.append(time.now)
    return instants


@pytest.mark.parametrize("calls", [1, 2, 3, 7, 30, 60])
def test_no_thirty_seconds_have_more_calls_than_allowed(time: Time, calls: int) -> None:
    pace, rng, instants = Pace(calls, time, time.sleep), random.Random(calls), list[float]()
    for _ in range(40):
        instants += made(pace, time, rng.randrange(1, 2 * calls + 2))
        time.sleep(rng.choice((0, 0.1, 5, 29.9, 31, 100)))
    for first, after in zip(instants, instants[calls:], strict=False):
        assert after - first > 30
    assert len(instants) > 100 or calls < 3


def test_half_of_the_calls_come_at_once_and_each_one_after_waits_for_its_part_of_the_window(time: Time) -> None:
    instants = made(Pace(now=time, sleep=time.sleep), time, 300)
    gaps = [after - before for before, after in pairwise(instants)]
    assert gaps[:14] == [pytest.approx(0.02)] * 14
    assert gaps[14:29] == [pytest.approx((32 - 14 * 0.02) / 15)] * 15
    assert max(gaps) < 5, "nobody waits for long, however long it goes on"


def test_all_of_the_limit_is_used_however_long_it_goes_on(time: Time) -> None:
    instants = made(Pace(now=time, sleep=time.sleep), time, 300)
    assert instants[-1] - instants[0] < 300 / 30 * 32 + 1
    assert instants[119] - instants[0] < 129, "sixty orders, each with its cost"


def test_calls_that_can_wait_leave_a_reserve_of_the_whole_too(time: Time) -> None:
    pace = Pace(now=time, sleep=time.sleep)
    made(pace, time, 25)
    assert not pace.has_room()
    time.sleep(2.2)
    assert not pace.has_room(), "what is left is for those that cannot wait"
    assert pace.take(0)
    time.sleep(32)
    assert pace.has_room()


def test_a_call_whose_time_is_up_before_its_turn_is_not_made(time: Time) -> None:
    pace = Pace(now=time, sleep=time.sleep)
    made(pace, time, 15)
    before = time.now
    assert not pace.take(2)
    assert time.now == before, "it did not wait for what it cannot have"
    assert pace.take(2.2)


def test_calls_that_can_wait_leave_a_reserve(time: Time) -> None:
    pace = Pace(now=time, sleep=time.sleep)
    made(pace, time, 9)
    time.sleep(0.02)
    assert pace.has_room()
    made(pace, time, 1)
    time.sleep(0.02)
    assert not pace.has_room()
    assert pace.take(0), "there is still a turn for one that cannot wait"
    time.sleep(2.4)
    assert pace.has_room(), "nobody else has asked for long enough"


def test_zero_means_any_number(time: Time) -> None:
    pace = Pace(0, time, time.sleep)
    assert set(made(pace, time, 1000)) == {100.0}
    assert pace.has_room()


def test_threads_that_share_a_pace_share_its_calls() -> None:
    pace, turns = Pace(), list[bool]()
    threads = [threading.Thread(target=lambda: turns.append(pace.take(1))) for _ in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turns) == [False] * 10 + [True] * 15


def test_a_call_without_a_turn_in_time_starts_no_process() -> None:
    pace = Pace(1)
    assert pace.take(0)
    worker = Worker(Credentials("json", "key", "secret", "token"), 0.2, pace)
    with worker.turn("a test") as deadline, pytest.raises(NoTurn, match=r"not asked for a test: .* 0\.2 s"):
        worker.call("today", what="a test", deadline=deadline)
    assert worker.pid is None
