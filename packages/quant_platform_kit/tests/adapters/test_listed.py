"""A list answers many questions while it is young, and is asked for again when it has to be."""

from __future__ import annotations

import pytest
from quant_platform_kit.adapters import listed as module
from quant_platform_kit.adapters.blocking_client import Deadline
from quant_platform_kit.adapters.listed import Listed

DEADLINE = Deadline(1)


class Venue:
    """Rows as they are now, the time, and whether there is room for a call that can wait."""

    def __init__(self) -> None:
        self.rows: tuple[int, ...] = ()
        self.asked, self.now, self.room = 0, 100.0, True

    def ask(self, deadline: Deadline) -> tuple[int, ...]:
        self.asked += 1
        return self.rows


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Venue:
    made = Venue()
    monkeypatch.setattr(module.time, "monotonic", lambda: made.now)
    return made


@pytest.fixture
def listed(venue: Venue) -> Listed[int]:
    return Listed(venue.ask, lambda: venue.room)


def looks(venue: Venue, listed: Listed[int], seconds: float) -> int:
    """Return how often a list was asked for by somebody who looks all the time."""
    before, end = venue.asked, venue.now + seconds
    while venue.now < end:
        listed.refresh(DEADLINE)
        venue.now += 0.005
    return venue.asked - before


def test_looks_grow_rare_while_nothing_changes(venue: Venue, listed: Listed[int]) -> None:
    assert looks(venue, listed, 10) < 18
    assert 3 <= looks(venue, listed, 12) <= 5
    assert listed.steady


def test_looks_are_close_together_again_when_something_was_sent_or_has_changed(
    venue: Venue, listed: Listed[int]
) -> None:
    looks(venue, listed, 10)
    listed.forget()
    assert looks(venue, listed, 0.1) >= 3
    looks(venue, listed, 10)
    venue.rows = (1,)
    looks(venue, listed, 3.2)
    assert looks(venue, listed, 0.5) >= 1
    assert listed.rows == (1,)


def test_while_calls_are_few_a_list_stays_good(venue: Venue, listed: Listed[int]) -> None:
    venue.room = False
    assert looks(venue, listed, 2.9) == 1
    assert looks(venue, listed, 0.2) == 1
    listed.forget()
    assert listed.refresh(DEADLINE), "what is not known is asked for all the same"


def test_as_of_now_means_now(venue: Venue, listed: Listed[int]) -> None:
    listed.refresh(DEADLINE)
    venue.rows = (1,)
    assert not listed.refresh(DEADLINE)
    listed.ask(DEADLINE)
    assert listed.rows == (1,)
