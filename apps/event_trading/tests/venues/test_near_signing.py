"""Signing once: the same command, key and salt are the same bytes, and the venue's own code finds them good."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import traceback
from datetime import datetime, timedelta
from typing import Any

import pytest
from event_trading_app.venues.near_intents.bus import bus_at
from event_trading_app.venues.near_intents.execute.keys import Key
from event_trading_app.venues.near_intents.execute.signing import (
    Standard,
    nep413_hash,
    sign_answer,
    versioned_nonce,
)
from hypothesis import given
from hypothesis import strategies as st
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.redaction import redact

from .near_frame import ACCOUNT, NOW, SECRET, A, B, command

SALT = b"\x01\x02\x03\x04"
PUBLISHED_NONCE = base64.b64decode("KNV0cOpvJ50D5vfF9pqWom8wo2sliQ4W+Wa7uZ3Uk6Y=")
KEY = Key.read(SECRET)


def signed_data(command_: Any, salt: bytes = SALT, standard: Standard = Standard.NEP413) -> dict[str, Any]:
    return json.loads(sign_answer(command_, KEY, salt, standard).data)["params"][0]["signed_data"]


def test_the_hash_of_nep_413_is_the_one_that_near_api_js_publishes() -> None:
    published = "0198ecdf67dae6002236d212f4446cfc8ca66639f204caeacd5ef6f5c68d17fa"
    assert nep413_hash("Hello NEAR!", PUBLISHED_NONCE, "round-toad.testnet").hex() == published


@pytest.mark.parametrize(
    ("callback", "signature"),
    [
        (None, "NnJgPU1Ql7ccRTITIoOVsIfElmvH1RV7QAT4a9Vh6ShCOnjIzRwxqX54JzoQ/nK02p7VBMI2vJn48rpImIJwAw=="),
        (
            "http://localhost:3000",
            "zzZQ/GwAjrZVrTIFlvmmQbDQHllfzrr8urVWHaRt5cPfcXaCSZo35c5LDpPpTKivR6BxLyb3lcPM0FfCW5lcBQ==",
        ),
    ],
)
def test_a_signature_is_the_one_that_near_api_js_publishes(callback: str | None, signature: str) -> None:
    base58 = pytest.importorskip("base58")
    signed = KEY.sign(nep413_hash("Hello NEAR!", PUBLISHED_NONCE, "example.near", callback))
    assert base58.b58decode(signed.removeprefix("ed25519:")) == base64.b64decode(signature)
    assert KEY.public == "ed25519:2RM3EotCzEiVobm6aMjaup43k8cFffR4KHFtrqbZ79Qy"


@pytest.mark.parametrize("standard", list(Standard))
def test_a_command_is_the_same_bytes_whenever_and_with_whatever_ledger_it_is_signed(standard: Standard) -> None:
    asked = command()
    first = sign_answer(asked, Key.read(SECRET), SALT, standard)
    again = sign_answer(asked.model_copy(), Key.read(SECRET), SALT, standard)
    assert first == again
    assert first.data == again.data


def test_a_command_is_these_very_bytes() -> None:
    asked = command(deadline=NOW + timedelta(minutes=3), expires_at=NOW + timedelta(minutes=1))
    answer = sign_answer(asked, KEY, SALT)
    assert answer.deadline == datetime.fromisoformat("2026-03-02T12:03:00Z")
    document = json.loads(answer.data)
    message = document["params"][0]["signed_data"]["payload"]["message"]
    assert message == (
        '{"signer_id":"dusbx000001.near","deadline":"2026-03-02T12:03:00.000Z",'
        '"intents":[{"intent":"token_diff","diff":{"nep141:a.near":"1000","nep141:b.near":"-300"}}]}'
    )
    nonce = base64.b64decode(answer.nonce)
    assert nonce[:17].hex() == "5628f6c60101020304" + (1772452980 * 10**9).to_bytes(8, "little").hex()
    assert len(nonce) == 32
    assert document["params"][0]["quote_output"] == {"amount_out": "300"}


def test_another_command_key_or_salt_is_another_nonce() -> None:
    asked = command(number=1)
    other_key = Key(b"k" * 32)
    nonces = {
        sign_answer(asked, KEY, SALT).nonce,
        sign_answer(asked.model_copy(update={"command_id": "2" * 64}), KEY, SALT).nonce,
        sign_answer(asked, KEY, b"salt").nonce,
        sign_answer(asked, other_key, SALT).nonce,
    }
    assert len(nonces) == 4


def test_an_exact_amount_out_answers_with_the_amount_in() -> None:
    asked = command({"quote_id": "q", "exact_amount_out": "700"})
    params = json.loads(sign_answer(asked, KEY, SALT).data)["params"][0]
    assert params["quote_output"] == {"amount_in": "1000"}
    assert '"nep141:b.near":"-700"' in params["signed_data"]["payload"]["message"]


@pytest.mark.parametrize("standard", list(Standard))
def test_the_venue_finds_what_was_signed_good(standard: Standard) -> None:
    signatures = pytest.importorskip("venue_sandbox.venues.near.signatures")
    asked = command()
    answer = sign_answer(asked, KEY, SALT, standard)
    read = signatures.read_signed(signed_data(asked, standard=standard))
    assert (read.signer_id, read.diff, read.hash) == (ACCOUNT, {A: 1000, B: -300}, answer.intent_hash)
    assert read.deadline == answer.deadline <= asked.deadline
    assert base64.b64encode(read.nonce).decode() == answer.nonce


@given(st.binary(min_size=4, max_size=4), st.integers(0, 2**43), st.binary(min_size=15, max_size=15))
def test_the_venue_reads_any_nonce_as_it_was_written(salt: bytes, deadline_ms: int, chance: bytes) -> None:
    nonces = pytest.importorskip("venue_sandbox.venues.near.nonces")
    read = nonces.Nonce.read(versioned_nonce(salt, deadline_ms, chance))
    assert (read.salt, read.deadline_ns, read.chance) == (salt, deadline_ms * 10**6, chance)


@pytest.mark.parametrize(
    ("change", "salt", "reason"),
    [
        ({"amount_in": "0"}, SALT, "amount_in of command"),
        ({"amount_out": "0"}, SALT, "is 0"),
        ({}, b"abc", "3 bytes, not 4"),
    ],
)
def test_what_cannot_be_an_answer_is_not_signed(change: dict[str, str], salt: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        sign_answer(command(**change), KEY, salt)


# --- the key is never shown ------------------------------------------------------------------------

WHOLE = SECRET.removeprefix("ed25519:")


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"secp256k1:{WHOLE}",
        f"ed25519:{WHOLE[:-1]}",
        f"ed25519:{WHOLE}x",
        f"ed25519:0{WHOLE[1:]}",
        f"ed25519:é{WHOLE}",
        f"ed25519:{WHOLE[:-4]}zzzz",
        "",
    ],
)
def test_a_key_that_is_none_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Key.read(text)
    told = "".join(traceback.format_exception(refused.value))
    assert WHOLE[:12] not in told
    assert refused.value.__cause__ is None


def test_a_key_shows_its_public_half_only() -> None:
    shown = f"{KEY!r} {KEY} {[KEY]}"
    assert KEY.public in shown
    assert WHOLE not in shown
    assert bytes(KEY._signing).hex() not in shown


def test_a_key_leaves_its_process_in_no_form() -> None:
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="is not copied"):
            leave(KEY)


def test_a_key_that_was_read_is_taken_out_of_all_texts() -> None:
    Key.read(SECRET)
    assert redact(f"the key is {SECRET}, or {WHOLE}") == "the key is ***, or ***"
    seed = Key(b"k" * 32)
    assert "kkkk" not in repr(seed)


def test_a_token_that_opens_a_bus_is_taken_out_of_all_texts() -> None:
    bus_at("ws://127.0.0.1:1/ws", "a-token-of-one")
    assert redact("Bearer a-token-of-one") == "Bearer ***"
