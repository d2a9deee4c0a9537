"""The key that answers are signed with. It is never shown: not by its text, its errors, or its copies."""

from __future__ import annotations

import hmac
from typing import NoReturn

import base58
from nacl.signing import SigningKey
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.redaction import hide

__all__ = ["CHANCE_BYTES", "Key"]

CURVE = "ed25519:"
SEED_BYTES, WHOLE_BYTES = 32, 64
CHANCE_BYTES = 15
PURPOSE = b"event-trading: nonces of answers, version 1"


class Key:
    """An ed25519 key, and what makes nonces of commands.

    Attributes
    ----------
    public
        The public key, as NEAR writes it.
    """

    __slots__ = ("_nonces", "_signing", "public")

    def __init__(self, seed: bytes) -> None:
        self._signing = SigningKey(seed)
        self._nonces = hmac.digest(seed, PURPOSE, "sha256")
        self.public = f"{CURVE}{base58.b58encode(bytes(self._signing.verify_key)).decode()}"

    @classmethod
    def read(cls, text: str) -> Key:
        """Read a secret key as NEAR writes it: ``ed25519:`` and base58 of seed and public key, or of the seed.

        Raises
        ------
        InvalidInput
            It is none; the message does not repeat it.
        """
        hide((text, text.removeprefix(CURVE)))
        try:
            data = base58.b58decode(text.removeprefix(CURVE).encode("ascii")) if text.startswith(CURVE) else b""
        except ValueError:
            data = b""
        if len(data) not in (SEED_BYTES, WHOLE_BYTES):
            raise InvalidInput(
                f"the key of the account is no text of {CURVE} and base58 of {WHOLE_BYTES} or {SEED_BYTES} bytes "
                f"({len(data)} bytes found); give the key as the wallet exports it"
            ) from None
        key = cls(data[:SEED_BYTES])
        if data[SEED_BYTES:] not in (b"", bytes(key._signing.verify_key)):
            raise InvalidInput("the key of the account does not fit the public key within it; export it again")
        return key

    def sign(self, data: bytes) -> str:
        """Return the signature of bytes, as NEAR writes it."""
        return f"{CURVE}{base58.b58encode(self._signing.sign(data).signature).decode()}"

    def chance(self, command_id: str) -> bytes:
        """Return the bytes of a command's nonce that nobody else can guess: the same for the same command and key."""
        return hmac.digest(self._nonces, command_id.encode(), "sha256")[:CHANCE_BYTES]

    def __repr__(self) -> str:
        return f"Key({self.public})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} is not copied to other processes or files")
