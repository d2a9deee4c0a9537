"""Signed intents: what was signed, by whom, and whether the signature is good."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from venue_sandbox.venues.near import base58
from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.nonces import LENGTH, nonce_bytes

__all__ = ["CONTRACT", "Signed", "Standard", "instant_text", "nep413_hash", "public_key_of", "read_signed", "sign"]

CONTRACT = "intents.near"
CURVE = "ed25519:"
NEP413_TAG = (1 << 31) + 413
U32 = struct.Struct("<I")

Standard = Literal["nep413", "raw_ed25519"]
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signed:
    """Intents whose signature is good.

    Attributes
    ----------
    hash
        Of what was signed, in base58: the quote's hash of an answer, the intent's hash of a taker.
    diffs
        By token what the signer's balance changes by, one for each intent.
    """

    hash: str
    signer_id: str
    public_key: str
    nonce: bytes
    deadline: datetime
    diffs: tuple[Mapping[str, int], ...]

    @property
    def diff(self) -> dict[str, int]:
        """By token what all intents together change."""
        total: dict[str, int] = {}
        for diff in self.diffs:
            for token, change in diff.items():
                total[token] = total.get(token, 0) + change
        return total


def nep413_hash(message: str, nonce: bytes, recipient: str, callback_url: str | None = None) -> bytes:
    """Return what is signed under NEP-413: the SHA-256 of a tag and the borsh form of the payload."""
    callback = b"\0" if callback_url is None else b"\1" + _borsh(callback_url)
    return hashlib.sha256(U32.pack(NEP413_TAG) + _borsh(message) + nonce + _borsh(recipient) + callback).digest()


def read_signed(document: object) -> Signed:
    """Verify signed data and return what was signed.

    Raises
    ------
    Rejected
        The form, the signature, the recipient or what was signed is not as it has to be.
    """
    data = _object(document, "signed_data")
    standard = data.get("standard")
    if standard == "nep413":
        signed, message, nonce = _of_nep413(_object(data.get("payload"), "payload"))
        digest = signed
    elif standard == "raw_ed25519":
        signed, message, nonce = _of_raw(data.get("payload"))
        digest = hashlib.sha256(signed).digest()
    else:
        raise Rejected(f"unsupported standard {standard!r}")
    key = str(data.get("public_key"))
    _verify(key, str(data.get("signature")), signed)
    return Signed(
        hash=base58.encode(digest),
        signer_id=_text(message, "signer_id"),
        public_key=key,
        nonce=nonce,
        deadline=_deadline(_text(message, "deadline")),
        diffs=_diffs(message.get("intents")),
    )


def sign(key: Ed25519PrivateKey, message: Document, nonce: bytes, standard: Standard = "nep413") -> dict[str, Any]:
    """Return signed data of a message; used by the venue's own takers, and by tests."""
    text = base64.b64encode(nonce).decode()
    payload: Any
    if standard == "nep413":
        payload = {"message": _compact(message), "nonce": text, "recipient": CONTRACT}
        signed = nep413_hash(payload["message"], nonce, CONTRACT)
    else:
        payload = _compact({**message, "verifying_contract": CONTRACT, "nonce": text})
        signed = payload.encode()
    signature = f"{CURVE}{base58.encode(key.sign(signed))}"
    return {"standard": standard, "payload": payload, "public_key": public_key_of(key), "signature": signature}


def public_key_of(key: Ed25519PrivateKey) -> str:
    """Return the public key as it is written."""
    return f"{CURVE}{base58.encode(key.public_key().public_bytes_raw())}"


def instant_text(instant: datetime) -> str:
    """Return an instant as deadlines are written, to the millisecond."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- what was signed -------------------------------------------------------------------------------


def _of_nep413(payload: Document) -> tuple[bytes, Document, bytes]:
    recipient, text = _text(payload, "recipient"), _text(payload, "message")
    if recipient != CONTRACT:
        raise Rejected(f"wrong recipient {recipient!r}, not {CONTRACT}")
    nonce = _nonce(payload)
    callback = payload.get("callback_url") or payload.get("callbackUrl")
    signed = nep413_hash(text, nonce, recipient, None if callback is None else str(callback))
    return signed, _json(text, "message"), nonce


def _of_raw(payload: object) -> tuple[bytes, Document, bytes]:
    if not isinstance(payload, str):
        raise Rejected("payload of raw_ed25519 is a text")
    message = _json(payload, "payload")
    if message.get("verifying_contract") != CONTRACT:
        raise Rejected(f"wrong verifying_contract {message.get('verifying_contract')!r}, not {CONTRACT}")
    return payload.encode(), message, _nonce(message)


def _nonce(document: Document) -> bytes:
    nonce = nonce_bytes(document.get("nonce"))
    if len(nonce) != LENGTH:
        raise Rejected(f"nonce length: {len(nonce)} bytes, not {LENGTH}")
    return nonce


def _verify(key: str, signature: str, signed: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(_curve_bytes(key)).verify(_curve_bytes(signature), signed)
    except ValueError as error:
        raise Rejected(f"public key or signature is malformed: {error}") from None
    except InvalidSignature:
        raise Rejected("invalid signature") from None


def _curve_bytes(text: str) -> bytes:
    if not text.startswith(CURVE):
        raise ValueError(f"it does not begin with {CURVE}")
    return base58.decode(text.removeprefix(CURVE))


def _deadline(text: str) -> datetime:
    try:
        deadline = datetime.fromisoformat(text)
    except ValueError:
        deadline = None
    if deadline is None or deadline.tzinfo is None:
        raise Rejected(f"deadline {text!r} is no instant with a zone")
    return deadline


def _diffs(intents: object) -> tuple[Mapping[str, int], ...]:
    if not isinstance(intents, list) or not intents:
        raise Rejected("intents is a list of one or more")
    return tuple(_diff(_object(intent, "intent")) for intent in cast(list[object], intents))


def _diff(intent: Document) -> Mapping[str, int]:
    if intent.get("intent") != "token_diff":
        raise Rejected(f"unsupported intent {intent.get('intent')!r}: this venue knows token_diff")
    return {token: _change(token, change) for token, change in _object(intent.get("diff"), "diff").items()}


def _change(token: str, change: object) -> int:
    digits = change.removeprefix("-").removeprefix("+") if isinstance(change, str) else ""
    if not (digits.isascii() and digits.isdecimal()):
        raise Rejected(f"diff of {token} is {change!r}, not a text of digits with or without a sign")
    return int(str(change))


def _object(value: object, name: str) -> Document:
    if not isinstance(value, dict):
        raise Rejected(f"{name} is not an object")
    return cast(Document, value)


def _text(document: Document, name: str) -> str:
    if not isinstance(value := document.get(name), str):
        raise Rejected(f"{name} is not a text")
    return value


def _json(text: str, name: str) -> Document:
    try:
        return _object(json.loads(text), name)
    except json.JSONDecodeError:
        raise Rejected(f"{name} is not JSON") from None


def _compact(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))


def _borsh(text: str) -> bytes:
    data = text.encode()
    return U32.pack(len(data)) + data
