"""A whole conversation with the TWS front, in this process: what is asked, and every message that is answered."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

import pytest
from venue_sandbox.exchange.accounts import Funding
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import VenueFaults
from venue_sandbox.exchange.opening import Plan, open_exchange
from venue_sandbox.exchange.orders import OrderType, Side, Ticket
from venue_sandbox.exchange.pacing import Pacer
from venue_sandbox.exchange.treatment import Treatment
from venue_sandbox.venues.tws.calls import CALLS, Call
from venue_sandbox.venues.tws.codec import Value, frame
from venue_sandbox.venues.tws.faults import TWS_FAULTS
from venue_sandbox.venues.tws.gateway import Pusher
from venue_sandbox.venues.tws.ids import OrderIds
from venue_sandbox.venues.tws.order_options import ORDER_OPTIONS
from venue_sandbox.venues.tws.order_request import read_order
from venue_sandbox.venues.tws.server import REQUESTS
from venue_sandbox.venues.tws.session import Session, Venue

from .test_tws import OPTIONAL

D = Decimal
NOON = datetime(2023, 6, 2, 16, tzinfo=UTC)
SPY = (0, "SPY", "STK", "", 0.0, "", "", "SMART", "", "USD", "", "")
RECORDED = Path(os.environ.get("TEST_DATA_DIR", "../shared/data")) / "messages" / "ibkr" / "account_values.json"

BY: dict[str, Any] = {"client": "7", "client_order": "1", "details": {"exchange": "SMART"}}
TEXTS = ("AccountOrGroup", "Currency")

Answers = list[list[str]]


class Written:
    """The client's end of a connection: what was written to it."""

    def __init__(self) -> None:
        self.bytes = b""
        self.transport = self

    def write(self, data: bytes) -> None:
        self.bytes += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing to do: what was written is looked at afterwards."""

    async def drain(self) -> None:
        """Nothing to do."""


class Client:
    """Asks one venue, each time over a connection of its own."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        pacer = Pacer(exchange, 0)
        self.venue = Venue(exchange, pacer, VenueFaults(TWS_FAULTS, lambda _: None), OrderIds(exchange), REQUESTS)
        exchange.observers = (Pusher(self.venue),)

    def asks(self, *messages: tuple[Value, ...] | bytes, then: Callable[[], object] = lambda: None) -> Answers:
        """Return what is answered to messages, and told after what comes then."""

        async def run() -> bytes:
            reader, written = asyncio.StreamReader(), Written()
            session = Session(self.venue, reader, cast(Any, written))
            reader.feed_data(b"API\0" + frame(["v157..176"])[:-1].replace(b"\0\0\0\x0a", b"\0\0\0\x09"))
            for message in ((71, 2, 7, ""), *messages):
                reader.feed_data(message if isinstance(message, bytes) else frame(message))
            serving = asyncio.create_task(session.run())
            for _ in range(5):
                await asyncio.sleep(0)
            then()
            reader.feed_eof()
            await serving
            return written.bytes

        return _answers(asyncio.run(run()))


def _answers(data: bytes) -> Answers:
    """Return the messages behind the greeting and what every start is answered."""
    found: Answers = []
    while data:
        size = int.from_bytes(data[:4])
        found.append(data[4 : 4 + size].decode().split("\0")[:-1])
        data = data[4 + size :]
    return found[6:]


def order(order_id: int, **changes: Value) -> tuple[Value, ...]:
    """Return message 3."""
    names = [option.name for option in ORDER_OPTIONS if option.name not in {*OPTIONAL, "faProfile"}]
    names.insert(names.index("modelCode"), "faProfile")
    values: dict[str, Value] = {
        **dict.fromkeys(names),
        **{"action": "BUY", "totalQuantity": 10, "orderType": "LMT", "lmtPrice": "50.5", "tif": "DAY"},
        **{"account": "DUSBX1", "orderRef": "q1", "transmit": True, "conditions": 0},
        **changes,
    }
    return (3, order_id, *SPY, "", "", *values.values())


def errors(answers: Answers) -> list[tuple[int, int]]:
    """Return request and code of every error."""
    return [(int(answer[2]), int(answer[3])) for answer in answers if answer[0] == "4"]


@pytest.fixture
def client(tmp_path: Path) -> Generator[Client]:
    plan = Plan(tmp_path, (Funding("DUSBX1", {"USD": D(100_000), "HKD": D(78_000)}),), symbols=("SPY", "TLT"))
    exchange = open_exchange(plan, VenueClock(real=NOON.timestamp))
    yield Client(exchange)
    exchange.journal.close()


# --- orders --------------------------------------------------------------------------------------


def test_an_order_without_options_is_taken(client: Client) -> None:
    answers = client.asks(order(1, clearingAccount="DUSBX1"))
    assert errors(answers) == []
    assert [taken.ticket.reference for taken in client.exchange.book.orders.values()] == ["q1"]
    assert {answer[0] for answer in answers} == {"5", "3"}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("ocaGroup", "group"), ("parentId", 9), ("allOrNone", True), ("hidden", True), ("displaySize", 5)),
        *(("goodAfterTime", "20230602 15:45:00"), ("goodTillDate", "20230605 15:45:00"), ("cashQty", 1000)),
        *(("outsideRth", True), ("trailingPercent", 5), ("trailStopPrice", 40), ("discretionaryAmt", 0.1)),
        *(("conditions", "1\x001\0a\x001\x009.5\x007\0SMART\x000\x000\x001"), ("algoStrategy", "Twap\x000")),
    ],
)
def test_an_order_with_an_option_that_is_not_served_makes_none(client: Client, option: str, value: Value) -> None:
    (code,) = [one.code for one in ORDER_OPTIONS if one.name == option]
    assert errors(client.asks(order(1, **{option: value}))) == [(1, code)]
    assert client.exchange.book.orders == {}


def test_children_do_not_live_when_their_parent_is_refused(client: Client) -> None:
    parent = order(1, transmit=False)
    children = (order(2, action="SELL", parentId=1, transmit=False), order(3, action="SELL", parentId=1))
    assert errors(client.asks(parent, *children)) == [(1, 321), (2, 321), (3, 10006)]
    assert client.exchange.book.orders == {}


def test_a_change_of_what_cannot_change_is_refused(client: Client) -> None:
    answers = client.asks(order(1), order(1, tif="GTC"), order(1, orderRef="other"), order(1, lmtPrice=51))
    assert errors(answers) == [(1, 105), (1, 105)]
    (standing,) = client.exchange.book.orders.values()
    assert standing.limit == 51


def test_what_an_order_would_cost_adds_up(client: Client) -> None:
    client.exchange.set_holding("DUSBX1", "TLT", D(10))
    worth = client.exchange.market.last(client.exchange.listing.instruments["TLT"], NOON) * 10
    for side, sign in (("BUY", 1), ("SELL", -1)):
        (answer,) = client.asks(order(1, action=side, totalQuantity=100, lmtPrice=50, whatIf=True))
        before, maintenance, equity = (D(answer[95 + n]) for n in range(3))
        change = [D(answer[98 + n]) for n in range(3)]
        after = [D(answer[101 + n]) for n in range(3)]
        commission = D(answer[104])
        assert (before, maintenance, equity) == (worth, worth, 110_000 + worth)
        assert change == [sign * 5000, sign * 5000, -commission]
        assert after == [before + change[0], maintenance + change[1], equity + change[2]]
    assert client.exchange.book.orders == {}


def test_an_order_that_would_be_none_has_no_cost(client: Client) -> None:
    assert errors(client.asks(order(1, totalQuantity=0, whatIf=True))) == [(1, 434)]


# --- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call", [call for call in CALLS.values() if call.treatment is Treatment.REFUSED], ids=attrgetter("name")
)
def test_a_call_that_is_not_served_is_refused_by_its_own_id(client: Client, call: Call) -> None:
    fields: list[Value] = [call.number, *[1] * 6]
    if call.request_at is not None:
        fields[call.request_at] = 4711
    assert errors(client.asks(tuple(fields))) == [(-1 if call.request_at is None else 4711, call.code)]


@pytest.mark.parametrize(
    ("message", "about", "code"),
    [
        ((999, 1), -1, 505),
        (("what",), -1, 320),
        ((3, 5, 0, "SPY"), 5, 320),
        ((20, 6, "x", "SPY"), 6, 320),
        ((20, 6, *SPY, 0, "", "1 day", "2 D", 1, "MIDPOINT", 1, 0, ""), 6, 162),
        ((20, 6, *SPY, 0, "", "1 min", "2 D", 1, "TRADES", 1, 0, ""), 6, 162),
        ((20, 6, *SPY, 0, "", "1 day", "2 D", 1, "TRADES", 1, 1, ""), 6, 162),
        ((25, 1, 6), 6, 366),
        ((1, 11, 7, *SPY, 0, "233", 0, 0, ""), 7, 321),
        ((1, 11, 7, *SPY, 0, "", 1, 1, ""), 7, 354),
        ((2, 1, 7), 7, 300),
        ((9, 8, 8, *SPY, 0, "ISIN", "US78462F1030", ""), 8, 200),
        ((9, 8, 8, 0, "SPY", "STK", "20231215", 400.0, "C", "100", "SMART", "", "USD", "", "", 0, "", "", ""), 8, 200),
        ((15, 1, 1), -1, 327),
        ((59, 1, 5), -1, 321),
        ((62, 1, 9, "NOBODY", "NetLiquidation"), 9, 322),
        ((63, 1, 9), 9, 300),
        ((74, 1, 9, "NOBODY", ""), 9, 322),
        ((75, 1, 9), 9, 300),
        ((76, 1, 9, "NOBODY", "", 0), 9, 322),
        ((77, 1, 9), 9, 300),
        ((6, 2, 1, "NOBODY"), -1, 321),
        ((7, 3, 9, 0, "", "yesterday", "", "", "", ""), 9, 322),
        ((87, 9, *SPY, 0, 1, "MIDPOINT", 1), 9, 162),
        ((91, 27), -1, 322),
        ((92, 9, "NOBODY", ""), 9, 322),
        ((94, 9, "DUSBX1", "", 1), 9, 200),
        ((95, 9), 9, 300),
    ],
)
def test_what_cannot_be_served_is_an_error_about_its_request(
    client: Client, message: tuple[Value, ...], about: int, code: int
) -> None:
    answers = client.asks(message, (49, 1))
    assert errors(answers) == [(about, code)]
    assert answers[-1][0] == "49", "the connection goes on"


def test_a_frame_without_a_length_is_told_before_the_connection_ends(client: Client) -> None:
    assert errors(client.asks(b"\x7f\xff\xff\xff", (49, 1))) == [(-1, 507)]


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ((24, 1), ["19", "1"]),
        ((67, 1, 5), ["67", "1", "5", ""]),
        ((78, 5, "SPY", "", "STK", 1), ["76", "5"]),
        ((79, 5), ["77", "5", "0"]),
        ((80,), ["78", "1", "DUSBX1", ""]),
        ((81, 5, "sp"), ["79", "5", "1"]),
        ((81, 5, ""), ["79", "5", "0"]),
        ((82,), ["80", "0"]),
        ((83, 5, "9c0001"), ["82", "5", "1", "0", "ARCA", "A"]),
        ((85,), ["85", "0"]),
        ((91, 26), ["93", "26", "1", "0", "0.01"]),
        ((104, 5), ["107", "5", ""]),
        ((74, 1, 5, "", ""), ["72", "1", "5"]),
    ],
)
def test_what_the_sandbox_has_little_of_is_answered_all_the_same(
    client: Client, message: tuple[Value, ...], answer: list[str]
) -> None:
    (answered,) = client.asks(message)
    assert answered[: len(answer)] == answer


def test_a_head_time_stamp_is_the_first_bar(client: Client) -> None:
    spy = client.exchange.listing.instruments["SPY"]
    (bar, *_) = client.asks((20, 6, *SPY, 0, "", "1 day", "50 Y", 1, "TRADES", 1, 0, ""))[0][5:]
    text, number = (client.asks((87, 9, *SPY, 0, 1, "TRADES", form))[0] for form in (1, 2))
    assert text[:3] == ["88", "9", f"{bar}-{text[2][9:]}"]
    assert datetime.fromtimestamp(int(number[2]), client.venue.zone).strftime("%Y%m%d") == bar
    assert spy.symbol == "SPY"


# --- accounts ------------------------------------------------------------------------------------


def rows(answers: Answers) -> dict[tuple[str, str], str]:
    """Return the values of message 6 by tag and currency."""
    return {(answer[2], answer[4]): answer[3] for answer in answers if answer[0] == "6"}


def test_every_recorded_tag_is_told_and_they_agree_with_each_other(client: Client) -> None:
    client.exchange.set_holding("DUSBX1", "SPY", D(10))
    client.exchange.submit(Ticket("DUSBX1", "TLT", Side.BUY, D(5), OrderType.LIMIT, D(20), **BY))
    told = rows(client.asks((6, 2, 1, "DUSBX1")))
    value = {tag: D(text) for (tag, currency), text in told.items() if currency == "USD" and tag not in TEXTS}
    worth = 10 * client.exchange.market.last(client.exchange.listing.instruments["SPY"], NOON)
    assert value["NetLiquidation"] == 110_000 + worth
    assert value["AvailableFunds"] == value["EquityWithLoanValue"] - value["InitMarginReq"] == 109_899
    assert value["ExcessLiquidity"] == value["EquityWithLoanValue"] - value["MaintMarginReq"] == 110_000
    for tag in ("AvailableFunds", "ExcessLiquidity", "InitMarginReq", "MaintMarginReq"):
        for same in (f"Full{tag}", f"LookAhead{tag}", f"{tag}-S", f"Full{tag}-S", f"LookAhead{tag}-S"):
            assert value[same] == value[tag]
    assert told["AccountOrGroup", "BASE"] == "DUSBX1"
    assert told["Cushion", ""] == f"{110_000 / (110_000 + worth):.4f}"


def test_no_tag_that_was_recorded_of_a_real_account_is_missing(client: Client) -> None:
    if not RECORDED.is_file():
        pytest.skip(f"{RECORDED} is not there: set TEST_DATA_DIR to the folder of recorded messages")
    recorded = {row["tag"] for row in json.loads(RECORDED.read_text())}
    assert len(recorded) == 63
    assert recorded - {tag for tag, _ in rows(client.asks((6, 2, 1, "DUSBX1")))} == set()


def test_whoever_subscribed_hears_of_changes(client: Client) -> None:
    subscriptions: tuple[tuple[Value, ...], ...] = (
        *((62, 1, 5, "All", "TotalCashValue"), (76, 1, 6, "DUSBX1", "", 1), (74, 1, 7, "DUSBX1", "")),
        *((92, 8, "DUSBX1", ""), (94, 9, "DUSBX1", "", client.exchange.listing.instruments["SPY"].contract_id)),
    )
    quiet = client.asks(*subscriptions)
    told = client.asks(*subscriptions, then=lambda: client.exchange.set_holding("DUSBX1", "SPY", D(3)))
    assert [answer[0] for answer in told[: len(quiet)]] == [answer[0] for answer in quiet]
    further = told[len(quiet) :]
    assert {answer[0] for answer in further} == {"63", "73", "71", "94", "95"}
    assert {answer[5] for answer in further if answer[0] == "73"} & {"AvailableFunds", "BuyingPower"} == set()


def test_profits_are_those_of_today_since_the_last_close_or_the_fill(client: Client) -> None:
    exchange = client.exchange
    spy = exchange.listing.instruments["SPY"]
    quote = exchange.quote("SPY")
    assert quote is not None
    exchange.set_holding("DUSBX1", "SPY", D(10))
    bought = exchange.submit(Ticket("DUSBX1", "SPY", Side.BUY, D(4), OrderType.MARKET, **BY))
    exchange.work(bought.number)
    fill = exchange.match(bought.number)
    assert fill is not None
    account, single = client.asks((92, 8, "DUSBX1", ""), (94, 9, "DUSBX1", "", spy.contract_id))
    today = 10 * (quote.last - quote.previous_close) + 4 * (quote.last - fill.price) - fill.commission
    assert (account[:2], single[:3]) == (["94", "8"], ["95", "9", "14"])
    assert D(account[2]) == D(single[3]) == today
    assert D(single[6]) == 14 * quote.last


# --- reference -----------------------------------------------------------------------------------


def test_hours_are_told_with_and_without_the_extended_ones(client: Client) -> None:
    details = client.asks((9, 8, 8, *SPY, 0, "", "", ""))[0]
    trading, liquid = (text.split(";") for text in details[26:28])
    assert len(trading) == len(liquid) == 35
    assert (trading[0], liquid[0]) == ("20230602:0400-20230602:2000", "20230602:0930-20230602:1600")
    assert trading[1] == liquid[1] == "20230603:CLOSED"
    assert (trading[31], liquid[31]) == ("20230703:0400-20230703:1700", "20230703:0930-20230703:1300")


def test_the_test_writes_orders_as_they_are_read() -> None:
    from venue_sandbox.venues.tws.codec import Fields

    text = frame(order(1))[4:].decode().partition("\0")[2]
    assert read_order(Fields(text), 176).reference == "q1"
