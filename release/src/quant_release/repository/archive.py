"""Archives that git makes of a revision."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

__all__ = ["unpack"]


def unpack(archive: bytes, folder: Path) -> None:
    """Unpack a tar archive that git made into a new folder."""
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python has it since 3.11.4
        tar.extractall(folder)
