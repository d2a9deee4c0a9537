"""Documents are held against what is believed of them, and every difference has its name."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.domain.beliefs import AMOUNT, MOMENT, Field, How, Kind, Table, compare

ORDER = Table(
    "order",
    (
        Field("id", AMOUNT),
        Field("status", known=frozenset({"WORKING", "FILLED"})),
        Field("price", AMOUNT, money=True, when=("kind", frozenset({"LIMIT"}))),
        Field("kind"),
        Field("entered", frozenset({Kind.INSTANT})),
        Field("legs[].symbol"),
        Field("legs[].quantity", AMOUNT, money=True),
        Field("notes[]", frozenset({Kind.LIST}), required=False),
        Field("notes[].text"),
        Field("cash.*.amount", frozenset({Kind.NUMERAL}), money=True, required=False),
    ),
    passed_over=frozenset({"tag"}),
)
GOOD: dict[str, Any] = {
    "id": 7,
    "status": "FILLED",
    "price": Decimal("1.5"),
    "kind": "LIMIT",
    "entered": "2024-06-10T14:10:00+0000",
    "legs": [{"symbol": "SPY", "quantity": 5.0}, {"symbol": "BIL", "quantity": 1}],
    "cash": {"USD": {"amount": "12.50"}},
    "tag": "anything",
}


def test_a_document_as_believed_has_no_difference() -> None:
    assert compare(ORDER, GOOD) == ()


@pytest.mark.parametrize(
    ("change", "path", "how", "money"),
    [
        ({"status": "PARKED"}, "status", How.UNKNOWN_VALUE, False),
        ({"id": "7"}, "id", How.RETYPED, False),
        ({"id": True}, "id", How.RETYPED, False),
        ({"id": None}, "id", How.RETYPED, False),
        ({"entered": "yesterday"}, "entered", How.RETYPED, False),
        ({"legs": {}}, "legs", How.RETYPED, True),
        ({"legs": None}, "legs", How.RETYPED, True),
        ({"legs": ["SPY"]}, "legs[]", How.RETYPED, True),
        ({"legs": [{"symbol": "SPY"}]}, "legs[].quantity", How.VANISHED, True),
        ({"notes": [{}]}, "notes[].text", How.VANISHED, False),
        ({"cash": {"USD": {"amount": "much"}}}, "cash.*.amount", How.RETYPED, True),
        ({"more": 1}, "more", How.NEW, False),
    ],
)
def test_a_difference_has_its_name(change: dict[str, Any], path: str, how: How, money: bool) -> None:
    (found,) = compare(ORDER, GOOD | change)
    assert (found.path, found.how, found.money) == (path, how, money)
    assert found.text.startswith(f"{path} of order is ")


@pytest.mark.parametrize(("kind", "vanished"), [("LIMIT", ["price"]), ("MARKET", [])])
def test_a_field_may_be_required_beside_a_value_of_another_only(kind: str, vanished: list[str]) -> None:
    document = {name: value for name, value in GOOD.items() if name != "price"} | {"kind": kind}
    assert [found.path for found in compare(ORDER, document)] == vanished


def test_a_difference_in_many_items_is_told_once_and_no_private_value_with_it() -> None:
    legs = [{"symbol": 12345678, "quantity": 5.0}] * 3
    (found,) = compare(ORDER, GOOD | {"legs": legs})
    assert found.text == "legs[].symbol of order is a number"


def test_objects_of_a_library_are_held_against_a_table_too() -> None:
    @dataclass
    class Row:
        symbol: str
        units: object
        other: int = 0

    table = Table("row", (Field("symbol"), Field("units", AMOUNT)))
    assert [(each.path, each.how) for each in compare(table, Row("SPY", "5"))] == [("units", How.RETYPED)]


@pytest.mark.parametrize(
    ("told", "is_moment"),
    [
        ("2023-05-25T14:30:00Z", True),
        ("2023-05-25T10:30:00-04:00", True),
        ("2024-03-20T13:30:00+0000", True),
        ("2023-05-25", False),
        ("2023-05-25T14:30:00", False),
        ("soon", False),
    ],
)
def test_a_moment_has_its_time_of_day_and_its_zone(told: str, is_moment: bool) -> None:
    table = Table("bar", (Field("t", MOMENT),))
    assert [each.how for each in compare(table, {"t": told})] == ([] if is_moment else [How.RETYPED])
