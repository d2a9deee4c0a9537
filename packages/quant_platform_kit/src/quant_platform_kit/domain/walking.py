"""Walking forward: choose a trial on the past, see what it made next, and go on.

The return of a session is from the close before it to its own. What is chosen after a close can be held from the next
fill on, so one session lies between the last return that is looked at and the first that counts: the one in which one
would change over.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.overfitting import sharpe_ratios
from quant_platform_kit.domain.prices import FloatArray

__all__ = ["Lengths", "Walk", "Window", "best_of", "parse_lengths", "walk_forward", "windows"]

_LENGTHS = re.compile(r"([0-9]{1,3})([ym])/([0-9]{1,3})([ym])")
_MONTHS = {"y": 12, "m": 1}
_LEAST = 2
"""Returns that a window needs at least, to choose and to judge."""
_BETWEEN = 1
"""Sessions between the last return that is looked at and the first one that counts."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Calendar months that are chosen on, and that the choice is held for."""

    past: int
    ahead: int


@dataclass(frozen=True, slots=True)
class Window:
    """Sessions to choose on and sessions that follow, as rows: first and one after the last."""

    past: tuple[int, int]
    ahead: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Walk:
    """What walking forward made.

    Attributes
    ----------
    windows
        Rows of returns (n, k).
    chosen
        The trial of each window.
    past, ahead
        Its Sharpe ratio of one session, in the sessions chosen on and in those that followed.
    returns
        Of all sessions that followed, in their order.
    sharpe
        Of one session, in all of them.
    """

    windows: tuple[Window, ...]
    chosen: tuple[int, ...]
    past: tuple[float, ...]
    ahead: tuple[float, ...]
    returns: FloatArray
    sharpe: float


def parse_lengths(text: str) -> Lengths:
    """Read ``5y/1y``: years or months to choose on, and that the choice is held for."""
    read = _LENGTHS.fullmatch(text)
    past, ahead = (int(read[n]) * _MONTHS[read[n + 1]] for n in (1, 3)) if read else (0, 0)
    if not past or not ahead:
        raise InvalidInput(f"--walk-forward is {text!r}; write it as 5y/1y, or 36m/6m")
    return Lengths(past, ahead)


def windows(sessions: Sequence[date], lengths: Lengths) -> tuple[Window, ...]:
    """Return the windows of a period; the last one may be shorter.

    Parameters
    ----------
    sessions
        Of the returns (exchange-local dates), ascending.

    Raises
    ------
    InvalidInput
        The period is too short for one.
    """
    found: list[Window] = []
    while True:
        gone = lengths.past + len(found) * lengths.ahead
        begins, middle, ends = (_later(sessions[0], gone + months) for months in (-lengths.past, 0, lengths.ahead))
        first, start, stop = (_row(sessions, day) for day in (begins, middle, ends))
        window = Window((first, start - _BETWEEN), (start, stop))
        if any(last - first < _LEAST for first, last in (window.past, window.ahead)):
            break
        found.append(window)
    if not found:
        raise InvalidInput(
            f"--walk-forward chooses on {lengths.past} months, and nothing follows them in {sessions[0]} to "
            f"{sessions[-1]}; choose on less"
        )
    return tuple(found)


def _later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _row(sessions: Sequence[date], day: date) -> int:
    """Return the row of the first session on a day or after it."""
    return int(np.searchsorted(np.array(sessions, dtype="datetime64[D]"), np.datetime64(day)))


def best_of(returns: FloatArray) -> int:
    """Return the trial with the best Sharpe ratio, the first of equal ones; returns are (n, k)."""
    return int(sharpe_ratios(returns).argmax())


def walk_forward(returns: FloatArray, parts: Sequence[Window]) -> Walk:
    """Choose in every window the best trial of the past, and hold it until the next.

    Parameters
    ----------
    returns
        Of every trial, shape (n, k), C-ordered.
    """
    chosen = [best_of(returns[slice(*part.past)]) for part in parts]
    held = list(zip(chosen, parts, strict=True))
    ahead = [returns[slice(*part.ahead), trial] for trial, part in held]
    past = [returns[slice(*part.past), trial] for trial, part in held]
    together = np.concatenate(ahead)
    ratios = tuple(map(_ratio, past)), tuple(map(_ratio, ahead))
    return Walk(tuple(parts), tuple(chosen), *ratios, together, _ratio(together))


def _ratio(returns: FloatArray) -> float:
    return float(sharpe_ratios(returns[:, np.newaxis])[0])
