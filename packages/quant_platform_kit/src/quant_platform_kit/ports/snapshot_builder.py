"""What builds feature snapshots out of files, where it is installed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from quant_platform_kit.domain.strategy import BoundStrategy

__all__ = ["SnapshotBuilder", "SnapshotFiles"]


@dataclass(frozen=True, slots=True)
class SnapshotFiles:
    """The files that snapshots are built from; see ``docs/reference/features.md``. ``features`` are of one's own."""

    prices: Sequence[Path]
    sectors: Path
    membership: Path | None = None
    fundamentals: Path | None = None
    features: Path | None = None


class SnapshotBuilder(Protocol):
    """Builds versions into a folder."""

    def __call__(self, strategy: BoundStrategy, files: SnapshotFiles, as_ofs: Sequence[date], out: Path) -> None:
        """Build the snapshot of each session (exchange-local dates).

        Raises
        ------
        InvalidInput
            A file or a session is not what it has to be; nothing was written.
        """
        ...
