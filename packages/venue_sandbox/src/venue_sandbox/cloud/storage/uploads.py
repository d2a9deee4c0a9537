"""What an upload's requests say: the two parts of a multipart body, and the ranges of a resumable one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email.message import Message
from typing import Any, cast

from venue_sandbox.cloud.storage.errors import invalid
from venue_sandbox.cloud.storage.state import Resource

__all__ = ["CHUNK_BYTES", "ContentRange", "Part", "byte_range", "read_multipart", "read_resource"]

CHUNK_BYTES = 256 * 1024
"""Every chunk of a resumable upload but the last is a multiple of this."""

LINE = b"\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart body."""

    content_type: str | None
    data: bytes


@dataclass(frozen=True, slots=True)
class ContentRange:
    """What a chunk says of itself: ``start`` is None for a question, ``total`` where it is not known yet."""

    start: int | None
    total: int | None

    @classmethod
    def read(cls, header: str | None, length: int) -> ContentRange:
        """Read a ``Content-Range`` header; without one, the body of that length is the whole upload."""
        if header is None:
            return cls(0, length)
        match = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", header.strip())
        if match is None:
            raise invalid(f"Failed to parse Content-Range header: {header}")
        first, last, size = match.groups()
        total = None if size == "*" else int(size)
        if first is None:
            return cls(None, total)
        if int(last) - int(first) + 1 != length:
            raise invalid(f"Content-Range {header} does not fit a body of {length} bytes")
        return cls(int(first), total)


def read_multipart(content_type: str, body: bytes) -> tuple[Resource, Part]:
    """Read a ``multipart/related`` body: the resource and the content.

    Raises
    ------
    ApiError
        400: it is not one.
    """
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/related" or not isinstance(boundary, str):
        raise invalid(f"Multipart body must have Content-Type multipart/related with a boundary, not {content_type}")
    mark = b"--" + boundary.encode()
    pieces = (LINE + body).split(LINE + mark)
    if len(pieces) != 4 or not pieces[3].startswith(b"--"):
        raise invalid("Multipart body must have two parts and end with its boundary")
    first, second = (_part(piece) for piece in pieces[1:3])
    return read_resource(first.data), second


def read_resource(text: bytes) -> Resource:
    """Read a JSON resource; nothing at all is an empty one."""
    try:
        document: Any = json.loads(text or b"{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise invalid("Metadata part is not a JSON object.")
    return cast(Resource, document)


def byte_range(header: str | None, size: int) -> slice | None:
    """Return what a ``Range`` header asks for, None for everything.

    Raises
    ------
    IndexError
        It begins behind the end.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip()) if header else None
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return slice(max(size - int(last), 0), size)
    if int(first) >= size:
        raise IndexError(header)
    return slice(int(first), min(int(last), size - 1) + 1 if last else size)


def _part(piece: bytes) -> Part:
    head, separator, data = piece.partition(LINE + LINE)
    if not separator:
        raise invalid("A part of the multipart body has no empty line after its headers")
    headers = (line.partition(b":") for line in head.split(LINE) if line)
    types = [value.strip().decode() for name, _, value in headers if name.strip().lower() == b"content-type"]
    return Part(types[0] if types else None, data)
