"""The parts of the TWS front that need no network."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from zoneinfo import ZoneInfo

import pytest
from venue_sandbox.exchange.instruments import Instrument, Kind, Listing
from venue_sandbox.exchange.market import Bar
from venue_sandbox.exchange.treatment import Treatment
from venue_sandbox.venues.tws.calls import CALLS
from venue_sandbox.venues.tws.codec import BadFrame, Fields, Value, frame, read_frame
from venue_sandbox.venues.tws.contracts import ContractQuery, isin, resolve
from venue_sandbox.venues.tws.history import BadQuery, end_instant, within
from venue_sandbox.venues.tws.layouts import COMPLETED_ORDER, EXECUTION, OPEN_ORDER, PORTFOLIO, POSITION, Layout
from venue_sandbox.venues.tws.order_options import ORDER_OPTIONS, OrderOption, first_refused
from venue_sandbox.venues.tws.order_request import read_order
from venue_sandbox.venues.tws.server import REQUESTS

NEW_YORK = ZoneInfo("America/New_York")
OPTIONAL = {
    *("deltaNeutralConId", "deltaNeutralSettlingFirm", "deltaNeutralClearingAccount", "deltaNeutralClearingIntent"),
    *("deltaNeutralOpenClose", "deltaNeutralShortSale", "deltaNeutralShortSaleSlot", "deltaNeutralDesignatedLocation"),
    *("scalePriceAdjustValue", "scalePriceAdjustInterval", "scaleProfitOffset", "scaleAutoReset", "scaleInitPosition"),
    *("scaleInitFillQty", "scaleRandomPercent", "hedgeParam", "deltaNeutralContractConId", "deltaNeutralContractDelta"),
    *("deltaNeutralContractPrice", "algoParams", "referenceContractId", "isPeggedChangeAmountDecrease"),
    *("peggedChangeAmount", "referenceChangeAmount", "referenceExchangeId", "conditionsIgnoreRth"),
    *("conditionsCancelOrder", "minTradeQty", "minCompeteSize", "competeAgainstBestOffset", "midOffsetAtWhole"),
    "midOffsetAtHalf",
}
"""The fields that are there only behind another one that asks for them."""


def read(data: bytes) -> str:
    async def run() -> str:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await read_frame(reader)

    return asyncio.run(run())


# --- frames and fields ---------------------------------------------------------------------------


def test_a_frame_is_its_length_and_texts_that_end_in_nul() -> None:
    assert frame([15, 1, "DUSBX1,"]) == b"\x00\x00\x00\x0d15\x001\x00DUSBX1,\x00"
    assert read(frame([15, 1, "DUSBX1,"])) == "15\x001\x00DUSBX1,\x00"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((None, ""), (True, "1"), (False, "0"), (7, "7"), (0.5, "0.5"), ("x", "x")),
        *((Decimal("100.00"), "100"), (Decimal("1E+3"), "1000"), (Decimal("0.10"), "0.1"), (Decimal(0), "0")),
    ],
)
def test_values_are_written_as_clients_read_them(value: Value, text: str) -> None:
    assert read(frame([value])) == f"{text}\0"


@pytest.mark.parametrize("data", [b"\x7f\xff\xff\xff", b"\x00\x00\x00\x01\xff"])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        read(data)


def test_fields_are_read_one_by_one() -> None:
    fields = Fields("5\0\x00text\0001\0000\0")
    assert (fields.integer(), fields.integer(), fields.text(), fields.flag(), fields.flag()) == (
        5,
        0,
        "text",
        True,
        False,
    )
    with pytest.raises(BadFrame, match="missing"):
        fields.text()


def test_numbers_may_be_absent_unset_or_none_at_all() -> None:
    fields = Fields("\0001.7976931348623157e+308\0nan\0Infinite\x001.50\0abc\0")
    assert fields.number() is None
    assert fields.number() is None, "the largest double means not set"
    assert (fields.number() or 0).is_nan()
    with pytest.raises(BadFrame):
        fields.number()
    assert fields.number() == Decimal("1.5")
    with pytest.raises(BadFrame, match="'abc' is no number"):
        fields.number()


# --- layouts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "version", "count"),
    [
        *((OPEN_ORDER, 176, 136), (OPEN_ORDER, 178, 135), (COMPLETED_ORDER, 176, 101), (COMPLETED_ORDER, 178, 100)),
        *((EXECUTION, 176, 31), (EXECUTION, 178, 32), (PORTFOLIO, 176, 20), (POSITION, 176, 16)),
    ],
)
def test_messages_have_the_measured_number_of_fields(layout: Layout, version: int, count: int) -> None:
    assert len(layout.fill(version, {})) == count


def test_a_layout_knows_presets_versions_and_its_fields_only() -> None:
    layout = Layout(9, "a=1 b<177=2 c>=170")
    assert layout.fill(176, {"c": 5}) == [9, "1", "2", 5]
    assert layout.fill(178, {"a": None}) == [9, None, ""]
    assert layout.fill(164, {}) == [9, "1", "2"]
    with pytest.raises(KeyError, match="has no d"):
        layout.fill(176, {"d": 1})


# --- contracts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (ContractQuery(0, "SPY", "STK", "SMART", "", "USD", ""), True),
        (ContractQuery(0, "", "", "", "", "", "SPY"), True),
        (ContractQuery(0, "SPY", "STK", "ARCA", "ARCA", "USD", "SPY"), True),
        (ContractQuery(0, "SPY", "STK", "NASDAQ", "", "USD", ""), False),
        (ContractQuery(0, "SPY", "OPT", "SMART", "", "USD", ""), False),
        (ContractQuery(0, "SPY", "STK", "SMART", "", "EUR", ""), False),
        (ContractQuery(0, "XXX", "STK", "SMART", "", "USD", ""), False),
        (ContractQuery(1, "SPY", "STK", "SMART", "", "USD", ""), False),
    ],
)
def test_a_contract_is_one_that_all_fields_agree_on(query: ContractQuery, found: bool) -> None:
    assert (resolve(Listing(["SPY"]), query) is not None) is found


def test_a_contract_is_found_by_its_id() -> None:
    listing = Listing(["SPY", "TLT"])
    tlt = listing.instruments["TLT"]
    assert resolve(listing, ContractQuery(tlt.contract_id, "", "", "", "", "", "")) is tlt
    assert resolve(listing, ContractQuery(tlt.contract_id, "SPY", "", "", "", "", "")) is None


def test_an_isin_has_the_digit_that_checks_it_and_finds_its_contract() -> None:
    apple = Instrument("AAPL", 37_833_100, Kind.STOCK, "NASDAQ")
    assert isin(apple) == "US0378331005", "as the real one"
    listing = Listing(["SPY", "TLT"])
    tlt = listing.instruments["TLT"]
    query = ContractQuery(0, "", "", "", "", "", "", security_id=f"ISIN:{isin(tlt)}")
    assert resolve(listing, query) is tlt
    assert resolve(listing, replace(query, symbol="SPY")) is None
    assert resolve(listing, replace(query, security_id="CUSIP:464287432")) is None


# --- orders --------------------------------------------------------------------------------------


def placed(version: int, **changes: str) -> Fields:
    """Return message 3 as the libraries write it, after its number; a change may hold several fields."""
    present = {"faProfile": version < 177, "advancedErrorOverride": version >= 166, "manualOrderTime": version >= 169}
    names = [option.name for option in ORDER_OPTIONS if option.name not in OPTIONAL]
    fields = {
        "order id": "4",
        **{f"contract {n}": value for n, value in enumerate(["0", "SPY", "STK", "", "0.0", "", "", "SMART"])},
        **{f"contract {n}": value for n, value in enumerate(["", "USD", "", "", "", ""], 8)},
        **{name: "" for name in names if present.get(name, True)},
        **{"action": "BUY", "totalQuantity": "10", "orderType": "LMT", "lmtPrice": "50.5", "tif": "DAY"},
        **{"account": "DUSBX1", "orderRef": "q1", "transmit": "1", "deltaNeutralContract": "0", "conditions": "0"},
        **changes,
    }
    return Fields("".join(f"{value}\0" for value in fields.values()))


@pytest.mark.parametrize("version", [164, 176, 177, 178])
def test_an_order_is_read_in_every_version(version: int) -> None:
    order = read_order(placed(version), version)
    assert (order.order_id, order.contract.symbol, order.action, order.reference) == (4, "SPY", "BUY", "q1")
    assert (order.quantity, order.limit, order.time_in_force) == (Decimal(10), Decimal("50.5"), "DAY")
    assert (order.account, order.transmit, order.what_if) == ("DUSBX1", True, False)
    assert read_order(placed(version, whatIf="1"), version).what_if


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"deltaNeutralOrderType": "MKT", "deltaNeutralAuxPrice": "\0".join("x" * 9)}, "deltaNeutralOrderType"),
        ({"scalePriceIncrement": "\0".join(["0.5", *"1234567"])}, "scalePriceIncrement"),
        ({"hedgeType": "D\0param"}, "hedgeType"),
        ({"deltaNeutralContract": "\0".join("1234")}, "deltaNeutralContract"),
        ({"algoStrategy": "\0".join(["Twap", "2", "a", "b", "c", "d"])}, "algoStrategy"),
        ({"conditions": "\0".join(["1", "1", "a", "1", "9.5", "7", "SMART", "0", "0", "1"])}, "conditions"),
        (
            {"conditions": "\0".join(["2", "3", "a", "1", "20230602", "5", "o", "STK", "X", "SPY", "", ""])},
            "conditions",
        ),
    ],
)
def test_optional_blocks_are_read_to_their_end(changes: dict[str, str], refused: str) -> None:
    order = read_order(placed(176, **changes, whatIf="1"), 176)
    assert order.what_if
    option = first_refused(order.options)
    assert option is not None
    assert option.name == refused
    assert not read_order(placed(176, **changes), 176).what_if


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"manualOrderTime": "\0one more"}, "1 fields more than an order has"),
        ({"conditions": "1\x002"}, "2 is no type of a condition"),
        ({"conditions": "x"}, "'x' is no integer"),
        ({"totalQuantity": "ten"}, "'ten' is no number"),
        ({"algoStrategy": "Twap\x0099999"}, "a field is missing"),
    ],
)
def test_an_order_that_is_none_is_refused(changes: dict[str, str], problem: str) -> None:
    with pytest.raises(BadFrame, match=problem):
        read_order(placed(176, **changes), 176)


# --- every option --------------------------------------------------------------------------------

EXAMPLES = {
    **{"openClose": "C", "exemptCode": "0.5", "clearingIntent": "Away", "deltaNeutralOpenClose": "C"},
    **{"goodAfterTime": "20230602 15:45:00", "goodTillDate": "20230603 15:00:00", "ocaGroup": "g", "parentId": "3"},
    **{"deltaNeutralOrderType": "MKT", "adjustedOrderType": "TRAIL", "lmtPriceOffset": "0.05"},
}
"""What an option holds in the tests, where a plain 1 would not do."""


@pytest.mark.parametrize(
    "option", [o for o in ORDER_OPTIONS if o.treatment is Treatment.REFUSED], ids=attrgetter("name")
)
def test_an_option_that_is_not_served_is_refused_with_its_code(option: OrderOption) -> None:
    order = read_order(placed(176), 176)
    for nothing in ("", "0", "0.0", "1.7976931348623157e+308", "2147483647", *option.nothing):
        assert first_refused({**order.options, option.name: nothing}) is None
    found = first_refused({**order.options, option.name: EXAMPLES.get(option.name, "1")})
    assert found is option
    assert option.code > 0


def test_an_order_is_read_field_by_field_as_the_table_has_them() -> None:
    read = list(read_order(placed(176), 176).options)
    assert read == [option.name for option in ORDER_OPTIONS if option.name not in OPTIONAL]
    assert len({option.name for option in ORDER_OPTIONS}) == len(ORDER_OPTIONS)


def test_every_message_is_served_or_refused_and_nothing_else() -> None:
    answered = {number for number, call in CALLS.items() if call.treatment is not Treatment.REFUSED}
    assert answered == set(REQUESTS)
    assert set(range(1, 105)) - set(CALLS) == {*range(26, 49), 60}, "numbers that the protocol has not given away"
    assert all(call.code for call in CALLS.values() if call.treatment is Treatment.REFUSED)


# --- history -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("20230602", datetime(2023, 6, 2, 23, 59, 59, 999999, NEW_YORK)),
        ("20230602 16:00:00", datetime(2023, 6, 2, 16, tzinfo=NEW_YORK)),
        ("20230602 16:00:00 US/Eastern", datetime(2023, 6, 2, 16, tzinfo=NEW_YORK)),
        ("20230602-16:00:00", datetime(2023, 6, 2, 16, tzinfo=UTC)),
        ("20230602 16:00:00 UTC", datetime(2023, 6, 2, 16, tzinfo=UTC)),
    ],
)
def test_an_end_is_read_in_all_its_forms(text: str, instant: datetime) -> None:
    assert end_instant(text, NEW_YORK) == instant


@pytest.mark.parametrize("text", ["yesterday", "20231302", "20230602 16:00:00 Mars/Base", "20230602 99:00:00"])
def test_an_end_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadQuery, match="no date and time"):
        end_instant(text, NEW_YORK)


def test_days_count_bars_and_longer_durations_count_time() -> None:
    one = Decimal(1)
    bars = [Bar(date(2023, 1, 1) + timedelta(days=n), one, one, one, one) for n in range(0, 60, 3)]
    last = bars[-1].session
    assert within(bars, "5 D", last) == bars[-5:]
    assert within(bars, "2 W", last) == bars[-5:]
    assert within(bars, "1 M", last) == bars[-10:]
    assert within(bars, "1 Y", last) == bars
    assert within(bars, "2 D", bars[3].session) == bars[2:4]
    for duration in ("0 D", "5 S", "D", ""):
        with pytest.raises(BadQuery, match="duration"):
            within(bars, duration, last)
