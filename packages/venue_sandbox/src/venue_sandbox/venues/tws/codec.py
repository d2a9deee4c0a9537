"""Frames and fields: four bytes of length, then texts that each end in a NUL."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

__all__ = ["GREETING", "BadFrame", "Fields", "Value", "frame", "number_of", "read_frame"]

GREETING = b"API\0"
LENGTH = struct.Struct(">I")
MOST_BYTES = 1 << 20
UNSET_FROM = Decimal("1e300")
"""Clients write the largest double for a number that is not set."""

Value = str | int | float | Decimal | None


class BadFrame(ValueError):
    """What came is not the protocol."""


def frame(values: Iterable[Value]) -> bytes:
    """Return a message; True and False are written 1 and 0, None as an empty text."""
    content = b"".join(_text(value).encode() + b"\0" for value in values)
    return LENGTH.pack(len(content)) + content


async def read_frame(reader: asyncio.StreamReader) -> str:
    """Return the text of the next frame.

    Raises
    ------
    BadFrame
        Its length is not one of a message, or it is not text.
    """
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    if length > MOST_BYTES:
        raise BadFrame(f"a frame of {length} bytes")
    try:
        return (await reader.readexactly(length)).decode()
    except UnicodeDecodeError as error:
        raise BadFrame(str(error)) from None


class Fields:
    """The fields of a message, read one after the other.

    Raises
    ------
    BadFrame
        From every method: there is no further field, or it is not what was expected.
    """

    def __init__(self, text: str) -> None:
        self._all = text.split("\0")[:-1]
        self._left = self._all[::-1]

    @property
    def left(self) -> int:
        """How many fields were not read yet."""
        return len(self._left)

    def integer_at(self, place: int, otherwise: int) -> int:
        """Return the integer in a place of the whole message; ``otherwise`` if there is none. Raises nothing."""
        try:
            return int(self._all[place])
        except (IndexError, ValueError):
            return otherwise

    def text(self) -> str:
        """Return the next field."""
        if not self._left:
            raise BadFrame("a field is missing")
        return self._left.pop()

    def integer(self) -> int:
        """Return the next field as an integer; zero if it is empty."""
        field = self.text()
        try:
            return int(field or 0)
        except ValueError:
            raise BadFrame(f"{field!r} is no integer") from None

    def number(self) -> Decimal | None:
        """Return the next field as a number, which may be NaN or infinite; None if it is not set."""
        return number_of(self.text())

    def flag(self) -> bool:
        """Return the next field as a truth value."""
        return self.text() not in ("", "0")

    def skip(self, count: int = 1) -> None:
        """Leave fields out."""
        for _ in range(count):
            self.text()


def number_of(text: str) -> Decimal | None:
    """Return a field as a number, which may be NaN or infinite; None if it is not set.

    Raises
    ------
    BadFrame
        It is no number.
    """
    try:
        value = Decimal(text) if text else None
    except InvalidOperation:
        raise BadFrame(f"{text!r} is no number") from None
    return None if value is not None and value.is_finite() and value >= UNSET_FROM else value


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value)
