#!/usr/bin/env python3
"""Render the overlays of deploy/k8s; ``--check`` fails where a checked-in one differs. No cluster is asked."""

from __future__ import annotations

import sys

from clusters.rendering import OVERLAYS, NotHere, kustomize, place, rendered
from generated_files import write_or_check

if __name__ == "__main__":
    try:
        command = kustomize()
    except NotHere as reason:
        print(f"not rendered: {reason}")
        sys.exit(0 if sys.argv[1:] == ["--check"] else 1)
    sys.exit(write_or_check(__doc__ or "", {place(overlay): rendered(overlay, command) for overlay in OVERLAYS}))
