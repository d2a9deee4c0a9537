"""``tq-broker run``: one of the eight services."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tq_broker_app.cli.options import DEFAULT_CONFIG, Config, settings_of
from tq_broker_app.names import Role
from tq_broker_app.operations.logs import log_to
from tq_broker_app.roles.parts import Point
from tq_broker_app.running import run_role

__all__ = ["run"]


def run(
    role: Annotated[Role, typer.Argument(help="Which service.")],
    config: Config = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Log JSON lines on the console.")] = False,
) -> None:
    """Run a service until SIGTERM: exit 0 then, 75 to be started again, 1 for settings that cannot be meant."""
    settings = settings_of(config)
    log_to(Path(os.path.expandvars(settings.operations.log_path)), role.image, as_json=as_json)
    code = run_role(role, settings, _announce, _pass)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # no thread of a library keeps a process alive that has stopped


def _announce(port: int) -> None:
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()


def _pass(point: Point) -> None:
    """Go on."""
