"""The paper venue as a process, and the client that speaks to it: over TCP, killed and started again.

These tests connect to ports of 127.0.0.1 that they opened themselves, and to nothing else.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_socket
from quant_platform_kit.domain.errors import BrokerError, OrderRejected, Superseded
from quant_platform_kit.domain.identity import Mode, RunKey, client_order_id
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.paper.client import PaperClient, control, venue_quotes
from quant_platform_kit.paper.venue import Fault

pytestmark = pytest.mark.services

CASH = Decimal(10_000)
PRICE = Decimal("101.25")
PATIENT = BrokerTraits(visibility_window=timedelta(seconds=0.3), timeout=timedelta(seconds=5))
IMPATIENT_SECONDS = 0.4
IMPATIENT = BrokerTraits(PATIENT.after_silence, PATIENT.visibility_window, timedelta(seconds=IMPATIENT_SECONDS))
DELAY = 0.25
STOP_SECONDS = 2
ACKNOWLEDGED, FILLED = OrderState.ACKNOWLEDGED, OrderState.FILLED
CANCELLED, REJECTED = OrderState.CANCELLED, OrderState.REJECTED


@pytest.fixture(scope="module")
def opened() -> set[int]:
    """Return the ports that were opened for these tests."""
    return set()


@pytest.fixture(autouse=True)
def _guarded(opened: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test connect to those ports and to nothing else."""
    pytest_socket.enable_socket()

    def guarded(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        def check(self: socket.socket, address: Any) -> Any:
            if self.family != socket.AF_UNIX and (address[0] != "127.0.0.1" or address[1] not in opened):
                pytest.fail(f"connection to {address}, which was not opened for this test")
            return connect(self, address)

        return check

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))


@dataclass
class Process:
    """A venue process on a folder; it can be stopped in any way and started again."""

    folder: Path
    opened: set[int]
    options: tuple[str, ...] = ()
    port: int = 0
    complaints: str = ""

    def start(self, port: int = 0) -> None:
        """Start the process, on a free port unless one is given, and wait until it listens."""
        command = [sys.executable, "-m", "quant_platform_kit.paper.venue", "--folder", str(self.folder)]
        command += ["--delay", str(DELAY), "--port", str(port), *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.opened.add(self.port)

    def stop(self, number: int) -> float:
        """Send the process a signal; return how many seconds it took to end."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.complaints = self.process.communicate(timeout=10)[1]
        self.opened.discard(self.port)
        return time.monotonic() - began

    def close(self) -> None:
        """Make sure that the process is gone."""
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)


@dataclass
class Venue:
    """A funded account at a venue process."""

    process: Process
    account: str
    clients: list[PaperClient] = field(default_factory=list)

    def ask(self, op: str, **request: object) -> dict[str, Any]:
        """Send a control request."""
        return control(self.process.port, op=op, **request)

    def fund(self, cash: Decimal = CASH, account: str = "") -> None:
        """Set the price, and open an account unless it is there."""
        self.ask("prices", prices={"SPY": str(PRICE)})
        self.ask("fund", account=account or self.account, cash=str(cash))

    def client(self, account: str = "", traits: BrokerTraits = PATIENT) -> PaperClient:
        """Return a client that is logged in."""
        client = self.keep(PaperClient(self.process.port, account or self.account, traits))
        client.connect()
        return client

    def keep(self, client: PaperClient) -> PaperClient:
        """Close a client after the test."""
        self.clients.append(client)
        return client

    def faults(self, *faults: Fault) -> None:
        """Plan what goes wrong with the next orders."""
        self.ask("fault", account=self.account, faults=[fault.value for fault in faults])

    def silence(self, fault: Fault, sent: Order) -> tuple[float, PaperClient]:
        """Submit an order that gets no answer; return how long that took, and a client that asks what became of it."""
        client = self.client(traits=IMPATIENT)
        self.faults(fault)
        began = time.monotonic()
        with pytest.raises(BrokerError, match="the paper venue did not answer submit"):
            client.submit(sent)
        return time.monotonic() - began, self.client()

    def dump(self) -> dict[str, Any]:
        """Return every order and the account, as the venue has them."""
        return self.ask("dump", account=self.account)

    @property
    def held(self) -> dict[str, str]:
        """Units by symbol."""
        return self.dump()["state"]["quantities"]


Launch = Callable[..., Venue]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, opened: set[int]) -> Generator[Process]:
    """Return a process for all tests that neither stop it nor need options of their own."""
    process = Process(tmp_path_factory.mktemp("venue"), opened)
    process.start()
    yield process
    process.close()


@pytest.fixture
def venue(shared: Process) -> Generator[Venue]:
    """Return an account of the test's own."""
    venue = Venue(shared, f"DUSBX{uuid4().hex[:8].upper()}")
    venue.fund()
    yield venue
    for client in venue.clients:
        client.close()


@pytest.fixture
def launch(tmp_path: Path, opened: set[int]) -> Generator[Launch]:
    """Return a function that starts a process of the test's own."""
    started: list[Venue] = []

    def run(*options: str) -> Venue:
        process = Process(tmp_path / f"venue-{len(started)}", opened, options)
        process.start()
        venue = Venue(process, "DUSBX001")
        started.append(venue)
        venue.fund()
        return venue

    yield run
    for venue in started:
        for client in venue.clients:
            client.close()
        venue.process.close()


@pytest.fixture
def own(launch: Launch) -> Venue:
    return launch()


def order(number: int = 0, side: Side = Side.BUY, quantity: int = 4) -> Order:
    key = RunKey("DUSBX001", date(2023, 12, 1), "venue", Mode.PAPER)
    return Order(client_order_id(key, "SPY", side.value, number), "SPY", side, Decimal(quantity))


def state_of(client: PaperClient, number: int = 0) -> OrderState | None:
    found = client.find(order(number).client_order_id)
    return found.state if found else None


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for what has to come true soon."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


# --- limit orders, arrangements, a market of one's own --------------------------------------------


def limit_order(limit: str, number: int = 0, quantity: int = 4) -> Order:
    made = order(number, quantity=quantity)
    return Order(made.client_order_id, made.symbol, made.side, made.quantity, Decimal(limit))


def test_a_waiting_limit_order_survives_a_kill_and_fills_when_the_price_comes(own: Venue) -> None:
    own.client().submit(limit_order("100"))
    own.process.stop(signal.SIGKILL)
    own.process.start()
    client = own.client()
    assert [report.order for report in client.open_orders()] == [limit_order("100")]
    own.ask("prices", prices={"SPY": "99.99"})
    found = client.find(limit_order("100").client_order_id)
    assert found is not None
    # 99.99 and two basis points of slippage are 100.009998: the limit is less.
    assert [fill.price for fill in found.fills] == [Decimal(100)]


def test_an_order_that_is_held_does_not_fill_when_the_price_comes(venue: Venue) -> None:
    client = venue.client()
    venue.faults(Fault.UNFILLED)
    client.submit(limit_order("100"))
    venue.ask("prices", account=venue.account, prices={"SPY": "90"})
    assert (state_of(client), venue.held) == (ACKNOWLEDGED, {})
    venue.ask("release", account=venue.account)
    assert (state_of(client), venue.held) == (FILLED, {"SPY": "4"})


def test_a_released_limit_order_still_waits_for_its_price(venue: Venue) -> None:
    client = venue.client()
    client.submit(limit_order("90"))
    venue.ask("release", account=venue.account)
    assert (state_of(client), venue.held) == (ACKNOWLEDGED, {})


def test_a_cancel_that_a_fill_should_race_wins_when_the_price_is_not_there(venue: Venue) -> None:
    client = venue.client()
    venue.faults(Fault.FILL_RACES_CANCEL)
    client.submit(limit_order("90"))
    assert client.cancel(limit_order("90").client_order_id).state is CANCELLED


def test_prices_and_ages_of_one_account_are_not_those_of_another(venue: Venue) -> None:
    other = f"{venue.account}B"
    venue.fund(account=other)
    venue.ask("prices", account=venue.account, prices={"SPY": "90"})
    venue.ask("stale", account=venue.account, symbol="SPY", seconds=60)
    mine = venue_quotes(venue.process.port, venue.account, ["SPY"])["SPY"]
    theirs = venue_quotes(venue.process.port, other, ["SPY"])["SPY"]
    assert (mine.price, theirs.price) == (Decimal(90), PRICE)
    assert theirs.as_of - mine.as_of > timedelta(seconds=59)


def test_a_split_ends_the_orders_that_wait_and_survives_a_restart(own: Venue) -> None:
    client = own.client()
    client.submit(order())
    client.submit(limit_order("100", 1))
    own.ask("split", account=own.account, symbol="SPY", ratio="3")
    found = client.find(order(1).client_order_id)
    assert found is not None
    assert (found.state, found.text, own.held) == (CANCELLED, "SPY was split", {"SPY": "12"})
    own.process.stop(signal.SIGTERM)
    own.process.start()
    own.fund()
    assert own.held == {"SPY": "12"}
    assert venue_quotes(own.process.port, own.account, ["SPY"])["SPY"].price == Decimal("33.75")


def test_cash_in_another_currency_survives_a_restart_and_is_never_spent(own: Venue) -> None:
    own.ask("fund", account="DUSBXHK", cash="500", other_cash={"HKD": "780000"})
    own.process.stop(signal.SIGTERM)
    own.process.start()
    own.fund()
    client = own.client("DUSBXHK")
    assert client.account().cash_by_currency == {"HKD": 780000, "USD": 500}
    with pytest.raises(OrderRejected, match="in cash"):
        client.submit(order(quantity=5))


def test_without_a_price_file_there_are_no_hours(venue: Venue) -> None:
    venue.ask("clock", account=venue.account, instant="2023-12-01T22:00:00+00:00")
    assert venue.client().submit(order()).state is FILLED


# --- one connection per account -------------------------------------------------------------------


def test_a_login_makes_every_older_connection_powerless(venue: Venue) -> None:
    old = venue.client()
    assert old.submit(order(0)).state is FILLED
    new = venue.client()
    calls: list[Callable[[], object]] = [
        lambda: old.submit(order(1)),
        lambda: old.find(order(0).client_order_id),
        lambda: old.cancel(order(0).client_order_id),
        old.account,
        old.open_orders,
    ]
    for call in calls:
        with pytest.raises(Superseded, match="a newer login took this account's connection"):
            call()
    assert venue.held == {"SPY": "4"}
    assert new.submit(order(1)).state is FILLED
    assert venue.held == {"SPY": "8"}


def test_a_superseded_client_may_log_in_again_and_takes_the_connection_back(venue: Venue) -> None:
    old, new = venue.client(), venue.client()
    old.connect()
    assert old.account().cash_by_currency == {"USD": CASH}
    with pytest.raises(Superseded):
        new.account()


def test_accounts_do_not_supersede_each_other(venue: Venue) -> None:
    other = f"{venue.account}B"
    venue.fund(account=other)
    one, two = venue.client(), venue.client(other)
    assert one.submit(order()).state is FILLED
    assert two.account().quantities == {}
    assert one.account().quantities == {"SPY": 4}


def test_looking_from_outside_takes_nobodys_connection(venue: Venue) -> None:
    client = venue.client()
    venue.dump()
    venue.fund()
    assert client.account().quantities == {}


def test_a_client_that_never_logged_in_is_no_client(venue: Venue) -> None:
    client = PaperClient(venue.process.port, venue.account, PATIENT)
    with pytest.raises(BrokerError, match="not connected to the paper venue"):
        client.account()


def test_of_many_that_log_in_at_once_one_has_the_connection(venue: Venue) -> None:
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: venue.client(), range(8)))

    def alive(client: PaperClient) -> bool:
        try:
            client.account()
        except Superseded:
            return False
        return True

    assert sum(alive(client) for client in clients) == 1


# --- repeated ids ---------------------------------------------------------------------------------


def test_with_dedupe_a_repeated_id_gets_the_first_answer(venue: Venue) -> None:
    client = venue.client()
    assert client.submit(order()) == client.submit(order())
    assert (venue.held, len(venue.dump()["orders"])) == ({"SPY": "4"}, 1)


def test_without_dedupe_a_repeated_id_is_filled_twice(launch: Launch) -> None:
    venue = launch("--dedupe", "off")
    client = venue.client()
    first, second = client.submit(order()), client.submit(order())
    assert (first.state, second.state) == (FILLED, FILLED)
    assert first.fills[0].execution_id != second.fills[0].execution_id
    assert venue.held == {"SPY": "8"}
    orders = venue.dump()["orders"]
    assert [o["order"]["client_order_id"] for o in orders] == [order().client_order_id] * 2


# --- faults ---------------------------------------------------------------------------------------


def test_these_tests_know_every_fault() -> None:
    assert {fault.value for fault in Fault} == {
        *("silent", "silent_drop", "delayed_accept", "duplicate_event", "late_fill", "partial_fill"),
        *("fill_races_cancel", "reject", "drop_after", "cash_short", "unfilled"),
    }


def test_a_silent_fault_fills_and_says_nothing(venue: Venue) -> None:
    took, client = venue.silence(Fault.SILENT, order())
    assert took >= IMPATIENT_SECONDS
    found = client.find(order().client_order_id)
    assert found is not None
    assert (found.state, found.filled_quantity, venue.held) == (FILLED, 4, {"SPY": "4"})


def test_a_silent_drop_does_nothing_and_says_nothing(venue: Venue) -> None:
    took, client = venue.silence(Fault.SILENT_DROP, order())
    assert took >= IMPATIENT_SECONDS
    time.sleep(2 * DELAY)
    assert state_of(client) is None
    assert (venue.held, venue.dump()["orders"]) == ({}, [])
    assert client.submit(order()).state is FILLED


def test_a_delayed_accept_says_nothing_and_fills_after_the_delay(launch: Launch) -> None:
    venue = launch("--delay", "2")
    took, client = venue.silence(Fault.DELAYED_ACCEPT, order())
    assert took >= IMPATIENT_SECONDS
    assert (state_of(client), venue.held) == (None, {})
    until(lambda: state_of(client) is not None)
    assert (state_of(client), venue.held) == (FILLED, {"SPY": "4"})


def test_a_duplicate_event_tells_of_one_fill_twice_and_counts_once(venue: Venue) -> None:
    client = venue.client()
    venue.faults(Fault.DUPLICATE_EVENT)
    report = client.submit(order())
    assert (report.state, report.filled_quantity, len(report.fills)) == (FILLED, 4, 1)
    assert venue.held == {"SPY": "4"}
    venue.faults(Fault.DUPLICATE_EVENT)
    again = {"client_order_id": "qtwice", "symbol": "SPY", "side": "BUY", "quantity": "1"}
    first, second = venue.ask("submit", account=venue.account, order=again)["report"]["fills"]
    assert first == second, "on the wire it is there twice"
    assert venue.held == {"SPY": "5"}


def test_a_late_fill_is_acknowledged_first(venue: Venue) -> None:
    client = venue.client()
    venue.faults(Fault.LATE_FILL)
    report = client.submit(order())
    assert (report.state, report.fills) == (ACKNOWLEDGED, ())
    until(lambda: client.open_orders() == ())
    assert (state_of(client), venue.held) == (FILLED, {"SPY": "4"})


def test_a_late_fill_does_not_come_after_a_cancel(launch: Launch) -> None:
    venue = launch("--delay", "1")
    client = venue.client()
    venue.faults(Fault.LATE_FILL)
    client.submit(order())
    assert [working.order for working in client.open_orders()] == [order()]
    assert client.cancel(order().client_order_id).state is CANCELLED
    time.sleep(1.2)
    assert (state_of(client), venue.held) == (CANCELLED, {})


def test_a_partial_fill_then_a_cancel_ends_half_filled(venue: Venue) -> None:
    client = venue.client()
    venue.faults(Fault.PARTIAL_FILL)
    report = client.submit(order())
    assert (report.state, report.filled_quantity) == (CANCELLED, 2)
    assert (venue.held, client.open_orders()) == ({"SPY": "2"}, ())
    assert client.cancel(order().client_order_id) == report


def test_a_fill_that_races_the_cancel_wins(venue: Venue) -> None:
    client = venue.client()
    venue.faults(Fault.FILL_RACES_CANCEL)
    assert client.submit(order()).state is ACKNOWLEDGED
    time.sleep(2 * DELAY)
    assert venue.held == {}
    report = client.cancel(order().client_order_id)
    assert (report.state, report.filled_quantity, venue.held) == (FILLED, 4, {"SPY": "4"})
    assert client.cancel(order().client_order_id) == report


def test_an_unfilled_order_works_until_it_is_cancelled(venue: Venue) -> None:
    client = venue.client()
    venue.faults(Fault.UNFILLED)
    assert client.submit(order()).state is ACKNOWLEDGED
    time.sleep(2 * DELAY)
    assert [working.order for working in client.open_orders()] == [order()]
    assert client.cancel(order().client_order_id).state is CANCELLED
    assert (client.open_orders(), venue.held) == ((), {})


@pytest.mark.parametrize(
    ("fault", "text"), [(Fault.REJECT, "the venue does not like it"), (Fault.CASH_SHORT, "not enough cash")]
)
def test_a_rejection_says_why_and_changes_nothing(venue: Venue, fault: Fault, text: str) -> None:
    client = venue.client()
    venue.faults(fault)
    with pytest.raises(OrderRejected, match=text):
        client.submit(order())
    found = client.find(order().client_order_id)
    assert found is not None
    assert (found.state, found.text, venue.held) == (REJECTED, text, {})


def test_a_disconnect_cuts_the_line_at_once_and_the_order_is_taken(venue: Venue) -> None:
    took, client = venue.silence(Fault.DROP_AFTER, order())
    assert took < IMPATIENT_SECONDS
    assert (state_of(client), venue.held) == (FILLED, {"SPY": "4"})


def test_every_fault_is_used_up_by_one_order_in_the_sequence_given(venue: Venue) -> None:
    client = venue.client()
    venue.faults(Fault.UNFILLED, Fault.REJECT, Fault.PARTIAL_FILL)
    assert client.submit(order(0)).state is ACKNOWLEDGED
    with pytest.raises(OrderRejected):
        client.submit(order(1))
    assert client.submit(order(2)).state is CANCELLED
    assert client.submit(order(3)).state is FILLED
    assert venue.held == {"SPY": "6"}


def test_what_arrives_after_a_timeout_is_not_taken_for_the_answer_to_something_else(venue: Venue) -> None:
    """The client gives a connection up with the call that got no answer."""
    client = venue.client(traits=IMPATIENT)
    venue.faults(Fault.SILENT)
    with pytest.raises(BrokerError):
        client.submit(order())
    with pytest.raises(BrokerError, match="not connected to the paper venue"):
        client.account()


def test_a_change_behind_the_platforms_back_shows_in_the_account(venue: Venue) -> None:
    client = venue.client()
    client.submit(order())
    cash = client.account().cash_by_currency["USD"]
    venue.ask("adjust", account=venue.account, quantities={"SPY": "-4", "MINE": "7"}, cash="-12.5")
    account = client.account()
    assert (account.quantities, account.cash_by_currency["USD"]) == ({"MINE": 7}, cash - Decimal("12.5"))


# --- killed, stopped, started again ---------------------------------------------------------------


def test_everything_answered_survives_a_kill_and_a_restart(own: Venue) -> None:
    client = own.client()
    own.faults(Fault.DUPLICATE_EVENT, Fault.PARTIAL_FILL, Fault.REJECT, Fault.UNFILLED)
    client.submit(order(0))
    client.submit(order(1))
    with pytest.raises(OrderRejected):
        client.submit(order(2))
    client.submit(order(3))
    own.ask("adjust", account=own.account, quantities={"MINE": "7"}, cash="-12.5")
    before, account = own.dump(), client.account()
    reports = [client.find(order(number).client_order_id) for number in range(4)]
    assert [report.state for report in reports if report] == [FILLED, CANCELLED, REJECTED, ACKNOWLEDGED]
    own.process.stop(signal.SIGKILL)
    with pytest.raises(BrokerError):
        client.account()
    own.process.start()
    assert own.dump() == before
    again = own.client()
    assert again.account() == account
    assert [again.find(order(number).client_order_id) for number in range(4)] == reports
    assert [report.order for report in again.open_orders()] == [order(3)]
    assert again.cancel(order(3).client_order_id).state is CANCELLED


def test_an_id_used_before_a_kill_is_known_after_it(own: Venue) -> None:
    report = own.client().submit(order())
    own.process.stop(signal.SIGKILL)
    own.process.start()
    own.fund(CASH * 2)
    assert own.client().submit(order()) == report
    assert own.held == {"SPY": "4"}
    assert Decimal(own.dump()["state"]["cash_by_currency"]["USD"]) < CASH, "an account is funded once"


def test_an_order_without_an_answer_survives_a_kill(own: Venue) -> None:
    own.silence(Fault.SILENT, order())
    own.process.stop(signal.SIGKILL)
    own.process.start()
    assert state_of(own.client()) is FILLED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_venue_asked_to_stop_does_so_within_two_seconds_and_without_complaint(
    own: Venue, number: signal.Signals
) -> None:
    """With clients connected, one of which waits for an answer, and a fill still to come."""
    idle, busy = own.client(), own.client()
    own.faults(Fault.LATE_FILL, Fault.SILENT_DROP)
    busy.submit(order(0))
    before = own.dump()["orders"][0]["order"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(busy.submit, order(1))
        time.sleep(0.1)
        assert own.process.stop(number) < STOP_SECONDS
        with pytest.raises(BrokerError):
            waiting.result()
    assert (own.process.process.returncode, own.process.complaints) == (0, "")
    with pytest.raises(BrokerError):
        idle.account()
    own.process.start()
    assert [o["order"] for o in own.dump()["orders"]] == [before]


def test_a_client_of_a_venue_that_is_not_there_says_so(own: Venue, opened: set[int]) -> None:
    own.process.stop(signal.SIGKILL)
    opened.add(own.process.port)
    with pytest.raises(BrokerError, match="the paper venue does not answer"):
        PaperClient(own.process.port, own.account, PATIENT).connect()
    opened.discard(own.process.port)
