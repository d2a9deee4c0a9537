"""Signatures, nonces and base58, against published figures."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from venue_sandbox.venues.near import base58
from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.nonces import Nonce
from venue_sandbox.venues.near.signatures import nep413_hash, public_key_of, read_signed, sign

SECRET = "3FyRtUUMxiNT1g2ST6mbj7W1CN7KfQBbomawC7YG4A1zwHmw2TRsn1Wc8NaFcBCoJDu3zt3znJDSwKQ31oRaKXH7"
PUBLIC = "2RM3EotCzEiVobm6aMjaup43k8cFffR4KHFtrqbZ79Qy"
NONCE = base64.b64decode("KNV0cOpvJ50D5vfF9pqWom8wo2sliQ4W+Wa7uZ3Uk6Y=")
"""Of the tests of near-api-js."""
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
MESSAGE = {
    "signer_id": "dusbx-solver.near",
    "deadline": "2026-11-30T12:00:00.000Z",
    "intents": [{"intent": "token_diff", "diff": {"a": "+10", "b": "-5"}}],
}


def test_the_hash_of_nep_413_is_the_one_that_near_api_js_publishes() -> None:
    published = bytes.fromhex("0198ecdf67dae6002236d212f4446cfc8ca66639f204caeacd5ef6f5c68d17fa")
    assert nep413_hash("Hello NEAR!", NONCE, "round-toad.testnet") == published


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
def test_signatures_that_near_api_js_publishes_are_good(callback: str | None, signature: str) -> None:
    signed = nep413_hash("Hello NEAR!", NONCE, "example.near", callback)
    Ed25519PublicKey.from_public_bytes(base58.decode(PUBLIC)).verify(base64.b64decode(signature), signed)
    assert Ed25519PrivateKey.from_private_bytes(base58.decode(SECRET)[:32]).sign(signed) == base64.b64decode(signature)


def test_a_published_secret_key_holds_its_public_key() -> None:
    assert base58.encode(base58.decode(SECRET)[32:]) == PUBLIC


@given(st.binary(max_size=64))
def test_base58_gives_back_what_it_was_given(data: bytes) -> None:
    assert base58.decode(base58.encode(data)) == data


@pytest.mark.parametrize("letter", ["0", "O", "I", "l", " ", "é"])
def test_base58_has_no_letters_that_are_mistaken_for_others(letter: str) -> None:
    with pytest.raises(ValueError, match="no letter of base58"):
        base58.decode(f"2{letter}")


@pytest.mark.parametrize("standard", ["nep413", "raw_ed25519"])
def test_what_was_signed_is_read(standard: str) -> None:
    signed = read_signed(sign(KEY, MESSAGE, NONCE, standard))  # type: ignore[arg-type]
    assert (signed.signer_id, signed.nonce, signed.diff) == ("dusbx-solver.near", NONCE, {"a": 10, "b": -5})
    assert signed.deadline == datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert signed.public_key == public_key_of(KEY)
    assert len(base58.decode(signed.hash)) == 32


def test_the_two_standards_sign_different_bytes() -> None:
    first, second = (read_signed(sign(KEY, MESSAGE, NONCE, standard)) for standard in ("nep413", "raw_ed25519"))
    assert first.hash != second.hash


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"standard": "erc191"}, "unsupported standard 'erc191'"),
        ({"signature": "ed25519:" + base58.encode(b"s" * 64)}, "invalid signature"),
        ({"signature": "ed25519:0"}, "malformed"),
        ({"public_key": "secp256k1:1"}, "does not begin with ed25519:"),
        ({"payload": {"message": "{}", "nonce": "!", "recipient": "intents.near"}}, "is not base64"),
        ({"payload": {"message": "{}", "nonce": "", "recipient": "intents.near"}}, "nonce length: 0 bytes"),
        ({"payload": {"message": "{}", "nonce": "", "recipient": "other.near"}}, "wrong recipient"),
        ({"payload": "text"}, "payload is not an object"),
    ],
)
def test_signed_data_that_is_not_good_is_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        read_signed({**sign(KEY, MESSAGE, NONCE), **change})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"deadline": "tomorrow"}, "no instant"),
        ({"deadline": "2026-11-30T12:00:00"}, "no instant with a zone"),
        ({"intents": []}, "one or more"),
        ({"intents": [{"intent": "transfer"}]}, "unsupported intent 'transfer'"),
        ({"intents": [{"intent": "token_diff", "diff": {"a": 10}}]}, "diff of a is 10"),
        ({"intents": [{"intent": "token_diff", "diff": {"a": "1.5"}}]}, "diff of a is '1.5'"),
        ({"signer_id": 7}, "signer_id is not a text"),
    ],
)
@pytest.mark.parametrize("standard", ["nep413", "raw_ed25519"])
def test_a_message_that_makes_no_sense_is_refused_though_it_is_signed(
    change: dict[str, object], reason: str, standard: str
) -> None:
    with pytest.raises(Rejected, match=reason):
        read_signed(sign(KEY, {**MESSAGE, **change}, NONCE, standard))  # type: ignore[arg-type]


def test_raw_ed25519_names_the_contract() -> None:
    data = sign(KEY, MESSAGE, NONCE, "raw_ed25519")
    payload = data["payload"].replace("intents.near", "others.near")
    signature = "ed25519:" + base58.encode(KEY.sign(payload.encode()))
    with pytest.raises(Rejected, match=r"wrong verifying_contract 'others\.near'"):
        read_signed({**data, "payload": payload, "signature": signature})


def test_a_nonce_says_its_salt_and_deadline() -> None:
    deadline = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    data = Nonce.make(b"salt", deadline, b"c" * 15).bytes
    assert (
        data.hex()
        == "5628f6c6" + "01" + b"salt".hex() + (1767323045678 * 10**6).to_bytes(8, "little").hex() + (b"c" * 15).hex()
    )
    assert Nonce.read(data) == Nonce(b"salt", 1767323045678 * 10**6, b"c" * 15)


@pytest.mark.parametrize("data", [b"", b"x" * 31, b"x" * 32, bytes.fromhex("5628f6c602") + b"x" * 27])
def test_what_is_no_versioned_nonce_is_refused(data: bytes) -> None:
    with pytest.raises(Rejected, match="nonce"):
        Nonce.read(data)
