"""How a command line runs: a user's error becomes one line, never a traceback."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer
from typer.exceptions import Abort, Exit, TyperException

from quant_platform_kit.cli.output import call, complain
from quant_platform_kit.domain.errors import QuantError

__all__ = ["run_command_line"]


def run_command_line(app: typer.Typer, program: str) -> NoReturn:
    """Run a command line and leave with its exit code; what it complains of begins with the program's name."""
    call(program)
    try:
        code = app(standalone_mode=False)
    except Exit as stop:
        code = stop.exit_code
    except Abort:
        code = complain("interrupted", 1)
    except TyperException as error:
        code = complain(error.format_message(), 2)
    except QuantError as error:
        code = complain(str(error), 1)
    sys.exit(code)
