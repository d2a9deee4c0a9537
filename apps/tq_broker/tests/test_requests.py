"""What an engine sends by mistake is told with a reason, or is a dead letter where it has no id."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tq_broker_app.bus.ports import Unprocessable
from tq_broker_app.messages import CancelRequest, SubmitRequest
from tq_broker_app.roles.order_submitter import OrderSubmitter
from tq_broker_app.roles.requests import Malformed, read_request, request_digest
from tq_broker_app.settings import OrderSettings
from tq_broker_app.trading.checks import age_problem, contract_problems, id_problem, wanted_of
from tq_broker_app.trading.contracts import Quote

from .bad_inputs import CASES, BadInput, order
from .frame import BEAN, NOW, PORTFOLIO, REBAR, ListBus, Session, contract, make_parts, wanted

QUOTE = Quote(Decimal(3500), Decimal(3490))


def problems(limits: dict[str, Any] | None = None, quote: Quote = QUOTE, **asked: Any) -> list[str]:
    symbol = asked.get("symbol", REBAR)
    listed = asked.pop("contract", contract(symbol, max_market_volume=10))
    return list(contract_problems(wanted(**asked), listed, quote, OrderSettings(**limits or {})))


@pytest.mark.parametrize("bad", [pytest.param(case, id=case.name) for case in CASES])
def test_bad_input_is_rejected_for_its_reason_or_becomes_a_dead_letter(bad: BadInput) -> None:
    bus, session = ListBus(), Session()

    async def handled() -> str:
        submitter = OrderSubmitter(make_parts(bus=bus), session, "test")  # type: ignore[arg-type]
        try:
            await submitter.handle(bad.body("a-1", NOW, PORTFOLIO))
        except Unprocessable as error:
            return str(error)
        assert submitter.planner.unsent == {}
        return ""

    letter = asyncio.run(handled())
    assert session.view.api.inserted == []
    if bad.is_letter:
        assert bad.reason in letter
        assert bus.told == []
    else:
        assert letter == ""
        [told] = bus.of()
        assert bad.reason in told["reason"]
        assert told.get("event_type", told["status"]) == "REJECTED"
        assert told["event_id"].startswith(f"{told['order_id']}:REJECTED:")


def test_a_good_order_is_read_as_it_is_meant() -> None:
    request = read_request(SubmitRequest, json.dumps(order("a", NOW, PORTFOLIO)).encode())
    assert isinstance(request, SubmitRequest)
    assert wanted_of(request) == wanted()


def test_a_price_is_the_decimal_that_was_written() -> None:
    request = read_request(SubmitRequest, json.dumps(order("a", NOW, PORTFOLIO, limit_price=3500.02)).encode())
    assert isinstance(request, SubmitRequest)
    assert wanted_of(request).limit_price == Decimal("3500.02")


def test_a_cancel_has_an_id_and_a_portfolio_only() -> None:
    document = {"type": "CANCEL", "request_id": "r", "timestamp": NOW.isoformat()}
    body = json.dumps(document | {"payload": {"order_id": "a", "portfolio_id": "p", "volume": 1}}).encode()
    assert read_request(CancelRequest, body) == Malformed("a", "p", "payload.volume is no field of this request")


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"[" * 100_000, b"1" * 5000, b"null", b"{}"])
def test_what_has_no_order_id_is_unprocessable(body: bytes) -> None:
    with pytest.raises(Unprocessable):
        read_request(SubmitRequest, body)


def test_a_field_that_cannot_be_printed_is_told_in_other_characters() -> None:
    document = order("a", NOW, PORTFOLIO, **{"x\x00\u2028": 1})
    told = read_request(SubmitRequest, json.dumps(document).encode())
    assert isinstance(told, Malformed)
    assert told.reason.isprintable()


def test_the_same_body_has_the_same_digest() -> None:
    assert request_digest(b"a") == request_digest(b"a") != request_digest(b"b")


@pytest.mark.parametrize("order_id", ["a", "A-1_z", "x" * 64, "server-1", "x_closed"])
def test_ids_that_the_exchange_takes_have_no_problem(order_id: str) -> None:
    assert id_problem(order_id) is None


@pytest.mark.parametrize("order_id", ["", "x" * 65, "a|b", "a.b", "é", "a\n", "SERVER.1", "PYSDK_1", "a_closetoday"])
def test_ids_that_would_be_misread_have_one(order_id: str) -> None:
    assert id_problem(order_id)


@pytest.mark.parametrize(("seconds", "word"), [(60.1, "old"), (-5.1, "in the future")])
def test_a_request_out_of_time_is_told_how_far(seconds: float, word: str) -> None:
    assert word in (age_problem(NOW - timedelta(seconds=seconds), NOW, timedelta(seconds=60)) or "")


@pytest.mark.parametrize("seconds", [0, 60, -5])
def test_a_request_in_time_has_no_problem(seconds: float) -> None:
    assert age_problem(NOW - timedelta(seconds=seconds), NOW, timedelta(seconds=60)) is None


def test_what_an_exchange_takes_has_no_problem() -> None:
    assert problems() == []
    assert problems(symbol=BEAN, limit_price=None) == []
    assert problems(offset="CLOSETODAY") == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"volume": 101}, "at most 100 lots in one order"),
        ({"limit_price": Decimal("3501.5")}, "not a multiple of 1"),
        ({"limit_price": Decimal(2999)}, "below 3000"),
        ({"limit_price": Decimal(4001)}, "above 4000"),
        ({"limit_price": None}, "SHFE takes no market orders"),
        ({"symbol": BEAN, "limit_price": None, "volume": 11}, "at most 10 lots in one market order"),
        ({"symbol": "GFEX.si2506", "limit_price": None, "contract": contract("GFEX.si2506")}, "no market orders"),
        ({"symbol": BEAN, "offset": "CLOSETODAY"}, "DCE has CLOSE only"),
        ({"symbol": "LME.cu", "contract": contract("LME.cu")}, "LME is none of"),
        ({"volume": 1, "contract": contract(min_limit_volume=2)}, "at least 2 lots"),
        ({"volume": 9, "contract": contract(max_limit_volume=8)}, "at most 8 lots"),
    ],
)
def test_what_an_exchange_would_refuse_is_told(asked: dict[str, Any], said: str) -> None:
    [problem] = problems(**asked)
    assert said in problem


def test_a_price_band_is_around_the_last_price_or_the_last_settlement() -> None:
    assert problems({"price_band": "0.01"}, limit_price=Decimal(3535)) == []
    [problem] = problems({"price_band": "0.01"}, limit_price=Decimal(3536))
    assert "further than 0.01 from 3500" in problem
    [problem] = problems({"price_band": "0.01"}, Quote(None, Decimal(3400)))
    assert "from 3400" in problem
    [problem] = problems({"price_band": "0.01"}, Quote(None, None))
    assert "no last price" in problem


def test_closetoday_becomes_close_only_where_it_was_asked_for() -> None:
    assert problems({"translate_closetoday": True}, symbol=BEAN, offset="CLOSETODAY") == []
