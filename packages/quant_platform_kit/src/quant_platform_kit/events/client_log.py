"""What librdkafka logs, without its repetitions: while a broker is down, each client tells it again and again."""

from __future__ import annotations

import logging
import time

__all__ = ["client_logger"]

SILENCE_SECONDS = 30.0
SAME = 40
"""So many characters at the beginning say what a line is about; what follows are addresses and durations."""
REMEMBERED = 1_000


class _Once(logging.Filter):
    """Lets a line pass if none like it has done so for a while."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is logged."""
        now, key = time.monotonic(), record.getMessage()[:SAME]
        if now - self._told.get(key, float("-inf")) < SILENCE_SECONDS:
            return False
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told[key] = now
        return True


client_logger = logging.getLogger("kafka")
client_logger.addFilter(_Once())
