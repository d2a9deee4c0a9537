"""A server's time: asked for once, and a small difference is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.server_clock import ServerClock
from quant_platform_kit.domain.errors import BrokerError


def clock(ahead: timedelta) -> tuple[ServerClock, list[datetime]]:
    asked: list[datetime] = []

    def ask() -> datetime:
        asked.append(SystemClock().now() + ahead)
        return asked[-1]

    return ServerClock(ask), asked


@pytest.mark.parametrize("days", [-1000.0, 1000.0, 0.001])
def test_the_time_is_the_servers_and_runs_on(days: float) -> None:
    made, asked = clock(timedelta(days=days))
    first, second = made.now(), made.now()
    assert len(asked) == 1
    assert timedelta(0) <= first - asked[0] < timedelta(seconds=1)
    assert second >= first
    assert first.tzinfo is UTC


@pytest.mark.parametrize("seconds", [-1.5, 0.0, 1.5])
def test_whole_seconds_are_no_difference(seconds: float) -> None:
    made, _ = clock(timedelta(seconds=seconds))
    assert abs(made.now() - SystemClock().now()) < timedelta(seconds=0.5)


def test_a_server_that_did_not_answer_is_asked_again() -> None:
    answers: list[datetime | None] = [None, SystemClock().now() + timedelta(days=1)]

    def ask() -> datetime:
        told = answers.pop(0)
        if told is None:
            raise BrokerError("silence")
        return told

    made = ServerClock(ask)
    with pytest.raises(BrokerError, match="silence"):
        made.now()
    assert made.now() - SystemClock().now() > timedelta(hours=23)
