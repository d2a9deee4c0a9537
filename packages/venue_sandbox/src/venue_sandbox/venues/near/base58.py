"""Base58 as Bitcoin and NEAR write it: big-endian, a leading ``1`` for each leading zero byte."""

from __future__ import annotations

__all__ = ["decode", "encode"]

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
DIGITS = {letter: value for value, letter in enumerate(ALPHABET)}
BASE = len(ALPHABET)


def encode(data: bytes) -> str:
    """Return bytes as text."""
    number, letters = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, BASE)
        letters = ALPHABET[digit] + letters
    return ALPHABET[0] * (len(data) - len(data.lstrip(b"\0"))) + letters


def decode(text: str) -> bytes:
    """Return the bytes of a text; `ValueError` where a letter is none of base58."""
    number = 0
    for letter in text:
        if letter not in DIGITS:
            raise ValueError(f"{letter!r} is no letter of base58")
        number = number * BASE + DIGITS[letter]
    zeros = len(text) - len(text.lstrip(ALPHABET[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
