"""When people are told: three bounds, from which every check and every alert follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trading_playbook.observe.readings import Readings

__all__ = ["BOUNDS", "Bound", "exceeded"]


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure may be at most; only what is above it alerts.

    Attributes
    ----------
    name
        Of the bound, in keys and names of alerts.
    figure
        The attribute of `Readings` it is of.
    most
        The largest value that does not alert.
    shows
        How a value is written for people.
    what
        What is wrong above it, and what to do.
    of_journal
        Whether the figure is of the journal; it is not judged where that is not known.
    """

    name: str
    figure: str
    most: float
    shows: str
    what: str
    of_journal: bool = False

    def is_judged(self, readings: Readings) -> bool:
        """Whether what the figure is of could be read."""
        return readings.figures is not None or not self.of_journal

    def value(self, readings: Readings) -> float | None:
        """Return the figure; None where nothing is known of it."""
        return getattr(readings, self.figure)

    def text(self, value: float) -> str:
        """Say what is wrong, in a sentence."""
        return f"{self.what}: {self.shows.format(value)}, at most {self.shows.format(self.most)}"


BOUNDS = (
    Bound("errors", "error_rate", 0.05, "{:.2%}", "attempts of the last 30 days failed, see the reasons in the log"),
    Bound(
        "idle",
        "sessions_without_entry",
        4,
        "{:g} sessions",
        "no trade, or no row, in sessions in a row",
        of_journal=True,
    ),
    Bound("slow", "run_seconds", 600, "{:g} s", "the last run took too long, see the calls of the source in the log"),
)


def exceeded(readings: Readings) -> Iterator[tuple[Bound, float]]:
    """Yield the bounds that figures are above, each with its figure."""
    for bound in BOUNDS:
        value = bound.value(readings)
        if value is not None and value > bound.most:
            yield bound, value
