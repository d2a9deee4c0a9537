"""Payloads: what is taken, what is refused, and that code and checked-in schemas say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from event_trading_app.names import NEAR_INTENTS, Topic
from event_trading_app.payloads import ExecuteTrade, SwapDemand
from event_trading_app.schemas import SCHEMAS
from event_trading_app.topics import declared, key_of
from pydantic import ValidationError
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.errors import Unreadable
from quant_platform_kit.events.schemas import incompatible

from .frame import ACCOUNT, NOW, TOKEN_A, trade

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "reference" / "events"


def event(topic: Topic, payload: dict[str, Any], version: int = 1) -> Event:
    return Event("e", topic.value, NEAR_INTENTS, NOW, NOW, version, payload)


def test_every_topic_has_a_schema_and_every_schema_a_topic() -> None:
    assert set(SCHEMAS.event_types) == {topic.value for topic in Topic}


@pytest.mark.parametrize("event_type", SCHEMAS.event_types)
def test_no_schema_has_changed_in_a_way_that_old_or_new_code_cannot_read(event_type: str) -> None:
    for schema in SCHEMAS.versions(event_type):
        checked_in = json.loads((FOLDER / f"{event_type}.v{schema.version}.json").read_text(encoding="utf-8"))
        assert incompatible(checked_in, SCHEMAS.json_schema(event_type, schema.version)) == []


def test_an_incompatible_change_would_be_noticed() -> None:
    class Changed(SwapDemand):
        quote_id: int  # type: ignore[assignment]
        urgent: bool

    checked_in = json.loads((FOLDER / "norm.swap_demand.v1.json").read_text(encoding="utf-8"))
    told = incompatible(checked_in, Changed.model_json_schema())
    assert any("quote_id" in text for text in told)
    assert any("urgent" in text for text in told)


def test_a_command_is_read_back_as_it_was_written_and_new_fields_are_passed_over() -> None:
    command = trade()
    payload = json.loads(json.dumps(command.model_dump(mode="json"))) | {"added_later": 1}
    assert SCHEMAS.check(event(Topic.EXECUTE_TRADE, payload)) == command


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount_in": 1000}, "amount_in"),
        ({"amount_in": "1e3"}, "amount_in"),
        ({"amount_out": "-1"}, "amount_out"),
        ({"amount_out": "0x10"}, "amount_out"),
        ({"amount_out": "01"}, "amount_out"),
        ({"amount_out": str(2**128)}, "amount_out"),
        ({"command_id": "1"}, "command_id"),
        ({"expires_at": "2026-03-02T12:00:00"}, "expires_at"),
        ({"deadline": "2026-03-02T11:00:00Z"}, "is before expires_at"),
        ({"exact": "both"}, "exact"),
        ({"account": ""}, "account"),
        ({"inputs": None}, "inputs"),
    ],
)
def test_a_command_that_makes_no_sense_is_unreadable(changes: dict[str, Any], told: str) -> None:
    payload = {**trade().model_dump(mode="json"), **changes}
    with pytest.raises(Unreadable, match=told):
        SCHEMAS.check(event(Topic.EXECUTE_TRADE, payload))


def test_a_future_version_and_an_unknown_type_are_unreadable() -> None:
    with pytest.raises(Unreadable, match="version 2 is newer than 1"):
        SCHEMAS.check(event(Topic.EXECUTE_TRADE, {}, version=2))
    with pytest.raises(Unreadable, match=r"'signal\.news' is not known"):
        SCHEMAS.check(Event("e", "signal.news", NEAR_INTENTS, NOW, NOW, 1, {}))


def test_payloads_are_frozen() -> None:
    with pytest.raises(ValidationError):
        trade().account = "another"  # type: ignore[misc]


def test_commands_and_results_have_one_key_and_equally_many_partitions() -> None:
    payload = trade().model_dump(mode="json")
    keys = {key_of(event(topic, payload)) for topic in (Topic.EXECUTE_TRADE, Topic.TRADE_RESULT)}
    assert keys == {ExecuteTrade.model_validate(payload).key} == {f"{ACCOUNT}|{TOKEN_A}"}
    assert {topic.partitions for topic in declared(5) if not topic.name.startswith("dead.")} == {5}


def test_only_what_has_a_newest_value_is_compacted() -> None:
    compacted = {topic.name for topic in declared(1) if topic.compacted}
    assert compacted == {Topic.REFERENCE_PRICE.value, Topic.INVENTORY.value}
