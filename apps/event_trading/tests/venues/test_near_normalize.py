"""The normalizer of NEAR Intents: a pure function, and what it makes of messages that make no sense."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from event_trading_app.payloads import SwapDemand
from event_trading_app.venues.near_intents.ingest.events import LARGEST_TEXT, raw_event
from event_trading_app.venues.near_intents.ingest.frames import read_frame
from event_trading_app.venues.near_intents.normalize.demand import normalize
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_platform_kit.events.envelope import Event, Unreadable, decode, encode

from .near_frame import NOW, A, B, event

QUOTE: dict[str, Any] = {
    "quote_id": "q-1",
    "defuse_asset_identifier_in": A,
    "defuse_asset_identifier_out": B,
    "exact_amount_in": "1000",
    "min_deadline_ms": 60_000,
    "min_wait_ms": 300,
    "max_wait_ms": 3_000,
    "protocol_fee_included": False,
}


def quote(**change: Any) -> dict[str, Any]:
    return {name: value for name, value in {**QUOTE, **change}.items() if value is not ...}


def test_a_quote_is_a_demand_with_the_times_of_the_raw_event() -> None:
    raw = event(quote())
    (demand,) = normalize(raw)
    assert demand.event_type == "norm.swap_demand"
    assert (demand.observed_at, demand.ingested_at) == (NOW, NOW + timedelta(milliseconds=5))
    assert demand.raw is None
    assert SwapDemand.model_validate(demand.payload) == SwapDemand(
        quote_id="q-1",
        token_in=A,
        token_out=B,
        exact_amount_in="1000",
        min_deadline_ms=60_000,
        min_wait_ms=300,
        max_wait_ms=3_000,
    )


def test_the_same_quote_is_the_same_bytes_again() -> None:
    assert encode(normalize(event(quote()))[0]) == encode(normalize(decode(encode(event(quote()))))[0])
    assert normalize(event(quote()))[0].event_id != normalize(event(quote(quote_id="q-2")))[0].event_id


def test_a_quote_told_twice_has_the_same_id() -> None:
    first = normalize(event(quote(), event_id="one"))[0]
    later = normalize(event(quote(), event_id="two", observed_at=NOW + timedelta(seconds=1)))[0]
    assert first.event_id == later.event_id


def test_fields_that_nobody_reads_do_no_harm_and_windows_have_defaults() -> None:
    told = quote(min_wait_ms=..., max_wait_ms=..., exact_amount_in=None, exact_amount_out="5")
    (demand,) = normalize(event({**told, "trusted_metadata": {"x": 1.5}}))
    assert demand.payload == {
        "quote_id": "q-1",
        "token_in": A,
        "token_out": B,
        "exact_amount_out": "5",
        "min_deadline_ms": 60_000,
        "min_wait_ms": 0,
        "max_wait_ms": 1_000,
    }


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "both amounts": (quote(exact_amount_out="5"), "exactly one"),
    "no amount": (quote(exact_amount_in=...), "exactly one"),
    "a negative amount": (quote(exact_amount_in="-1000"), "exact_amount_in"),
    "a float as an amount": (quote(exact_amount_in=1000.0), "exact_amount_in"),
    "a float as text": (quote(exact_amount_in="1000.5"), "exact_amount_in"),
    "an amount with an exponent": (quote(exact_amount_in="1e3"), "exact_amount_in"),
    "a number as an amount": (quote(exact_amount_in=1000), "exact_amount_in"),
    "leading zeros": (quote(exact_amount_in="01000"), "exact_amount_in"),
    "an amount of 129 bits": (quote(exact_amount_in=str(2**128)), "exact_amount_in"),
    "an amount of zero": (quote(exact_amount_in="0"), "exact_amount_in is 0"),
    "digits of another script": (quote(exact_amount_in="\u0661\u0660"), "exact_amount_in"),
    "an amount that is a list": (quote(exact_amount_in=["1000"]), "exact_amount_in"),
    "an empty text as an amount": (quote(exact_amount_in=""), "exact_amount_in"),
    "no quote id": (quote(quote_id=...), "quote_id"),
    "an empty quote id": (quote(quote_id=""), "quote_id"),
    "a number as a quote id": (quote(quote_id=7), "quote_id"),
    "a token for itself": (quote(defuse_asset_identifier_out=A), "token_in and token_out are both"),
    "no token": (quote(defuse_asset_identifier_in=...), "defuse_asset_identifier_in"),
    "a long token": (quote(defuse_asset_identifier_in="x" * 257), "defuse_asset_identifier_in"),
    "no deadline": (quote(min_deadline_ms=...), "min_deadline_ms"),
    "a negative wait": (quote(max_wait_ms=-1), "max_wait_ms"),
    "a wait as text": (quote(max_wait_ms="3000"), "max_wait_ms"),
    "a wait that is true": (quote(max_wait_ms=True), "max_wait_ms"),
    "a wait of days": (quote(max_wait_ms=10**9), "max_wait_ms"),
    "the shortest wait over the longest": (quote(min_wait_ms=3_001), "min_wait_ms 3001 is over max_wait_ms 3000"),
    "nothing": ({}, "quote_id"),
    "a status": ({"quote_hash": "h", "intent_hash": "i", "tx_hash": "t"}, "quote_id"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_quote_that_makes_no_sense_is_unreadable_and_says_why(name: str) -> None:
    payload, reason = BAD[name]
    with pytest.raises(Unreadable, match=reason):
        normalize(event(payload))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema_version": 2}, "newer"),
        ({"event_type": "raw.near_intents.quote_status"}, "this normalizer reads raw.near_intents.quote"),
        ({"venue": "elsewhere"}, "of elsewhere"),
    ],
)
def test_an_event_that_is_not_for_it_is_unreadable(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        normalize(event(quote(), **change))


# --- from the wire ---------------------------------------------------------------------------------


def from_wire(text: str) -> Event:
    return raw_event(read_frame(text, {}), text, NOW, NOW)


@pytest.mark.parametrize(
    "frame",
    [
        {"method": "event", "params": {"subscription": "s", "data": QUOTE, "metadata": {}}},
        {"method": "subscribe", "params": {"subscription": "s", **QUOTE}},
        {"method": "subscribe", "params": {**QUOTE}},
    ],
)
def test_both_shapes_are_the_same_demand(frame: dict[str, Any]) -> None:
    text = json.dumps({"jsonrpc": "2.0", **frame}, indent=2)
    raw = from_wire(text)
    assert raw.raw == text
    assert encode(normalize(raw)[0]) == encode(normalize(from_wire(json.dumps(frame)))[0])
    assert normalize(raw)[0].payload["exact_amount_in"] == "1000"


MESSAGES = {
    "no JSON": "{",
    "an empty message": "",
    "a list": "[]",
    "a number that is none": '{"method":"event","params":{"data":{"quote_id":"q","x":NaN}}}',
    "a number without an end": '{"method":"event","params":{"data":{"quote_id":"q","x":1e999}}}',
    "half a character": '{"method":"event","params":{"data":{"quote_id":"q","x":"\\ud800"}}}',
    "half a character as an id": '{"method":"event","params":{"data":{"quote_id":"\\ud800"}}}',
    "deep": "[" * 100_000,
    "deep inside": '{"method":"event","params":{"data":{"quote_id":"q","x":' + "[" * 5_000 + "]" * 5_000 + "}}}",
    "another method": '{"method":"ping","params":{}}',
    "params that are a list": '{"method":"event","params":[1]}',
    "two megabytes": json.dumps({"method": "event", "params": {"data": quote(note="x" * 2_000_000)}}),
    "control characters": "\x01" * 200_000,
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_that_cannot_be_read_is_an_event_and_then_a_dead_letter(name: str) -> None:
    text = MESSAGES[name]
    raw = from_wire(text)
    assert decode(encode(raw)) == raw
    assert raw.raw == text[:LARGEST_TEXT]
    with pytest.raises(Unreadable):
        normalize(raw)


def test_what_was_cut_keeps_its_length_and_digest() -> None:
    raw = from_wire(MESSAGES["two megabytes"])
    cut = raw.payload["unread"]
    assert cut["characters"] == len(MESSAGES["two megabytes"])
    assert cut["digest"].startswith("sha256:")
    assert raw.event_id == from_wire(json.dumps({"method": "event", "params": {"data": quote()}})).event_id


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(QUOTE)), JSON, max_size=8), st.booleans())
def test_whatever_comes_is_a_demand_or_unreadable(change: dict[str, Any], flat: bool) -> None:
    data = {**QUOTE, **change}
    params = data if flat else {"data": data}
    raw = from_wire(json.dumps({"method": "event", "params": params}))
    assert decode(encode(raw)) == raw
    try:
        (demand,) = normalize(raw)
    except Unreadable:
        return
    SwapDemand.model_validate(demand.payload)
    assert decode(encode(demand)) == demand


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_whatever_text_comes_makes_an_event(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    raw = from_wire(text)
    assert decode(encode(raw)).raw == text
