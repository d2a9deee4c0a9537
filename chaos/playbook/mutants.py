"""Deliberate defects of the writers: a campaign that does not catch each of them proves nothing."""

import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from quant_platform_kit.domain.errors import Conflict
from trading_playbook.writers import csv_writer as csv_module
from trading_playbook.writers import mongo_writer as mongo_module
from trading_playbook.writers.gcs_writer import GCSTradeWriter
from trading_playbook.writers.mongo_writer import MongoTradeWriter

__all__ = ["MUTANTS"]

HALF_SECONDS = 0.02
"""Between the halves of what is not done at once."""

csv_writer: Any = csv_module
mongo_writer: Any = mongo_module
"""Modules whose parts are put in the place of others."""


def no_lock() -> None:
    """Read, merge and write a file without its lock."""
    csv_writer.locked = lambda *_: nullcontext()


class Halves:
    """A new journal that is written over the old one, half of it first."""

    def __init__(self, path: Path, data: bytes) -> None:
        del path
        self._data = data

    def replace(self, path: Path) -> None:
        """Write it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        middle = len(self._data) // 2
        with path.open("wb", buffering=0) as file:
            file.write(self._data[:middle])
            time.sleep(HALF_SECONDS)
            file.write(self._data[middle:])


def in_place() -> None:
    """Write a file in place."""
    csv_writer.written_beside = Halves


def no_precondition() -> None:
    """Write the object whatever it is by now."""

    def put(self: Any, store: Any, data: bytes, generation: int) -> None:
        del generation
        while True:
            present = store.get(self._blob)
            with suppress(Conflict):
                if present is None:
                    store.create(self._blob, data)
                else:
                    store.replace(self._blob, data, present.generation)
                return

    writer: Any = GCSTradeWriter
    writer._put = put


def no_unique_index() -> None:
    """Neither make the index nor miss it; without one, an upsert of MongoDB looks first and inserts afterwards."""

    def added(trades: Any, key: dict[str, str], document: dict[str, object]) -> bool:
        if trades.find_one(key) is not None:
            return False
        time.sleep(HALF_SECONDS)
        trades.insert_one(dict(document))
        return True

    mongo_writer._make_index = lambda trades: None
    mongo_writer._added = added
    writer: Any = MongoTradeWriter
    writer._check_index = lambda self, trades: None


MUTANTS: dict[str, tuple[str, Callable[[], None]]] = {
    "no-lock": ("csv", no_lock),
    "in-place": ("csv", in_place),
    "no-precondition": ("gcs", no_precondition),
    "no-unique-index": ("mongodb", no_unique_index),
}
"""Each defect with the writer that has it."""
