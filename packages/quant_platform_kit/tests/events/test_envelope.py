"""Events and their bytes: one form, and a reason for whatever is no event."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.envelope import LARGEST, Event, Unreadable, decode, derived, derived_id, encode

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
FIELDS: dict[str, Any] = {
    "event_id": "e1",
    "event_type": "raw.venue.quote",
    "venue": "venue",
    "observed_at": AT,
    "ingested_at": AT + timedelta(milliseconds=3),
    "schema_version": 1,
    "payload": {"b": 1, "a": ["é", None, True]},
}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
instants = st.datetimes(datetime(1970, 1, 2), datetime(2500, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
events = st.builds(
    Event,
    event_id=st.text(min_size=1, max_size=256),
    event_type=st.text(min_size=1, max_size=256),
    venue=st.text(min_size=1, max_size=256),
    observed_at=instants,
    ingested_at=instants,
    schema_version=st.integers(1, 9),
    payload=st.dictionaries(st.text(), values, max_size=4),
    raw=st.none() | st.text(),
)


def event(**changes: Any) -> Event:
    return Event(**{**FIELDS, **changes})


def document(**changes: Any) -> bytes:
    told = {**json.loads(encode(event())), **changes}
    return json.dumps({name: value for name, value in told.items() if value is not ...}).encode()


def test_an_event_is_written_in_one_way() -> None:
    assert (
        encode(event(raw='{"a": 1 }'))
        == (
            '{"event_id":"e1","event_type":"raw.venue.quote","ingested_at":"2026-01-02T03:04:05.681901+00:00",'
            '"observed_at":"2026-01-02T03:04:05.678901+00:00","payload":{"a":["é",null,true],"b":1},'
            '"raw":"{\\"a\\": 1 }","schema_version":1,"venue":"venue"}'
        ).encode()
    )


@settings(max_examples=60)
@given(events)
def test_what_is_written_is_read_as_the_same_event_and_the_same_bytes(one: Event) -> None:
    again = decode(encode(one))
    assert again == one
    assert encode(again) == encode(one)
    assert (again.raw, again.payload) == (one.raw, one.payload)


def test_the_order_of_fields_and_the_time_zone_make_no_difference() -> None:
    shuffled = {"a": ["é", None, True], "b": 1}
    abroad = AT.astimezone(timezone(timedelta(hours=8)))
    one, other = event(), event(payload=shuffled, observed_at=abroad)
    assert (one, encode(one), hash(one)) == (other, encode(other), hash(other))


def test_an_integer_is_not_the_float_or_the_truth_that_python_holds_equal_to_it() -> None:
    assert len({encode(event(payload={"a": value})) for value in (1, 1.0, True)}) == 3
    assert event(payload={"a": 1}) != event(payload={"a": True})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"event_id": ""}, "event_id has to be a text of 1 to 256 characters; it is ''"),
        ({"venue": "x" * 257}, "venue has to be a text of 1 to 256 characters; it is 'xxx"),
        ({"observed_at": AT.replace(tzinfo=None)}, "observed_at has to be an instant with its offset from UTC"),
        ({"ingested_at": "now"}, "ingested_at has to be an instant with its offset from UTC; it is 'now'"),
        ({"schema_version": 0}, "schema_version has to be an integer from 1; it is 0"),
        ({"schema_version": True}, "schema_version has to be an integer from 1; it is True"),
        ({"payload": [1]}, r"payload has to be an object; it is \[1\]"),
        ({"raw": b"x"}, "raw has to be text, or left out; it is b'x'"),
    ],
)
def test_what_is_no_event_is_not_made(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        event(**changes)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), AT, {1, 2}, "\ud800"])
def test_a_payload_that_json_has_not_is_not_written(value: Any) -> None:
    with pytest.raises(InvalidInput, match="event e1: the payload cannot be written as JSON"):
        encode(event(payload={"a": value}))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no JSON: EOF"),
        (b"\xff\xfe", "no JSON"),
        (b'{"event_id":', "no JSON: EOF"),
        (b"[" * 10_000, "no JSON: recursion limit exceeded"),
        (b"null", "a JSON NoneType, not an object"),
        (b"[1]", "a JSON list, not an object"),
        (b"{}", "it lacks event_id, event_type, ingested_at"),
        (document(venue=...), "it lacks venue; an event has"),
        (document(colour="red"), "it has unknown colour; an event has"),
        (document(payload={"price": float("nan")}), "no JSON"),
        (document(observed_at="2026-01-02T03:04:05"), "observed_at has to be an instant with its offset from UTC"),
        (
            document(observed_at="9999-12-31T23:59:59-23:59"),
            "observed_at has to be an instant of the years 1970 to 2500",
        ),
        (document(ingested_at="0001-01-01T00:00:00+00:00"), "ingested_at has to be an instant of the years 1970"),
        (document(observed_at=5), "observed_at has to be an instant such as 2026-01-02T03:04:05.678901"),
        (document(ingested_at="soon"), "ingested_at has to be an instant such as .* it is 'soon'"),
        (document(schema_version="1"), "schema_version has to be an integer from 1; it is '1'"),
        (document(payload="x"), "payload has to be an object; it is 'x'"),
        (document(payload={"a": "x" * LARGEST}), f"bytes; an event has at most {LARGEST}"),
        (document().replace(b'"e1"', b'"\\ud800"'), "no JSON"),
    ],
)
def test_bytes_that_are_no_event_are_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode(data)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_bytes_by_chance_are_unreadable_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(data)


def test_a_derived_id_is_the_same_again_and_of_its_parts_alone() -> None:
    assert derived_id("near", "q1", "normalizer", 1) == (
        "ed40c10fce14ad9f8144ed966978bc8a355c0ec7b95b28ee4a61a161c89b5ea5"
    )
    others = [("nearq", "1", "normalizer", 1), ("near", 'q1","normalizer', "", 1), ("near", "q1", "normalizer", 11)]
    assert len({derived_id(*parts) for parts in [("near", "q1", "normalizer", 1), *others]}) == 4


def test_a_derived_event_has_the_venue_and_the_times_of_its_source() -> None:
    made = derived(event(raw="bytes"), "norm.thing", 2, {"x": "1"}, "id")
    assert (made.venue, made.observed_at, made.ingested_at) == ("venue", AT, AT + timedelta(milliseconds=3))
    assert (made.event_type, made.schema_version, made.payload, made.raw) == ("norm.thing", 2, {"x": "1"}, None)
