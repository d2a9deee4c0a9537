"""Signing: a command, a key and a salt give one answer, byte for byte, whoever signs and when."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import base58
from quant_platform_kit.domain.errors import InvalidInput

from event_trading_app.payloads import ExactAmount, ExecuteTrade
from event_trading_app.ports import SignedAnswer
from event_trading_app.venues.near_intents.execute.keys import Key

__all__ = ["SALT_BYTES", "Standard", "nep413_hash", "sign_answer", "versioned_nonce"]

CONTRACT = "intents.near"
NEP413_TAG = (1 << 31) + 413
NONCE_MAGIC = bytes.fromhex("5628f6c6")
NONCE_VERSION = 1
SALT_BYTES = 4
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
ID_DIGITS = 12
"""Hexadecimal digits of the command's id that number its message: every JSON reader holds such a number exactly."""

U32 = struct.Struct("<I")
NONCE = struct.Struct("<4sB4sQ15s")


class Standard(StrEnum):
    """How the message is signed."""

    NEP413 = "nep413"
    RAW_ED25519 = "raw_ed25519"


def sign_answer(command: ExecuteTrade, key: Key, salt: bytes, standard: Standard = Standard.NEP413) -> SignedAnswer:
    """Return the answer that a command asks for.

    The nonce is made of salt, deadline and the key's digest of the command's id, so even a ledger that was lost signs
    the same answer again while the salt stands.

    Raises
    ------
    InvalidInput
        An amount is zero, or the salt has not four bytes.
    """
    if len(salt) != SALT_BYTES:
        raise InvalidInput(f"the salt has {len(salt)} bytes, not {SALT_BYTES}")
    for name in ("amount_in", "amount_out"):
        if not int(getattr(command, name)):
            raise InvalidInput(f"{name} of command {command.command_id} is 0; an answer gives and takes something")
    milliseconds = (command.deadline - EPOCH) // MILLISECOND
    nonce = versioned_nonce(salt, milliseconds, key.chance(command.command_id))
    message = {
        "signer_id": command.account,
        "deadline": _written(EPOCH + milliseconds * MILLISECOND),
        "intents": [
            {
                "intent": "token_diff",
                "diff": {command.token_in: command.amount_in, command.token_out: f"-{command.amount_out}"},
            }
        ],
    }
    signed_data, digest = _signed(message, nonce, key, standard)
    return SignedAnswer(
        data=_frame(command, signed_data),
        nonce=_base64(nonce),
        intent_hash=base58.b58encode(digest).decode(),
        deadline=EPOCH + milliseconds * MILLISECOND,
        salt=salt,
    )


def nep413_hash(message: str, nonce: bytes, recipient: str, callback_url: str | None = None) -> bytes:
    """Return what is signed under NEP-413: SHA-256 of its tag and the borsh form of the payload."""
    callback = b"\0" if callback_url is None else b"\1" + _borsh(callback_url)
    return hashlib.sha256(U32.pack(NEP413_TAG) + _borsh(message) + nonce + _borsh(recipient) + callback).digest()


def versioned_nonce(salt: bytes, deadline_ms: int, chance: bytes) -> bytes:
    """Return a nonce that is good under a salt and until a deadline, in milliseconds since 1970."""
    return NONCE.pack(NONCE_MAGIC, NONCE_VERSION, salt, deadline_ms * 1_000_000, chance)


def _signed(message: Mapping[str, Any], nonce: bytes, key: Key, standard: Standard) -> tuple[dict[str, Any], bytes]:
    """Return signed data, and the digest by which the venue names it."""
    payload: Any
    if standard is Standard.NEP413:
        payload = {"message": _compact(message), "nonce": _base64(nonce), "recipient": CONTRACT}
        digest = signed = nep413_hash(payload["message"], nonce, CONTRACT)
    else:
        payload = _compact({**message, "verifying_contract": CONTRACT, "nonce": _base64(nonce)})
        signed = payload.encode()
        digest = hashlib.sha256(signed).digest()
    data = {"standard": standard.value, "payload": payload, "public_key": key.public, "signature": key.sign(signed)}
    return data, digest


def _frame(command: ExecuteTrade, signed_data: Mapping[str, Any]) -> bytes:
    is_in = command.exact is ExactAmount.IN
    output = {"amount_out": command.amount_out} if is_in else {"amount_in": command.amount_in}
    params = {"quote_id": command.quote_id, "quote_output": output, "signed_data": signed_data}
    number = int(command.command_id[:ID_DIGITS], 16)
    return _compact({"jsonrpc": "2.0", "id": number, "method": "quote_response", "params": [params]}).encode()


def _written(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _borsh(text: str) -> bytes:
    data = text.encode()
    return U32.pack(len(data)) + data


def _compact(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
