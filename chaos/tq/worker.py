"""A service of the campaign: as in production, but it kills itself at points that chance picks."""

import json
import os
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tq_broker_app.names import Role
from tq_broker_app.operations.logs import log_to
from tq_broker_app.roles import handlers, order_canceller, order_monitor, order_submitter  # noqa: F401 - loaded once
from tq_broker_app.roles.parts import Point
from tq_broker_app.running import run_role
from tq_broker_app.settings import environment, read_settings

from chaos.killing import Killer, Plan, end_with_parent
from chaos.tq.mutants import MUTANTS

__all__ = ["IN_A_SEND", "SeriesPlan", "main"]

IN_A_SEND = (Point.SENT, Point.INSERTED, Point.ANSWERED)
"""Between the intent to send and the record of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPlan(Plan):
    """A plan with series of kills.

    Attributes
    ----------
    series
        While this file has a number above 0, the submitter dies with the next message it takes, and counts down.
    """

    series: str


@dataclass(slots=True)
class SeriesKiller(Killer):
    """Kills the submitter with one message again and again, too."""

    series: Path

    def is_doomed(self, point: Enum) -> bool:
        """Whether a series is on, and this is where it kills."""
        if point is not Point.TAKEN or not self.name.startswith("order-submitter") or not self.series.exists():
            return False
        left = int(self.series.read_text(encoding="ascii") or 0)
        if left <= 0:
            return False
        self.series.write_text(str(left - 1), encoding="ascii")
        return True


def main() -> None:
    """Run the service that the command line names."""
    end_with_parent()
    variables = environment()
    role = Role(sys.argv[-1])
    if mutant := variables.get("TQ_MUTANT"):
        MUTANTS[mutant]()
    settings = read_settings(Path(variables["TQ_BROKER_CONFIG"]), {})
    log_to(Path(settings.operations.log_path), variables["TQ_SERVICE_NAME"])
    plan = SeriesPlan.read(variables["TQ_CHAOS_PLAN"])
    killer = SeriesKiller(plan, variables["TQ_SERVICE_NAME"], Path(plan.series))

    def announce(port: int) -> None:
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()

    os._exit(run_role(role, settings, announce, killer.reached))


if __name__ == "__main__":
    main()
