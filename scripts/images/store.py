"""Where buildah and skopeo keep what they make: a folder of the rehearsal, so that nobody else's images are touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["own_store"]

DRIVER = "overlay"


@contextmanager
def own_store(folder: Path) -> Generator[None]:
    """Lead buildah to a store in a folder for the rest of this process; all in it is removed at the end."""
    storage = folder / "storage.conf"
    places = f'graphroot = "{folder}/store"\nrunroot = "{folder}/run"\n'
    storage.write_text(f'[storage]\ndriver = "{DRIVER}"\n{places}', "utf-8")
    os.environ.update({"CONTAINERS_STORAGE_CONF": str(storage), "BUILDAH_ISOLATION": "chroot"})
    try:
        yield
    finally:
        for command in (["rm", "--all"], ["rmi", "--all", "--force"]):
            subprocess.run(["buildah", *command], capture_output=True, check=False)
