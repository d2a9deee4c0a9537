"""A venue that was killed goes on where it stood."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from venue_sandbox.exchange.accounts import Funding
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.control import book_document
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.journal import FILE, Journal, JournalError
from venue_sandbox.exchange.opening import Plan, open_exchange
from venue_sandbox.exchange.orders import Hold, OrderStatus, OrderType, Side, Ticket

D = Decimal
NOON = datetime(2023, 6, 2, 16, tzinfo=UTC)
FUNDINGS = (Funding("DUSBX1", {"USD": D(100_000)}), Funding("DUSBX2", {"HKD": D(1000), "USD": D(5)}))

Open = Callable[[], Exchange]


@pytest.fixture
def start(tmp_path: Path) -> Generator[Open]:
    """Yield a function that opens the venue of one folder, at first or again."""
    last: list[Exchange] = []

    def open_() -> Exchange:
        for exchange in last:
            exchange.journal.close()
        plan = Plan(tmp_path, FUNDINGS, symbols=("SPY", "TLT"), seed=7)
        last[:] = [open_exchange(plan, VenueClock(real=NOON.timestamp))]
        return last[0]

    yield open_
    for exchange in last:
        exchange.journal.close()


def buy(quantity: int, reference: str = "") -> Ticket:
    return Ticket("DUSBX1", "SPY", Side.BUY, D(quantity), OrderType.MARKET, reference=reference)


def state(exchange: Exchange) -> dict[str, Any]:
    document = book_document(exchange)
    del document["now"]
    return document


def live(exchange: Exchange) -> None:
    """Do some of everything."""
    for reference, quantity in (("a", 150), ("b", 20), ("c", 1)):
        if all(order.ticket.reference != reference for order in exchange.book.orders.values()):
            exchange.submit(buy(quantity, reference))
    for order in exchange.book.live():
        if order.status is OrderStatus.ACCEPTED:
            exchange.work(order.number)
        while not exchange.book.orders[order.number].status.done:
            assert exchange.match(order.number)


def test_everything_is_there_after_a_restart(start: Open) -> None:
    exchange = start()
    live(exchange)
    exchange.submit(buy(100_000))
    held = exchange.submit(buy(10), hold=Hold(D(4), then_cancel=True))
    exchange.amend(held.number, D(9), None)
    exchange.set_price("SPY", D(50))
    exchange.announce_split("TLT", D(2), exchange.hours.calendar.after(exchange.today()))
    exchange.announce_split("SPY", D(2), exchange.today())
    exchange.set_holding("DUSBX2", "TLT", D(3))
    exchange.set_cash("DUSBX2", "USD", D(7))
    exchange.force_hours(False)
    exchange.set_clock(NOON.replace(hour=17))
    exchange.note("key", "value")
    exchange.cancel(held.number, "why")
    again = start()
    assert state(again) == state(exchange)
    assert again.book.notes == {"key": "value"}
    assert again.book.announced == exchange.book.announced
    assert again.now() == NOON.replace(hour=17)


def test_a_venue_keeps_its_seed_and_its_funding(start: Open, tmp_path: Path) -> None:
    start().journal.close()
    plan = Plan(tmp_path, (Funding("DUSBX1", {"USD": D(1)}),), seed=8)
    again = open_exchange(plan)
    assert again.book.seed == 7
    assert again.book.accounts["DUSBX1"].cash["USD"] == 100_000
    again.journal.close()


def test_killed_between_any_two_writes_it_ends_the_same(start: Open, tmp_path: Path) -> None:
    """Whatever part of the journal survives, the resumed venue neither loses nor doubles an order or a fill."""
    exchange = start()
    live(exchange)
    exchange.journal.close()
    wanted, lines = state(exchange), (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    for kept in range(len(lines) + 1):
        for torn in {0, 1, len(lines[kept]) - 1} if kept < len(lines) else {0}:
            (tmp_path / FILE).write_bytes(b"".join(lines[:kept]) + (lines[kept][:torn] if torn else b""))
            resumed = start()
            live(resumed)
            assert state(resumed) == wanted


def test_a_line_is_on_disk_before_an_observer_hears_of_it(start: Open, tmp_path: Path) -> None:
    exchange = start()
    seen: list[str] = []

    class Witness:
        def note(self) -> None:
            seen.append(json.loads((tmp_path / FILE).read_text().splitlines()[-1])["event"])

        def order_changed(self, order: object) -> None:
            self.note()

        def executed(self, order: object, execution: object) -> None:
            self.note()

        def account_changed(self, account: str, symbol: str | None) -> None:
            self.note()

        def price_changed(self, symbol: str) -> None:
            self.note()

    exchange.observers = (Witness(),)
    order = exchange.submit(buy(1))
    exchange.work(order.number)
    exchange.match(order.number)
    exchange.set_cash("DUSBX1", "USD", D(1))
    exchange.set_price("SPY", D(1))
    assert seen == ["entered", "worked", "executed", "cash_set", "priced"]


def test_a_damaged_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"event":"founded","seed":1}\n{"event":"nonsense"}\n')
    with pytest.raises(JournalError, match=r":2 is damaged"):
        Journal(tmp_path)


def test_a_folder_belongs_to_one_venue_at_a_time(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    with pytest.raises(JournalError, match="in use"):
        Journal(tmp_path)
    first.close()
    Journal(tmp_path).close()
