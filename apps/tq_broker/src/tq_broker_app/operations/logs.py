"""Logs: the console as everywhere, and files in a folder, 10 MB each, kept for seven days."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger
from quant_platform_kit.adapters.logs import start_logging
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.redaction import redact

if TYPE_CHECKING:
    from loguru import Record

__all__ = ["log_to"]


def log_to(folder: Path, name: str, *, as_json: bool = False) -> None:
    """Log to the console, INFO and above, and to ``<folder>/<name>.log``; no secret is in either.

    Raises
    ------
    InvalidInput
        The folder cannot be written.
    """
    start_logging(as_json=as_json, stream=sys.stderr)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        logger.add(folder / f"{name}.log", format=_line, rotation="10 MB", retention="7 days", diagnose=False)
    except OSError as error:
        raise InvalidInput(
            f"operations.log_path {folder}: {error.strerror}; name a folder that can be written"
        ) from error


def _line(record: Record) -> str:
    """Return a template of one line: timestamp, level, module, message."""
    text = f"{record['time'].isoformat()} | {record['level'].name: <8} | {record['name']} | {record['message']}"
    if (failure := record["exception"]) is not None:
        text += "\n" + "".join(traceback.format_exception(failure.value)).rstrip()
    record["extra"]["line"] = redact(text)
    return "{extra[line]}\n"
