"""Compressed files of lines: read to the line that is damaged, written whole or not at all."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Generator, Iterable
from pathlib import Path
from uuid import uuid4

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["read_lines", "write_lines"]


def read_lines(file: Path) -> Generator[bytes]:
    """Yield the lines of a compressed file; raises `InvalidInput` with the number of the line that cannot be read."""
    number = 1
    try:
        with gzip.open(file, "rb") as content:
            for line in content:
                yield line
                number += 1
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput(f"line {number}: {error}") from None
    except OSError as error:
        raise InvalidInput(f"line {number}: {error.strerror or error}") from None


def write_lines(out: Path, lines: Iterable[bytes]) -> None:
    """Write a file that appears whole or not at all, and replaces nothing; `InvalidInput` names it as ``--out``."""
    temporary = out.with_name(f".{out.name}.{uuid4().hex}")
    try:
        if out.exists():
            raise InvalidInput(f"--out {out} exists already; choose another name")
        try:
            with temporary.open("xb") as file:
                with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as content:
                    content.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput(f"--out {out} cannot be written: {error.strerror or error}") from error
