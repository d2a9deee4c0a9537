"""What may be given away of documents is a list; all else is invented, and the same every time."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest
from quant_platform_kit.domain.beliefs import AMOUNT, NUMBER_ID, PRICE, SYMBOL, TEXT, Field, Kind, Table
from quant_platform_kit.domain.redacting import RULES, redacted

TABLE = Table(
    "order",
    (
        Field("id", NUMBER_ID),
        Field("owner"),
        Field("status", known=frozenset({"DONE", "42_DONE"})),
        Field("entered", frozenset({Kind.INSTANT})),
        Field("symbol", SYMBOL),
        Field("quantity", AMOUNT, money=True),
        Field("price", PRICE, money=True),
        Field("text", frozenset({Kind.NUMERAL}), money=True),
        Field("live", frozenset({Kind.BOOLEAN})),
        Field("hours", frozenset({Kind.HOURS})),
        Field("at[0]", TEXT | {Kind.FIXED}, known=frozenset({"OPEN"})),
        Field("at[-1]", frozenset({Kind.NUMERAL, Kind.INSTANT})),
        Field("at[]", NUMBER_ID),
        Field("cash.*", AMOUNT, money=True),
    ),
    passed_over=frozenset({"account", "total"}),
)
AT = datetime(2024, 6, 10, 14, 10, tzinfo=UTC)


def given(scale: int = 1, **document: Any) -> Any:
    """Return what is given away of one document."""
    ((_, answer),) = redacted([TABLE], [("order", document)], {"SPY"}, scale)
    return answer


@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [
        ("status", "42_DONE", "42_DONE"),
        ("status", "PARKED", "PARKED"),
        ("status", "for 12345678", "text-1"),
        ("entered", "2024-06-10T14:10:00+0000", "2024-06-10T14:10:00+0000"),
        ("entered", AT, "2024-06-10T14:10:00+00:00"),
        ("entered", "on the day of 12345678", "text-1"),
        ("symbol", "SPY", "SPY"),
        ("symbol", "OWNER", "text-1"),
        ("quantity", D("12.50"), D("12.50")),
        ("quantity", "12.50", "12.50"),
        ("quantity", "twelve", "text-1"),
        ("text", "7", "7"),
        ("live", True, True),
        ("hours", "20240610:0930-20240610:1600;20240611:CLOSED", "20240610:0930-20240610:1600;20240611:CLOSED"),
        ("hours", "20240610:0930-12345678", "text-1"),
        ("at", ["OPEN", 12345678, "20240610"], ["OPEN", 1, "20240610"]),
        ("at", ["PARKED", 12345678, 12345678, "12345678"], ["text-1", 1, 1, "1"]),
        ("id", 12345678, 1),
        ("id", "12345678", "1"),
        ("owner", "kim@example.org", "text-1"),
        ("owner", "", ""),
        ("owner", None, None),
        ("owner", True, False),
        ("owner", {"name": "kim"}, {"field-1": "text-1"}),
    ],
)
def test_a_value_is_kept_by_a_rule_or_invented(name: str, value: object, answer: object) -> None:
    assert given(**{name: value}) == {name: answer}


def test_every_rule_keeps_something_that_no_other_keeps() -> None:
    fields = {field.path: field for field in TABLE.fields}
    values = {
        "status": ("42_DONE", "PARKED"),
        "entered": ("2024-06-10",),
        "symbol": ("SPY",),
        "price": (D(2),),
        "live": (True,),
        "owner": (None,),
        "hours": ("20240610:CLOSED",),
    }
    pairs = [(fields[name], value) for name, told in values.items() for value in told]
    kept_by = {rule.name: [value for field, value in pairs if rule.keeps(field, value, {"SPY"})] for rule in RULES}
    alone = {
        name: [value for value in told if sum(value in others for others in kept_by.values()) == 1]
        for name, told in kept_by.items()
    }
    assert all(alone.values()), alone


def test_names_of_fields_are_kept_where_they_are_declared_and_those_under_any_name_where_they_are_currencies() -> None:
    answer = given(cash={"USD": D(5), "12345678": D(6)}, U12345678={"deep": [7]}, account="U1")
    assert answer == {"cash": {"USD": D(5), "key-1": D(6)}, "field-1": {"field-2": [1]}}


@pytest.mark.parametrize(
    ("told", "quantity"),
    [
        ({"owner": "12345678"}, D("12345678")),
        ({"owner": "account U12345678 of kim"}, D("12345678")),
        ({"owner": "https://example.org/9912345678/x"}, D("12345678")),
        ({"id": 12345678}, D("123456.78")),
        ({"id": 12345678}, D("9912345678.5")),
        ({"account": 12345678}, D("12345678")),
        ({"another": D("12345.67")}, D("12345.67")),
    ],
)
def test_a_number_that_stands_in_what_is_not_kept_is_not_kept_either(told: dict[str, Any], quantity: D) -> None:
    assert given(quantity=quantity, **told)["quantity"] != quantity
    assert given(quantity=quantity)["quantity"] == quantity


def test_an_amount_that_is_told_in_a_field_nobody_reads_too_is_kept() -> None:
    assert given(quantity=D("12345.67"), total=D("12345.67")) == {"quantity": D("12345.67")}


def test_a_scale_multiplies_amounts_and_quantities_and_no_price() -> None:
    answer = given(3, quantity=D("1.10"), text="2.05", price=D("9.99"), cash={"USD": 4})
    assert answer == {"quantity": D("3.30"), "text": "6.15", "price": D("9.99"), "cash": {"USD": 12}}


def test_the_same_value_is_invented_once_and_numbers_follow_the_order_of_appearance() -> None:
    documents = [("order", {"owner": name, "id": number}) for name, number in (("b", 9), ("a", 8), ("b", 9))]
    answer = [document for _, document in redacted([TABLE], documents, ())]
    assert answer == [{"owner": f"text-{n}", "id": n} for n in (1, 2, 1)]


def test_an_amount_that_nobody_reads_may_be_the_same_as_one_that_is_kept() -> None:
    kept = {"quantity": 100000}
    assert given(quantity=100000, total=100000)["quantity"] == 1
    table = Table("order", TABLE.fields, TABLE.passed_over, amounts=frozenset({"total"}))
    assert redacted([table], [("order", {"quantity": 100000, "total": 100000})], {"SPY"}) == [("order", kept)]
