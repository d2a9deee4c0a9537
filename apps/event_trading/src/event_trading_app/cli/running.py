"""How the command line runs: a user's error becomes one line on standard error, never a traceback."""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

import typer
from loguru import logger
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.redaction import redact
from typer.exceptions import Abort, Exit, TyperException

__all__ = ["PROGRAM", "complain", "run_command_line"]

PROGRAM = "event-trading"


def run_command_line(app: typer.Typer) -> NoReturn:
    """Run a command line and leave with its exit status: 2 for usage, 1 for what is refused or failed."""
    logger.remove()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
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


def complain(message: str, code: int) -> int:
    """Print one line on standard error and return ``code``."""
    if message:
        sys.stderr.write(f"{PROGRAM}: {' '.join(redact(message).split())}\n")
    return code
