"""The broker's daily history: its length and gaps, and where it parts from the price file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from quant_platform_kit.domain.prices import PriceHistory
from quant_platform_kit.services.operate.contact.reading import Reading
from quant_platform_kit.services.operate.contact.result import Line, State

__all__ = ["history_lines"]

SAME = 0.002
"""Closes so near to each other are the same: a broker may round, and may close on another exchange."""
SPLIT = 0.15
"""Closes that part by more for good are in other units; a dividend is less."""
PULL = "pull the file again, as `quant prices pull` does"


def history_lines(reading: Reading) -> Iterator[Line]:
    """Yield the lines of the history, symbol by symbol."""
    for name, subject in (("history", "history"), ("filed", "price file")):
        if why := reading.failed.get(name):
            blocks = name == "filed" or not reading.has_file
            yield Line(subject, State.BLOCKS if blocks else State.CAUTION, why, "see that it can be read")
    if reading.told.history is None:
        if "history" not in reading.failed and reading.asked.symbols:
            yield Line("history", State.NOT_TOLD, "the broker's own history was not asked for")
        return
    for symbol in reading.told.history.symbols:
        yield _length(symbol, reading.told.history, reading)
        if reading.told.filed is not None and symbol in reading.told.filed.symbols:
            yield _against_file(symbol, reading.told.history, reading.told.filed)
    if not reading.has_file:
        said = "PRICE_HISTORY_PATH is not set: there is no file to hold the history against"
        yield Line("price file", State.NOT_TOLD, said)


def _length(symbol: str, history: PriceHistory, reading: Reading) -> Line:
    """Return how much there is of a symbol, and what is missing in it."""
    subject, closes = f"{symbol} history", _closes(history, symbol)
    there = np.flatnonzero(~np.isnan(closes))
    manifest = reading.asked.manifest
    wanted = min(manifest.history_sessions, len(history)) if symbol in manifest.history_symbols else 1
    worst = State.CAUTION if reading.has_file or symbol in manifest.optional else State.BLOCKS
    if not there.size:
        return Line(subject, worst, "the broker has none", "take a price file that has it: PRICE_HISTORY_PATH")
    days = history.sessions
    begins, gaps = int(there[0]), [days[row] for row in range(int(there[0]), len(days)) if np.isnan(closes[row])]
    figures = {"sessions": str(len(days) - begins), "from": days[begins].isoformat(), "gaps": str(len(gaps))}
    if len(days) - begins < wanted:
        said = f"it begins on {days[begins]}: {figures['sessions']} sessions, and the profile reads {wanted}"
        return Line(subject, worst, said, "take a price file that reaches further: PRICE_HISTORY_PATH", figures)
    if gaps:
        said = f"{len(gaps)} sessions have no close, the last of them {gaps[-1]}"
        return Line(subject, worst if gaps[-1] == days[-1] else State.CAUTION, said, "ask again tomorrow", figures)
    return Line(subject, State.GOOD, f"{figures['sessions']} sessions from {days[begins]} without a gap", "", figures)


@dataclass(frozen=True, slots=True)
class _Parting:
    """A step in the ratio of two series: what the file's closes are to the broker's before ``day`` and from it on."""

    day: date
    before: float
    after: float

    @property
    def step(self) -> float:
        """By how much the ratio changes, as a share."""
        return abs(self.before / self.after - 1)


def _against_file(symbol: str, history: PriceHistory, filed: PriceHistory) -> Line:
    """Return whether the file has the closes that the broker has, and if not, since when and of what sort."""
    subject, here, there = f"{symbol} price file", _by_day(history, symbol), _by_day(filed, symbol)
    days = sorted(here.keys() & there.keys())
    if not days:
        return Line(subject, State.BLOCKS, "file and broker have no session in common", PULL)
    ratios = [there[day] / here[day] for day in days]
    figures = {"overlap": str(len(days)), "last ratio": f"{ratios[-1]:.6g}"}
    off = [day for day, ratio in zip(days, ratios, strict=True) if abs(ratio - 1) > SAME]
    if not off:
        return Line(subject, State.GOOD, f"{len(days)} closes are the broker's", "", figures)
    figures |= {"apart": str(len(off)), "first": off[0].isoformat(), "last": off[-1].isoformat()}
    steps = _partings(days, ratios)
    if len(off) == 1 and off[0] != days[-1]:
        said = f"the close of {off[0]} alone is another ({ratios[days.index(off[0])]:.4g} of the broker's)"
        return Line(subject, State.CAUTION, f"{said}: one bad day", PULL, figures)
    largest = max(steps, key=lambda parting: parting.step, default=None)
    if largest is not None and largest.step > SPLIT:
        ratio = largest.before / largest.after
        said = f"it is {max(ratio, 1 / ratio):.4g} to one of the broker's apart across {largest.day}: a split"
        return Line(subject, State.BLOCKS, said, f"{PULL}; nothing may be sized by it until then", figures)
    if largest is not None:
        said = (
            f"{len(steps)} steps of {largest.step:.2%} at most, the last on {steps[-1].day}: dividends are taken out "
            "of one of the two"
        )
        return Line(subject, State.BLOCKS, said, f"see what the file's column is said to carry; {PULL}", figures)
    said = f"every close is {ratios[-1]:.6g} of the broker's: another unit or another instrument"
    return Line(subject, State.BLOCKS, said, PULL, figures)


def _partings(days: Sequence[date], ratios: Sequence[float]) -> list[_Parting]:
    """Return where the ratio changes, a day that stands alone left out."""
    pairs = zip(days[1:], ratios[:-1], ratios[1:], strict=True)
    return [_Parting(day, was, now) for day, was, now in pairs if abs(was / now - 1) > SAME / 2]


def _by_day(history: PriceHistory, symbol: str) -> dict[date, float]:
    closes = _closes(history, symbol).tolist()
    return {day: close for day, close in zip(history.sessions, closes, strict=True) if close == close}


def _closes(history: PriceHistory, symbol: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return history.close[:, history.symbols.index(symbol)]
