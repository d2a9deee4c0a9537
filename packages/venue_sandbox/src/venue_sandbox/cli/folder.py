"""The folder of a sandbox: one sandbox at a time has it, and is told there to restart its service."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.errors import InvalidInput, Refused

__all__ = ["RESTART", "held", "restart_service"]

FILE = "sandbox.lock"
RESTART = signal.SIGUSR1
"""What tells the process that holds a folder to restart its service."""


@contextmanager
def held(folder: Path) -> Generator[None]:
    """Hold a folder, which is made if it is not there.

    Raises
    ------
    InvalidInput
        Nothing can be written there.
    Refused
        Another sandbox holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / FILE).open("a+")
    except OSError as error:
        raise InvalidInput(f"--folder {folder}: {error.strerror}; choose a folder that can be written") from None
    with file:
        if not _locked(file.fileno()):
            raise Refused(
                f"--folder {folder} is in use by the sandbox of process {_owner(folder)}: stop it, or choose another"
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def restart_service(
    folder: Annotated[Path, typer.Option("--folder", help="Folder of the sandbox.")] = Path("sandbox-output"),
) -> None:
    """Have a sandbox restart its service, also one that has died."""
    try:
        with (folder / FILE).open("a+" if (folder / FILE).exists() else "r") as file:
            running = not _locked(file.fileno())
    except OSError:
        running = False
    if not running:
        raise InvalidInput(f"no sandbox runs in {folder}; start one with quant sandbox up paper")
    os.kill(_owner(folder), RESTART)
    console().print("asked; the sandbox says when the service is back")


def _locked(descriptor: int) -> bool:
    """Lock a file; return whether nobody else had."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(folder: Path) -> int:
    return int((folder / FILE).read_text())
