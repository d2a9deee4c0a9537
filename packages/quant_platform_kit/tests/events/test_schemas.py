"""Schemas: payloads of today's version, of older ones, and of later ones; and what may change within a version."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.amounts import Amount
from quant_platform_kit.events.envelope import Event, Unreadable
from quant_platform_kit.events.schemas import Schema, Schemas, incompatible

AT = datetime(2026, 1, 2, tzinfo=UTC)


class First(BaseModel):
    """Version 1."""

    amount_in: Amount
    note: str = ""


class Second(BaseModel):
    """Version 2."""

    amounts: tuple[Amount, ...]


class Third(BaseModel):
    """Version 3."""

    amounts: tuple[Amount, ...]
    count: int


class Closed(BaseModel):
    """A model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid")


def to_second(payload: dict[str, Any]) -> dict[str, Any]:
    payload["amounts"] = [payload.pop("amount_in")]
    return payload


def to_third(payload: dict[str, Any]) -> dict[str, Any]:
    return {**payload, "count": len(payload["amounts"])}


THREE = (Schema("t", 1, First), Schema("t", 2, Second, to_second), Schema("t", 3, Third, to_third))


def event(version: int, payload: dict[str, Any], event_type: str = "t") -> Event:
    return Event("e1", event_type, "v", AT, AT, version, payload)


def test_an_older_payload_becomes_one_of_today_step_by_step_and_the_event_stays_as_it_is() -> None:
    for version, payload in ((1, {"amount_in": "5"}), (2, {"amounts": ["5"]}), (3, {"amounts": ["5"], "count": 1})):
        before = event(version, dict(payload))
        assert Schemas(THREE).check(before) == Third(amounts=("5",), count=1)
        assert before.payload == payload


def test_fields_that_newer_code_adds_are_passed_over() -> None:
    assert Schemas(THREE[:1]).check(event(1, {"amount_in": "5", "added": {"later": 1}})) == First(amount_in="5")


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (event(4, {}), "t version 4 is newer than 3, the newest known here: deploy code that knows it"),
        (event(1, {}, "u"), "event_type 'u' is not known; known are t"),
        (event(1, {"amount": "5"}), r"t version 1 cannot become version 2: KeyError\('amount_in'\)"),
        (event(3, {"amounts": [1.5], "count": 1}), "t version 3: amounts.0: .*, it is 1.5"),
        (event(3, {}), "t version 3: amounts: Field required, it is {}; count: Field required, it is {}"),
        (event(3, {"amounts": ["-1"] * 9, "count": 9}), "amounts.2: .*, it is '-1'; and 6 more"),
    ],
)
def test_a_payload_that_is_not_what_it_has_to_be_is_unreadable_with_the_reason(told: Event, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        Schemas(THREE).check(told)


@pytest.mark.parametrize(
    ("schemas", "message"),
    [
        (THREE[1:], "t version 2: the next version of t is 1"),
        ((*THREE, THREE[2]), "t version 3: the next version of t is 4"),
        ((THREE[0], Schema("t", 2, Second)), "t version 2 needs an upcast"),
        ((Schema("t", 1, First, to_second),), "t version 1 has no version before it to upcast"),
        ((Schema("t", 1, Closed),), "t version 1: Closed has to have extra=ignore: newer code may add fields"),
    ],
)
def test_versions_are_whole_and_open(schemas: tuple[Schema, ...], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Schemas(schemas)


def test_a_json_schema_is_that_of_the_newest_version_unless_one_is_named() -> None:
    schemas = Schemas(THREE)
    assert schemas.json_schema("t")["$id"] == "t.v3"
    first = schemas.json_schema("t", 1)
    assert (first["$id"], first["required"], list(first["properties"])) == (
        "t.v1",
        ["amount_in"],
        ["amount_in", "note"],
    )


class Part(BaseModel):
    """A part of `Before`."""

    name: str
    size: int = Field(ge=0)


class Before(BaseModel):
    """What was."""

    kind: Literal["a", "b"]
    parts: tuple[Part, ...]
    whole: Part
    note: str | None = None


class Tree(BaseModel):
    """A model that refers to itself."""

    children: tuple[Tree, ...] = ()


def changed(change: Callable[[dict[str, Any]], None]) -> list[str]:
    old, new = Before.model_json_schema(), Before.model_json_schema()
    change(new)
    return incompatible(old, new)


def properties(schema: dict[str, Any], name: str = "") -> dict[str, Any]:
    return schema["$defs"][name]["properties"] if name else schema["properties"]


def test_a_field_may_be_added_with_a_default_also_inside_of_others_and_be_described_anew() -> None:
    def change(new: dict[str, Any]) -> None:
        new["description"] = "What is."
        properties(new)["added"] = {"type": "string", "default": ""}
        properties(new, "Part")["added"] = {"type": "string", "default": ""}
        properties(new, "Part")["size"]["title"] = "Other"

    assert changed(change) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda new: properties(new).pop("note"), ["note: the field is gone"]),
        (lambda new: properties(new, "Part").pop("size"), ["parts.items.size: the field is gone"]),
        (lambda new: new["required"].append("note"), ["note: the field became required"]),
        (lambda new: new["required"].remove("whole"), ["whole: the field became optional"]),
        (lambda new: properties(new)["kind"]["enum"].append("c"), ["kind.enum: was ['a', 'b'], is ['a', 'b', 'c']"]),
        (lambda new: properties(new, "Part")["size"].update(minimum=1), ["parts.items.size.minimum: was 0, is 1"]),
        (
            lambda new: properties(new, "Part")["size"].pop("minimum"),
            ["parts.items.size.minimum: was 0, is 'not there'"],
        ),
        (
            lambda new: properties(new)["note"]["anyOf"][0].update(type="integer"),
            ["note.anyOf[0].type: was 'string', is 'integer'"],
        ),
        (
            lambda new: (properties(new).update(more={"type": "string"}), new["required"].append("more")),
            ["more: the new field is required, and old events lack it"],
        ),
    ],
)
def test_any_other_change_within_a_version_is_told(change: Callable[[dict[str, Any]], None], told: list[str]) -> None:
    assert changed(change) == told


def test_a_schema_that_refers_to_itself_is_compared_too() -> None:
    old, new = Tree.model_json_schema(), Tree.model_json_schema()
    assert incompatible(old, new) == []
    new["$defs"]["Tree"]["properties"].pop("children")
    assert incompatible(old, new) == ["children: the field is gone"]
