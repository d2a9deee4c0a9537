"""Services of a campaign that end or stand still of their own accord, at points that chance picks."""

import json
import os
import random
import signal
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Self

__all__ = ["Killer", "Plan", "end_with_parent", "lines_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
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
    stops
        By the name of a point: the share of its passings at which the process stands still until it is woken.
    asleep
        The file that each of these is written to: who, where, which process.
    most
        After so many kills of all services nobody kills himself any more; None for no end.
    """

    seed: int
    chances: dict[str, float]
    hits: str
    quiet: str
    stops: dict[str, float] = field(default_factory=dict[str, float])
    asleep: str = ""
    most: int | None = None

    @classmethod
    def read(cls, path: str) -> Self:
        """Return the plan in a file."""
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        """Write it to a file."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


@dataclass(slots=True)
class Killer:
    """Kills this process where the plan says so."""

    plan: Plan
    name: str
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.plan.seed} {self.name} {os.getpid()}")

    def reached(self, point: Enum) -> None:
        """Pass a point, or die there, or stand still."""
        if Path(self.plan.quiet).exists():
            return
        if (self._falls(point, self.plan.chances) and not self._is_enough()) or self.is_doomed(point):
            _add(self.plan.hits, f"{self.name} {point.name}")
            os.kill(os.getpid(), signal.SIGKILL)
        if self._falls(point, self.plan.stops):
            _add(self.plan.asleep, f"{self.name} {point.name} {os.getpid()}")
            os.kill(os.getpid(), signal.SIGSTOP)

    def is_doomed(self, point: Enum) -> bool:
        """Whether the process dies at a point for another reason than chance."""
        del point
        return False

    def _is_enough(self) -> bool:
        return self.plan.most is not None and len(lines_of(Path(self.plan.hits))) >= self.plan.most

    def _falls(self, point: Enum, shares: Mapping[str, float]) -> bool:
        share = shares.get(point.name, 0.0)
        return share > 0 and self.chance.random() < share


def end_with_parent() -> None:
    """Die as soon as standard input ends: whoever started this process is gone."""

    def watch() -> None:
        while os.read(0, 1 << 10):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def lines_of(path: Path) -> list[list[str]]:
    """Return what processes have written to a file, a list of words for each line."""
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _add(path: str, line: str) -> None:
    """Add a line to a file that other processes add to as well."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)
