"""The commands of `release`."""

from __future__ import annotations

import sys
from typing import Any

import typer
from quant_platform_kit.domain.redaction import redact
from typer.exceptions import Abort, Exit, TyperException

from quant_release.cli import history, perform, rehearse, show

__all__ = ["app", "run"]

app = typer.Typer(
    name="release",
    help="Tag packages, pin apps to the tags, build images, move services, roll workloads: in that order, resumable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("status")(show.status_command)
app.command("plan")(show.plan_command)
app.command("apply")(perform.apply_command)
app.command("switch")(perform.switch_command)
app.command("rollback")(perform.rollback_command)
app.command("open")(perform.open_command)
app.command("abandon")(perform.abandon_command)
app.command("verify")(show.verify_command)
app.command("drift")(show.drift_command)
app.command("history")(history.history_command)
app.command("demo")(rehearse.demo_command)


def run() -> int:
    """Run the command that was typed; return its exit code."""
    try:
        code: Any = app(standalone_mode=False)
    except Exit as stop:
        return stop.exit_code
    except Abort:
        sys.stderr.write("release: interrupted\n")
        return 1
    except TyperException as error:
        sys.stderr.write(f"release: {' '.join(redact(error.format_message()).split())}\n")
        return 2
    return int(code or 0)
