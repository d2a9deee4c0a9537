"""Versioned nonces: 32 bytes that say under which salt, and until when, an intent may be executed."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from venue_sandbox.venues.near.errors import Rejected

__all__ = ["LENGTH", "Nonce", "nonce_bytes"]

MAGIC = bytes.fromhex("5628f6c6")
VERSION = 1
LENGTH = 32
CHANCE = 15
LAYOUT = struct.Struct(f"<4sB4sQ{CHANCE}s")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Nonce:
    """What a nonce says: its salt, and the instant, in nanoseconds since 1970, after which it is good for nothing."""

    salt: bytes
    deadline_ns: int
    chance: bytes

    @classmethod
    def make(cls, salt: bytes, deadline: datetime, chance: bytes) -> Nonce:
        """Return a nonce for a deadline, to the microsecond."""
        return cls(salt, nanoseconds(deadline), chance)

    @classmethod
    def read(cls, data: bytes) -> Nonce:
        """Read a nonce.

        Raises
        ------
        Rejected
            It is not 32 bytes of version 1.
        """
        if len(data) != LENGTH:
            raise Rejected(f"nonce length: {len(data)} bytes, not {LENGTH}")
        magic, version, salt, deadline, chance = LAYOUT.unpack(data)
        if magic != MAGIC or version != VERSION:
            raise Rejected(f"nonce is not versioned: it begins with {data[:5].hex()}, not {MAGIC.hex()}01")
        return cls(salt, deadline, chance)

    @property
    def bytes(self) -> bytes:
        """The nonce as it is signed."""
        return LAYOUT.pack(MAGIC, VERSION, self.salt, self.deadline_ns, self.chance)


def nonce_bytes(text: object) -> bytes:
    """Return the bytes of a nonce in base64; `Rejected` where it is none."""
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        raise Rejected(f"nonce {text!r} is not base64") from None


def nanoseconds(instant: datetime) -> int:
    """Return an instant in nanoseconds since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1) * 1000
