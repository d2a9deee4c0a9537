"""Watching the service of a platform: it is said when it dies, and it is started again when somebody asks."""

from __future__ import annotations

import signal
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Self

from quant_platform_kit.adapters.command_line import complain
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.errors import Refused

from venue_sandbox.cli.folder import RESTART
from venue_sandbox.demo.market import due_on
from venue_sandbox.servers.launch import Unhealthy
from venue_sandbox.stands.platform import Delivered, Platform

__all__ = ["Watch", "one_line", "refuse_failed"]

TICK_SECONDS = 0.2


@contextmanager
def one_line() -> Generator[None]:
    """Turn what a server did not do into one line, and let Ctrl-C stop everything in order."""
    try:
        yield
    except Unhealthy as error:
        raise Refused(str(error)) from None
    except KeyboardInterrupt:
        console().print("stopped")


def refuse_failed(delivered: Sequence[Delivered], folder: Path) -> None:
    """Raise `Refused` unless every trigger was answered with a report."""
    if failed := [each for each in delivered if each.status != HTTPStatus.OK]:
        log = folder / "service.log"
        raise Refused(f"{len(failed)} of {len(delivered)} triggers were not answered with a report, see {log}")


class Watch:
    """Watches a platform that runs; leaving its context ends that, and not the platform.

    Parameters
    ----------
    quiet
        Whether nothing is said of triggers: somebody prints them for machines.
    """

    def __init__(self, platform: Platform, *, quiet: bool = False) -> None:
        self._platform, self._quiet = platform, quiet
        self._asked, self._told = False, 0

    def __enter__(self) -> Self:
        self._before = signal.signal(RESTART, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(RESTART, self._before)

    def rest(self, seconds: float) -> None:
        """Wait, and look after the service meanwhile."""
        end = time.monotonic() + seconds
        self.look()
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(TICK_SECONDS, left))
            self.look()

    def fire(self, days: Iterable[date], every: float) -> Iterator[Delivered]:
        """Trigger one session after the other, and say what became of each."""
        for session in days:
            delivered = self._platform.fire(due_on(session), retries=3)
            if not self._quiet:
                console().print(f"{session}  {delivered.said}", soft_wrap=True, markup=False)
            yield delivered
            self.rest(every)

    def look(self) -> None:
        """Start the service again if somebody has asked for it; say, once, that it has ended."""
        process = self._platform.service.process
        if self._asked:
            self._asked = False
            self._restart()
        elif (status := process.poll()) is not None and process.pid != self._told:
            self._told = process.pid
            folder = self._platform.folder
            complain(
                f"the service ended with status {status}, see {folder / 'service.log'}; start it again with "
                f"quant sandbox restart --folder {folder}",
                1,
            )

    def _restart(self) -> None:
        try:
            self._platform.restart_service()
        except Unhealthy as error:
            complain(str(error), 1)
        else:
            port = self._platform.service.port
            console().print(f"the service has started again: http://127.0.0.1:{port}/runs")

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
