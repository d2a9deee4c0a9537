"""Logging: JSON lines where a collector reads them, colours on a terminal, secrets in neither (extra ``web``)."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, TextIO

from loguru import logger

from quant_platform_kit.domain.redaction import redact

if TYPE_CHECKING:
    from loguru import Message, Record

__all__ = ["start_logging"]

_TERMINAL = "<dim>{time:HH:mm:ss.SSS}</dim> <level>{level: <8}</level> {message}"


def start_logging(*, as_json: bool, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send everything that is logged, also through the standard library, to one place.

    Parameters
    ----------
    as_json
        One JSON object a line, with ``severity`` and ``time`` as Cloud Logging reads them; otherwise text.
    stream
        Standard error if not given.
    """
    out = stream or sys.stderr
    logger.remove()

    colours = not as_json and out.isatty()
    spelt = {code: text for code, text in _SPELT.items() if chr(code) not in ("\n\x1b" if colours else "\n")}

    def write(message: Message) -> None:
        out.write(redact(_as_json(message) if as_json else str(message).translate(spelt)))
        out.flush()

    logger.configure(patcher=_escape)

    logger.add(write, level=level, format=_TERMINAL, colorize=colours, backtrace=False, diagnose=False)
    logging.basicConfig(handlers=[_Forward()], level=level, force=True)


def _escape(record: Record) -> None:
    """Write control characters of a message as they are spelt: none of them ends a line or colours one."""
    record["message"] = record["message"].translate(_SPELT)


_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SPELT = {code: repr(chr(code))[1:-1] for code in _CONTROLS}


def _as_json(message: Message) -> str:
    record = message.record
    document = {
        "severity": record["level"].name,
        "time": record["time"].isoformat(),
        "message": record["message"],
        "module": record["name"],
        **{str(name): _plain(value) for name, value in record["extra"].items()},
    }
    if record["exception"] is not None:
        document["exception"] = str(message).partition("\n")[2]
    return json.dumps(document) + "\n"


def _plain(value: object) -> object:
    """Return a value as JSON has it: collectors compare numbers, everything else is text."""
    return value if isinstance(value, bool | int | float) else str(value)


class _Forward(logging.Handler):
    """Hands records of the standard library over to Loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record."""
        known = record.levelname in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        level = record.levelname if known else record.levelno
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = f"{record.msg} {record.args}"
        logger.opt(depth=6, exception=record.exc_info).log(level, "{}", text)
