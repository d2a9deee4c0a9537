"""The boundaries of a daily run: before and after each thing that it reads or that lasts."""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.gs_store import GsStore
from trading_playbook.attempts import AttemptLog
from trading_playbook.daily import run as daily_run
from trading_playbook.writers import csv_writer, mongo_writer
from trading_playbook.writers.csv_writer import CSVTradeWriter
from trading_playbook.writers.mongo_writer import MongoTradeWriter

__all__ = ["Passage"]

PAUSE_SECONDS = 0.004
"""The longest pause at a boundary, so that a kill or another run may fall anywhere among them."""
EVERYWHERE: tuple[tuple[Any, str], ...] = (
    (daily_run, "backtest"),
    (AttemptLog, "record"),
    (os, "fsync"),
    (os, "link"),
)
OF_WRITER: dict[str, tuple[tuple[Any, str], ...]] = {
    "csv": ((CSVTradeWriter, "read"), (csv_writer, "written_beside"), (Path, "replace"), (csv_writer, "sync_folder")),
    "gcs": ((GsStore, "get"), (GsStore, "create"), (GsStore, "replace")),
    "mongodb": ((MongoTradeWriter, "_read"), (mongo_writer, "_make_index"), (mongo_writer, "_added")),
}


@dataclass(slots=True)
class Passage:
    """The way of this process past its boundaries.

    Attributes
    ----------
    doom
        The number of the boundary at which it kills itself, from 1 on; 0 for none.
    passed
        The boundaries so far, by name.
    mark
        The file that is told where it killed itself.
    """

    doom: int
    mark: Path
    passed: list[str] = field(default_factory=list[str])
    chance: random.Random = field(default_factory=random.Random)

    def watch(self, writer: str) -> None:
        """Have this process pass its boundaries by here from now on."""
        for owner, name in (*EVERYWHERE, *OF_WRITER[writer]):
            setattr(owner, name, self._watched(getattr(owner, name), name.strip("_")))

    def _watched(self, known: Callable[..., Any], name: str) -> Callable[..., Any]:
        @wraps(known)
        def step(*arguments: Any, **options: Any) -> Any:
            self._reached(f"before {name}")
            done = known(*arguments, **options)
            self._reached(f"after {name}")
            return done

        return step

    def _reached(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) == self.doom:
            self.mark.write_text(name, encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.chance.uniform(0, PAUSE_SECONDS))
