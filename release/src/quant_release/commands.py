"""Running commands of other tools, with their complaint in the error."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from quant_platform_kit.domain.errors import InvalidInput

from quant_release.settings import child_environment
from quant_release.steps.machine import StepFailed

__all__ = ["LONGEST", "answer", "call"]

LONGEST = timedelta(minutes=25)
"""How long one command may take; the lease of a release lasts longer."""
_TAIL = 12


def call(
    command: Sequence[str],
    folder: Path,
    keep_open: Sequence[int] = (),
    within: timedelta = LONGEST,
    **environment: str,
) -> str:
    """Run a command and return its output.

    Raises
    ------
    StepFailed
        It failed; the last lines of what it said are in the error.
    InvalidInput
        It is not installed.
    """
    done = answer(command, folder, keep_open, within, **environment)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()[-_TAIL:]
        raise StepFailed(f"{' '.join(command[:4])} failed with {done.returncode}: {' | '.join(said) or 'no output'}")
    return done.stdout


def answer(
    command: Sequence[str],
    folder: Path,
    keep_open: Sequence[int] = (),
    within: timedelta = LONGEST,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a command whose exit code is part of its answer; one that takes longer than it may is ended."""
    try:
        return subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=child_environment(**environment),
            pass_fds=tuple(keep_open),
            timeout=within.total_seconds(),
            check=False,
        )
    except FileNotFoundError:
        raise InvalidInput(f"{command[0]} is not installed, or not on PATH: install it") from None
    except subprocess.TimeoutExpired:
        raise StepFailed(f"{' '.join(command[:4])} took longer than {within}; it was ended") from None
