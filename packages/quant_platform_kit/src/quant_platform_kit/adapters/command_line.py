"""How a command line runs and what it prints: a user's error is one line, never a traceback, and no text has a secret.

What draws tables and bars is in `quant_platform_kit.cli.output`: a service that is started by its command line does not
load that.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import NoReturn

import typer
from typer.exceptions import Abort, Exit, TyperException

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.redaction import redact

__all__ = ["columns", "complain", "notice", "print_json", "run_command_line", "say", "stop_at_eof"]

_called: list[str] = ["quant"]


def run_command_line(app: typer.Typer, program: str, *, quiet: bool = False) -> NoReturn:
    """Run a command line and leave with its exit status: 2 for usage, 1 for what is refused or failed.

    Parameters
    ----------
    program
        Its name: complaints and remarks begin with it.
    quiet
        Whether nothing is logged on the console unless a command begins with it: libraries complain there too. It
        needs Loguru, which a bare installation does not have.
    """
    _called[:] = [program]
    if quiet:
        _silence()
    try:
        code = app(standalone_mode=False)
    except Exit as stop:
        code = stop.exit_code
    except (Abort, KeyboardInterrupt):
        code = complain("interrupted", 1)
    except TyperException as error:
        code = complain(error.format_message(), 2)
    except QuantError as error:
        code = complain(str(error), 1)
    sys.exit(code)


def _silence() -> None:
    from loguru import logger

    logger.remove()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


def complain(message: str, code: int) -> int:
    """Print one line on standard error and return ``code``."""
    if message:
        sys.stderr.write(f"{_called[0]}: {' '.join(redact(message).split())}\n")
    return code


def notice(message: str) -> None:
    """Print a remark on standard error."""
    sys.stderr.write(f"{_called[0]}: note: {redact(message)}\n")


def say(text: str) -> None:
    """Print a line on standard output."""
    sys.stdout.write(f"{redact(text)}\n")
    sys.stdout.flush()


def print_json(document: object) -> None:
    """Print a document as one line of canonical JSON on standard output."""
    say(canonical_json(document).decode())


def columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns; the last one is as wide as it is."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head) - 1)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        say("  ".join([*cells, line[-1]]).rstrip())


def stop_at_eof() -> None:
    """Stop as if told to when standard input ends, as it does when the parent dies."""
    threading.Thread(target=_read_to_the_end, daemon=True).start()


def _read_to_the_end() -> None:
    while os.read(0, 1 << 16):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
