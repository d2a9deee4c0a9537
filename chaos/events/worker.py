"""A service of the campaign: as in production, but it kills itself, or stands still, at points that chance picks."""

import json
import os
import sys

from event_trading_app.executor.parts import Point
from event_trading_app.names import Service
from event_trading_app.services import (  # noqa: F401 - loaded once, before processes are forked
    executor,
    ingestor,
    inventory,
    monitor,
    normalizer,
    reactor,
)
from event_trading_app.services.running import run_service
from event_trading_app.settings import environment, read_settings
from quant_platform_kit.adapters.logs import start_logging

from chaos.events.mutants import MUTANTS
from chaos.killing import Killer, Plan, end_with_parent

__all__ = ["IN_A_SEND", "MUTANT", "PLAN", "announce", "main"]

IN_A_SEND = (Point.INTENDED, Point.LEAVING, Point.ANSWERED)
"""Between the intent to send and the record of the answer."""
PLAN, MUTANT = "CHAOS_PLAN", "CHAOS_MUTANT"


def main() -> None:
    """Run the service that the command line names."""
    end_with_parent()
    variables = environment()
    settings = read_settings(None, variables)
    start_logging(as_json=False)
    if mutant := variables.get(MUTANT):
        MUTANTS[mutant]()
    killer = Killer(Plan.read(variables[PLAN]), settings.instance)
    status = run_service(Service(sys.argv[-1]), settings, announce, killer.reached)
    sys.stderr.flush()
    os._exit(status)


def announce(port: int) -> None:
    """Tell whoever started the service its port."""
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
