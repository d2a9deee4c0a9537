"""Protocol Buffers as far as the socket needs them: integers, texts, bytes, messages, and lists of these."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = ["BYTES", "INTEGER", "TEXT", "BadMessage", "Field", "Kind", "Message", "many"]

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
UNSIGNED = 1 << 64
LARGEST = 1 << 63
MOST_BITS = 70


class BadMessage(ValueError):
    """Bytes that are no message."""


class Kind(Enum):
    """What a field holds, if it is no message."""

    INTEGER = "integer"
    TEXT = "text"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: its number, what it holds, and whether it is a list."""

    number: int
    kind: Kind | Message
    repeated: bool = False

    @property
    def default(self) -> Any:
        """What is read of a field that is absent."""
        if self.repeated:
            return []
        return {Kind.INTEGER: 0, Kind.TEXT: "", Kind.BYTES: b""}.get(self.kind) if type(self.kind) is Kind else None


INTEGER, TEXT, BYTES = Kind.INTEGER, Kind.TEXT, Kind.BYTES


class Message:
    """A message type: its fields by name, each a number and a kind, or a `Field`."""

    def __init__(self, **fields: tuple[int, Kind | Message] | Field) -> None:
        self._fields = {name: field if isinstance(field, Field) else Field(*field) for name, field in fields.items()}
        self._by_number = {field.number: name for name, field in self._fields.items()}

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """Write a message; what is zero, empty or None is left out."""
        return b"".join(
            _encoded(self._fields[name], value)
            for name, given in values.items()
            for value in (given if self._fields[name].repeated else [given])
            if value or self._fields[name].repeated
        )

    def decode(self, data: bytes) -> dict[str, Any]:
        """Read a message; fields that it does not know are passed over.

        Raises
        ------
        BadMessage
            It is cut off, or a field holds something else.
        """
        values = {name: field.default for name, field in self._fields.items()}
        for number, content in _pieces(data):
            name = self._by_number.get(number)
            if name is None:
                continue
            field = self._fields[name]
            if field.repeated:
                values[name] += _several(field, content)
            else:
                values[name] = _decoded(field, content)
        return values


def many(number: int, kind: Kind | Message) -> Field:
    """Return a field that is a list."""
    return Field(number, kind, repeated=True)


def _encoded(field: Field, value: Any) -> bytes:
    if field.kind is Kind.INTEGER:
        return _varint(field.number << 3 | VARINT) + _varint(int(value) % UNSIGNED)
    if isinstance(field.kind, Message):
        content = field.kind.encode(value)
    else:
        content = value if field.kind is Kind.BYTES else str(value).encode()
    return _varint(field.number << 3 | DELIMITED) + _varint(len(content)) + content


def _several(field: Field, content: int | bytes) -> list[Any]:
    """Read an element of a list; a list of integers may come packed."""
    if field.kind is not Kind.INTEGER or isinstance(content, int):
        return [_decoded(field, content)]
    numbers, at = list[int](), 0
    while at < len(content):
        number, at = _read_varint(content, at)
        numbers.append(number)
    return numbers


def _decoded(field: Field, content: int | bytes) -> Any:
    if isinstance(content, int) != (field.kind is Kind.INTEGER):
        raise BadMessage(f"field {field.number} holds something else")
    if isinstance(content, int):
        return content - UNSIGNED if content >= LARGEST else content
    if isinstance(field.kind, Message):
        return field.kind.decode(content)
    return content if field.kind is Kind.BYTES else content.decode()


def _pieces(data: bytes) -> Generator[tuple[int, int | bytes]]:
    """Yield number and content of every field."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        if key & 7 == VARINT:
            content, at = _read_varint(data, at)
            yield key >> 3, content
            continue
        sizes = {FIXED64: 8, FIXED32: 4}
        size, at = _read_varint(data, at) if key & 7 == DELIMITED else (sizes.get(key & 7, len(data)), at)
        if at + size > len(data):
            raise BadMessage("a message is cut off")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place behind it."""
    value = 0
    for bits in range(0, MOST_BITS, 7):
        if at >= len(data):
            raise BadMessage("a message is cut off")
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << bits
        if byte < 0x80:
            return value % UNSIGNED, at
    raise BadMessage("a number is too long")
