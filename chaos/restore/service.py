"""A service of a drill: as in production, but that it ends with whoever started it, and may have a defect."""

import os
import sys

from event_trading_app.names import Service
from event_trading_app.services import (  # noqa: F401 - loaded once, before processes are forked
    archiver,
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

from chaos.events.worker import MUTANT, announce
from chaos.killing import end_with_parent
from chaos.restore.mutants import IN_SERVICES

__all__ = ["main"]


def main() -> None:
    """Run the service that the command line names."""
    end_with_parent()
    variables = environment()
    settings = read_settings(None, variables)
    start_logging(as_json=False)
    if mutant := variables.get(MUTANT):
        IN_SERVICES[mutant]()
    status = run_service(Service(sys.argv[-1]), settings, announce)
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
