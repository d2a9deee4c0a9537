"""The frames of the sockets: requests, responses and pushes, each with a length of three bytes, perhaps gzipped."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass

__all__ = ["FAILED", "OK", "BadFrame", "Request", "head_of", "push", "read_request", "response"]

REQUEST, RESPONSE, PUSH = 1, 2, 3
KIND, SIGNED, GZIPPED = 0x0F, 0x10, 0x20
SIGNATURE_BYTES = 24
REQUEST_HEAD = struct.Struct(">BBIH")
RESPONSE_HEAD = struct.Struct(">BBIB")
OK, FAILED = 0, 7


class BadFrame(ValueError):
    """Bytes that are no request."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was read."""

    command: int
    id: int
    body: bytes


def read_request(data: bytes) -> Request:
    """Read one request; `BadFrame` if it is none."""
    if len(data) < REQUEST_HEAD.size + 3:
        raise BadFrame("cut off")
    flag, command, number, _timeout = REQUEST_HEAD.unpack_from(data)
    length = int.from_bytes(data[REQUEST_HEAD.size : REQUEST_HEAD.size + 3])
    body = data[REQUEST_HEAD.size + 3 :]
    if flag & KIND != REQUEST or len(body) != length + (SIGNATURE_BYTES if flag & SIGNED else 0):
        raise BadFrame("no request, or one of another length")
    try:
        return Request(command, number, gzip.decompress(body[:length]) if flag & GZIPPED else body[:length])
    except (OSError, EOFError, zlib.error):
        raise BadFrame("not gzipped") from None


def head_of(data: bytes) -> Request:
    """Return command and id of a frame that may be cut off; zeros where it ends before them."""
    _flag, command, number, _timeout = REQUEST_HEAD.unpack_from(data.ljust(REQUEST_HEAD.size, b"\0"))
    return Request(command, number, b"")


def response(request: Request, status: int, body: bytes, *, gzipped: bool) -> bytes:
    """Write the answer to a request."""
    flag, content = _packed(RESPONSE, body, gzipped)
    return RESPONSE_HEAD.pack(flag, request.command, request.id, status) + content


def push(command: int, body: bytes, *, gzipped: bool) -> bytes:
    """Write a message that answers nothing."""
    flag, content = _packed(PUSH, body, gzipped)
    return bytes([flag, command]) + content


def _packed(kind: int, body: bytes, gzipped: bool) -> tuple[int, bytes]:
    content = gzip.compress(body, mtime=0) if gzipped else body
    return kind | (GZIPPED if gzipped else 0), len(content).to_bytes(3) + content
