#!/usr/bin/env python3
"""Write the images that manifests name from deploy/images.toml; ``--check`` fails where the file differs."""

from __future__ import annotations

import sys

from clusters.pins import Image, images
from generated_files import write_or_check

PLACE = "deploy/k8s/images/kustomization.yaml"
HEAD = """\
# Written from deploy/images.toml by scripts/generate_image_pins.py: change that file.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
  - { name: event-trading, newName: registry.delivery.svc:5000/event_trading, digest: UNPINNED }
"""


def component(pinned: list[Image]) -> str:
    """Return the component that puts images in place of their short names."""
    lines = (f"  - {{ name: {each.name}, newName: {each.repository}, digest: {each.digest!r} }}\n" for each in pinned)
    return HEAD + "".join(lines).replace("'", "")


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__ or "", {PLACE: component(images())}))
