"""A service of the campaign: as in production, but it kills itself at points that chance picks."""

import json
import os
import random
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tq_broker_app.names import Role
from tq_broker_app.operations.logs import log_to
from tq_broker_app.roles import handlers, order_canceller, order_monitor, order_submitter  # noqa: F401 - loaded once
from tq_broker_app.roles.parts import Point
from tq_broker_app.running import run_role
from tq_broker_app.settings import environment, read_settings

from chaos.tq.mutants import MUTANTS

__all__ = ["IN_A_SEND", "Plan", "main"]

IN_A_SEND = (Point.SENT, Point.INSERTED, Point.ANSWERED)
"""Between the intent to send and the record of the answer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often services kill themselves.

    Attributes
    ----------
    chances
        By the name of a point: the share of its passings that end in a kill.
    hits
        The file that each kill is written to: who, where.
    quiet
        While this file is there, nobody kills himself.
    series
        While this file has a number above 0, the submitter dies with the next message it takes, and counts down.
    """

    seed: int
    chances: dict[str, float]
    hits: str
    quiet: str
    series: str

    @classmethod
    def read(cls, path: str) -> "Plan":
        """Return the plan in a file."""
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))


@dataclass(slots=True)
class Killer:
    """Kills this process where the plan says so."""

    plan: Plan
    name: str
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.plan.seed} {self.name} {os.getpid()}")

    def reached(self, point: Point) -> None:
        """Pass a point, or die there."""
        if Path(self.plan.quiet).exists():
            return
        if self.chance.random() < self.plan.chances.get(point.name, 0.0) or self._in_series(point):
            hit = os.open(self.plan.hits, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(hit, f"{self.name} {point.name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def _in_series(self, point: Point) -> bool:
        series = Path(self.plan.series)
        if point is not Point.TAKEN or not self.name.startswith("order-submitter") or not series.exists():
            return False
        left = int(series.read_text(encoding="ascii") or 0)
        if left <= 0:
            return False
        series.write_text(str(left - 1), encoding="ascii")
        return True


def main() -> None:
    """Run the service that the command line names."""
    variables = environment()
    role = Role(sys.argv[-1])
    if mutant := variables.get("TQ_MUTANT"):
        MUTANTS[mutant]()
    settings = read_settings(Path(variables["TQ_BROKER_CONFIG"]), {})
    log_to(Path(settings.operations.log_path), variables["TQ_SERVICE_NAME"])
    killer = Killer(Plan.read(variables["TQ_CHAOS_PLAN"]), variables["TQ_SERVICE_NAME"])

    def announce(port: int) -> None:
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()

    os._exit(run_role(role, settings, announce, killer.reached))


if __name__ == "__main__":
    main()
