"""Programs that are asked and told within a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from quant_platform_kit.domain.errors import InvalidInput

from quant_release.commands import answer
from quant_release.rolling.workloads import RollerError
from quant_release.steps.machine import StepFailed

__all__ = ["Program", "Said", "read"]

_T = TypeVar("_T")
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Said:
    """The end of a program; ``text`` is all that it wrote, in one line."""

    command: str
    code: int
    output: str
    text: str

    def require(self) -> str:
        """Return the output of a program that succeeded."""
        if self.code != 0:
            raise RollerError(f"{self.command} failed with {self.code}: {self.text[:_SHOWN] or 'no output'}")
        return self.output


@dataclass(frozen=True, slots=True)
class Program:
    """A program with the words that all its calls begin with.

    Attributes
    ----------
    folder
        Where it runs.
    asking
        Seconds that a call may take.
    """

    words: tuple[str, ...]
    folder: Path
    asking: float

    def call(self, *words: str, within: float | None = None, **environment: str) -> Said:
        """Run it; ``within`` so many seconds instead. `RollerError` for one that takes longer or is not installed."""
        command = [*self.words, *words]
        limit = timedelta(seconds=self.asking if within is None else within)
        try:
            done = answer(command, self.folder, (), limit, **environment)
        except (InvalidInput, StepFailed) as error:
            raise RollerError(str(error)) from error
        text = " ".join((done.stdout + " " + done.stderr).split())
        return Said(" ".join(command), done.returncode, done.stdout, text)


def read(kind: type[_T], said: Said) -> _T:
    """Return the JSON that a program wrote; `RollerError` for anything else."""
    try:
        return TypeAdapter(kind).validate_json(said.require())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        raise RollerError(f"{said.command} said what cannot be read ({problem}): {said.text[:_SHOWN]!r}") from None
