"""Which fault hit a worker past which boundary, and where none did yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.testing.simulation.actor import CALLS, START
from quant_platform_kit.testing.simulation.scenario import FaultKind

__all__ = ["Coverage"]

ROWS = (START, *(boundary.value for boundary in Boundary))
Counts = Mapping[tuple[str, str], int]


@dataclass(slots=True)
class Coverage:
    """Hits by boundary and fault, and calls by boundary and kind."""

    hits: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    met: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def add(self, hits: Counts, met: Counts) -> None:
        """Count what hit, and where it could have."""
        for total, more in ((self.hits, hits), (self.met, met)):
            for key, count in more.items():
                total[key] = total.get(key, 0) + count

    def cell(self, boundary: str, kind: FaultKind) -> int | None:
        """Return how often a fault hit past a boundary; None where no call is ever made that it could hit."""
        if not any((boundary, call) in self.met for call in CALLS[kind]):
            return None
        return self.hits.get((boundary, kind.value), 0)

    @property
    def empty(self) -> list[tuple[str, str]]:
        """The cells that a fault could have hit, and did not."""
        return [(row, kind.value) for row in ROWS for kind in FaultKind if self.cell(row, kind) == 0]

    def table(self) -> str:
        """Return all cells as a table of Markdown: ``-`` where nothing can hit."""
        head = ["boundary", *(kind.value for kind in FaultKind)]
        lines = [head, ["---"] * len(head)]
        lines += [
            [row, *("-" if (n := self.cell(row, kind)) is None else str(n) for kind in FaultKind)] for row in ROWS
        ]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
