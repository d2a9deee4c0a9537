"""What of others a cluster runs: deploy/images.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checkout import ROOT

__all__ = ["FILE", "UNPINNED", "Image", "images", "kubernetes_version", "pins"]

FILE = ROOT / "deploy" / "images.toml"
UNPINNED = "UNPINNED"
"""In place of a digest or checksum that nobody has asked a registry for yet."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Image:
    """An image of others, as manifests call it, and what that is."""

    name: str
    repository: str
    tag: str
    digest: str


def pins(file: Path = FILE) -> dict[str, Any]:
    """Return the whole document."""
    return tomllib.loads(file.read_text("utf-8"))


def images(file: Path = FILE) -> list[Image]:
    """Return all images; raise `ValueError` for a digest that is neither one nor UNPINNED."""
    found = [Image(name, **entry) for name, entry in pins(file)["images"].items()]
    for image in found:
        if image.digest != UNPINNED and not DIGEST.fullmatch(image.digest):
            raise ValueError(
                f"{file.name}: digest of {image.name} is {image.digest!r}; scripts/pin_images.sh writes it"
            )
    return found


def kubernetes_version(file: Path = FILE) -> str:
    """Return which Kubernetes the k3s of the file is, such as ``1.34.1``."""
    return pins(file)["binaries"]["k3s"]["version"].removeprefix("v").partition("+")[0]
