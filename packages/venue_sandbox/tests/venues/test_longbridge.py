"""The parts of the LongBridge front that need no network."""

from __future__ import annotations

import gzip
import json
from collections.abc import Generator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
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
from venue_sandbox.venues.http.front import Refused, Venue
from venue_sandbox.venues.http.options import Option
from venue_sandbox.venues.http.rate_limit import RateLimit
from venue_sandbox.venues.longbridge import frames
from venue_sandbox.venues.longbridge.assets import balance_document
from venue_sandbox.venues.longbridge.calls import HTTP_CALLS, QUOTE_COMMANDS, TRADE_COMMANDS
from venue_sandbox.venues.longbridge.candlesticks import BadQuery, candlesticks, history, read_day
from venue_sandbox.venues.longbridge.context import LongBridgeContext, text
from venue_sandbox.venues.longbridge.faults import LONGBRIDGE_FAULTS
from venue_sandbox.venues.longbridge.frames import BadFrame, push, read_request, response
from venue_sandbox.venues.longbridge.messages import (
    CANDLESTICK_REQUEST,
    HISTORY_REQUEST,
    QUOTES,
    SUBSCRIBE,
    QuoteCommand,
    TradeCommand,
)
from venue_sandbox.venues.longbridge.order_documents import status_of
from venue_sandbox.venues.longbridge.order_options import CHANGE_OPTIONS, ORDER_OPTIONS
from venue_sandbox.venues.longbridge.order_request import Change, Submission, read_body, ticket_of
from venue_sandbox.venues.longbridge.protobuf import BYTES, INTEGER, TEXT, BadMessage, Message, many
from venue_sandbox.venues.longbridge.server import http_endpoints
from venue_sandbox.venues.longbridge.sessions import Sessions
from venue_sandbox.venues.longbridge.signing import Parts, signature
from venue_sandbox.venues.longbridge.socket_commands import COMMANDS
from venue_sandbox.venues.longbridge.sockets import Denied
from venue_sandbox.venues.longbridge.symbols import market_of, named, symbol_of
from venue_sandbox.venues.longbridge.tokens import Credentials, Tokens

D = Decimal
NOON = datetime(2023, 6, 2, 16, tzinfo=UTC)
FUNDING = Funding("DUSBX1", {"HKD": D(780_000), "USD": D(100_000)})


@pytest.fixture
def exchange(tmp_path: Path) -> Generator[Exchange]:
    """Yield a venue at noon of a Friday that is a session."""
    plan = Plan(tmp_path, (FUNDING, Funding("DUSBX2", {"USD": D(5)})), symbols=("SPY", "700.HK"))
    opened = open_exchange(plan, VenueClock(real=NOON.timestamp))
    yield opened
    opened.journal.close()


# --- messages ------------------------------------------------------------------------------------

INNER = Message(name=(1, TEXT))
OUTER = Message(count=(1, INTEGER), data=(2, BYTES), one=(3, INNER), several=many(4, INNER), numbers=many(5, INTEGER))


def test_a_message_is_written_as_the_specification_has_it() -> None:
    assert Message(a=(1, INTEGER)).encode({"a": 150}) == b"\x08\x96\x01"
    assert Message(b=(2, TEXT)).encode({"b": "testing"}) == b"\x12\x07testing"
    assert Message(c=(3, Message(a=(1, INTEGER)))).encode({"c": {"a": 150}}) == b"\x1a\x03\x08\x96\x01"
    assert Message(a=(1, INTEGER)).encode({"a": -2}) == b"\x08\xfe" + b"\xff" * 8 + b"\x01"


def test_a_message_is_read_as_it_was_written() -> None:
    values = {"count": -7, "data": b"\x00\xff", "one": {"name": "é"}, "several": [{"name": "a"}, {"name": ""}]}
    assert OUTER.decode(OUTER.encode(values)) == {**values, "numbers": []}
    assert OUTER.decode(b"") == {"count": 0, "data": b"", "one": None, "several": [], "numbers": []}


def test_lists_of_numbers_come_packed_or_not() -> None:
    assert OUTER.decode(b"\x2a\x03\x01\xac\x02")["numbers"] == [1, 300]
    assert OUTER.decode(b"\x28\x01\x28\xac\x02")["numbers"] == [1, 300]
    assert SUBSCRIBE.decode(SUBSCRIBE.encode({"symbol": ["SPY.US"], "sub_type": [1, 2]}))["sub_type"] == [1, 2]


def test_unknown_fields_of_every_sort_are_passed_over() -> None:
    unknown = b"\x30\x05" + b"\x31" + bytes(8) + b"\x35" + bytes(4) + b"\x32\x02ab"
    assert OUTER.decode(unknown + b"\x08\x09")["count"] == 9


@pytest.mark.parametrize("data", [b"\x08", b"\x12\x05ab", b"\x08" + b"\xff" * 10, b"\x0a\x00", b"\x10\x01", b"\x0b"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        OUTER.decode(data)


# --- frames --------------------------------------------------------------------------------------


def request(flag: int, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return bytes([flag, 11]) + (7).to_bytes(4) + (3000).to_bytes(2) + size.to_bytes(3) + body


def test_a_request_is_read_signed_or_gzipped_or_neither() -> None:
    assert read_request(request(1, b"body")) == frames.Request(11, 7, b"body")
    assert read_request(request(0x21, gzip.compress(b"body"))).body == b"body"
    assert read_request(request(0x11, b"body" + bytes(24), 4)).body == b"body"


@pytest.mark.parametrize("data", [b"", b"\x01\x0b", request(2, b""), request(1, b"ab", 3), request(0x21, b"ab")])
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        read_request(data)


def test_answers_and_pushes_have_their_heads() -> None:
    asked = frames.Request(11, 7, b"")
    assert response(asked, 0, b"ok", gzipped=False) == b"\x02\x0b\x00\x00\x00\x07\x00\x00\x00\x02ok"
    assert push(18, b"ok", gzipped=False) == b"\x03\x12\x00\x00\x02ok"
    packed = push(18, b"ok", gzipped=True)
    assert packed[0] == 0x23
    assert gzip.decompress(packed[5:]) == b"ok"
    assert len(packed) - 5 == int.from_bytes(packed[2:5])


# --- signatures, tokens, sessions ----------------------------------------------------------------


def test_a_signature_covers_every_part_of_a_request() -> None:
    headers = {"authorization": "token", "x-api-key": "key", "x-timestamp": "1"}
    parts = Parts("POST", "/v1/trade/order", "a=1", headers, b"{}")
    assert signature(parts, "secret") == (
        "HMAC-SHA256 SignedHeaders=authorization;x-api-key;x-timestamp, "
        "Signature=5b29c6506be7f6d36cbfdcb4b992d994c1adb03a58c1a3f36082dd80ddc785bc"
    )
    others = [
        Parts("PUT", "/v1/trade/order", "a=1", headers, b"{}"),
        Parts("POST", "/v1/trade", "a=1", headers, b"{}"),
        Parts("POST", "/v1/trade/order", "a=2", headers, b"{}"),
        Parts("POST", "/v1/trade/order", "a=1", {**headers, "x-timestamp": "2"}, b"{}"),
        Parts("POST", "/v1/trade/order", "a=1", headers, b""),
    ]
    assert len({signature(part, "secret") for part in [parts, *others]} | {signature(parts, "other")}) == 7


def test_every_account_has_a_token_of_its_own(exchange: Exchange) -> None:
    tokens = Tokens(exchange)
    assert tokens.current() == {"DUSBX1": "sandbox-token-DUSBX1-1", "DUSBX2": "sandbox-token-DUSBX2-1"}
    assert (tokens.owner("sandbox-token-DUSBX2-1"), tokens.owner("x")) == ("DUSBX2", None)
    tokens.expire("DUSBX1")
    assert [tokens.is_expired(account) for account in ("DUSBX1", "DUSBX2")] == [True, False]
    assert tokens.renew("DUSBX1") == "sandbox-token-DUSBX1-2"
    assert tokens.owner("sandbox-token-DUSBX1-1") is None
    assert not Tokens(exchange).is_expired("DUSBX1")
    tokens.expire(None)
    assert all(tokens.is_expired(account) for account in ("DUSBX1", "DUSBX2"))


def test_a_password_opens_one_session_and_a_session_is_taken_up_once() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    password = sessions.password("DUSBX1")
    session = sessions.open(password)
    assert session is not None
    assert (sessions.account(session), sessions.expires(session)) == ("DUSBX1", 3_600_000)
    assert sessions.open(password) is None
    again = sessions.reopen(session)
    assert again is not None
    assert sessions.reopen(session) is None
    sessions.expire()
    assert sessions.reopen(again) is None
    late = sessions.password("DUSBX1")
    now[0] = 60.0
    assert sessions.open(late) is None


# --- symbols, amounts, orders --------------------------------------------------------------------


@pytest.mark.parametrize(("name", "symbol", "market"), [("SPY.US", "SPY", "US"), ("700.HK", "700.HK", "HK")])
def test_symbols_carry_their_market(name: str, symbol: str, market: str) -> None:
    assert (named(symbol), symbol_of(name), market_of(symbol)) == (name, symbol, market)


def test_a_symbol_without_a_market_is_none() -> None:
    assert symbol_of("SPY") == symbol_of("SPY.SG") == ""


@pytest.mark.parametrize(("value", "written"), [("1E+3", "1000"), ("0.500", "0.5"), ("0", "0"), ("0E-6", "0")])
def test_amounts_have_no_exponent_and_no_zeros_at_the_end(value: str, written: str) -> None:
    assert text(D(value)) == written


def test_a_balance_is_summed_in_the_currency_asked_for(exchange: Exchange) -> None:
    exchange.submit(Ticket("DUSBX1", "SPY", Side.BUY, D(10), OrderType.LIMIT, D(10)))
    balance = balance_document(exchange, exchange.book.accounts["DUSBX1"], "HKD")
    assert (balance["total_cash"], balance["buy_power"]) == ("1560000", "1559212.2")
    usd = balance["cash_infos"][1]
    assert (usd["currency"], usd["available_cash"], usd["frozen_cash"]) == ("USD", "99899", "101")


def test_an_order_of_another_kind_is_refused() -> None:
    body = b'{"symbol":"SPY.US","order_type":"%s","side":"Buy","submitted_quantity":"1","time_in_force":"Day"}'
    assert read_body(Submission, body % b"MO").client_request_id == ""
    for wrong in (body % b"LIT", b"{}", b"[]", b""):
        with pytest.raises(Refused):
            read_body(Submission, wrong)


def test_an_order_is_shown_in_every_status(exchange: Exchange) -> None:
    order = exchange.submit(Ticket("DUSBX1", "SPY", Side.BUY, D(10), OrderType.LIMIT, D(10)))
    assert status_of(exchange, order) == "WaitToNew"
    exchange.force_hours(False)
    assert status_of(exchange, order) == "NotReported"
    assert status_of(exchange, exchange.work(order.number)) == "NewStatus"
    assert status_of(exchange, exchange.cancel(order.number, "")) == "CanceledStatus"


# --- candlesticks --------------------------------------------------------------------------------


def asked(message: Message, **values: Any) -> dict[str, Any]:
    """Return a request as it is read."""
    return message.decode(message.encode({"symbol": "SPY.US", "period": 1000, **values}))


def days(answer: Any) -> list[date]:
    return [datetime.fromtimestamp(bar["timestamp"], UTC).date() for bar in answer["candlesticks"]]


def test_the_newest_candlesticks_are_told(exchange: Exchange) -> None:
    assert days(candlesticks(exchange, asked(CANDLESTICK_REQUEST, count=2))) == [date(2023, 6, 1), date(2023, 6, 2)]


def test_history_is_told_by_offset_and_date(exchange: Exchange) -> None:
    back = asked(HISTORY_REQUEST, query_type=1, offset_request={"date": "20230601", "count": 2})
    assert days(history(exchange, back)) == [date(2023, 5, 31), date(2023, 6, 1)]
    on = asked(HISTORY_REQUEST, query_type=1, offset_request={"direction": 1, "date": "20230601", "count": 9})
    assert days(history(exchange, on)) == [date(2023, 6, 1), date(2023, 6, 2)]
    span = asked(HISTORY_REQUEST, query_type=2, date_request={"start_date": "20230529", "end_date": "20230531"})
    assert days(history(exchange, span)) == [date(2023, 5, 30), date(2023, 5, 31)]


def test_bars_before_a_split_are_raw_or_adjusted(exchange: Exchange) -> None:
    raw, adjusted = (asked(CANDLESTICK_REQUEST, count=2, adjust_type=kind) for kind in (0, 1))

    def closes(request: dict[str, Any]) -> list[Decimal]:
        return [D(bar["close"]) for bar in candlesticks(exchange, request)["candlesticks"]]

    before = closes(raw)
    exchange.announce_split("SPY", D(2), date(2023, 6, 2))
    assert closes(raw) == [before[0], before[1] / 2]
    assert closes(adjusted) == [before[0] / 2, before[1] / 2]


@pytest.mark.parametrize(
    "values",
    [{"symbol": "TLT.US"}, {"period": 1}, {"query_type": 0}, {"query_type": 1}],
)
def test_a_question_that_is_not_served_is_refused(exchange: Exchange, values: dict[str, Any]) -> None:
    with pytest.raises(BadQuery):
        history(exchange, asked(HISTORY_REQUEST, **values))
    with pytest.raises(BadQuery, match="no day"):
        read_day("2023-06-02")


def test_a_quote_is_a_message(exchange: Exchange) -> None:
    assert QUOTES.decode(QUOTES.encode({"secu_quote": [{"symbol": "SPY.US"}]}))["secu_quote"][0]["prev_close"] == ""


# --- every option --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "written"),
    [
        (
            Submission,
            ORDER_OPTIONS,
            {
                **{"symbol": "SPY.US", "order_type": "LO", "side": "Buy", "submitted_quantity": "1"},
                **{"time_in_force": "Day", "submitted_price": "50"},
            },
        ),
        (Change, CHANGE_OPTIONS, {"order_id": "1", "quantity": "1"}),
    ],
)
def test_every_option_that_is_not_served_is_refused_by_its_name(
    kind: type[Submission | Change], options: Mapping[str, Option], written: dict[str, Any]
) -> None:
    def body(**asked: Any) -> bytes:
        return json.dumps({**written, **asked}).encode()

    for option in (option for option in options.values() if option.treatment is Treatment.REFUSED):
        for nothing in (None, "", *option.nothing):
            read_body(kind, body(**{option.name: nothing}))
        with pytest.raises(Refused, match=f"{option.name}: {option.text}") as caught:
            read_body(kind, body(**{option.name: "1"}))
        assert (caught.value.status, caught.value.code) == (400, 602001)
    with pytest.raises(Refused, match="sell_by: the field is not known"):
        read_body(kind, body(sell_by=1))


def test_a_market_order_has_no_price() -> None:
    wish = Submission.model_validate(
        {
            **{"symbol": "SPY.US", "order_type": "MO", "side": "Buy", "submitted_quantity": "1"},
            **{"time_in_force": "Day", "submitted_price": "50"},
        }
    )
    with pytest.raises(Refused, match="a market order has no price"):
        ticket_of(wish, "DUSBX1")


def test_every_call_and_command_is_in_the_table_and_served_or_refused(exchange: Exchange) -> None:
    venue = Venue(exchange, Pacer(exchange, 0), VenueFaults(LONGBRIDGE_FAULTS, lambda _: None))
    context = LongBridgeContext(venue, Credentials("key", "secret"), Tokens(exchange), RateLimit(0, 1))
    refused = {call.name.split()[1] for call in HTTP_CALLS if call.treatment is Treatment.REFUSED}
    found = {(endpoint.method, endpoint.path) for endpoint in http_endpoints(context)}
    served = {tuple(call.name.split()) for call in HTTP_CALLS if call.treatment is Treatment.SERVED}
    assert found == served | {("*", path) for path in refused}
    for kind, rows in (("quote", QUOTE_COMMANDS), ("trade", TRADE_COMMANDS)):
        answered = {number for number, row in rows.items() if row.treatment is Treatment.SERVED}
        assert answered == {1, 2, 3, *COMMANDS[kind]}


def test_a_frame_that_is_none_is_answered_as_far_as_it_can_be_read() -> None:
    assert frames.head_of(b"\x01\x0b\x00\x00\x00\x07\x0b\xb8\x00\x00\x09ab") == frames.Request(11, 7, b"")
    assert frames.head_of(b"\x01\x0b") == frames.Request(11, 0, b"")
    assert frames.head_of(b"") == frames.Request(0, 0, b"")


class Wire:
    """A socket of which only what is answered matters."""

    def __init__(self, exchange: Exchange) -> None:
        venue = Venue(exchange, Pacer(exchange, 0), VenueFaults(LONGBRIDGE_FAULTS, lambda _: None))
        self.context = LongBridgeContext(venue, Credentials("key", "secret"), Tokens(exchange), RateLimit(0, 1))
        self.subscribed: set[str] = set()


@pytest.mark.parametrize(
    ("symbols", "sub_types", "problem"),
    [
        (["SPY.US"], [2], "quotes only"),
        (["SPY.US"], [1, 4], "quotes only"),
        (["SPY.US"], [], "quotes only"),
        (["SPY.US", "XXX.US"], [1], "symbol not found: XXX.US"),
    ],
)
def test_a_subscription_that_would_send_nothing_is_denied(
    exchange: Exchange, symbols: list[str], sub_types: list[int], problem: str
) -> None:
    subscribe, wire = COMMANDS["quote"][QuoteCommand.SUBSCRIBE].run, cast(Any, Wire(exchange))
    with pytest.raises(Denied, match=problem):
        subscribe(wire, {"symbol": symbols, "sub_type": sub_types, "is_first_push": 1})
    assert wire.subscribed == set()


def test_a_socket_tells_what_it_has_subscribed_to(exchange: Exchange) -> None:
    commands, wire = COMMANDS["quote"], cast(Any, Wire(exchange))
    commands[QuoteCommand.SUBSCRIBE].run(wire, {"symbol": ["SPY.US"], "sub_type": [1], "is_first_push": 0})
    shown = {"sub_list": [{"symbol": "SPY.US", "sub_type": [1]}]}
    for sub_types in ([2], []):
        assert commands[QuoteCommand.SUBSCRIPTIONS].run(wire, {}).values == shown
        commands[QuoteCommand.UNSUBSCRIBE].run(wire, {"symbol": ["SPY.US"], "sub_type": sub_types, "unsub_all": 0})
    assert wire.subscribed == set(), "depth was not subscribed to, quotes were"


def test_topics_that_are_never_told_fail(exchange: Exchange) -> None:
    wire = cast(Any, Wire(exchange))
    answered = COMMANDS["trade"][TradeCommand.SUBSCRIBE].run(wire, {"topics": ["private", "news"]})
    assert answered.values == {
        "success": ["private"],
        "fail": [{"topic": "news", "reason": "the topic is not known"}],
        "current": ["private"],
    }
