"""``event-trading run``: one of the services."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated

import typer
from quant_platform_kit.adapters.logs import start_logging

from event_trading_app.cli.options import Config, settings_of
from event_trading_app.names import Service
from event_trading_app.services.running import run_service

__all__ = ["run"]


def run(service: Annotated[Service, typer.Argument(help="Which service.")], config: Config = None) -> None:
    """Run a service until SIGTERM: exit 0 then, 75 to be started again, 1 for settings that cannot be meant."""
    settings = settings_of(config)
    start_logging(as_json=settings.log_format == "json")
    code = run_service(service, settings, _announce)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # no thread of a library keeps a process alive that has stopped


def _announce(port: int) -> None:
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
