"""Documents and messages in any state of disrepair, drawn from a seed."""

import os
import random
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["NASTY", "Verdict", "changed", "damaged", "megabytes"]

MOST_GROWTH = 0.1
"""By which share memory may grow in a campaign of messages."""
NASTY = "\x00", "\ud800", "\u2028", "中", "'", '"', "\\", "/", "..", "|", "%s", "{}", "\r\n", "\x7f", "é", "🙂"


@dataclass(slots=True)
class Verdict:
    """What became of the messages of a campaign.

    Attributes
    ----------
    arrivals
        What is called what has arrived at the venue, as it stands in the campaign's line.
    first_mb, last_mb
        Memory after the first messages and at the end.
    """

    arrivals: str
    messages: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])
    crashes: int = 0
    arrived: int = 0
    first_mb: float = 0.0
    last_mb: float = 0.0
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        """The share by which memory has grown since the first messages; 0 where there were no more."""
        return self.last_mb / self.first_mb - 1 if self.first_mb else 0.0

    @property
    def good(self) -> bool:
        """Whether nothing went wrong."""
        return not self.wrong and self.growth < MOST_GROWTH

    def line(self) -> dict[str, Any]:
        """Return the sums."""
        return {
            "messages": self.messages,
            "crashes": self.crashes,
            "wrong": len(self.wrong),
            **{name: self.outcomes[name] for name in sorted(self.outcomes)},
            self.arrivals: self.arrived,
            "rss_mb": [round(self.first_mb, 1), round(self.last_mb, 1)],
            "growth": round(self.growth, 4),
            "seconds": round(self.seconds, 1),
        }


def changed(chance: random.Random, document: Any, wrong: Sequence[Any]) -> Any:
    """Return a document with one place changed: a value is missing, too many, or another one.

    Parameters
    ----------
    wrong
        Values that are put in the place of others.
    """
    result = deepcopy(document)
    holder = result
    while True:
        key = chance.choice(sorted(holder))
        if isinstance(holder[key], dict) and holder[key] and chance.random() < 0.9:
            holder = holder[key]
            continue
        break
    way = chance.random()
    if way < 0.15:
        del holder[key]
    elif way < 0.3:
        holder[chance.choice(("colour", "x" * 1000, *NASTY))] = chance.choice(wrong)
    elif way < 0.5 and isinstance(holder[key], str):
        at = chance.randrange(len(holder[key]) + 1)
        holder[key] = holder[key][:at] + chance.choice(NASTY) + holder[key][at:]
    elif way < 0.6 and type(holder[key]) is float:
        holder[key] = chance.choice((-holder[key], holder[key] * 10, holder[key] + 0.5, str(holder[key])))
    else:
        holder[key] = chance.choice(wrong)
    return result or {"payload": None}


def damaged(chance: random.Random, body: bytes) -> bytes:
    """Return a body with bytes that are others, missing, or too many."""
    at, to = sorted(chance.randrange(len(body) + 1) for _ in range(2))
    some = bytes(chance.randrange(256) for _ in range(chance.choice((1, 1, 4, 40))))
    return chance.choice(
        (
            body[:at] + some + body[at:],
            body[:at] + body[to:],
            body[:at],
            body + body[at:to],
            some,
            body.decode().encode("utf-16"),
            b"[" * chance.choice((10, 5000, 60_000)),
            body + b" " * chance.choice((10, 70_000)),
        )
    )


def megabytes() -> float:
    """Return how much memory this process has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
