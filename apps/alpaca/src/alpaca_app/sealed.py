"""Parquet files that say what they are called and what their bytes add up to.

Any tool reads them. The checksum stands in the file's own metadata, and is that of the file with zeros in its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from typing import Any

from quant_platform_kit.adapters.arrow import arrow_module

__all__ = ["Broken", "opened", "sealed"]

MARK, DIGITS = b"sha256:", 64
NAME, CHECKSUM = b"name", b"checksum"
_arrow = partial(arrow_module, task="the cache of bars")


class Broken(ValueError):
    """A file is not what was written under its name."""


def sealed(name: str, columns: Mapping[str, Any]) -> bytes:
    """Return a file with a name and columns, each an Arrow array."""
    blank, made = MARK + b"0" * DIGITS, BytesIO()
    table = _arrow("pyarrow").table(dict(columns))
    with _arrow("pyarrow.parquet").ParquetWriter(made, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({NAME: name.encode(), CHECKSUM: blank})
    data = made.getvalue()
    return data.replace(blank, MARK + _digest(data))


def opened(name: str, data: bytes) -> Any:
    """Return the table of a file; `Broken` if its bytes were changed, or it was written under another name."""
    at = data.rfind(MARK) + len(MARK)
    end = at + DIGITS
    if at < len(MARK) or _digest(data[:at] + b"0" * DIGITS + data[end:]) != data[at:end]:
        raise Broken(f"{len(data)} bytes with a wrong checksum" if data else "no bytes at all")
    with _arrow("pyarrow.parquet").ParquetFile(BytesIO(data)) as file:
        written = file.metadata.metadata.get(NAME, b"").decode()
        if written != name:
            raise Broken(f"it was written as {written}")
        return file.read()


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
